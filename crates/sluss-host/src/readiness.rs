//! Asks an instance whether it is ready.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sluss_core::target::Readiness;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is ready.
    Ready,
    /// It answers, but not with 200, or too late.
    Unready,
    /// Nobody listens.
    Gone,
}

/// Checks once.
pub(crate) async fn check(address: SocketAddr, readiness: &Readiness) -> Found {
    let asked = tokio::time::timeout(PATIENCE, ask(address, readiness.path.as_deref()));
    match asked.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Found::Gone,
        Ok(Err(_)) | Err(_) => Found::Unready,
    }
}

async fn ask(address: SocketAddr, path: Option<&str>) -> io::Result<Found> {
    let mut stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == address {
        // Nobody listens, and the kernel gave us that very port, so we called ourselves.
        return Ok(Found::Gone);
    }
    let Some(path) = path else { return Ok(Found::Ready) };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: sluss-host\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(STATUS_LINE);
    while answer.len() < STATUS_LINE {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    let is_ok = answer.starts_with(b"HTTP/1.") && answer.get(8..12) == Some(b" 200");
    Ok(if is_ok { Found::Ready } else { Found::Unready })
}

const PATIENCE: Duration = Duration::from_secs(2);
const STATUS_LINE: usize = "HTTP/1.1 200".len();
