//! What stands in front of a server and speaks TLS, with a certificate of a bank's own authority.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::authority::openssl;

/// A proxy of a test's own for the name `localhost`; it ends with this value.
pub struct Tls {
    folder: PathBuf,
    port: u16,
    over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Tls {
    /// Makes an authority in `folder`, `ca.pem`, and one that vouches for nothing, `other.pem`;
    /// then takes requests for `to`, a port of this machine. None where a machine has no openssl.
    pub fn begin(folder: &Path, to: u16) -> Option<Self> {
        Command::new("openssl").arg("version").output().ok()?;
        for name in ["ca", "other"] {
            let arguments = format!(
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out \
                 {name}.pem -addext basicConstraints=critical,CA:true -addext \
                 keyUsage=critical,keyCertSign"
            );
            openssl(folder, &arguments);
        }
        std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost")
            .expect("a file can be written");
        openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=here -keyout key.pem -out csr.pem");
        openssl(
            folder,
            "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -set_serial 7 -days 2 -extfile names \
             -out cert.pem",
        );
        let chain = CertificateDer::from_pem_file(folder.join("cert.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has its versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("the key is of the certificate");
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let served = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let config = Arc::clone(&config);
                // Whoever breaks off gets nothing.
                std::thread::spawn(move || carry(stream, to, config).ok());
            }
        });
        Some(Self { folder: folder.to_owned(), port, over, served: Some(served) })
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Returns a file of it: `ca.pem`, or `other.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(served) = self.served.take() {
            served.join().ok();
        }
    }
}

/// Carries one connection, until either side closes it.
fn carry(mut outside: TcpStream, to: u16, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let mut inside = TcpStream::connect(("127.0.0.1", to))?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let connection = Arc::new(Mutex::new(connection));
    let back = {
        let (connection, mut from) = (Arc::clone(&connection), inside.try_clone()?);
        let mut into = outside.try_clone()?;
        std::thread::spawn(move || {
            let mut part = [0; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut part) {
                let mut held = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let written = held.writer().write_all(&part[..length]);
                if written.and_then(|()| flush(&mut held, &mut into)).is_err() {
                    break;
                }
            }
            let mut held = connection.lock().unwrap_or_else(PoisonError::into_inner);
            held.send_close_notify();
            flush(&mut held, &mut into).ok();
            into.shutdown(Shutdown::Both).ok();
        })
    };
    let mut part = [0; 16 * 1024];
    while let Ok(length @ 1..) = outside.read(&mut part) {
        let mut held = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut read, mut plain) = (&part[..length], Vec::new());
        while !read.is_empty() {
            held.read_tls(&mut read)?;
            let state = held.process_new_packets().map_err(std::io::Error::other);
            flush(&mut held, &mut outside)?;
            let mut more = vec![0; state?.plaintext_bytes_to_read()];
            held.reader().read_exact(&mut more)?;
            plain.append(&mut more);
        }
        drop(held);
        inside.write_all(&plain)?;
    }
    inside.shutdown(Shutdown::Both).ok();
    back.join().ok();
    Ok(())
}

fn flush(connection: &mut ServerConnection, into: &mut TcpStream) -> std::io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(into)?;
    }
    Ok(())
}
