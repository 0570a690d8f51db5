//! The host beside nginx and HAProxy: `cargo bench -p sluss-host`. One core each, keep-alive, 64
//! connections, a 90/10 split, counting on. Linux, `taskset`, and Debian's packages; who is not
//! installed is left out. `SECONDS` says how long each is asked (5).
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener as StdListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::target::{Arm, Desired, Limits, Readiness, RouteKey};
use sluss_core::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const CONNECTIONS: usize = 64;
const REQUEST: &[u8] = b"GET /payments/17 HTTP/1.1\r\nHost: bank.example\r\n\
    Accept: application/json\r\nUser-Agent: bench\r\n\r\n";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => runtime.block_on(serve()),
        Some("host") => runtime.block_on(async {
            let options = sluss_host::HostOptions::new(&arguments[2]);
            sluss_host::serve(options, std::future::pending()).await.unwrap();
        }),
        _ if !is_there("taskset") => println!("left out: taskset (util-linux) is not installed"),
        _ => runtime.block_on(compare()),
    }
}

/// A service that answers at once, so that what is measured is the proxy.
async fn serve() {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            while let Ok(1..) = stream.read(&mut buffer).await {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                    Content-Length: 29\r\n\r\n{\"id\":\"tr_17\",\"state\":\"done\"}";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A process that ends when the benchmark does.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _already_reaped = self.0.wait();
    }
}

impl Part {
    fn start(core: usize, command: &[&str], port: Option<u16>) -> Self {
        let mut all = Command::new("taskset");
        all.args(["-c", &core.to_string()]).args(command);
        if let Some(port) = port {
            all.env("PORT", port.to_string());
        }
        all.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(all.spawn().unwrap())
    }

    /// Returns the CPU time that it has used, in seconds.
    fn used(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }
}

/// What one proxy did.
struct Measured {
    requests_per_second: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

async fn compare() {
    let me = std::env::current_exe().unwrap();
    let me = me.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let _services = ports.map(|port| Part::start(1, &[me, "serve"], Some(port)));
    let mut measured = Vec::new();
    let [http, tcp] = [free_port(), free_port()];
    if is_there("nginx") {
        let path = folder.path().join("nginx.conf");
        fs::write(&path, nginx(folder.path(), http, ports)).unwrap();
        let part = Part::start(0, &["nginx", "-c", path.to_str().unwrap()], None);
        measured.push(("nginx", measure(&part, http).await));
    } else {
        println!("left out: nginx is not installed (apt-get install nginx-light)");
    }
    if is_there("haproxy") {
        let path = folder.path().join("haproxy.cfg");
        fs::write(&path, haproxy(tcp, ports)).unwrap();
        let part = Part::start(0, &["haproxy", "-db", "-f", path.to_str().unwrap()], None);
        measured.push(("haproxy", measure(&part, tcp).await));
    } else {
        println!("left out: HAProxy is not installed (apt-get install haproxy)");
    }
    let data = folder.path().join("host");
    let part = Part::start(0, &[me, "host", data.to_str().unwrap()], None);
    let port = split(&data, me).await;
    measured.push(("sluss host", measure(&part, port).await));
    take_down(&data, port).await;
    drop(part);
    show(&measured);
}

fn show(measured: &[(&str, Measured)]) {
    println!(
        "{:<11} {:>10} {:>12} {:>9} {:>9}",
        "", "requests/s", "CPU µs each", "p50 ms", "p99 ms"
    );
    for (name, of) in measured {
        let Measured { requests_per_second, cpu_us, p50_ms, p99_ms } = of;
        println!(
            "{name:<11} {requests_per_second:>10.0} {cpu_us:>12.1} {p50_ms:>9.2} {p99_ms:>9.2}"
        );
    }
    let ours = measured.last().unwrap().1.cpu_us;
    for (name, of) in &measured[..measured.len() - 1] {
        println!("sluss host / {name}: {:.2} times the CPU per request", ours / of.cpu_us);
    }
}

async fn measure(part: &Part, port: u16) -> Measured {
    let seconds = std::env::var("SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    drive(port, Duration::from_secs(1)).await;
    let (before, began) = (part.used(), Instant::now());
    let mut took = drive(port, Duration::from_secs(seconds)).await;
    let (used, lasted) = (part.used() - before, began.elapsed().as_secs_f64());
    took.sort_unstable();
    let at = |part: usize| f64::from(took[took.len() * part / 100]) / 1000.0;
    Measured {
        requests_per_second: took.len() as f64 / lasted,
        cpu_us: used * 1e6 / took.len() as f64,
        p50_ms: at(50),
        p99_ms: at(99),
    }
}

/// Asks on all connections without a pause; returns how long each request took, in microseconds.
async fn drive(port: u16, lasts: Duration) -> Vec<u32> {
    let mut customers = JoinSet::new();
    let end = Instant::now() + lasts;
    for _ in 0..CONNECTIONS {
        customers.spawn(async move {
            let mut stream = connected(port).await;
            let (mut took, mut buffer) = (Vec::new(), vec![0; 4096]);
            while Instant::now() < end {
                let began = Instant::now();
                stream.write_all(REQUEST).await.unwrap();
                let mut read = 0;
                while !buffer[..read].ends_with(b"\"done\"}") {
                    let count = stream.read(&mut buffer[read..]).await.unwrap();
                    assert!(count > 0, "cut off: {}", String::from_utf8_lossy(&buffer[..read]));
                    read += count;
                }
                assert!(buffer.starts_with(b"HTTP/1.1 200"));
                took.push(u32::try_from(began.elapsed().as_micros()).unwrap());
            }
            took
        });
    }
    customers.join_all().await.concat()
}

async fn connected(port: u16) -> TcpStream {
    for _ in 0..500 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            stream.set_nodelay(true).unwrap();
            return stream;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody listens on port {port}");
}

fn nginx(folder: &Path, port: u16, [incumbent, candidate]: [u16; 2]) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/nginx.err; events {{ worker_connections 1024; }}
http {{
  log_format counted '$msec $upstream_addr $status $request_time';
  access_log {folder}/nginx.log counted buffer=64k;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000;
  split_clients $request_id $arm {{ 10% candidate; * incumbent; }}
  upstream incumbent {{ server 127.0.0.1:{incumbent}; keepalive 128;
    keepalive_requests 1000000000; }}
  upstream candidate {{ server 127.0.0.1:{candidate}; keepalive 128;
    keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://$arm;
    proxy_http_version 1.1; proxy_set_header Connection ''; }} }}
}}"
    )
}

