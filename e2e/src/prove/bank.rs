//! The bank of a proof: a Sluss of its own, its policy, and the services that are released.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::clock::wall_ms;
use super::variants::{Kind, Programs};
use crate::{Repository, Sluss, answer, free_port, wait_for};

const PATIENCE: Duration = Duration::from_secs(120);

const ORGANISATION: &str = "\
name: Proof bank
four_eyes: never
require: [tests, verdict]
open_registration: true
people:
  ada: [developer, approver]
";

/// A quick test of the program itself: without its port it must say so, and end.
const TEST: &str = "#!/bin/sh
set -u
said=$(env -u PORT ./payments 2>&1) && exit 1
echo \"$said\"
echo \"$said\" | grep -q 'PORT is not set'
";

/// A service of the bank.
pub struct Service {
    /// Its name.
    pub name: String,
    /// The port that customers call.
    pub port: u16,
    repository: Repository,
    folder: PathBuf,
    versions: u32,
}

/// A release that was pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The place of its service.
    pub service: usize,
    /// How it is.
    pub kind: Kind,
    /// Its commit.
    pub commit: String,
    /// When it was pushed.
    pub at_ms: i64,
}

/// Makes the policy that everything of the proof is released under.
pub fn found(sluss: &Sluss) {
    let platform = Repository::of(&sluss.scratch("platform"));
    platform.pull(&sluss.remote("platform"));
    platform.write("organisation.yaml", ORGANISATION);
    platform.commit("Ask for tests and a verdict");
    let (pushed, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    wait_for("the policy is active", PATIENCE, || {
        (sluss.get("/api/v1/status")?["organisation"] == "Proof bank").then_some(())
    });
}

impl Service {
    /// Makes the repository of the service at this place; nothing is pushed yet.
    pub fn begin(sluss: &Sluss, place: usize) -> Self {
        let letter = char::from(b'a' + u8::try_from(place).unwrap_or(0));
        let (name, port) = (format!("pay-{letter}"), free_port());
        let folder = sluss.scratch(&name);
        let repository = Repository::of(&folder);
        let file = format!(
            "service: {name}\ntemplate: command@1\nunit: Idempotency-Key\nwith:\n  port: {port}\n  ready: /ready\n  \
             start: ./payments\n  files: [payments, version]\n  instances: 2\n  \
             test: sh ./test.sh\n  rollout: progressive\n"
        );
        repository.write("sluss.yaml", &file);
        repository.write("test.sh", TEST);
        Self { name, port, repository, folder, versions: 0 }
    }

    /// Commits the next version, of this kind.
    ///
    /// # Errors
    ///
    /// When the program can't be put into the repository.
    pub fn commit(
        &mut self,
        place: usize,
        kind: Kind,
        programs: &Programs,
    ) -> Result<Pushed, String> {
        self.versions += 1;
        let version = self.versions;
        let to = self.folder.join("payments");
        std::fs::copy(programs.of(kind), to).map_err(|error| error.to_string())?;
        self.repository.write("version", &format!("{} {version}\n", self.name));
        self.repository.commit(&format!("PAY-{version}: version {version} ({})", kind.word()));
        let commit = head(&self.folder).ok_or("git does not name the commit")?;
        Ok(Pushed { service: place, kind, commit, at_ms: wall_ms() })
    }

    /// Pushes what is committed; returns whether Sluss took it.
    pub fn push(&self, sluss: &Sluss) -> bool {
        self.repository.push(&sluss.remote(&self.name), "main").0
    }

    /// Returns whether customers are answered.
    pub fn answers(&self) -> bool {
        answer(self.port, "/ready").is_some()
    }
}

fn head(folder: &Path) -> Option<String> {
    let mut command = Command::new("git");
    command.args(["rev-parse", "HEAD"]).current_dir(folder).stdin(Stdio::null());
    let output = command.output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
