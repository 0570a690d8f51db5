//! Hands the listening sockets to the next host, so that no customer finds a closed port.
//!
//! The successor connects to a Unix socket in the data folder and brings the token. The host that
//! runs stops to accept, writes down what it knows, gives the folder's lock back, and answers with
//! two bytes for each port, most significant first, and the socket beside them; port zero ends.
//! Whoever connects meanwhile waits in the sockets' queues.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::net::UnixListener;

/// Waits for a successor that brings the token.
pub(crate) async fn asked(listener: &UnixListener, token: &str) -> UnixStream {
    loop {
        let came = async {
            let stream = listener.accept().await?.0.into_std()?;
            let expected = token.to_owned();
            tokio::task::spawn_blocking(move || known(stream, &expected))
                .await
                .map_err(io::Error::other)?
        };
        match came.await {
            Ok(successor) => return successor,
            Err(error) => {
                tracing::warn!(%error, "someone asked for the sockets and was refused");
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
}

fn known(mut stream: UnixStream, expected: &str) -> io::Result<UnixStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut brought = vec![0; expected.len()];
    stream.read_exact(&mut brought)?;
    let differs = brought.iter().zip(expected.as_bytes()).fold(0, |d, (a, b)| d | (a ^ b));
    if differs == 0 { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Gives the sockets to the successor.
pub(crate) fn give(successor: &UnixStream, sockets: &[(u16, OwnedFd)]) -> io::Result<()> {
    for (port, socket) in sockets {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let given = [socket.as_fd()];
        beside.push(SendAncillaryMessage::ScmRights(&given));
        let bytes = port.to_be_bytes();
        sendmsg(successor, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
    }
    (&mut &*successor).write_all(&0u16.to_be_bytes())
}

/// Asks the host that runs to leave, and returns its listening sockets; none if there is no host.
pub(crate) fn take(socket: &Path, token: &str) -> io::Result<Vec<(u16, TcpListener)>> {
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(token.as_bytes())?;
    let mut sockets = Vec::new();
    loop {
        let mut bytes = [0; 2];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut bytes)];
        let came = recvmsg(&stream, parts, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        if came.bytes != bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let port = u16::from_be_bytes(bytes);
        if port == 0 {
            return Ok(sockets);
        }
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                sockets.extend(given.map(|socket| (port, TcpListener::from(socket))));
            }
        }
    }
}

/// How long the other side may take; it finishes nothing but what it writes down.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_go_over_with_their_ports() {
        let sockets: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
        let ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        let given: Vec<(u16, OwnedFd)> =
            ports.iter().copied().zip(sockets.into_iter().map(OwnedFd::from)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let giver = std::thread::spawn(move || {
            let stream = known(listener.accept().unwrap().0, "token").unwrap();
            give(&stream, &given).unwrap();
        });
        let taken = take(&path, "token").unwrap();
        giver.join().unwrap();
        let listens: Vec<u16> = taken.iter().map(|(_, s)| s.local_addr().unwrap().port()).collect();
        assert_eq!(listens, ports);
        assert!(taken.iter().all(|(port, s)| s.local_addr().unwrap().port() == *port));
        assert!(take(&path, "token").unwrap().is_empty(), "nobody is there any more");
    }
}