fn haproxy(port: u16, [incumbent, candidate]: [u16; 2]) -> String {
    format!(
        "global\n nbthread 1\n maxconn 1024\ndefaults\n mode http\n timeout connect 2s\n \
         timeout client 60s\n timeout server 60s\n http-reuse always\nfrontend f\n \
         bind 127.0.0.1:{port}\n default_backend b\nbackend b\n balance random\n \
         server incumbent 127.0.0.1:{incumbent} weight 90\n \
         server candidate 127.0.0.1:{candidate} weight 10\n"
    )
}

fn key() -> RouteKey {
    RouteKey { service: "pay".parse().unwrap(), environment: "bench".parse().unwrap() }
}

/// Has the host split its traffic over two releases, and returns the route's port.
async fn split(data: &Path, me: &str) -> u16 {
    let me = Path::new(me);
    let arm = |release: u64, points: u16| Arm {
        release: ReleaseId(release),
        digest: Digest::of(&release.to_be_bytes()),
        folder: me.parent().unwrap().to_owned(),
        command: vec![me.file_name().unwrap().to_str().unwrap().to_owned(), "serve".to_owned()],
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        instances: 1,
        share: Share::from_basis_points(points).unwrap(),
        readiness: Readiness { path: None, ..Readiness::default() },
        drain_seconds: 1,
        limits: Limits::default(),
    };
    let arms = vec![arm(1, 9_000), arm(2, 1_000)];
    let port = free_port();
    let desired = Desired { arms, port: Some(port), ..Desired::nothing(key(), 1) };
    while put(data, &desired).await.is_none() {
        sleep(Duration::from_millis(20)).await;
    }
    // Its services are to run beside the others, not on the proxy's core.
    for _ in 0..500 {
        let found = services_of(data);
        if found.len() == 2 && connected_and_ready(port).await {
            for pid in found {
                let pid = pid.to_string();
                Command::new("taskset").args(["-a", "-p", "-c", "1", &pid]).output().unwrap();
            }
            return port;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the host does not serve");
}

async fn connected_and_ready(port: u16) -> bool {
    let mut stream = connected(port).await;
    stream.write_all(REQUEST).await.unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).await.unwrap();
    buffer[..count].starts_with(b"HTTP/1.1 200")
}

/// Returns the processes that the host has written down.
fn services_of(data: &Path) -> Vec<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let entries = fs::read_dir(data.join("instances")).into_iter().flatten().flatten();
    let records = entries.filter_map(|entry| read(&entry.path()));
    let parsed = records.filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    parsed.filter_map(|record| record["identity"]["pid"].as_u64()).collect()
}

async fn take_down(data: &Path, _port: u16) {
    put(data, &Desired::nothing(key(), 2)).await.unwrap();
    while !services_of(data).is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn put(data: &Path, desired: &Desired) -> Option<()> {
    let token = fs::read_to_string(data.join("token")).ok()?;
    let body = serde_json::to_string(desired).unwrap();
    let mut stream = UnixStream::connect(data.join("host.sock")).await.ok()?;
    let request = format!(
        "PUT /routes HTTP/1.1\r\nHost: host\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        token.trim(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.contains("accepted").then_some(())
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var("PATH").unwrap_or_default();
    paths.split(':').any(|folder| Path::new(folder).join(program).is_file())
}

fn free_port() -> u16 {
    StdListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
