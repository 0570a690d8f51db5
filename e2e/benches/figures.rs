//! The figures that Sluss promises, measured on the running program: `cargo xtask bench`.
//!
//! `--json` prints them as JSON, `--only WORD` measures only the groups of figures whose name has
//! that word in it, `--events N` says how many events the large log gets (1,000,000).
#![expect(clippy::print_stdout, reason = "it is run to print its figures")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::{Customers, Repository, Sluss, answer, free_port, program, wait_for};
use serde_json::{Value, json};
use sluss_ledger::{Actor, ActorKind, Hash};
use sluss_store::{Draft, Log, LogOptions, SqliteLog, SystemClock, SystemEntropy};

const RUNS: usize = 5;
const REQUESTS: usize = 50;
const STEPS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(240);
const PAGES: [&str; 7] = [
    "/",
    "/changes/chg-1",
    "/runs/run-1",
    "/deployments/dep-2",
    "/environments",
    "/log",
    "/controls",
];

/// One figure, measured some times.
struct Figure {
    name: String,
    unit: &'static str,
    /// The median must not be greater.
    target: Option<f64>,
    runs: Vec<f64>,
}

impl Figure {
    fn new(name: &str, unit: &'static str, target: Option<f64>, runs: Vec<f64>) -> Self {
        let median = median(&runs);
        eprintln!("{name}: {median:.2} {unit}");
        Self { name: name.to_owned(), unit, target, runs }
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            None => "",
            Some(target) if median(&self.runs) <= target => "reached",
            Some(_) => "missed",
        }
    }

    fn row(&self) -> String {
        let target = self.target.map(|target| format!("≤ {target}")).unwrap_or_default();
        let worst = self.runs.iter().copied().fold(0.0, f64::max);
        let (median, unit, runs) = (median(&self.runs), self.unit, self.runs.len());
        let Self { name, .. } = self;
        format!(
            "| {name} | {unit} | {target} | {median:.2} | {worst:.2} | {runs} | {} |",
            self.verdict()
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "target": self.target,
            "median": median(&self.runs),
            "runs": self.runs,
        })
    }
}

struct Wishes {
    json: bool,
    only: Option<String>,
    events: usize,
}

impl Wishes {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1).cloned()
        };
        Self {
            json: arguments.iter().any(|argument| argument == "--json"),
            only: value("--only"),
            events: value("--events").and_then(|count| count.parse().ok()).unwrap_or(1_000_000),
        }
    }
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run as `cargo xtask bench`");
        return;
    }
    let wishes = Wishes::read();
    build();
    let groups: [(&str, &dyn Fn() -> Vec<Figure>); 4] = [
        ("start", &starts),
        ("run", &steps_and_ninja),
        ("push and pages", &|| pushes_and_pages(wishes.events)),
        ("rollback", &rollbacks),
    ];
    let before = load();
    let mut figures = Vec::new();
    for (name, measure) in groups {
        if wishes.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            figures.extend(measure());
        }
    }
    let load = [before, load()];
    if wishes.json {
        let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
        println!("{:#}", json!({ "processors": processors(), "load": load, "figures": figures }));
    } else {
        print!("{}", table(&figures, load));
    }
}

fn table(figures: &[Figure], [before, after]: [f64; 2]) -> String {
    let mut text = "| figure | unit | target | median | worst | runs | |\n".to_owned();
    text.push_str("|---|---|---:|---:|---:|---:|---|\n");
    for figure in figures {
        writeln!(text, "{}", figure.row()).expect("a text can be written to");
    }
    let count = processors();
    let idle = if before > 2.0 { ", so the machine was not idle" } else { "" };
    writeln!(text, "\nOn {count} processors; load {before} before{idle}, {after} after.")
        .expect("a text can be written to");
    text
}

/// Builds the program that is measured, beside this benchmark.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--workspace", "--bins"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "sluss can't be built: cargo build --release");
    assert!(program().exists());
}

/// Starts Sluss in new folders: until the first page, and what it then needs while idle.
fn starts() -> Vec<Figure> {
    let ready = (0..RUNS).map(|_| first_page().as_secs_f64()).collect();
    let (mut control, mut host) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let sluss = Sluss::up();
        // What is measured is that nothing happens for so long.
        std::thread::sleep(Duration::from_secs(5));
        control.push(resident(&sluss, "control"));
        host.push(resident(&sluss, "host"));
    }
    vec![
        Figure::new("start to first page", "s", Some(3.0), ready),
        Figure::new("control plane, idle", "MB", Some(150.0), control),
        Figure::new("host, idle", "MB", None, host),
    ]
}

