//! Runs the host: what `sluss host --data DIR` does.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::control;
use crate::folder::Folder;
use crate::handover;
use crate::host::Host;
use crate::journal::Journal;
use crate::past::Past;
use crate::process;

/// How a host is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostOptions {
    /// The data folder; made if missing. Its path may have 90 characters, since the socket in it
    /// may have no more than 107.
    pub data: PathBuf,
    /// The address that routes are opened on.
    pub bind: IpAddr,
    /// How long an instance may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long an instance may be silent within a request.
    pub request_timeout: Duration,
    /// How long requests may go on when the host or a route is shut down.
    pub shutdown_grace: Duration,
    /// How long requests may go on when another host has taken over.
    pub handed_over_grace: Duration,
    /// How long a route waits for the port that it had before, when another program holds it.
    pub port_patience: Duration,
    /// Where the kernel's control groups are mounted; services get groups of their own where this
    /// is a tree of version 2 that the host may write to.
    pub control_groups: PathBuf,
    /// Whether to take the place of a host that runs from the same folder: it hands its listening
    /// sockets over, finishes its requests and ends.
    pub takes_over: bool,
    /// A folder with space for when the data folder can't be written, best on another disk; one in
    /// the data folder unless given.
    pub spare: Option<PathBuf>,
}

impl HostOptions {
    /// Returns the usual options: routes on 127.0.0.1, two seconds to connect, a minute of silence.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(30),
            handed_over_grace: Duration::from_secs(600),
            port_patience: Duration::from_secs(30),
            control_groups: PathBuf::from("/sys/fs/cgroup"),
            takes_over: false,
            spare: None,
        }
    }
}

/// Why a host cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Another one runs from the same folder.
    #[error("a host is already running from {}; stop it or give another folder", .0.display())]
    AlreadyRuns(PathBuf),
    /// The data folder, or something in it, cannot be used.
    #[error("{what} in {} cannot be used; check its owner and free space", data.display())]
    Unusable {
        /// What in it.
        what: &'static str,
        /// The data folder.
        data: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Runs a host until `shutdown` is done: takes over what an earlier one left running, opens the
/// routes and serves. Services go on when it returns; the next host takes them over.
pub async fn serve(
    options: HostOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), HostError> {
    let data = options.data.clone();
    let unusable = |what, source| HostError::Unusable { what, data: data.clone(), source };
    process::raise_open_files();
    let (path, spare) = (data.clone(), options.spare.clone());
    let inherited = match options.takes_over {
        true => inherit(&data).await.map_err(|error| unusable("`handover.sock`", error))?,
        false => Vec::new(),
    };
    let opened = tokio::task::spawn_blocking(move || Folder::open(&path, spare.as_deref())).await;
    let folder =
        opened.map_err(io::Error::other).flatten().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => HostError::AlreadyRuns(data.clone()),
            _ => unusable("something", error),
        })?;
    let token = folder.token().map_err(|error| unusable("`token`", error))?;
    let journal = Journal::open(&folder.journal());
    let journal = journal.map_err(|error| unusable("`journal.jsonl`", error))?;
    let past = Past::open(folder.counters()).map_err(|error| unusable("`counters`", error))?;
    let (socket, handover) = (folder.socket(), folder.handover());
    let host = Host::new(options, (folder, journal, past), inherited);
    // However this ends, also when it is cancelled, nobody may go on in its name.
    let _abandoned = Abandoned(Arc::clone(&host));
    host.restore().await.map_err(|error| unusable("`routes` or `instances`", error))?;
    // Opened last: whoever can call sees what was taken over.
    let listener = control::open(&socket).map_err(|error| unusable("`host.sock`", error))?;
    let successors =
        control::open(&handover).map_err(|error| unusable("`handover.sock`", error))?;
    let successor = tokio::select! {
        () = shutdown => None,
        () = control::serve(listener, host.clone(), token.clone()) => None,
        () = host.clone().tend() => None,
        successor = handover::asked(&successors, &token) => Some(successor),
    };
    drop(successors);
    match successor {
        Some(successor) => host.hand_over(successor).await,
        None => host.leave().await,
    }
    Ok(())
}

/// Asks the host that runs for its place and its listening sockets.
async fn inherit(data: &Path) -> io::Result<Vec<(u16, TcpListener)>> {
    let (token, socket) = (data.join("token"), data.join("handover.sock"));
    let taken = tokio::task::spawn_blocking(move || match fs::read_to_string(token) {
        Ok(token) => handover::take(&socket, token.trim()),
        // Nobody ever ran here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    });
    taken.await.map_err(io::Error::other)?
}

/// Stops what a host does by itself when it is dropped.
struct Abandoned(Arc<Host>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
