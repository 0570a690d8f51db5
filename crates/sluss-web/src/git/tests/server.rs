//! A server with one person who may push, and the clients that the tests try it with.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use sluss_engine::forge::{
    HookServer, Push, PushAnswer, Pusher, Pushes, Received, Repositories, RepositoryName,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use crate::git::{Access, GitAuth, GitLimits, GitState, Refusal, router};

/// A push that waits for the test's answer.
pub(super) type Asked = (Push, oneshot::Sender<PushAnswer>);

pub(super) struct Desk {
    asked: mpsc::UnboundedSender<Asked>,
    received: mpsc::UnboundedSender<Received>,
    /// What every push is answered; without it, the test is asked.
    pub(super) answer: Mutex<Option<PushAnswer>>,
    /// What was read in each push's quarantine.
    pub(super) seen: Mutex<Vec<String>>,
}

#[async_trait]
impl Pushes for Desk {
    async fn pushed(&self, push: Push) -> PushAnswer {
        for update in &push.updates {
            if let Some(new) = &update.new {
                let commits = push.objects.commits(update.old.as_ref(), new, 100).await.unwrap();
                let paths = push.objects.changed_paths(update.old.as_ref(), new).await.unwrap();
                let unseen = push.objects.unseen_commits(new, 100).await.unwrap().len();
                let subject = commits.first().map(|c| c.subject.clone()).unwrap_or_default();
                let seen = format!(
                    "{} {} `{subject}` {unseen} new, {} in all, {paths:?} {:?}",
                    push.pusher,
                    update.name,
                    commits.len(),
                    push.options,
                );
                self.seen.lock().unwrap().push(seen);
            }
        }
        if let Some(answer) = self.answer.lock().unwrap().clone() {
            return answer;
        }
        let (answer, answered) = oneshot::channel();
        self.asked.send((push, answer)).unwrap();
        answered.await.unwrap()
    }

    async fn received(&self, push: Received) {
        let _ = self.received.send(push);
    }
}

/// `ada` with `secret` may all, `eve` with `secret` may nothing, `bob` may read.
#[derive(Default)]
pub(super) struct Door {
    pub(super) refusals: Mutex<Vec<Refusal>>,
}

#[async_trait]
impl GitAuth for Door {
    async fn authenticate(&self, login: &str, secret: &str) -> Option<Pusher> {
        (["ada", "bob", "eve"].contains(&login) && secret == "secret")
            .then(|| Pusher(login.to_owned()))
    }

    async fn may(
        &self,
        who: &Pusher,
        _repository: &RepositoryName,
        access: Access,
    ) -> Result<(), String> {
        match (who.0.as_str(), access) {
            ("ada", _) | ("bob", Access::Read) => Ok(()),
            _ => Err(format!("{who} is not in the team of this service.")),
        }
    }

    async fn may_create(&self, who: &Pusher, name: &RepositoryName) -> Result<(), String> {
        match who.0.as_str() {
            "ada" => Ok(()),
            _ => Err(format!("{who} may not make `{name}`.")),
        }
    }

    async fn refused(&self, refusal: Refusal) {
        self.refusals.lock().unwrap().push(refusal);
    }
}

pub(super) struct Server {
    pub(super) folder: TempDir,
    pub(super) repositories: Repositories,
    pub(super) desk: Arc<Desk>,
    pub(super) door: Arc<Door>,
    pub(super) asked: mpsc::UnboundedReceiver<Asked>,
    pub(super) received: mpsc::UnboundedReceiver<Received>,
    address: std::net::SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(super) fn accepted() -> PushAnswer {
    PushAnswer::Accepted { messages: Vec::new() }
}

/// Starts a server that accepts every push.
pub(super) async fn server() -> Server {
    server_with(GitLimits::default()).await
}

pub(super) async fn server_with(limits: GitLimits) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let script = "SLUSS_TEST_HOOK=\"$1\" exec \"$0\" --exact git::tests::hook_process \
                  --nocapture >/dev/null";
    let hook = ["sh", "-c", script, program.to_str().unwrap()].map(str::to_owned);
    let repositories = Repositories::open(&folder.path().join("git"), &hook).unwrap();
    let ((asked, to_answer), (received, to_see)) =
        (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let desk = Arc::new(Desk {
        asked,
        received,
        answer: Mutex::new(Some(accepted())),
        seen: Mutex::default(),
    });
    let socket = folder.path().join("hooks.socket");
    let pushes: Arc<dyn Pushes> = Arc::clone(&desk) as _;
    let hooks = HookServer::start(&socket, repositories.clone(), pushes).unwrap();
    let door = Arc::new(Door::default());
    let auth: Arc<dyn GitAuth> = Arc::clone(&door) as _;
    let app = router(GitState::new(Arc::new(hooks), auth, limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    std::fs::create_dir(folder.path().join("home")).unwrap();
    let (asked, received) = (to_answer, to_see);
    Server { folder, repositories, desk, door, asked, received, address, serving }
}

/// How a `git` command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    pub(super) fn succeeded(self) -> Self {
        assert!(self.succeeded, "{self:?}");
        self
    }

    pub(super) fn failed_saying(self, words: &str) -> Self {
        assert!(!self.succeeded && self.stderr.contains(words), "no `{words}` in {self:?}");
        self
    }
}

impl Server {
    pub(super) fn url(&self, repository: &str) -> String {
        self.url_as("ada:secret", repository)
    }

