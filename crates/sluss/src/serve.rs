//! The composition root of the control plane: the only place that makes clocks and pools.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use sluss_core::alarm::Address;
use sluss_engine::engine::Engine;
use sluss_engine::evidence::outside::{Authority, Outside};
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::open::{self, Options, Running};
use sluss_engine::target::HostTarget;
use sluss_store::{SystemClock, SystemEntropy};
use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::notices::Http;
use crate::timestamps::{self, AuthorityAt};
use crate::witnesses::{self, WitnessAt};

/// Where people find Sluss: `https://host[:port]`, or `http://…` without TLS; in lower case, and
/// without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress(String);

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/').to_lowercase();
        let named = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match host.is_some_and(|host| !host.is_empty() && host.chars().all(named)) {
            true => Ok(Self(text)),
            false => {
                let form = "`https://sluss.bank.example`, without a path";
                Err(format!("{text:?} is no address like {form}"))
            }
        }
    }
}

/// What the control plane is started with.
#[derive(Debug, Clone)]
pub struct Serve {
    /// The data folder.
    pub data: std::path::PathBuf,
    /// A folder with space for when the log can't be written; one in the data folder unless given.
    pub spare: Option<std::path::PathBuf>,
    /// Where pages and Git are served.
    pub listen: SocketAddr,
    /// Where people find them, if that is something in front that speaks TLS.
    pub address: Option<PublicAddress>,
    /// Who cosigns the log.
    pub witnesses: Vec<WitnessAt>,
    /// Who stamps the time of its checkpoints.
    pub authority: Option<AuthorityAt>,
    /// Who is told of emergencies, incidents and stops, besides whom the organisation names.
    pub notify: Vec<Address>,
    /// Whether this is a demo.
    pub demo: bool,
}

impl Serve {
    /// Returns what a demo is started with: nobody outside vouches for it.
    pub fn demo(data: std::path::PathBuf, listen: SocketAddr) -> Self {
        let (witnesses, notify) = (Vec::new(), Vec::new());
        let (spare, address, authority) = (None, None, None);
        Self { data, spare, listen, address, witnesses, authority, notify, demo: true }
    }
}

/// The text of `organisation.yaml` that a fresh installation begins with.
pub fn first_organisation(login: &str) -> String {
    format!(
        "# Who may do what, and when a second person is asked. A change of this file is a push\n\
         # to the platform repository, and is recorded like any other.\n\
         name: My organisation\n\
         \n\
         # never | first-release | always\n\
         four_eyes: never\n\
         \n\
         # What no service can leave out on its way to customers: tests, verdict\n\
         require: []\n\
         \n\
         # A first push may register a service that is not listed under `services`.\n\
         open_registration: true\n\
         \n\
         people:\n  {login}: [developer, approver]\n"
    )
}

/// Runs the control plane until it is asked to end.
///
/// # Errors
///
/// [`Failure`]: it could not start.
pub async fn serve(options: Serve) -> Result<(), Failure> {
    let Serve { data, spare, listen, address, witnesses, authority, notify, demo } = options;
    let witnesses = witnesses::all(&data, witnesses)?;
    let authority = timestamps::authority(&data, authority)?;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::new(
            Blame::Upstream,
            format!("The address {listen} can't be listened on: {error}"),
            "Choose another one: `sluss up --listen 127.0.0.1:PORT`",
        )
    })?;
    let listened = listener.local_addr().unwrap_or(listen);
    if !listened.ip().is_loopback() {
        tracing::warn!(
            "{listened} is reached from other machines, and what arrives there was sent without \
             TLS, passwords too: listen on 127.0.0.1, with a proxy in front (docs/remote.md)"
        );
    }
    let address = address.map_or_else(|| format!("http://{listened}"), |given| given.to_string());
    let running = start(&data, spare, &address, demo).await?;
    if !demo {
        first_start(&running, &data).await?;
    }
    let settings = Settings { demo, address: address.clone() };
    let seams = Seams {
        hooks: Some(Arc::clone(&running.hooks)),
        executor: Some(Arc::clone(&running.executor)),
        ports: Some(running.ports.clone()),
    };
    let app = App::new(running.engine.clone(), settings, seams);
    outside(&running.engine, witnesses, authority).await;
    tokio::spawn(sluss_engine::notify::run(running.engine.clone(), Arc::new(Http), notify));
    let parts = running.engine.parts();
    let attestor = running.engine.attestor().verifier().id();
    tracing::info!("key of the log: {}", parts.log.verifier());
    tracing::info!("key of attestations: SHA-256 {attestor}");
    tracing::info!("ready: {address}");
    sluss_web::serve::serve(app, listener, asked_to_end()).await;
    running.stop().await;
    Ok(())
}

/// Lets those outside who vouch for the log do so, until Sluss ends.
async fn outside(
    engine: &Engine,
    witnesses: Vec<WitnessAt>,
    authority: Option<Arc<dyn Authority>>,
) {
    witnesses::forget(engine, &witnesses).await;
    let stamps = authority.is_some();
    let keys = witnesses.iter().map(witnesses::key).collect();
    engine.set_outside(Outside { witnesses: keys, authority });
    let rounds = witnesses::rounds(engine);
    for witness in witnesses {
        tokio::spawn(witnesses::feed(engine.clone(), witness, rounds.clone()));
    }
    if stamps {
        tokio::spawn(timestamps::keep(engine.clone()));
    }
}

async fn start(
    data: &Path,
    spare: Option<std::path::PathBuf>,
    address: &str,
    demo: bool,
) -> Result<Running, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::upstream("This program can't find itself", &error))?;
    let target = HostTarget::new(data.join("host"));
    let slots = std::thread::available_parallelism().map_or(2, usize::from);
    open::open(Options {
        data: data.to_owned(),
        spare,
        address: address.to_owned(),
        origin: if demo { open::DEMO_ORIGIN } else { "sluss.local/ledger" }.to_owned(),
        demo,
        program,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        target: Arc::new(target),
        slots,
    })
    .await
}

/// Activates the organisation of a fresh installation, whose first account is there already.
async fn first_start(running: &Running, data: &Path) -> Result<(), Failure> {
    let accounts = running
        .engine
        .parts()
        .accounts
        .all()
        .await
        .map_err(|error| Failure::upstream("The accounts can't be read", &error))?;
    let Some(login) = accounts.into_iter().find_map(|account| account.login) else {
        return Err(Failure::new(
            Blame::Caller,
            format!("The data folder {} has no account yet.", data.display()),
            "Make one: `sluss account add LOGIN`",
        ));
    };
    open::bootstrap(&running.engine, &first_organisation(&login)).await
}

/// Waits for `SIGTERM` or `SIGINT`.
pub async fn asked_to_end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_find_it_at_a_host_and_nowhere_below() {
        let read = |text: &str| text.parse::<PublicAddress>().map(|found| found.to_string());
        assert_eq!(read("https://Sluss.Bank.example/").unwrap(), "https://sluss.bank.example");
        assert_eq!(read("http://[::1]:8440").unwrap(), "http://[::1]:8440");
        for wrong in ["sluss.bank.example", "https://", "https://a/b", "https://a@b", "ftp://a"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
