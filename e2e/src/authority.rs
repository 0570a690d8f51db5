//! A time-stamping authority that is not ours: `openssl ts` behind a few lines of HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

const CONFIG: &str = "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\n\
    crypto_device = builtin\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
    signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n\
    ess_cert_id_alg = sha256\n";

/// An authority of a test's own; it ends with this value.
pub struct Authority {
    folder: PathBuf,
    port: u16,
    over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Authority {
    /// Makes an authority in `folder`, and another one (`other.pem`) that stamps nothing. None
    /// where a machine has no openssl.
    pub fn begin(folder: &Path) -> Option<Self> {
        Command::new("openssl").arg("version").output().ok()?;
        for name in ["ca", "other"] {
            openssl(
                folder,
                &format!(
                    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout \
                     {name}.key -out {name}.pem -addext basicConstraints=critical,CA:true \
                     -addext keyUsage=critical,keyCertSign"
                ),
            );
        }
        openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=tsa -keyout tsa.key -out tsa.csr");
        let stamps = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping";
        let files = [("extensions", stamps), ("tsa.cnf", CONFIG), ("serial", "01")];
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("a file can be written");
        }
        openssl(
            folder,
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 2 \
             -extfile extensions -out tsa.pem",
        );
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let over = Arc::new(AtomicBool::new(false));
        let (folder, ends) = (folder.to_owned(), Arc::clone(&over));
        let place = folder.clone();
        let served = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever breaks off gets nothing.
                answer(&place, &stream).ok();
            }
        });
        Some(Self { folder, port, over, served: Some(served) })
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/stamp", self.port)
    }

    /// Lets the Sluss with this data folder have its checkpoints stamped here, and trust it.
    pub fn stamps_for(&self, data: &Path) {
        std::fs::write(data.join("timestamps"), self.url()).expect("a file can be written");
        std::fs::copy(self.file("ca.pem"), data.join("tsa.pem")).expect("a file can be copied");
    }

    /// Returns a file of it: `ca.pem`, or `other.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(served) = self.served.take() {
            served.join().ok();
        }
    }
}

/// Runs `openssl` in `folder`.
pub(crate) fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("openssl can be started");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn answer(folder: &Path, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0_usize;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut request = vec![0; length];
    reader.read_exact(&mut request)?;
    std::fs::write(folder.join("request"), request)?;
    openssl(folder, "ts -reply -config tsa.cnf -queryfile request -out answer");
    let body = std::fs::read(folder.join("answer"))?;
    let mut stream = stream;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(&body)
}
