//! The arguments: their doc comments are the help.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sluss_core::alarm::Address;
use sluss_engine::executor::sandbox_main;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::forge::hook_main;
use tracing_subscriber::EnvFilter;

use crate::commands;
use crate::demo::{self, DemoArguments};
use crate::serve::{PublicAddress, Serve, serve};
use crate::timestamps::AuthorityAt;
use crate::up::up;
use crate::witnesses::WitnessAt;

/// Take a change from idea to production through gates, on evidence
#[derive(Debug, Parser)]
#[command(name = "sluss", version, max_term_width = 100)]
pub struct Arguments {
    /// How results are printed
    #[arg(long, value_enum, global = true, default_value_t = commands::Output::Text)]
    output: commands::Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Sluss on this machine: control plane and data plane
    Up(UpArguments),
    /// Show the whole story on a sample bank, for real
    Demo(DemoArguments),
    #[command(flatten)]
    Client(commands::ClientCommand),
    /// Check the evidence of a release, offline: what `sluss-verify` does
    Verify(sluss_verify::Arguments),
    /// Run the control plane alone
    #[command(hide = true)]
    Serve(UpArguments),
    /// Run the data plane alone
    #[command(hide = true)]
    Host {
        /// The data plane's own folder
        #[arg(long)]
        data: PathBuf,
        /// Take the place, and the open ports, of one that runs from that folder
        #[arg(long)]
        take_over: bool,
        /// A folder with space for when the data folder can't be written
        #[arg(long)]
        spare: Option<PathBuf>,
    },
    /// Run one attempt of one step
    #[command(hide = true)]
    Sandbox {
        /// What to run
        #[arg(long)]
        spec: PathBuf,
    },
    /// Answer one of Git's hooks
    #[command(hide = true)]
    Hook {
        /// Which
        kind: String,
    },
    /// Run a test command and write what it reports as JUnit XML
    #[command(hide = true)]
    Junit(commands::JunitArguments),
    /// Measure a release beside the live one, by turns
    #[command(hide = true)]
    Measure(commands::MeasureArguments),
}

/// Where an installation is.
#[derive(Debug, clap::Args)]
struct UpArguments {
    /// The data folder
    #[arg(long, env = "SLUSS_DATA", default_value_os_t = default_data())]
    data: PathBuf,
    /// A folder of this installation's own, best on another disk, with space for rollbacks that
    /// are asked for while the log can't be written; `spare` in the data folder unless given
    #[arg(long, env = "SLUSS_SPARE", value_name = "FOLDER")]
    spare: Option<PathBuf>,
    /// The address of pages, API and Git
    #[arg(long, env = "SLUSS_LISTEN", default_value = "127.0.0.1:8440")]
    listen: SocketAddr,
    /// Where people find it, if something in front speaks TLS: `https://sluss.bank.example`. Keys
    /// of people, cookies and links are of this address
    #[arg(long, env = "SLUSS_ADDRESS", value_name = "URL")]
    address: Option<PublicAddress>,
    /// A witness that cosigns the log: its address and its vkey. Once for each
    #[arg(long = "witness", value_name = "URL VKEY")]
    witnesses: Vec<WitnessAt>,
    /// A time-stamping authority (RFC 3161) that says when it saw the log's checkpoint: its address
    #[arg(long, value_name = "URL", requires = "timestamp_ca")]
    timestamps: Option<String>,
    /// The certificates under which that authority stands, a file in PEM
    #[arg(long, value_name = "FILE", requires = "timestamps")]
    timestamp_ca: Option<PathBuf>,
    /// Who is told of emergencies, incidents and stops, besides those of organisation.yaml: an
    /// address with `https`, or one of this machine or a private network. Once for each
    #[arg(long, value_name = "URL")]
    notify: Vec<Address>,
    /// Whether the data folder is a demo's
    #[arg(long, hide = true)]
    demo: bool,
}

impl From<UpArguments> for Serve {
    fn from(arguments: UpArguments) -> Self {
        let UpArguments { data, spare, listen, address, witnesses, timestamps, .. } = arguments;
        let UpArguments { timestamp_ca, notify, demo, .. } = arguments;
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let authority = timestamps.zip(timestamp_ca.map(absolute));
        let authority = authority.map(|(url, certificates)| AuthorityAt { url, certificates });
        let spare = spare.map(absolute);
        let data = absolute(data);
        Self { data, spare, listen, address, witnesses, authority, notify, demo }
    }
}

/// Returns where data is kept when nobody says otherwise.
pub fn default_data() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share")
    });
    base.join("sluss")
}

/// Runs a command and returns what the shell sees: 0 done, 1 our or a machine's fault, 2 what was
/// asked makes no sense, 3 refused, 4 it does not fit what is true now.
pub fn run(arguments: Arguments) -> ExitCode {
    let filter = EnvFilter::try_from_env("SLUSS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|none| none.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .init();
    let output = arguments.output;
    let result = match arguments.command {
        Command::Sandbox { spec } => return sandbox_main(&spec),
        Command::Hook { kind } => {
            let variable = |name: &str| std::env::var(name).ok();
            return hook_main(&kind, &mut std::io::stdin().lock(), &variable);
        }
        Command::Junit(arguments) => return commands::junit(arguments),
        Command::Measure(arguments) => return commands::measure(&arguments),
        Command::Verify(arguments) => {
            let form = match output {
                commands::Output::Text => sluss_verify::Form::Text,
                commands::Output::Json => sluss_verify::Form::Json,
            };
            return sluss_verify::run("sluss verify", &arguments, form);
        }
        Command::Up(arguments) => runtime(up(arguments.into())),
        Command::Serve(arguments) => runtime(serve(arguments.into())),
        Command::Host { data, take_over, spare } => runtime(host(data, take_over, spare)),
        Command::Demo(arguments) => runtime(demo::run(arguments, output)),
        Command::Client(command) => runtime(commands::run(command, output)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::from(code(failure.blame))
        }
    }
}

/// Returns the exit code of a failure.
fn code(blame: Blame) -> u8 {
    match blame {
        Blame::Bug | Blame::Upstream => 1,
        Blame::Caller | Blame::TooLarge | Blame::NotFound => 2,
        Blame::Denied => 3,
        Blame::Conflict => 4,
    }
}

fn report(failure: &Failure) {
    match failure.core {
        Some(core) => eprintln!("error: {} ({core})", failure.what),
        None => eprintln!("error: {}", failure.what),
    }
    if !failure.hint.is_empty() {
        eprintln!("  next: {}", failure.hint);
    }
}

fn runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::upstream("The runtime can't be started", &error))?
        .block_on(work)
}

async fn host(data: PathBuf, takes_over: bool, spare: Option<PathBuf>) -> Result<(), Failure> {
    let mut options = sluss_host::HostOptions::new(data);
    (options.takes_over, options.spare) = (takes_over, spare);
    sluss_host::serve(options, crate::serve::asked_to_end())
        .await
        .map_err(|error| Failure::upstream("The data plane can't run", &error))
}
