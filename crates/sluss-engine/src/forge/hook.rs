//! The hook's side of a push: `sluss hook pre-receive`, started by Git.
//!
//! It forwards what Git tells it to the control plane and does as it is told.
//!
//! # Invariants
//!
//! - Without an answer there is no push: whatever goes wrong before Git moves refs is a refusal.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) const SOCKET_VARIABLE: &str = "SLUSS_HOOK_SOCKET";
pub(super) const TOKEN_VARIABLE: &str = "SLUSS_HOOK_TOKEN";
pub(super) const REPOSITORY_VARIABLE: &str = "SLUSS_HOOK_REPOSITORY";

/// The longest question or answer on the socket, in bytes.
pub(super) const LONGEST_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Longer than the control plane takes at most, which refuses with a better reason.
const PATIENCE: Duration = Duration::from_secs(600);
const MOST_OPTIONS: usize = 100;

/// Which of Git's hooks asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HookKind {
    PreReceive,
    PostReceive,
}

/// A line of what Git gives the hook: a ref and what it was and becomes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RefLine {
    pub(super) old: String,
    pub(super) new: String,
    pub(super) name: String,
}

/// Where Git keeps what was pushed until it is accepted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct GitPlaces {
    pub(super) git_dir: Option<String>,
    pub(super) object_directory: Option<String>,
    pub(super) alternate_object_directories: Option<String>,
    pub(super) quarantine_path: Option<String>,
}

/// What the hook asks, as one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HookQuestion {
    pub(super) token: String,
    pub(super) kind: HookKind,
    pub(super) repository: String,
    pub(super) refs: Vec<RefLine>,
    pub(super) git: GitPlaces,
    pub(super) options: Vec<String>,
}

/// What the control plane answers to a hook, as one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReply {
    /// Whether the push may go on.
    pub accept: bool,
    /// What the pusher is shown, a line each.
    pub messages: Vec<String>,
}

impl HookReply {
    fn refused(messages: &[&str]) -> Self {
        Self { accept: false, messages: messages.iter().map(|line| (*line).to_owned()).collect() }
    }
}

/// Runs Git's hook `kind` (`pre-receive` or `post-receive`) to its end: asks the control plane and
/// shows its messages, which Git shows to the pusher as `remote: …`.
pub fn hook_main(
    kind: &str,
    stdin: &mut dyn Read,
    variable: &dyn Fn(&str) -> Option<String>,
) -> ExitCode {
    let reply = ask(kind, stdin, variable);
    for line in reply.messages.iter().flat_map(|message| message.lines()) {
        eprintln!("{line}");
    }
    if reply.accept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Asks the control plane what Git's hook `kind` should do; refuses where it cannot be asked.
pub fn ask(
    kind: &str,
    stdin: &mut dyn Read,
    variable: &dyn Fn(&str) -> Option<String>,
) -> HookReply {
    let kind = match kind {
        "pre-receive" => HookKind::PreReceive,
        "post-receive" => HookKind::PostReceive,
        _ => return HookReply::refused(&["This hook is not one of Sluss."]),
    };
    let (Some(socket), Some(token)) = (variable(SOCKET_VARIABLE), variable(TOKEN_VARIABLE)) else {
        return HookReply::refused(&[
            "Refused: this repository is pushed to over HTTP, through Sluss.",
            "The address is on the service's page.",
        ]);
    };
    let refs = match refs_of(stdin) {
        Ok(refs) => refs,
        Err(reply) => return reply,
    };
    let question = HookQuestion {
        token,
        kind,
        repository: variable(REPOSITORY_VARIABLE).unwrap_or_default(),
        refs,
        git: GitPlaces {
            git_dir: variable("GIT_DIR"),
            object_directory: variable("GIT_OBJECT_DIRECTORY"),
            alternate_object_directories: variable("GIT_ALTERNATE_OBJECT_DIRECTORIES"),
            quarantine_path: variable("GIT_QUARANTINE_PATH"),
        },
        options: options_of(variable),
    };
    match (exchange(&socket, &question), kind) {
        (Ok(reply), _) => reply,
        (Err(_), HookKind::PreReceive) => HookReply::refused(&[
            "Refused: Sluss did not answer, so nothing was accepted and no branch moved.",
            "Push again in a moment. If it stays so, `sluss doctor` on the server says why.",
        ]),
        (Err(_), HookKind::PostReceive) => HookReply {
            accept: true,
            messages: vec![
                "The push is stored. Sluss did not answer; it takes it up when it is back."
                    .to_owned(),
            ],
        },
    }
}

fn refs_of(stdin: &mut dyn Read) -> Result<Vec<RefLine>, HookReply> {
    let unreadable = || HookReply::refused(&["Refused: a branch or tag name is not valid UTF-8."]);
    let mut input = Vec::new();
    if stdin.take(LONGEST_LINE_BYTES / 2).read_to_end(&mut input).is_err() {
        return Err(HookReply::refused(&["Refused: Git did not say what is pushed."]));
    }
    let input = String::from_utf8(input).map_err(|_| unreadable())?;
    let lines = input.lines().map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().map(str::to_owned);
        Some(RefLine { old: word()?, new: word()?, name: word()? })
    });
    lines
        .collect::<Option<_>>()
        .ok_or_else(|| HookReply::refused(&["Refused: Git did not say what is pushed."]))
}

fn options_of(variable: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let count = variable("GIT_PUSH_OPTION_COUNT").and_then(|count| count.parse().ok());
    (0..count.unwrap_or(0usize).min(MOST_OPTIONS))
        .filter_map(|n| variable(&format!("GIT_PUSH_OPTION_{n}")))
        .collect()
}

fn exchange(socket: &str, question: &HookQuestion) -> std::io::Result<HookReply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST_LINE_BYTES)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
