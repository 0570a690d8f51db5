//! Serves fetches and pushes with the `git` program: bytes in, bytes out, whoever brings them.
//!
//! # Invariants
//!
//! - Nothing is held in memory but a few chunks.
//! - Git ends when its client goes away, unless it may be moving refs: then it is left to finish.
//! - A push is accounted for after Git's last process has ended.

use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{AccessFlags, Pid, access};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

use super::git::{GitError, ObjectAccess, USUAL, clean_git};
use super::push::{Pusher, RepositoryName};
use super::repositories::Repositories;
use super::ticket::PushTicket;

/// Which of Git's two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Fetching and cloning.
    UploadPack,
    /// Pushing.
    ReceivePack,
}

impl Service {
    /// Returns the name that the protocol has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::UploadPack => "upload-pack",
            Self::ReceivePack => "receive-pack",
        }
    }
}

/// How long a conversation may take.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Without a byte from or to the client.
    pub idle: Duration,
    /// Altogether.
    pub total: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), total: Duration::from_secs(1800) }
    }
}

/// What Git answers, as it comes. When this is dropped, the client has gone away.
pub struct Conversation {
    /// The bytes; an error where Git gave none or the client's bytes were not right.
    pub output: mpsc::Receiver<io::Result<Bytes>>,
}

/// How long Git has to end after it was told to, or after its client has gone.
const GRACE: Duration = Duration::from_secs(30);
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS: usize = 4;
const LONGEST_MESSAGE_BYTES: u64 = 8 * 1024;

impl Repositories {
    /// Returns what Git says first: what it can do, and which refs there are. `protocol` is what
    /// the client asked for in `Git-Protocol`.
    pub async fn advertise(
        &self,
        name: &RepositoryName,
        service: Service,
        protocol: Option<&str>,
    ) -> Result<Vec<u8>, GitError> {
        let git_folder = self.path(name);
        let mut command = self.serving(name, service, protocol);
        command.args(["--http-backend-info-refs", "."]);
        let objects = ObjectAccess { git_folder, quarantine: None };
        let args = [service.command()];
        let finished = objects.call(command, &args, &[], USUAL).await?;
        match finished.code {
            Some(0) => Ok(finished.stdout),
            _ => Err(GitError::Failed {
                command: service.command().to_owned(),
                message: finished.message,
            }),
        }
    }

    fn serving(&self, name: &RepositoryName, service: Service, protocol: Option<&str>) -> Command {
        let mut command = clean_git(&self.path(name));
        command.arg("-c").arg(self.hooks_setting()).arg(service.command());
        command.arg("--stateless-rpc");
        if let Some(protocol) = protocol.filter(|text| is_protocol(text)) {
            command.env("GIT_PROTOCOL", protocol);
        }
        command
    }
}

fn is_protocol(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=:.-_".contains(c);
    text.len() <= 200 && text.chars().all(plain)
}

/// One request of a client.
pub struct Exchange {
    /// Which repository; it exists.
    pub repository: RepositoryName,
    /// What the client asked for in `Git-Protocol`.
    pub protocol: Option<String>,
    /// A fetch, or a push and the right to it.
    pub wish: Wish,
    /// How long it may take.
    pub limits: ServeLimits,
    /// One of the conversations that may go on at once; given back when Git has ended.
    pub permit: OwnedSemaphorePermit,
}

/// What a client wants to do.
pub enum Wish {
    /// Fetch or clone.
    Fetch,
    /// Push, once.
    Push(PushTicket),
}

impl Repositories {
    /// Starts Git on one request of a client; `body` is what the client says.
    pub fn converse<S>(&self, exchange: Exchange, body: S) -> Result<Conversation, GitError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let Exchange { repository, protocol, wish, limits, permit } = exchange;
        let protocol = protocol.as_deref();
        let (mut command, ticket) = match wish {
            Wish::Fetch => (self.serving(&repository, Service::UploadPack, protocol), None),
            Wish::Push(ticket) => {
                let mut command = self.serving(&repository, Service::ReceivePack, protocol);
                self.prepare_push(&mut command, &ticket)?;
                (command, Some(ticket))
            }
        };
        command.arg(".").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(GitError::Run)?;
        let (sender, output) = mpsc::channel(CHUNKS);
        tokio::spawn(async move {
            converse(child, body, sender, ticket.as_ref(), limits).await;
            if let Some(ticket) = ticket {
                ticket.finish().await;
            }
            drop(permit);
        });
        Ok(Conversation { output })
    }

    fn prepare_push(&self, command: &mut Command, ticket: &PushTicket) -> Result<(), GitError> {
        // Git passes over a hook that it cannot start, and would let the push in.
        for hook in self.hooks() {
            access(&hook, AccessFlags::X_OK).map_err(|e| GitError::Run(e.into()))?;
        }
        let who = identity(ticket.pusher());
        command
            .envs(ticket.variables())
            .env("GIT_COMMITTER_NAME", &who)
            .env("GIT_COMMITTER_EMAIL", who);
        Ok(())
    }
}

