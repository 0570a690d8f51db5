//! `sluss up`: a supervisor without logic. It starts the control plane and the data plane as two
//! processes, and starts either again when it ends.
//!
//! On `SIGUSR2` both are replaced by what the program's file holds now: the next data plane takes
//! the listening sockets over before the former one ends, so that no request is lost.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sluss_engine::failure::{Blame, Failure};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::serve::{Serve, asked_to_end};

/// How long a part may take to end once asked.
const GRACE: Duration = Duration::from_secs(40);
/// How long after its end a part is started again.
const PAUSE: Duration = Duration::from_millis(200);

/// What the parts of an installation are called and started by.
pub struct Supervisor {
    program: PathBuf,
    options: Serve,
}

impl Supervisor {
    /// Returns the supervisor of an installation.
    ///
    /// # Errors
    ///
    /// When this program can't find itself.
    pub fn new(options: Serve) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::upstream("This program can't find itself", &error))?;
        Ok(Self { program, options })
    }

    fn control_plane(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--data").arg(&self.options.data);
        command.arg("--listen").arg(self.options.listen.to_string());
        if let Some(address) = &self.options.address {
            command.arg("--address").arg(address.to_string());
        }
        for witness in &self.options.witnesses {
            command.arg("--witness").arg(witness.to_string());
        }
        if let Some(authority) = &self.options.authority {
            command.arg("--timestamps").arg(&authority.url);
            command.arg("--timestamp-ca").arg(&authority.certificates);
        }
        for address in &self.options.notify {
            command.arg("--notify").arg(address.to_string());
        }
        if self.options.demo {
            command.arg("--demo");
        }
        self.with_spare(&mut command);
        command
    }

    fn successor(&self) -> Command {
        let mut command = self.data_plane();
        command.arg("--take-over");
        command
    }

    fn data_plane(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("host").arg("--data").arg(self.options.data.join("host"));
        self.with_spare(&mut command);
        command
    }

    fn with_spare(&self, command: &mut Command) {
        if let Some(spare) = &self.options.spare {
            command.arg("--spare").arg(spare);
        }
    }

    /// Runs both parts until `end`, starting again whichever ends by itself. A control plane that
    /// refuses to start (exit code 2) ends both.
    ///
    /// # Errors
    ///
    /// When a part can't be started at all.
    pub async fn run(&self, end: impl Future<Output = ()>) -> Result<(), Failure> {
        let mut host = self.started(self.data_plane(), "host")?;
        let mut control = self.started(self.control_plane(), "control")?;
        let mut upgrade = signal(SignalKind::user_defined2())
            .map_err(|error| Failure::upstream("`SIGUSR2` can't be listened for", &error))?;
        // Data planes that gave their place away and finish what they began.
        let mut leaving: Vec<Child> = Vec::new();
        tokio::pin!(end);
        let result = loop {
            tokio::select! {
                () = &mut end => break Ok(()),
                status = control.wait() => {
                    if status.as_ref().is_ok_and(|status| status.code() == Some(2)) {
                        break Err(self.refused());
                    }
                    tracing::warn!(?status, "the control plane ended; starting it again");
                    tokio::time::sleep(PAUSE).await;
                    control = self.started(self.control_plane(), "control")?;
                }
                _asked = upgrade.recv() => {
                    tracing::info!("replacing both parts by the program as it is now");
                    let next = self.started(self.successor(), "host")?;
                    leaving.push(std::mem::replace(&mut host, next));
                    stop(&mut control).await;
                    control = self.started(self.control_plane(), "control")?;
                }
                status = host.wait() => {
                    tracing::warn!(?status, "the host ended; starting it again");
                    tokio::time::sleep(PAUSE).await;
                    // One that still has the folder, since its successor failed, is asked for it.
                    host = self.started(self.successor(), "host")?;
                }
            }
            leaving.retain_mut(|host| matches!(host.try_wait(), Ok(None)));
        };
        for host in &mut leaving {
            stop(host).await;
        }
        stop(&mut control).await;
        stop(&mut host).await;
        result
    }

    fn refused(&self) -> Failure {
        let what = if self.options.demo {
            let log = std::fs::read_to_string(self.log("control")).unwrap_or_default();
            let reason = log.lines().rev().take(5).collect::<Vec<_>>();
            let reason = reason.into_iter().rev().collect::<Vec<_>>().join("\n");
            format!("The control plane did not start:\n{reason}")
        } else {
            "The control plane did not start; its reason stands above.".to_owned()
        };
        Failure::new(Blame::Caller, what, "Mend that, and start again")
    }

    /// Where a part writes what it reports, in a demo: the terminal is for the story.
    fn log(&self, name: &str) -> PathBuf {
        self.options.data.join(format!("{name}.log"))
    }

    /// Starts a part and remembers its process id beside its data, for whoever wants to look.
    fn started(&self, mut command: Command, name: &str) -> Result<Child, Failure> {
        if self.options.demo {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log(name));
            let log = log.map_err(|error| Failure::upstream("A log can't be written", &error))?;
            command.stderr(log);
        }
        let child = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::upstream("A part of Sluss can't be started", &error))?;
        if let Some(pid) = child.id() {
            // Only for people and tests: nothing is decided by it.
            let file = self.options.data.join(format!("{name}.pid"));
            std::fs::write(file, pid.to_string()).ok();
        }
        Ok(child)
    }
}

/// Asks a part to end, and ends it when it takes too long.
async fn stop(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let pid = nix::unistd::Pid::from_raw(pid);
        if nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).is_ok()
            && tokio::time::timeout(GRACE, child.wait()).await.is_ok()
        {
            return;
        }
    }
    child.kill().await.ok();
}

/// Runs `sluss up`.
///
/// # Errors
///
/// When a part can't be started.
pub async fn up(options: Serve) -> Result<(), Failure> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&options.data)
        .map_err(|error| Failure::upstream("The data folder can't be made", &error))?;
    crate::first::first_account(&options).await?;
    Supervisor::new(options)?.run(asked_to_end()).await
}
