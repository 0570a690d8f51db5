//! What every handler shares, and how the routes are put together.
//!
//! For pages: `GET /sign-in` is theirs (query: `next`, and `failed=wrong` or `failed=locked` after
//! a failed attempt), its form posts `login`, `password` and `next` to `/sign-in`; a form with the
//! button to sign out posts to `/sign-out`. Each form of a signed-in person has one hidden field
//! `csrf` with [`Person::csrf`](crate::auth::Person::csrf), and is taken by
//! [`Form`](crate::forms::Form).

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use sluss_core::decide::{Actor, Command};
use sluss_core::event::RefusedWhy;
use sluss_core::ids::PersonRef;
use sluss_engine::engine::Engine;
use sluss_engine::executor::Executor;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::forge::HookServer;
use sluss_engine::reconcile::routes::Ports;
use sluss_insight::controls::Ledger;
use tokio::sync::{Mutex, Semaphore, watch};

use crate::auth::{self, PasswordMemory, Strangers, WebGitAuth};
use crate::forms::SpentForms;
use crate::git::{GitLimits, GitState};
use crate::{api, git, live, pages, serve};

/// The largest body that is taken, but for pushes, in bytes.
pub const LARGEST_BODY_BYTES: usize = 256 * 1024;
/// How many may watch `/live` or follow a log at once.
const WATCHERS_MOST: usize = 256;

/// How the pages are served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether this is a demo; every page says so, and the sign-in page shows the accounts.
    pub demo: bool,
    /// Where people find the pages, like `http://127.0.0.1:8470`. One with `https` is of something
    /// in front that speaks TLS; then cookies are sent over nothing else.
    pub address: String,
}

impl Settings {
    /// Returns whether people find the pages over TLS.
    pub(crate) fn tls(&self) -> bool {
        self.address.starts_with("https://")
    }
}

/// Parts of the running system that pages need besides the engine.
#[derive(Default)]
pub struct Seams {
    /// Takes pushes; without it there is no Git over HTTP.
    pub hooks: Option<Arc<HookServer>>,
    /// Runs steps; without it a log is only shown once its step has ended.
    pub executor: Option<Arc<dyn Executor>>,
    /// How the target's routes stand; without it no page says what holds a process.
    pub ports: Option<Ports>,
}

/// What every handler shares. Cloning is cheap.
#[derive(Clone)]
pub struct App {
    /// The running system.
    pub engine: Engine,
    /// How the pages are served.
    pub settings: Arc<Settings>,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) seams: Seams,
    pub(crate) strangers: Strangers,
    pub(crate) spent: SpentForms,
    pub(crate) passwords: PasswordMemory,
    pub(crate) watchers: Arc<Semaphore>,
    /// Evidence is checked for one after the other: each takes a core for a moment.
    pub(crate) checking: Semaphore,
    /// What the log tells, as far as controls ask and it was read.
    pub(crate) controls: Mutex<Ledger>,
    pub(crate) stopping: watch::Sender<bool>,
}

impl App {
    /// Returns what handlers share.
    pub fn new(engine: Engine, settings: Settings, seams: Seams) -> Self {
        let passwords = PasswordMemory::new(engine.nonce());
        let shared = Shared {
            seams,
            strangers: Strangers::default(),
            spent: SpentForms::default(),
            passwords,
            watchers: Arc::new(Semaphore::new(WATCHERS_MOST)),
            checking: Semaphore::new(1),
            controls: Mutex::default(),
            stopping: watch::Sender::new(false),
        };
        Self { engine, settings: Arc::new(settings), shared: Arc::new(shared) }
    }