/// Returns how long a first `sluss up` takes to the first answer of `/sign-in`.
fn first_page() -> Duration {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let port = free_port();
    let began = now();
    let mut supervisor = Command::new(program())
        .args(["up", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(folder.path().join("data"))
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sluss can be started");
    while !has_page(port) {
        assert!(began.elapsed() < PATIENCE, "Sluss starts");
        std::thread::sleep(Duration::from_millis(5));
    }
    let taken = began.elapsed();
    let pid = i32::try_from(supervisor.id()).expect("process ids are small");
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
    supervisor.wait().ok();
    taken
}

fn has_page(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let host = format!("127.0.0.1:{port}");
    let request = format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Returns how much memory a part of Sluss has in use, in MB.
fn resident(sluss: &Sluss, part: &str) -> f64 {
    let pid = sluss.pid(part).expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kibibytes * 1024.0 / 1e6
}

/// Runs steps that do nothing, by `sluss run` and by ninja in turn.
fn steps_and_ninja() -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    let repository = Repository::of(folder);
    let head = "service: nothing\ntemplate: command@1\nwith: { start: \"true\" }\nsteps:\n";
    let step = |number| format!("  s{number}: {{ run: [\"true\"] }}\n");
    let steps: String = (0..STEPS).map(step).collect();
    repository.write("sluss.yaml", &format!("{head}{steps}"));
    let edge = |number| format!("build s{number}: nothing\n");
    let edges: String = (0..STEPS).map(edge).collect();
    repository.write("build.ninja", &format!("rule nothing\n  command = true\n{edges}"));
    repository.commit("Do nothing");
    let ninja_is_there = Command::new("ninja").arg("--version").output().is_ok();
    if !ninja_is_there {
        eprintln!("ninja is not installed (Debian: ninja-build): its ratio is left out");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        std::fs::remove_dir_all(folder.join(".sluss")).ok();
        std::fs::remove_file(folder.join(".ninja_log")).ok();
        ours.push(timed(Command::new(program()).args(["run", "--parallel", "2"]), folder));
        if ninja_is_there {
            theirs.push(timed(Command::new("ninja").arg("-j2"), folder));
        }
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let mut figures = vec![Figure::new("1,000 steps, `sluss run --parallel 2`", "s", None, ours)];
    if ninja_is_there {
        figures.push(Figure::new("1,000 edges, `ninja -j2`", "s", None, theirs));
        figures.push(Figure::new("`sluss run` by ninja", "times", Some(3.0), ratios));
    }
    figures
}

fn timed(command: &mut Command, folder: &Path) -> f64 {
    let began = now();
    let output = command.current_dir(folder).stdin(Stdio::null()).output();
    let taken = began.elapsed();
    let output = output.expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    taken.as_secs_f64()
}

/// Delivers some changes, and looks at the pages that tell of them; again with a large log.
fn pushes_and_pages(events: usize) -> Vec<Figure> {
    let mut sluss = Sluss::up();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", free_port(), "at-once");
    for version in 1..=RUNS {
        repository.service(&format!("version-{version}"), "0.0");
        repository.commit(&format!("LED-{version}: version {version}"));
        assert!(repository.push(&sluss.remote("ledger"), "main").0);
        wait_for("the change is delivered", PATIENCE, || {
            (count(&sluss.events(), "change.delivered") == version).then_some(())
        });
    }
    let log = sluss.events();
    let until_step = |push: &Value| {
        let after = log.iter().skip_while(|event| *event != push);
        let first = after.into_iter().find(|event| event["type"] == "step.started");
        time(first.expect("a push starts a step")) - time(push)
    };
    let pushes = log.iter().filter(|event| is_push(event)).map(until_step).collect();
    let mut figures = vec![Figure::new("push to first step", "ms", Some(1000.0), pushes)];
    let visitor = Visitor::sign_in(&sluss);
    figures.extend(visitor.pages(log.len()));
    let log = sluss.events();
    sluss.restart(|data| fill(data, &log, events));
    figures.extend(visitor.pages(events));
    let memory = vec![resident(&sluss, "control")];
    figures.push(Figure::new(&format!("control plane, {events} events"), "MB", None, memory));
    figures
}

fn is_push(event: &Value) -> bool {
    event["type"] == "change.pushed" && event["data"]["service"] == "ledger"
}

fn time(event: &Value) -> f64 {
    event["time_ms"].as_f64().expect("an event has a time")
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

/// Someone who looks at pages, on one connection.
struct Visitor {
    agent: ureq::Agent,
    url: String,
    cookie: String,
}

impl Visitor {
    fn sign_in(sluss: &Sluss) -> Self {
        let config = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false);
        let agent = config.build().new_agent();
        let form = format!("login={}&password={}&next=/", sluss.login, sluss.password);
        let response = agent
            .post(format!("{}/sign-in", sluss.url()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .send(form)
            .expect("the form is taken");
        let cookie = response.headers().get("set-cookie").expect("it gives a session");
        let cookie = cookie.to_str().expect("it is text");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Self { agent, url: sluss.url(), cookie }
    }

    fn pages(&self, events: usize) -> Vec<Figure> {
        // The first to ask for controls waits until the log is read.
        let first = self.ask("/controls").1;
        let name = format!("`/controls` for the first time, {events} events");
        let first = Figure::new(&name, "ms", Some(1000.0), vec![first]);
        let pages = PAGES.iter().flat_map(|page| self.page(page, events));
        [first].into_iter().chain(pages).collect()
    }

    /// Returns how many kilobytes a page has, and how many milliseconds it takes.
    fn ask(&self, page: &str) -> (f64, f64) {
        let began = now();
        let request = self.agent.get(format!("{}{page}", self.url));
        let mut response = request.header("Cookie", &self.cookie).call().expect("a page");
        let text = response.body_mut().read_to_string().expect("a page is text");
        let taken = began.elapsed().as_secs_f64() * 1e3;
        assert_eq!(response.status(), 200, "{page}: {text}");
        (text.len() as f64 / 1e3, taken)
    }

    /// Returns how large a page is, and how long it takes.
    fn page(&self, page: &str, events: usize) -> [Figure; 2] {
        let (sizes, times): (Vec<f64>, Vec<f64>) = (0..REQUESTS).map(|_| self.ask(page)).unzip();
        [
            Figure::new(&format!("`{page}`, {events} events"), "kB", Some(60.0), sizes),
            Figure::new(&format!("`{page}`, {events} events"), "ms", Some(5.0), times),
        ]
    }
}

/// Makes the log in `data` so large, by more events of a kind that it has.
fn fill(data: &Path, log: &[Value], events: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        let log_file = SqliteLog::open(LogOptions {
            data: data.to_owned(),
            origin: "sluss.local/ledger".to_owned(),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
        });
        let log_file = log_file.await.expect("the log can be opened");
        let known = log.iter().find(|event| event["type"] == "access.login");
        let body = &known.expect("somebody signed in")["data"];
        let mut size =
            usize::try_from(log_file.size().await.expect("a size")).expect("not so many");
        while size < events {
            let batch = (events - size).min(500);
            let drafts = (0..batch).map(|_| draft(body)).collect();
            drop(log_file.append(&[], drafts, None).await.expect("events are taken"));
            size += batch;
        }
        log_file.published(size as u64).await;
        log_file.close().await;
    });
}

fn draft(body: &Value) -> Draft {
    let actor =
        Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None };
    Draft::new("access", "access.login", actor, body).expect("it can be written as JSON")
}

/// Lets bad versions in front of customers, again and again.
fn rollbacks() -> Vec<Figure> {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let push = |version: usize, fails: &str| {
        repository.service(&format!("version-{version}"), fails);
        repository.commit(&format!("LED-{version}: version {version}"));
        assert!(repository.push(&sluss.remote("ledger"), "main").0);
    };
    push(0, "0.0");
    wait_for("the first answers", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(20));
    wait_for("the first is delivered", PATIENCE, || {
        (count(&sluss.events(), "change.delivered") == 1).then_some(())
    });
    let (mut detected, mut mitigated) = (Vec::new(), Vec::new());
    for bad in 1..=RUNS {
        let known = sluss.events().len();
        push(bad, "0.2");
        let log = wait_for("it is taken back", PATIENCE, || {
            let log = sluss.events().split_off(known);
            (count(&log, "incident.mitigated") == 1).then_some(log)
        });
        let at = |kind: &str| {
            let wanted =
                |event: &&Value| event["type"] == kind && event["data"]["share"] != json!(0);
            time(log.iter().find(wanted).unwrap_or_else(|| panic!("{kind} is in the log")))
        };
        detected.push((at("deployment.rolled_back") - at("rollout.shifted")) / 1e3);
        mitigated.push(at("incident.mitigated") - at("deployment.rolled_back"));
    }
    drop(customers);
    vec![
        Figure::new("first share to verdict, 20 % failing", "s", Some(30.0), detected),
        Figure::new("verdict to share zero", "ms", Some(1000.0), mitigated),
    ]
}

fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _even => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns how busy the machine has been in the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures by the wall")]
fn now() -> Instant {
    Instant::now()
}
