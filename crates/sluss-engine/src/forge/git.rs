//! Runs the `git` program on one repository: a clean environment, bounded output, bounded time.
//!
//! # Invariants
//!
//! - No configuration but the repository's own and ours reaches Git, and Git never asks anyone.
//! - A call ends: what takes too long or says too much is killed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// Says why Git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no usable `git` program, or no usable folder.
    #[error("the `git` program could not be run")]
    Run(#[source] io::Error),
    /// Git ended with an error.
    #[error("`git {command}` failed: {message}")]
    Failed {
        /// Which of Git's commands.
        command: String,
        /// What it said.
        message: String,
    },
    /// Git said more than is taken.
    #[error("`git {command}` gave more than {limit_bytes} bytes")]
    TooMuch {
        /// Which of Git's commands.
        command: String,
        /// How much would have been taken.
        limit_bytes: usize,
    },
    /// Git took too long.
    #[error("`git {command}` did not end within {seconds} s")]
    TooSlow {
        /// Which of Git's commands.
        command: String,
        /// How long it had.
        seconds: u64,
    },
    /// Git said something that is not understood.
    #[error("`git {command}` gave an answer that is not understood")]
    Unreadable {
        /// Which of Git's commands.
        command: String,
    },
    /// A name or path that Git must not be given.
    #[error("`{0}` is not a usable name or path")]
    Unusable(String),
}

/// Reads one repository; during a push also what was pushed and is not yet part of it.
#[derive(Debug, Clone)]
pub struct ObjectAccess {
    pub(super) git_folder: PathBuf,
    /// Where Git keeps the objects of a push until its refs move. It is named as an alternate, so
    /// that reading goes on unharmed after Git has moved them to the repository.
    pub(super) quarantine: Option<PathBuf>,
}

/// How much and for how long a call to Git may give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

pub(super) const USUAL: Bounds = Bounds { bytes: 16 * 1024 * 1024, time: Duration::from_secs(60) };

const LONGEST_MESSAGE_BYTES: u64 = 8 * 1024;

/// What a finished call gave.
pub(super) struct Finished {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) message: String,
}

impl ObjectAccess {
    /// Returns the output of a call that must succeed.
    pub(super) async fn output(&self, args: &[&str], bounds: Bounds) -> Result<Vec<u8>, GitError> {
        self.output_of_input(args, &[], bounds).await
    }

    /// Returns the output of a call that is given `input` and must succeed.
    pub(super) async fn output_of_input(
        &self,
        args: &[&str],
        input: &[u8],
        bounds: Bounds,
    ) -> Result<Vec<u8>, GitError> {
        let finished = self.call(self.command(args), args, input, bounds).await?;
        match finished.code {
            Some(0) => Ok(finished.stdout),
            _ => Err(failed(args, finished.message)),
        }
    }

    /// Answers a question that Git answers by its exit code: 0 is yes, 1 is no.
    pub(super) async fn answer(&self, args: &[&str]) -> Result<Option<String>, GitError> {
        let finished = self.call(self.command(args), args, &[], USUAL).await?;
        match finished.code {
            Some(0) => text(args, finished.stdout).map(Some),
            Some(1) => Ok(None),
            _ => Err(failed(args, finished.message)),
        }
    }

    /// Makes a call of Git on this repository.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = clean_git(&self.git_folder);
        command.arg("--git-dir").arg(&self.git_folder).args(args);
        if let Some(quarantine) = &self.quarantine {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quarantine);
        }
        command
    }

    /// Runs `command` to its end.
    pub(super) async fn call(
        &self,
        mut command: Command,
        args: &[&str],
        input: &[u8],
        bounds: Bounds,
    ) -> Result<Finished, GitError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(GitError::Run)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            panic!("BUG: the three pipes were asked for above");
        };
        let conversation = async {
            let write = async {
                // Who has heard enough closes its ear; its exit code says whether that was right.
                let _ = stdin.write_all(input).await;
                drop(stdin);
            };
            let limit = bounds.bytes as u64;
            let read = read_at_most(stdout, limit + 1);
            let ((), stdout, message) =
                tokio::join!(write, read, read_at_most(stderr, LONGEST_MESSAGE_BYTES));
            let stdout = stdout.map_err(GitError::Run)?;
            if stdout.len() > bounds.bytes {
                return Err(GitError::TooMuch {
                    command: name_of(args),
                    limit_bytes: bounds.bytes,
                });
            }
            let status = child.wait().await.map_err(GitError::Run)?;
            let message = String::from_utf8_lossy(&message.map_err(GitError::Run)?).into_owned();
            Ok(Finished { code: status.code(), stdout, message: message.trim().to_owned() })
        };
        match tokio::time::timeout(bounds.time, conversation).await {
            Ok(finished) => finished,
            Err(_) => {
                Err(GitError::TooSlow { command: name_of(args), seconds: bounds.time.as_secs() })
            }
        }
    }
}

/// Reads to the end or to `limit`; closing the pipe early ends whoever goes on writing.
async fn read_at_most(pipe: impl AsyncRead + Unpin, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Makes a call of Git that knows nothing of this machine's and this user's settings.
pub(super) fn clean_git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().current_dir(folder).kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .env("HOME", folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        // The folders are the control plane's own, whoever it runs as.
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*");
    command
}

/// Returns Git's output as text.
pub(super) fn text(args: &[&str], bytes: Vec<u8>) -> Result<String, GitError> {
    String::from_utf8(bytes).map_err(|_| unreadable(args))
}

pub(super) fn unreadable(args: &[&str]) -> GitError {
    GitError::Unreadable { command: name_of(args) }
}

fn failed(args: &[&str], message: String) -> GitError {
    GitError::Failed { command: name_of(args), message }
}

fn name_of(args: &[&str]) -> String {
    args.iter().find(|arg| !arg.starts_with('-')).unwrap_or(&"").to_string()
}