    /// Returns all routes, each guarded by what [`routes`](crate::routes) says of it.
    pub fn router(&self) -> Router {
        let own = pages::router()
            .merge(api::router())
            .merge(auth::router())
            .merge(live::router())
            .merge(serve::health())
            .fallback(serve::not_found)
            .method_not_allowed_fallback(serve::not_allowed)
            .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
            .layer(middleware::from_fn_with_state(self.clone(), auth::guard))
            .layer(middleware::from_fn(serve::in_time))
            .with_state(self.clone());
        let whole = match &self.shared.seams.hooks {
            Some(hooks) => {
                let known = Arc::new(WebGitAuth::new(self.clone()));
                let state = GitState::new(Arc::clone(hooks), known, GitLimits::default());
                own.merge(git::router(state))
            }
            None => own,
        };
        whole.layer(middleware::from_fn_with_state(self.clone(), serve::harden))
    }

    /// Records that somebody who is signed in was refused `act`.
    pub async fn record_denied(&self, actor: Actor, act: &str, why: RefusedWhy) {
        let command = Command::Denied { subject: None, act: act.to_owned(), why };
        if let Err(failure) = self.engine.command(command, actor, None).await {
            tracing::error!(%failure, act, "a refusal could not be recorded");
        }
    }

    /// Records the refusals of callers who were not signed in, counted until now.
    pub async fn record_strangers(&self) {
        self.record_strangers_before(i64::MAX).await;
    }

    /// Records those of the minutes that are over.
    pub(crate) async fn record_strangers_before(&self, minute: i64) {
        for counted in self.shared.strangers.take_before(minute) {
            if let Err(failure) = self.engine.report(counted).await {
                tracing::error!(%failure, "refusals could not be recorded");
            }
        }
    }

    /// Counts a refusal of a caller who is not signed in.
    pub(crate) fn count_stranger(&self, route: &str, why: RefusedWhy) {
        let minute = self.minute();
        self.shared.strangers.count(route, why, minute);
    }

    /// Returns the minute that it is, since 1970-01-01 UTC.
    pub(crate) fn minute(&self) -> i64 {
        self.engine.now().0.div_euclid(60_000)
    }

    /// Returns whether `who` has the role of a developer.
    pub fn is_developer(&self, who: &PersonRef) -> bool {
        let state = self.engine.state();
        state.organisation.as_ref().is_some_and(|o| o.developers.contains(who))
    }

    /// Stores a text that people wrote, and returns what a command may carry of it; nothing for
    /// an empty one.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it is too long or cannot be stored.
    pub async fn put_reason(
        &self,
        text: Option<&str>,
    ) -> Result<Option<sluss_core::ids::Digest>, Failure> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let stored = self.engine.parts().prose.put_prose(text).await;
        stored.map(Some).map_err(|error| match error {
            sluss_store::ProseError::TooLong { .. } => Failure::new(
                Blame::Caller,
                format!("The reason is too long: {error}."),
                "Shorten it",
            ),
            error => Failure::upstream("The reason could not be stored", &error),
        })
    }

    /// Ends what streams without end, and refuses new ones.
    pub fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }
}

/// Reads the body of a request whole.
pub(crate) async fn body_of(request: Request) -> Result<Bytes, Failure> {
    let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY_BYTES).await;
    body.map_err(|error| {
        let large = error.source().is_some_and(|cause| cause.is::<LengthLimitError>());
        if large {
            let what = format!("The body is larger than {LARGEST_BODY_BYTES} bytes.");
            Failure::new(Blame::TooLarge, what, "Shorten its texts")
        } else {
            Failure::new(Blame::Caller, "The body broke off.", "Send it again")
        }
    })
}

/// Returns the HTTP status of a failure.
pub fn status(blame: Blame) -> StatusCode {
    match blame {
        Blame::Caller => StatusCode::BAD_REQUEST,
        Blame::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Blame::Denied => StatusCode::FORBIDDEN,
        Blame::NotFound => StatusCode::NOT_FOUND,
        Blame::Conflict => StatusCode::CONFLICT,
        Blame::Upstream => StatusCode::SERVICE_UNAVAILABLE,
        Blame::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// How long a request may take until its answer begins, but for pushes and fetches.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(60);
