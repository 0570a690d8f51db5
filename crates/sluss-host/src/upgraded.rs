//! Connections to instances for requests that ask for an upgrade (WebSocket).
//!
//! pingora 0.9.1 takes the end of an upgrade request's empty body for the end of the tunnel if it
//! reads the instance's 101 first (cloudflare/pingora#946): on a busy machine one of a hundred
//! WebSockets broke right after it was opened. Here the answer is held back until the body's end,
//! which waits already, has been read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::connectors::l4::Connect;
use pingora_core::prelude::{Error, ErrorType};
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora_core::{OrErr as _, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects such that the first reads have to wait their turn.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) connect_timeout: Duration,
}

#[async_trait]
impl Connect for Held {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let address = address.as_inet().ok_or_else(|| Error::new(ErrorType::ConnectError))?;
        let connected = timeout(self.connect_timeout, TcpStream::connect(address))
            .await
            .or_err(ErrorType::ConnectTimedout, "the instance does not accept")?;
        let stream = connected.map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                _ => ErrorType::ConnectError,
            };
            Error::because(kind, "the instance cannot be reached", error)
        })?;
        stream.set_nodelay(true).or_err(ErrorType::ConnectError, "the instance is gone")?;
        let socket = Box::new(HeldStream { stream, holds: HOLDS });
        Ok(VirtualSocketStream::new(socket).into())
    }
}

#[derive(Debug)]
struct HeldStream {
    stream: TcpStream,
    holds: u8,
}

impl AsyncRead for HeldStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(holds) = self.holds.checked_sub(1) {
            self.holds = holds;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl VirtualSocket for HeldStream {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.stream.set_nodelay(true),
            // On one machine a peer that is gone is known at once.
            _ => Ok(()),
        }
    }
}

/// One would do, unless the runtime has the other half of the proxy wait its turn.
const HOLDS: u8 = 2;
