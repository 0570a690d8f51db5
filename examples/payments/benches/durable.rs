//! How many payments a second are on disk, and how soon: `cargo bench --bench durable`.
//!
//! Starts the service on an empty folder and drives it with `payments-load`: payments leave in
//! equal steps whether or not earlier ones came back, and each is timed from when it was due, so
//! a service that falls behind is not spared the waiting that it causes. Twice in one run: with
//! group commit, and with one commit a payment.
//!
//! `cargo bench --bench durable -- [--rate 2200] [--seconds 10] [--folder target/tmp]`

use serde_json::Value;
use std::error::Error;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The bar: so many payments a second on disk, 99 of 100 within this time.
const BAR_PER_SECOND: f64 = 2_000.0;
const BAR_P99_MS: f64 = 50.0;

struct Settings {
    rate: f64,
    seconds: u64,
    folder: PathBuf,
}

/// What one way of committing came to.
struct Figures {
    name: &'static str,
    durable_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    commits: u64,
    payments_per_commit: f64,
    failed_attempts: u64,
    /// Whether the ledger of the load and the books agree: none lost, none twice, sum zero.
    good: bool,
    load_average: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("durable: {error}");
            ExitCode::from(3)
        }
    }
}

fn run() -> Result<bool> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let load = build_load()?;
    let cores = thread::available_parallelism().map_or(0, usize::from);
    eprintln!(
        "durable: {} payments/s offered for {} s each way, {cores} cores for service and load, \
         books in {}",
        settings.rate,
        settings.seconds,
        settings.folder.display()
    );
    let grouped = measure(&settings, &load, ("group commit", "on"))?;
    let single = measure(&settings, &load, ("one commit a payment", "off"))?;
    println!(
        "| {:20} | {:>9} | {:>7} | {:>7} | {:>7} | {:>10} | {:>6} | {:>5} | load average |",
        "", "durable/s", "p50 ms", "p99 ms", "commits", "per commit", "failed", "books"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    println!("{grouped}\n{single}");
    let passes = grouped.passes();
    println!(
        "bar: >= {BAR_PER_SECOND} durable/s with p99 <= {BAR_P99_MS} ms by group commit: {}",
        if passes { "met" } else { "NOT met" }
    );
    Ok(passes)
}

impl Figures {
    fn passes(&self) -> bool {
        self.durable_per_second >= BAR_PER_SECOND && self.p99_ms <= BAR_P99_MS && self.good
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {:20} | {:>9.0} | {:>7.1} | {:>7.1} | {:>7} | {:>10.1} | {:>6} | {:>5} | {} |",
            self.name,
            self.durable_per_second,
            self.p50_ms,
            self.p99_ms,
            self.commits,
            self.payments_per_commit,
            self.failed_attempts,
            if self.good { "agree" } else { "WRONG" },
            self.load_average,
        )
    }
}

/// Measures one way of committing on books of its own.
fn measure(settings: &Settings, load: &Path, way: (&'static str, &str)) -> Result<Figures> {
    let (name, group_commit) = way;
    let state = settings.folder.join(format!("durable-{}-{group_commit}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let service = Service::start(&state, group_commit)?;
    let output = Command::new(load)
        .args(["--url", &format!("http://{}", service.address), "--json", "--arrivals", "even"])
        .args(["--rate", &settings.rate.to_string()])
        .args(["--seconds", &settings.seconds.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let load_average = load_average();
    let metrics = get(service.address, "/metrics")?;
    drop(service);
    std::fs::remove_dir_all(&state)?;
    let lines: Vec<Value> = String::from_utf8(output.stdout)?
        .lines()
        .map(serde_json::from_str)
        .collect::<std::result::Result<_, _>>()?;
    let (last, seconds) = lines.split_last().ok_or("payments-load said nothing")?;
    // The last full second: what is answered later was not done in time.
    let end = seconds.last().ok_or("the run was shorter than a second")?;
    let of = |line: &Value, name: &str| line[name].as_f64().ok_or(format!("no {name}"));
    let (commits, batched) =
        (counter(&metrics, "payments_batches_total")?, counter(&metrics, "payments_batched")?);
    Ok(Figures {
        name,
        durable_per_second: of(end, "succeeded")? / of(end, "t")?,
        p50_ms: of(last, "p50_ms")?,
        p99_ms: of(last, "p99_ms")?,
        commits,
        payments_per_commit: batched as f64 / commits.max(1) as f64,
        failed_attempts: last["failed_attempts"].as_u64().unwrap_or(0),
        good: last["good"] == Value::Bool(true),
        load_average,
    })
}

/// The service as a process; ended when dropped.
struct Service {
    process: Child,
    address: SocketAddr,
}

impl Service {
    fn start(state: &Path, group_commit: &str) -> Result<Self> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let process = Command::new(env!("CARGO_BIN_EXE_payments"))
            .env("PORT", address.port().to_string())
            .env("STATE_DIR", state)
            .env("GROUP_COMMIT", group_commit)
            .stderr(Stdio::null())
            .spawn()?;
        let service = Self { process, address };
        let began = Instant::now();
        while !get(address, "/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("the service was not ready within 20 s; run it by hand".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _already_reaped = self.process.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: payments\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn counter(metrics: &str, name: &str) -> Result<u64> {
    let line = metrics.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit_once(' ')).ok_or(format!("no {name}"))?.1;
    Ok(value.parse()?)
}

/// The load generator is another package, which `cargo bench` does not build by itself.
fn build_load() -> Result<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--package", "payments-load"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !built.success() {
        return Err("payments-load could not be built; see above".into());
    }
    let service = Path::new(env!("CARGO_BIN_EXE_payments"));
    Ok(service.with_file_name("payments-load"))
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        // Not `/tmp`, which is often no disk at all.
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let mut settings = Self { rate: 2_200.0, seconds: 10, folder };
        // `cargo bench` itself says `--bench`.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or(format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--rate" => settings.rate = value.parse()?,
                "--seconds" => settings.seconds = value.parse()?,
                "--folder" => settings.folder = value.into(),
                _ => return Err(format!("{flag}: there are --rate, --seconds, --folder").into()),
            }
        }
        Ok(settings)
    }
}
