//! The sample bank: its people, its repositories, and how they are pushed.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use include_dir::{Dir, include_dir};
use sluss_engine::failure::{Blame, Failure};
use sluss_store::NewAccount;
use tokio::process::Command;

static PAYMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/payments");
static BANK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/bank");

/// Someone at the sample bank.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Their login.
    pub login: &'static str,
    /// Their name.
    pub name: &'static str,
    /// Their password, which a demo may show.
    pub password: &'static str,
}

/// Writes and pushes changes.
pub const ANNA: Person = Person { login: "anna", name: "Anna Author", password: "demo-anna" };
/// Is the second person.
pub const BO: Person = Person { login: "bo", name: "Bo Second", password: "demo-bo-2" };
/// Reads everything and changes nothing.
pub const EVA: Person = Person { login: "eva", name: "Eva Auditor", password: "demo-eva" };

/// Makes the accounts of the sample bank.
pub async fn open_accounts(data: &Path) -> Result<(), Failure> {
    let accounts = crate::first::accounts(data).await?;
    for person in [ANNA, BO, EVA] {
        let new = NewAccount {
            login: person.login.to_owned(),
            name: person.name.to_owned(),
            emails: vec![email(person)],
            password: person.password.to_owned(),
        };
        accounts
            .create(new)
            .await
            .map_err(|error| Failure::upstream("A demo account can't be made", &error))?;
    }
    accounts.close().await;
    Ok(())
}

fn email(person: Person) -> String {
    format!("{}@bank.example", person.login)
}

/// Returns `wanted`, or an address with another port when that one is taken.
pub fn free(wanted: SocketAddr) -> Result<SocketAddr, Failure> {
    let taken = |error: std::io::Error| Failure::upstream("No port is free", &error);
    match TcpListener::bind(wanted) {
        Ok(_free) => Ok(wanted),
        Err(_taken) => {
            let other = TcpListener::bind((wanted.ip(), 0)).map_err(taken)?;
            other.local_addr().map_err(taken)
        }
    }
}

/// A work tree of someone at the sample bank.
pub struct Repository {
    folder: PathBuf,
    remote: String,
}

impl Repository {
    /// Makes the work tree of the platform repository.
    pub async fn platform(work: &Path, listen: SocketAddr) -> Result<Self, Failure> {
        Self::begin(work, "platform", &BANK, listen).await
    }

    /// Makes the work tree of the payments service, which customers call on `port`.
    pub async fn payments(work: &Path, listen: SocketAddr, port: u16) -> Result<Self, Failure> {
        let repository = Self::begin(work, "payments", &PAYMENTS, listen).await?;
        let file = repository.folder.join("sluss.yaml");
        let text = std::fs::read_to_string(&file).map_err(written)?;
        std::fs::write(&file, text.replace("port: 8080", &format!("port: {port}")))
            .map_err(written)?;
        Ok(repository)
    }

    async fn begin(
        work: &Path,
        name: &str,
        content: &Dir<'_>,
        listen: SocketAddr,
    ) -> Result<Self, Failure> {
        let folder = work.join(name);
        std::fs::create_dir_all(&folder).map_err(written)?;
        content.extract(&folder).map_err(written)?;
        make_scripts_runnable(&folder).map_err(written)?;
        let remote = format!("http://{}:{}@{listen}/git/{name}.git", ANNA.login, ANNA.password);
        let repository = Self { folder, remote };
        repository.git(&["init", "--quiet", "--initial-branch=main"]).await?;
        Ok(repository)
    }

    /// Commits everything as the author, and pushes it; returns what Git said.
    pub async fn push(&self, message: &str) -> Result<String, Failure> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", message]).await?;
        self.git(&["push", "--quiet", &self.remote, "main"]).await
    }

    /// Takes over one of the sample's changes.
    pub async fn change(&self, patch: &str) -> Result<(), Failure> {
        self.git(&["apply", &format!("changes/{patch}.patch")]).await.map(|_said| ())
    }

    async fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", ANNA.name)
            .env("GIT_AUTHOR_EMAIL", email(ANNA))
            .env("GIT_COMMITTER_NAME", ANNA.name)
            .env("GIT_COMMITTER_EMAIL", email(ANNA))
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| Failure::upstream("`git` can't be started", &error))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.success() {
            true => Ok(said),
            false => {
                let what = format!("git {}: {said}", arguments.first().unwrap_or(&""));
                Err(Failure::new(Blame::Upstream, what, "Look at what Git says"))
            }
        }
    }
}

fn written(error: std::io::Error) -> Failure {
    Failure::upstream("The sample's files can't be written", &error)
}

/// Files taken from the program have no modes; scripts begin with `#!`.
fn make_scripts_runnable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            make_scripts_runnable(&path)?;
        } else if std::fs::read(&path)?.starts_with(b"#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Ends the services that the demo's data plane started, so that nothing is left running.
pub async fn take_down(data: &Path) {
    use sluss_core::target::Desired;
    use sluss_engine::target::{HostTarget, Target};
    let target = HostTarget::new(data.join("host"));
    let Ok(routes) = target.status().await else { return };
    for route in routes {
        target.apply(&Desired::nothing(route.key, u64::MAX / 2)).await.ok();
    }
    let gone = async {
        while target.status().await.is_ok_and(|routes| {
            routes.iter().any(|route| route.arms.iter().any(|arm| !arm.instances.is_empty()))
        }) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.ok();
}
