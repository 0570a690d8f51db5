//! A witness process, and logs that ask it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sluss_ledger::{
    Checkpoint, Frontier, Hash, LogKey, MemoryTree, Note, TreeHead, WitnessAnswer, WitnessSaid,
    WitnessVerifier, WitnessView,
};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sluss-witness");

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// Makes a witness in `dir` and returns its public key.
pub fn init(dir: &Path) -> WitnessVerifier {
    let made = run(&["init", "--dir", dir.to_str().unwrap(), "--name", "witness.example/audit"]);
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().lines().next().unwrap().parse().unwrap()
}

/// A witness that serves; it is killed when dropped.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
}

impl Serving {
    pub fn start(dir: &Path, log: &LogKey) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--dir", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .args(["--log", &log.verifier().to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").expect("it listens");
        Self { child, address: address.parse().unwrap() }
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One answer over HTTP.
#[derive(Debug)]
pub struct Http {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Http {
    pub fn answer(&self) -> WitnessAnswer {
        WitnessAnswer::parse(self.status, &self.content_type, &self.body).unwrap()
    }
}

/// Sends a request and reads the whole answer.
pub fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<Http> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: w\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    // What is too large is answered before all of it is read.
    stream.write_all(body).ok();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    let body = answer[end + 4..].to_vec();
    if field("content-length:").parse() != Ok(body.len()) {
        return Err(cut());
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Http { status: status.ok_or_else(cut)?, content_type: field("content-type:"), body })
}

pub fn log_key() -> LogKey {
    LogKey::from_seed("log.example/1".parse().unwrap(), [1; 32])
}

/// One history of the log.
pub struct History {
    tree: MemoryTree,
    view: WitnessView,
}

impl History {
    /// Returns a history of `leaves` leaves that parts from the others at leaf `fork`.
    pub fn new(number: u8, fork: u64, leaves: u64, witness: WitnessVerifier) -> Self {
        let leaf =
            |at: u64| [&[if at < fork { 0 } else { number }][..], &at.to_be_bytes()].concat();
        let tree = (0..leaves).map(|at| Hash::leaf(&leaf(at))).collect();
        Self { tree, view: WitnessView::new(witness, 0) }
    }

    pub fn head(&self, size: u64) -> TreeHead {
        Frontier::read(size, &self.tree).unwrap().head()
    }

    pub fn checkpoint(&self, size: u64) -> Note {
        let (origin, head) = ("log.example/1".parse().unwrap(), self.head(size));
        Checkpoint { origin, head }.sign(&log_key()).unwrap()
    }

    /// Returns how much of it the witness has cosigned, as far as was heard.
    pub fn known(&self) -> u64 {
        self.view.size()
    }

    /// Asks once for the checkpoint of `size` leaves.
    pub fn ask(&mut self, address: SocketAddr, size: u64) -> io::Result<WitnessSaid> {
        let asked = self.view.ask(&self.checkpoint(size), &self.tree).unwrap();
        let body = asked.request().to_string();
        let answer = send(address, "POST", "/add-checkpoint", body.as_bytes())?.answer();
        Ok(self.view.hear(&asked, &answer, self.tree.frontier().size()))
    }
}
