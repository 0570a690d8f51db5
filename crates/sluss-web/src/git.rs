//! Git over HTTP: what `git clone`, `git fetch` and `git push` talk to, under `/git/{name}.git`.
//!
//! # Invariants
//!
//! - Nobody reads or writes without having signed in, and names are not told to strangers.
//! - Bodies are streamed, in both directions, and bounded in size, time and number.
//!
//! What a push means and whether it is accepted is not decided here, but by the hook server's
//! [`sluss_engine::forge::Pushes`].

mod auth;
mod body;
mod reply;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{any, get, post};
use serde::Deserialize;
use sluss_engine::forge::{
    Exchange, HookServer, LARGEST_PUSH_BYTES, Pusher, RepositoryName, ServeLimits, Service, Wish,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use auth::{Access, GitAuth, Refusal, RefusalReason};
use reply::Denied;

/// How much Git over HTTP may take.
#[derive(Debug, Clone, Copy)]
pub struct GitLimits {
    /// Fetches and clones at once.
    pub fetches: usize,
    /// Pushes at once.
    pub pushes: usize,
    /// How long a client waits for its turn.
    pub wait: Duration,
    /// How long a conversation may take.
    pub times: ServeLimits,
    /// The largest request of a fetch, unpacked.
    pub fetch_request_bytes: u64,
    /// The largest request of a push, unpacked.
    pub push_request_bytes: u64,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self {
            fetches: 16,
            pushes: 8,
            wait: Duration::from_secs(30),
            times: ServeLimits::default(),
            fetch_request_bytes: 32 * 1024 * 1024,
            // Git itself refuses a larger pack, and with a better message.
            push_request_bytes: LARGEST_PUSH_BYTES + 8 * 1024 * 1024,
        }
    }
}

/// What the routes share.
#[derive(Clone)]
pub struct GitState {
    hooks: Arc<HookServer>,
    auth: Arc<dyn GitAuth>,
    limits: GitLimits,
    fetches: Arc<Semaphore>,
    pushes: Arc<Semaphore>,
}

impl GitState {
    /// Serves the repositories of `hooks` to whom `auth` lets in.
    pub fn new(hooks: Arc<HookServer>, auth: Arc<dyn GitAuth>, limits: GitLimits) -> Self {
        let fetches = Arc::new(Semaphore::new(limits.fetches));
        let pushes = Arc::new(Semaphore::new(limits.pushes));
        Self { hooks, auth, limits, fetches, pushes }
    }

    async fn permit(&self, service: Service) -> Result<OwnedSemaphorePermit, Denied> {
        let semaphore = match service {
            Service::UploadPack => &self.fetches,
            Service::ReceivePack => &self.pushes,
        };
        let turn = Arc::clone(semaphore).acquire_owned();
        match tokio::time::timeout(self.limits.wait, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Denied::Busy),
        }
    }
}

/// Routes `/git/{name}.git/…`.
pub fn router(state: GitState) -> Router {
    Router::new()
        .route("/git/{name}/info/refs", get(info_refs))
        .route("/git/{name}/git-upload-pack", post(upload_pack))
        .route("/git/{name}/git-receive-pack", post(receive_pack))
        .route("/git/{name}", any(not_git))
        .route("/git/{name}/", any(not_git))
        .route("/git/{name}/{*rest}", any(not_git))
        .with_state(state)
}

#[derive(Debug, Deserialize)]
struct InfoRefs {
    service: Option<String>,
}

async fn info_refs(
    State(state): State<GitState>,
    Path(name): Path<String>,
    Query(query): Query<InfoRefs>,
    headers: HeaderMap,
) -> Result<Response, Denied> {
    let service = match query.service.as_deref() {
        Some("git-upload-pack") => Service::UploadPack,
        Some("git-receive-pack") => Service::ReceivePack,
        Some(_) | None => return Err(Denied::NotSmart),
    };
    let (_, repository) = admit(&state, &headers, &name, service, Unknown::MayBeMade).await?;
    let _permit = state.permit(service).await?;
    let protocol = protocol_of(&headers);
    let refs = state
        .hooks
        .repositories()
        .advertise(&repository, service, protocol.as_deref())
        .await
        .map_err(Denied::git)?;
    Ok(reply::advertisement(service, protocol.as_deref(), refs))
}

