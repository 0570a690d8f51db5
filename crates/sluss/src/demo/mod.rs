//! `sluss demo`: the whole story on a sample bank, told while it really happens.
//!
//! It starts a Sluss of its own and is then nothing but its users: a developer who pushes with
//! `git`, a second person who approves, and customers who pay. Whatever it says it has read from
//! the API or the log.

mod bank;
mod customers;
mod failed;
mod figures;
mod story;

use std::path::{Path, PathBuf};

use sluss_engine::failure::{Blame, Failure};

use crate::commands::Output;
use crate::serve::{Serve, asked_to_end};
use crate::up::Supervisor;

/// Show the whole story on a sample bank, for real
#[derive(Debug, clap::Args)]
pub struct DemoArguments {
    /// End after the story instead of running on; exit code 0 only if all that was promised held
    #[arg(long)]
    once: bool,
    /// The demo's folder; its log is begun anew each time, its build caches are kept
    #[arg(long, default_value_os_t = default_folder())]
    folder: PathBuf,
    /// The address of pages, API and Git
    #[arg(long, default_value = "127.0.0.1:8440")]
    listen: std::net::SocketAddr,
    /// Payments a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
}

fn default_folder() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache")
    });
    base.join("sluss-demo")
}

/// Runs the demo.
///
/// # Errors
///
/// When it can't be told, or something that was promised did not hold.
pub async fn run(arguments: DemoArguments, output: Output) -> Result<(), Failure> {
    let folder = std::path::absolute(&arguments.folder).unwrap_or(arguments.folder.clone());
    begin_anew(&folder)
        .map_err(|error| Failure::upstream("The demo's folder can't be made", &error))?;
    let data = folder.join("data");
    bank::open_accounts(&data).await?;
    let listen = bank::free(arguments.listen)?;
    let supervisor = Supervisor::new(Serve::demo(data.clone(), listen))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let supervising = tokio::spawn(async move {
        let end = async move {
            stopped.await.ok();
        };
        supervisor.run(end).await
    });
    let told = tokio::select! {
        told = story::tell(&folder, listen, arguments.rate, (arguments.once, output)) => told,
        () = asked_to_end() => Err(Failure::new(Blame::Caller, "The demo was ended.", "")),
    };
    if told.is_ok() && !arguments.once {
        story::stay(listen);
        asked_to_end().await;
    }
    bank::take_down(&data).await;
    stop.send(()).ok();
    let supervised = supervising.await.map_err(|error| Failure::upstream("Sluss ended", &error))?;
    told?.verdict().and(supervised)
}

/// Clears the demo's folder, but for the build caches and what was fetched for them.
fn begin_anew(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mark = folder.join("this-is-a-sluss-demo");
    let empty = std::fs::read_dir(folder)?.next().is_none();
    if !mark.exists() && !empty {
        return Err(std::io::Error::other(format!(
            "{} holds something else; give another one with --folder",
            folder.display()
        )));
    }
    std::fs::write(&mark, "Everything in this folder may be deleted.\n")?;
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    for entry in std::fs::read_dir(&data)? {
        let entry = entry?;
        if entry.file_name() == "cache" {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    let work = folder.join("work");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)
}
