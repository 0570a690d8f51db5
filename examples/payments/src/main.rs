//! The payments service: reads its environment, wires everything, serves until it
//! is asked to stop, then finishes what is in flight.
//!
//! `PORT` is where it listens on 127.0.0.1; `STATE_DIR` holds the books, which
//! another release may have open at the same time; `RELEASE` is what it calls itself;
//! `GROUP_COMMIT=off` commits each payment alone, which is there to be measured.

mod behaviour;
mod metrics;
mod reader;
mod routes;
mod writer;

use books::Books;
use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use writer::Commits;

/// How long requests in flight may take once the service is asked to stop.
const DRAIN: Duration = Duration::from_secs(25);

struct Settings {
    port: u16,
    state: PathBuf,
    release: String,
    commits: Commits,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("payments: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_environment()?;
    behaviour::at_start()?;
    std::fs::create_dir_all(&settings.state)?;
    let file = settings.state.join("payments.db");
    let metrics = Arc::new(metrics::Metrics::default());
    let (writer, thread) =
        writer::start(Books::open(&file)?, settings.commits, Arc::clone(&metrics))?;
    let service = routes::Service {
        writer,
        accounts: reader::Reader::new(Books::open(&file)?),
        audit: reader::Reader::new(Books::open(&file)?),
        metrics,
        release: settings.release.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()?;
    runtime.block_on(serve(&settings, service))?;
    drop(runtime);
    thread.join().map_err(|_panic| "the writer panicked")?;
    eprintln!("payments: stopped");
    Ok(())
}

async fn serve(settings: &Settings, service: routes::Service) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", settings.port))
        .await
        .map_err(|error| format!("port {} cannot be listened on: {error}", settings.port))?;
    eprintln!("payments: release {} on {}", settings.release, listener.local_addr()?);
    let (stop, stopping) = watch::channel(false);
    let stopped = stop_signal()?;
    tokio::spawn(async move {
        stopped.await;
        stop.send_replace(true);
    });
    let asked = |mut stopping: watch::Receiver<bool>| async move {
        drop(stopping.wait_for(|stop| *stop).await);
    };
    let overdue = asked(stopping.clone());
    tokio::select! {
        served = axum::serve(listener, routes::router(service))
            .with_graceful_shutdown(asked(stopping)) => Ok(served?),
        () = async { overdue.await; tokio::time::sleep(DRAIN).await } => {
            eprintln!("payments: some requests were not done in {DRAIN:?}");
            Ok(())
        }
    }
}

/// Returns what is ready once SIGTERM or SIGINT has come.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

impl Settings {
    fn from_environment() -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let port = read("PORT").ok_or("PORT is not set: the port to listen on")?;
        let state = read("STATE_DIR").ok_or("STATE_DIR is not set: the folder of the books")?;
        let commits = match read("GROUP_COMMIT").as_deref() {
            None | Some("on") => Commits::Grouped,
            Some("off") => Commits::Single,
            Some(other) => return Err(format!("GROUP_COMMIT is on or off, not {other}")),
        };
        Ok(Self {
            commits,
            port: port.parse().map_err(|_| format!("PORT is no port number: {port}"))?,
            state: state.into(),
            release: read("RELEASE").unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        })
    }
}
