//! The control plane's side of a push: answers Git's hooks on a Unix socket.
//!
//! # Invariants
//!
//! - Only a hook with the token of a push under way is answered, and its pre-receive once.
//! - A decision that comes too late is not a push: what [`Pushes`] accepted then is reported lost.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::JoinHandle;

use super::git::ObjectAccess;
use super::hook::{HookKind, HookQuestion, HookReply, LONGEST_LINE_BYTES};
use super::push::{Push, PushAnswer, Pusher, Pushes, RefUpdate, RepositoryName};
use super::repositories::Repositories;
use super::rules;
use super::ticket::{Desk, OpenPush, PushTicket};

const QUESTION_TIME: Duration = Duration::from_secs(30);
const TURN_TIME: Duration = Duration::from_secs(120);
const DECISION_TIME: Duration = Duration::from_secs(120);

/// Listens for Git's hooks; ends when dropped.
pub struct HookServer {
    desk: Arc<Desk>,
    listening: JoinHandle<()>,
}

impl HookServer {
    /// Listens on the Unix socket `socket`, replacing what an earlier server left there.
    pub fn start(
        socket: &Path,
        repositories: Repositories,
        pushes: Arc<dyn Pushes>,
    ) -> io::Result<Self> {
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(socket)?;
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
        let desk = Arc::new(Desk::new(repositories, pushes, socket.canonicalize()?));
        let listening = tokio::spawn(listen(listener, Arc::clone(&desk)));
        Ok(Self { desk, listening })
    }

    /// Lets `pusher`, who is authenticated and may do so, push once to `repository`.
    pub fn open(
        &self,
        repository: RepositoryName,
        pusher: Pusher,
    ) -> Result<PushTicket, getrandom::Error> {
        self.desk.issue(repository, pusher)
    }

    /// Returns the repositories that are pushed to.
    pub fn repositories(&self) -> &Repositories {
        &self.desk.repositories
    }
}

impl Drop for HookServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: UnixListener, desk: Arc<Desk>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &desk).await {
                        tracing::warn!(%error, "a Git hook went away");
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept a Git hook");
                // Out of files, most likely: others have to end before it is worth another try.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, desk: &Arc<Desk>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut limited = (&mut stream).take(LONGEST_LINE_BYTES);
    tokio::time::timeout(QUESTION_TIME, limited.read_until(b'\n', &mut line)).await??;
    let reply = match serde_json::from_slice::<HookQuestion>(&line) {
        Ok(question) => answer(desk, question).await,
        Err(_) => refusal("the hook's question is not understood"),
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    stream.get_mut().write_all(&line).await
}

fn refusal(reason: &str) -> HookReply {
    HookReply { accept: false, messages: vec![format!("Refused: {reason}.")] }
}

async fn answer(desk: &Arc<Desk>, question: HookQuestion) -> HookReply {
    let push =
        desk.find(&question.token).filter(|push| push.repository.as_str() == question.repository);
    let Some(push) = push else {
        return refusal("this push is not under way (or its token is not right)");
    };
    match question.kind {
        HookKind::PreReceive if push.begin_deciding() => {
            let reply = pre_receive(desk, &push, question).await;
            if !reply.accept {
                push.refuse();
            }
            reply
        }
        HookKind::PreReceive => refusal("this push was asked about before"),
        HookKind::PostReceive => {
            if let Some((updates, _turn)) = push.end() {
                desk.account_for(&push, updates).await;
            }
            HookReply { accept: true, messages: Vec::new() }
        }
    }
}

async fn pre_receive(desk: &Arc<Desk>, push: &Arc<OpenPush>, question: HookQuestion) -> HookReply {
    let turn = desk.turn_of(&push.repository).lock_owned();
    let Ok(turn) = tokio::time::timeout(TURN_TIME, turn).await else {
        return refusal("another push to this repository takes too long; try again later");
    };
    let updates = match rules::updates_of(&question.refs) {
        Ok(updates) => updates,
        Err(reason) => return refusal(&reason),
    };
    let git_folder = desk.repositories.path(&push.repository);
    let quarantine = rules::quarantine_of(&git_folder, &question.git);
    let objects = ObjectAccess { git_folder, quarantine };
    match rules::objection(&objects, &updates).await {
        Ok(None) => {}
        Ok(Some(reason)) => return refusal(&reason),
        Err(error) => {
            tracing::error!(%error, repository = %push.repository, "cannot read what is pushed");
            return refusal("what is pushed cannot be read; the server's log says more");
        }
    }
    let asked = Push {
        repository: push.repository.clone(),
        pusher: push.pusher.clone(),
        updates: updates.clone(),
        options: question.options,
        objects,
    };
    decide(desk, push, asked, updates, turn).await
}

/// Asks [`Pushes`] in a task of its own, which goes on when nobody waits for it any more.
async fn decide(
    desk: &Arc<Desk>,
    push: &Arc<OpenPush>,
    asked: Push,
    updates: Vec<RefUpdate>,
    turn: OwnedMutexGuard<()>,
) -> HookReply {
    let (answered, answer) = oneshot::channel();
    let (owned_desk, owned_push) = (Arc::clone(desk), Arc::clone(push));
    tokio::spawn(async move {
        let (desk, push) = (owned_desk, owned_push);
        let reply = match desk.pushes.pushed(asked).await {
            PushAnswer::Refused { messages } => HookReply { accept: false, messages },
            PushAnswer::Accepted { messages } => match push.accept(updates, turn) {
                Ok(()) => HookReply { accept: true, messages },
                Err(updates) => {
                    desk.account_for(&push, updates).await;
                    refusal("the push was given up meanwhile")
                }
            },
        };
        // An answer that nobody waits for is accounted for when the push ends.
        let _ = answered.send(reply);
    });
    match tokio::time::timeout(DECISION_TIME, answer).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => refusal("the decision failed; the server's log says more"),
        Err(_) => refusal("the decision took too long; try again later"),
    }
}
