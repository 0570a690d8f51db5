//! The payments service in all its variants, good and bad, built once before a proof begins.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing is wrong with it.
    Good,
    /// Fails 5 % of transfers.
    Fails,
    /// Fails 20 % of transfers.
    FailsOften,
    /// Answers 4 % of requests 80 ms later.
    Slow,
    /// Keeps 8 MiB for each request, until it meets its limit.
    Leaks,
    /// Refuses to start.
    Start,
    /// Aborts a minute after each start.
    Crashes,
    /// Says that it is ready, and fails everything.
    Lies,
    /// Fails every payment of one kind, one in eleven.
    OneKind,
    /// Fails 20 % of transfers once it is ten minutes old.
    Late,
}

impl Kind {
    /// Every bad kind.
    pub const BAD: [Self; 9] = [
        Self::Fails,
        Self::FailsOften,
        Self::Slow,
        Self::Leaks,
        Self::Start,
        Self::Crashes,
        Self::Lies,
        Self::OneKind,
        Self::Late,
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fails => "fails 5 %",
            Self::FailsOften => "fails 20 %",
            Self::Slow => "slow tail",
            Self::Leaks => "leaks memory",
            Self::Start => "does not start",
            Self::Crashes => "crashes each minute",
            Self::Lies => "lies: fails all",
            Self::OneKind => "fails one kind",
            Self::Late => "fails after 10 min",
        }
    }

    /// Why such a release need not be taken back for a proof to succeed; nothing where it must be.
    pub fn excused(self) -> Option<&'static str> {
        match self {
            Self::Crashes => Some("two instances that crash once a minute may be replaced before"),
            Self::Slow => {
                Some("what is within the incumbent's own slowest hundredth does not show")
            }
            Self::Good
            | Self::Fails
            | Self::FailsOften
            | Self::Leaks
            | Self::Start
            | Self::Lies
            | Self::OneKind
            | Self::Late => None,
        }
    }

    /// The part of its requests that fails, where that is known.
    pub fn fails(self) -> Option<f64> {
        match self {
            Self::Fails => Some(0.05),
            Self::FailsOften | Self::Late => Some(0.20),
            Self::OneKind => Some(1.0 / 11.0),
            Self::Lies => Some(1.0),
            Self::Good | Self::Slow | Self::Leaks | Self::Start | Self::Crashes => None,
        }
    }

    /// Whether the same payment fails whenever it meets such a release, so that sending it again
    /// there is no use.
    pub fn sticks(self) -> bool {
        matches!(self, Self::OneKind | Self::Lies)
    }

    /// The seconds of age from which it is bad.
    pub fn begins_s(self) -> f64 {
        if self == Self::Late { 600.0 } else { 0.0 }
    }

    /// The feature of the sample that it is built with.
    pub fn feature(self) -> Option<&'static str> {
        Some(match self {
            Self::Good => return None,
            Self::Fails => "bad-fails",
            Self::FailsOften => "bad-fails-often",
            Self::Slow => "bad-slow",
            Self::Leaks => "bad-gushes",
            Self::Start => "bad-start",
            Self::Crashes => "bad-crashes",
            Self::Lies => "bad-lies",
            Self::OneKind => "bad-kind",
            Self::Late => "bad-late",
        })
    }
}

/// The programs that a proof releases, and the one that pays.
#[derive(Debug)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds what is missing; says which on standard error.
    ///
    /// # Errors
    ///
    /// What cargo said of a build that failed.
    pub fn build() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = root.join("target").join("prove");
        let programs = Self { folder: target.join("variants") };
        std::fs::create_dir_all(&programs.folder).map_err(|error| error.to_string())?;
        let sample = root.join("examples").join("payments");
        eprintln!("building the customers and {} variants of payments", Kind::BAD.len() + 1);
        cargo(&sample, &target, "payments-load", None)?;
        take(&target, "payments-load", &programs.load())?;
        for kind in std::iter::once(Kind::Good).chain(Kind::BAD) {
            cargo(&sample, &target, "payments", kind.feature())?;
            take(&target, "payments", &programs.of(kind))?;
        }
        Ok(programs)
    }

    /// Returns the service of this kind.
    pub fn of(&self, kind: Kind) -> PathBuf {
        self.folder.join(kind.feature().unwrap_or("good"))
    }

    /// Returns the customers.
    pub fn load(&self) -> PathBuf {
        self.folder.join("payments-load")
    }
}

fn cargo(sample: &Path, target: &Path, package: &str, feature: Option<&str>) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--locked", "--package", package]);
    command.args(["--bin", package]).args(feature.map(|feature| format!("--features={feature}")));
    let output = command
        .current_dir(sample)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{package}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Copies what was built, without what only a debugger needs.
fn take(target: &Path, name: &str, to: &Path) -> Result<(), String> {
    let from = target.join("release").join(name);
    std::fs::copy(&from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    // A program that was not stripped is only larger.
    Command::new("strip").arg(to).status().ok();
    Ok(())
}