async fn upload_pack(
    State(state): State<GitState>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Denied> {
    let service = Service::UploadPack;
    reply::check_type(service, request.headers())?;
    let (_, repository) =
        admit(&state, request.headers(), &name, service, Unknown::StaysSo).await?;
    converse(&state, repository, Wish::Fetch, request).await
}

async fn receive_pack(
    State(state): State<GitState>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Denied> {
    let service = Service::ReceivePack;
    reply::check_type(service, request.headers())?;
    let (pusher, repository) =
        admit(&state, request.headers(), &name, service, Unknown::StaysSo).await?;
    let ticket = state.hooks.open(repository.clone(), pusher).map_err(Denied::random)?;
    converse(&state, repository, Wish::Push(ticket), request).await
}

async fn not_git() -> Denied {
    Denied::NotSmart
}

async fn converse(
    state: &GitState,
    repository: RepositoryName,
    wish: Wish,
    request: Request,
) -> Result<Response, Denied> {
    let (service, limit) = match &wish {
        Wish::Fetch => (Service::UploadPack, state.limits.fetch_request_bytes),
        Wish::Push(_) => (Service::ReceivePack, state.limits.push_request_bytes),
    };
    let permit = state.permit(service).await?;
    let protocol = protocol_of(request.headers());
    let encoding = body::Encoding::of(request.headers()).ok_or(Denied::Encoding)?;
    let body = body::input(request.into_body(), encoding, limit);
    let limits = state.limits.times;
    let exchange = Exchange { repository, protocol, wish, limits, permit };
    let conversation = state.hooks.repositories().converse(exchange, body).map_err(Denied::git)?;
    reply::conversation(service, conversation).await
}

/// What to do about a repository that there is none of.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// A push makes it, if the pusher may.
    MayBeMade,
    StaysSo,
}

/// Finds out who asks for which repository, and whether that is theirs to ask.
async fn admit(
    state: &GitState,
    headers: &HeaderMap,
    name: &str,
    service: Service,
    unknown: Unknown,
) -> Result<(Pusher, RepositoryName), Denied> {
    let access = match service {
        Service::UploadPack => Access::Read,
        Service::ReceivePack => Access::Write,
    };
    let Some(credentials) = auth::Credentials::of(headers) else {
        return Err(Denied::SignIn);
    };
    let refuse = |reason| {
        let (login, repository) = (credentials.login.clone(), name.chars().take(80).collect());
        state.auth.refused(Refusal { login, repository, access, reason })
    };
    let Some(who) = state.auth.authenticate(&credentials.login, &credentials.secret).await else {
        refuse(RefusalReason::WrongSecret).await;
        return Err(Denied::SignIn);
    };
    let repository: RepositoryName = match name.strip_suffix(".git").unwrap_or(name).parse() {
        Ok(repository) => repository,
        Err(malformed) => {
            refuse(RefusalReason::Unknown).await;
            return Err(Denied::Unknown(format!("{malformed}.")));
        }
    };
    let repositories = state.hooks.repositories();
    let exists = repositories.exists(&repository);
    let allowed = match (exists, access, unknown) {
        (true, _, _) => state.auth.may(&who, &repository, access).await,
        (false, Access::Write, Unknown::MayBeMade) => {
            state.auth.may_create(&who, &repository).await
        }
        (false, Access::Write | Access::Read, _) => {
            refuse(RefusalReason::Unknown).await;
            return Err(Denied::Unknown(format!(
                "There is no repository `{repository}`. Your first push to it makes it."
            )));
        }
    };
    if let Err(reason) = allowed {
        refuse(RefusalReason::NotAllowed(reason.clone())).await;
        return Err(Denied::Forbidden(reason));
    }
    if !exists {
        repositories.ensure(&repository).await.map_err(Denied::git)?;
    }
    Ok((who, repository))
}

fn protocol_of(headers: &HeaderMap) -> Option<String> {
    headers.get("git-protocol").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Never to be kept by a cache: refs move.
const UNCACHED: [(header::HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-cache, max-age=0, must-revalidate"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "Fri, 01 Jan 1980 00:00:00 GMT"),
];
