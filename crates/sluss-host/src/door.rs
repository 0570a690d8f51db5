//! The listening socket of a route, and the choice of ports.
//!
//! # Invariants
//!
//! - No two routes or instances of this host are given the same port.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::num::NonZero;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pingora_core::apps::{HttpServerOptions, ServerApp as _};
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::{GetSocketDigest as _, SocketDigest};
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use sluss_core::target::RouteKey;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::guests::{Guest, Guests};
use crate::proxy::RouteProxy;
use crate::route::Route;
use crate::shed;

/// An open port of a route.
pub(crate) struct Door {
    pub(crate) port: u16,
    /// Nothing once it closes.
    listener: Option<Arc<TcpListener>>,
    closing: watch::Sender<bool>,
    proxy: Arc<HttpProxy<RouteProxy>>,
    accepting: JoinHandle<()>,
    /// Ends when the last connection has, and the last request: one of HTTP/2 is a task of its own,
    /// and may be counted after its customer has the answer and is gone.
    connections: mpsc::Receiver<Infallible>,
}

impl Door {
    /// Opens `address` for `route`, whose instances may take `connect_timeout` to accept;
    /// `inherited` is the socket of an earlier host.
    pub(crate) fn open(
        address: SocketAddr,
        (route, connect_timeout): (Arc<Route>, Duration),
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
        let (alive, connections) = mpsc::channel(1);
        let (guests, key) = (Guests::new(Arc::clone(&route.gate)), route.key.clone());
        let (requests, guests_of_proxy) = (alive.downgrade(), Arc::clone(&guests));
        let proxy = RouteProxy { route, connect_timeout, guests: guests_of_proxy, requests };
        let mut proxy = HttpProxy::new(proxy, Arc::new(conf));
        proxy.handle_init_modules();
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        proxy.server_options = Some(options);
        let proxy = Arc::new(proxy);
        let (closing, closes) = watch::channel(false);
        let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
        let reception = Reception { proxy: Arc::clone(&proxy), guests, key, closes, refusals };
        let taken = accept(Arc::clone(&listener), reception, alive);
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

/// What whoever comes in needs.
#[derive(Clone)]
struct Reception {
    proxy: Arc<HttpProxy<RouteProxy>>,
    guests: Arc<Guests>,
    key: RouteKey,
    closes: watch::Receiver<bool>,
    /// How many may wait to be told that they are refused.
    refusals: Arc<Semaphore>,
}

async fn accept(listener: Arc<TcpListener>, reception: Reception, alive: mpsc::Sender<Infallible>) {
    loop {
        match listener.accept().await {
            Ok((stream, customer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone before it was served");
                    continue;
                }
                match reception.guests.admit(customer) {
                    Some(guest) => {
                        tokio::spawn(reception.clone().serve(stream, guest, alive.clone()));
                    }
                    None => reception.turn_away(stream),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken; raise the open files");
                reception.guests.make_room();
                sleep(PAUSE_WHEN_FULL).await;
            }
        }
    }
}

impl Reception {
    /// Serves a connection until its customer leaves, or is asked to while it is idle.
    async fn serve(self, stream: TcpStream, guest: Guest, alive: mpsc::Sender<Infallible>) {
        let served = async {
            // Who connects and says nothing is not waited for without end.
            if !matches!(timeout(SILENT_CUSTOMER, stream.readable()).await, Ok(Ok(()))) {
                return;
            }
            let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
            let mut stream = Stream::from(stream);
            stream.set_socket_digest(digest);
            self.proxy.process_new(Box::new(stream), &self.closes).await;
        };
        tokio::select! {
            // What has come is taken first, and then the connection is busy.
            biased;
            () = served => {}
            () = guest.sent_away() => {}
        }
        drop((guest, alive));
    }

    /// Refuses a connection: when its request has come, so that its customer takes the answer for
    /// one, or without a word where too many wait for that.
    fn turn_away(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        let key = self.key.clone();
        tokio::spawn(async move {
            let _came = timeout(REFUSED_WITHIN, stream.readable()).await;
            shed::turn_away(&stream, &key);
            drop((stream, place));
        });
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
    /// Ports that instances had which ended while no host was there, by their names.
    before: Mutex<BTreeMap<String, u16>>,
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

    /// Remembers the port of an instance that is to be started again, for it alone.
    pub(crate) fn recall(&self, instance: &str, port: u16) {
        self.keep(port);
        self.before().insert(instance.to_owned(), port);
    }

    /// Takes the port that an instance had before the host was started anew, or else any that is
    /// free; says why, if it has to be another one.
    pub(crate) fn take_for(&self, instance: &str) -> io::Result<(u16, Option<String>)> {
        let Some(before) = self.before().remove(instance) else {
            return Ok((self.take()?, None));
        };
        match StdListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), before)) {
            Ok(_free) => Ok((before, None)),
            Err(error) => {
                self.give_back(before);
                let port = self.take()?;
                let why = format!(
                    "port {before}, which it had before the host was started anew, cannot be \
                     opened ({error}), so it has {port}"
                );
                Ok((port, Some(why)))
            }
        }
    }

    fn before(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u16>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
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
const REFUSALS_AT_ONCE: usize = 64;
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(50);
