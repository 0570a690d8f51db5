//! The listening socket of a route, and the choice of ports.
//!
//! # Invariants
//!
//! - No two routes or instances of this host are given the same port.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::num::NonZero;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pingora_core::apps::{HttpServerOptions, ServerApp as _};
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::proxy::RouteProxy;

/// An open port of a route.
pub(crate) struct Door {
    pub(crate) port: u16,
    /// Nothing once it closes.
    listener: Option<Arc<TcpListener>>,
    closing: watch::Sender<bool>,
    proxy: Arc<HttpProxy<RouteProxy>>,
    accepting: JoinHandle<()>,
    /// Ends when the last connection has.
    connections: mpsc::Receiver<Infallible>,
}

impl Door {
    /// Opens `address` for `proxy`; `inherited` is the socket of an earlier host.
    pub(crate) fn open(
        address: SocketAddr,
        proxy: RouteProxy,
        inherited: Option<StdListener>,
    ) -> io::Result<Self> {
        let listener = Arc::new(match inherited {
            Some(inherited) => {
                inherited.set_nonblocking(true)?;
                TcpListener::from_std(inherited)?
            }
            None => listen(address)?,
        });
        let port = listener.local_addr()?.port();
        let conf = ServerConf {
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            upstream_keepalive_pool_size: KEPT_CONNECTIONS_PER_THREAD,
            max_retries: MOST_TRIES,
            ..ServerConf::default()
        };
        let mut proxy = HttpProxy::new(proxy, Arc::new(conf));
        proxy.handle_init_modules();
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        proxy.server_options = Some(options);
        let proxy = Arc::new(proxy);
        let (closing, closes) = watch::channel(false);
        let (alive, connections) = mpsc::channel(1);
        let taken = accept(Arc::clone(&listener), Arc::clone(&proxy), closes, alive);
        let accepting = tokio::spawn(taken);
        Ok(Self { port, listener: Some(listener), closing, proxy, accepting, connections })
    }

    /// Lets nobody in any more, and returns the socket, in whose queue customers may wait.
    pub(crate) async fn stop_accepting(&mut self) -> Option<OwnedFd> {
        self.accepting.abort();
        let _aborted = (&mut self.accepting).await;
        let listener = self.listener.take()?;
        listener.as_fd().try_clone_to_owned().ok()
    }

    /// Lets nobody in any more, lets those who are in finish what they began, for as long as
    /// `patience`, and returns. Who says nothing is sent away after `idle`.
    pub(crate) async fn close(mut self, patience: Duration, idle: Duration) {
        if self.listener.is_some() {
            drop(self.stop_accepting().await);
        }
        // From now on each answer says that its connection closes.
        self.closing.send_replace(true);
        if timeout(patience.min(idle), self.connections.recv()).await.is_err() {
            self.proxy.cleanup().await;
            let _out_of_patience = timeout(patience, self.connections.recv()).await;
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: Arc<TcpListener>,
    proxy: Arc<HttpProxy<RouteProxy>>,
    closes: watch::Receiver<bool>,
    alive: mpsc::Sender<Infallible>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _customer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone before it was served");
                    continue;
                }
                let (proxy, closes, alive) = (Arc::clone(&proxy), closes.clone(), alive.clone());
                tokio::spawn(async move {
                    // Who connects and says nothing is not waited for without end.
                    if let Ok(Ok(())) = timeout(SILENT_CUSTOMER, stream.readable()).await {
                        proxy.process_new(Box::new(Stream::from(stream)), &closes).await;
                    }
                    drop(alive);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken; raise the open files");
                sleep(PAUSE_WHEN_FULL).await;
            }
        }
    }
}

/// Listens with `SO_REUSEADDR` only: with `SO_REUSEPORT` a taken port would not be noticed.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The ports that were given away.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    taken: Mutex<BTreeSet<u16>>,
}

impl Ports {
    /// Takes a free port. It is outside the range that the kernel gives to outgoing connections,
    /// so that none of these takes it before its instance does.
    pub(crate) fn take(&self) -> io::Result<u16> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..PORT_ATTEMPTS {
            let port = fastrand::u16(PORTS);
            let address = (IpAddr::V4(Ipv4Addr::LOCALHOST), port);
            if !taken.contains(&port) && StdListener::bind(address).is_ok() {
                taken.insert(port);
                return Ok(port);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no port between 20000 and 31999 is free"))
    }

    /// Takes this port, which was given away by an earlier host.
    pub(crate) fn keep(&self, port: u16) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
    }

    /// Gives a port back.
    pub(crate) fn give_back(&self, port: u16) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&port);
    }
}

const PORTS: std::ops::Range<u16> = 20_000..32_000;
const PORT_ATTEMPTS: usize = 1_000;
const BACKLOG: i32 = 4096;
const KEPT_CONNECTIONS_PER_THREAD: usize = 512;
const MOST_TRIES: usize = 32;
/// How long an idle customer may keep a connection when a port closes.
pub(crate) const GRACE_FOR_IDLE: Duration = Duration::from_secs(1);
/// The same when another host has the port: there is no hurry, and whoever asks once more is
/// answered and told to come anew.
pub(crate) const GRACE_WHEN_HANDED_OVER: Duration = Duration::from_secs(5);
const SILENT_CUSTOMER: Duration = Duration::from_secs(60);
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(50);