    pub(super) fn url_as(&self, who: &str, repository: &str) -> String {
        format!("http://{who}@{}/git/{repository}.git", self.address)
    }

    pub(super) fn path(&self, repository: &str) -> PathBuf {
        self.repositories.path(&repository.parse().unwrap())
    }

    pub(super) fn git_command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@bank.example")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@bank.example")
            .args(["-c", "credential.helper=", "-c", "init.defaultBranch=main"])
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub(super) async fn git(&self, folder: &Path, args: &[&str]) -> Ended {
        let output = self.git_command(folder, args).output().await.unwrap();
        Ended {
            succeeded: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }
    }

    /// Makes a work tree with one commit, whose remote `origin` is `repository`.
    pub(super) async fn work_tree(&self, name: &str, repository: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        self.git(&folder, &["init", "--quiet"]).await.succeeded();
        self.git(&folder, &["remote", "add", "origin", &self.url(repository)]).await.succeeded();
        self.commit(&folder, "README.md", b"hello\n").await;
        folder
    }

    pub(super) async fn commit(&self, folder: &Path, file: &str, bytes: &[u8]) -> String {
        std::fs::write(folder.join(file), bytes).unwrap();
        self.git(folder, &["add", "--", file]).await.succeeded();
        let message = format!("Change {file}");
        self.git(folder, &["commit", "--quiet", "-m", &message]).await.succeeded();
        self.git(folder, &["rev-parse", "HEAD"]).await.succeeded().stdout
    }

    /// Returns what a ref of the server's repository is at, or nothing.
    pub(super) async fn at(&self, repository: &str, name: &str) -> String {
        self.git(&self.path(repository), &["rev-parse", "--verify", "--quiet", name]).await.stdout
    }

    /// Says that Git finds nothing wrong with the repository, and that nothing was left behind.
    pub(super) async fn assert_sound(&self, repository: &str) {
        let path = self.path(repository);
        self.git(&path, &["fsck", "--full", "--strict", "--no-dangling"]).await.succeeded();
        let left = std::fs::read_dir(path.join("objects")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("tmp")), "{left:?}");
    }

    /// Begins a request as `ada`; the body is the caller's to send.
    pub(super) async fn request(&self, method_and_path: &str, headers: &[&str]) -> TcpStream {
        let basic = base64::engine::general_purpose::STANDARD.encode("ada:secret");
        let mut head = format!(
            "{method_and_path} HTTP/1.1\r\nHost: sluss\r\nConnection: close\r\n\
             Authorization: Basic {basic}\r\n"
        );
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// Sends a whole request of one of Git's services and returns the whole answer.
    pub(super) async fn post(&self, path: &str, headers: &[&str], body: &[u8]) -> String {
        let service = path.rsplit('/').next().unwrap();
        let kind = format!("Content-Type: application/x-{service}-request");
        let length = format!("Content-Length: {}", body.len());
        let mut all = vec![kind.as_str(), length.as_str()];
        all.extend_from_slice(headers);
        let mut stream = self.request(&format!("POST {path}"), &all).await;
        stream.write_all(body).await.unwrap();
        answer(stream).await
    }
}

pub(super) async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000";

/// The request of a push that moves one ref to what the server has already.
pub(super) fn push_request(old: &str, new: &str, name: &str) -> Vec<u8> {
    let command = format!("{old} {new} {name}\0 report-status side-band-64k agent=test");
    let mut body = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
    // A pack without objects.
    body.extend_from_slice(b"PACK\0\0\0\x02\0\0\0\0");
    body.extend_from_slice(&[
        0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c, 0x82,
        0x3c, 0xfd, 0x3e, 0xd3, 0x1e,
    ]);
    body
}