/// Names the pusher in the ref's own log, which wants a name that is not empty.
fn identity(pusher: &Pusher) -> String {
    let plain = |c: &char| c.is_alphanumeric() || "-_.@+".contains(*c);
    format!("push-{}", pusher.0.chars().filter(plain).take(80).collect::<String>())
}

type Sender = mpsc::Sender<io::Result<Bytes>>;

/// What both directions of a conversation tell each other.
#[derive(Default)]
struct Signals {
    /// The client does not take what Git says.
    stalled: Notify,
    /// Nobody wants the rest of what the client says.
    stop_feeding: Notify,
    spoke: AtomicBool,
}

async fn converse<S>(
    mut child: Child,
    body: S,
    sender: Sender,
    ticket: Option<&PushTicket>,
    limits: ServeLimits,
) where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        panic!("BUG: the three pipes were asked for when Git was started");
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let signals = Signals::default();
    let conversation = async {
        let feed = async {
            tokio::select! {
                fed = feed(body, stdin, limits.idle) => fed,
                () = signals.stop_feeding.notified() => Ok(()),
            }
        };
        let pump = pump(stdout, &sender, &signals, limits.idle);
        let (fed, (), said) = tokio::join!(feed, pump, last_words(stderr));
        let status = child.wait().await;
        (fed, said, status)
    };
    let mut conversation = std::pin::pin!(conversation);
    let finished = tokio::select! {
        finished = &mut conversation => Some(finished),
        () = sender.closed() => None,
        () = signals.stalled.notified() => None,
        () = tokio::time::sleep(limits.total) => None,
    };
    let Some((fed, said, status)) = finished else {
        signals.stop_feeding.notify_one();
        if ticket.is_none_or(PushTicket::give_up) {
            signal(group, Signal::SIGTERM);
        }
        if tokio::time::timeout(GRACE, &mut conversation).await.is_err() {
            signal(group, Signal::SIGKILL);
            let _ = tokio::time::timeout(GRACE, &mut conversation).await;
        }
        return;
    };
    let succeeded = status.is_ok_and(|status| status.success());
    if !succeeded {
        tracing::debug!(said, "git ended with an error");
    }
    if !signals.spoke.load(Ordering::Relaxed) {
        let error = match fed {
            Err(error) => error,
            Ok(()) if succeeded => return,
            Ok(()) => io::Error::other(said),
        };
        let _ = sender.send(Err(error)).await;
    }
}

/// Gives Git what the client says. What Git does not want to hear is still read to its end, so
/// that the client listens to the answer.
async fn feed<S>(body: S, stdin: ChildStdin, idle: Duration) -> io::Result<()>
where
    S: Stream<Item = io::Result<Bytes>>,
{
    let mut body = std::pin::pin!(body);
    let mut stdin = Some(stdin);
    loop {
        let Some(chunk) = tokio::time::timeout(idle, body.next()).await? else { return Ok(()) };
        let chunk = chunk?;
        if let Some(pipe) = &mut stdin
            && pipe.write_all(&chunk).await.is_err()
        {
            stdin = None;
        }
    }
}

/// Gives the client what Git says. When the client no longer takes it, Git is still heard out.
async fn pump(mut stdout: ChildStdout, sender: &Sender, signals: &Signals, idle: Duration) {
    let mut listening = true;
    loop {
        let chunk = match next_chunk(&mut stdout).await {
            Ok(chunk) if chunk.is_empty() => return,
            Ok(chunk) => chunk,
            Err(error) => {
                tracing::warn!(%error, "cannot read what git says");
                return;
            }
        };
        signals.spoke.store(true, Ordering::Relaxed);
        if listening
            && !matches!(tokio::time::timeout(idle, sender.send(Ok(chunk))).await, Ok(Ok(())))
        {
            listening = false;
            signals.stalled.notify_one();
        }
    }
}

async fn next_chunk(pipe: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
    pipe.read_buf(&mut chunk).await?;
    Ok(chunk.freeze())
}

/// Reads all of what Git complains about and keeps the beginning.
async fn last_words(stderr: ChildStderr) -> String {
    let mut stderr = stderr;
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(LONGEST_MESSAGE_BYTES).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Signals Git and everything it started.
fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // What has ended meanwhile needs no signal.
        let _ = killpg(group, signal);
    }
}
