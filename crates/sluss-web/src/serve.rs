//! The HTTP server: bounded in connections and in time, and hardened headers on every answer.
//!
//! # Invariants
//!
//! - No answer leaves without the headers of [`harden`].
//! - A host name that is not ours is not answered, so that nobody can make a browser believe that
//!   our pages are theirs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use sluss_engine::failure::{Blame, Failure};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::app::{ANSWER_WITHIN, App};
use crate::auth::failed;

/// How many may be connected at once.
const CONNECTIONS_MOST: usize = 2048;
/// How long a client may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How long requests in flight get to end at shutdown.
const DRAIN: Duration = Duration::from_secs(10);
/// How often finished minutes of refusals are recorded.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Serves on `listener` until `shutdown` completes, and then lets what is in flight end.
pub async fn serve(app: App, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
    let router = app.router();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    let graceful = GracefulShutdown::new();
    let flushing = tokio::spawn(record_strangers(app.clone()));
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_WITHIN);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(error = %error, "a connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    app.stop();
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    flushing.abort();
    app.record_strangers().await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            stream.set_nodelay(true).ok();
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            // Out of files, most likely: others have to end before it is worth another try.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn record_strangers(app: App) {
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        app.record_strangers_before(app.minute()).await;
    }
}

/// Returns the routes that say whether this process is well.
pub(crate) fn health() -> Router<App> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    // The first event of a log opens it; without it nothing was read yet.
    match app.engine.state().size {
        0 => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        _ => (StatusCode::OK, "ready\n"),
    }
}

pub(crate) async fn not_found(State(app): State<App>, request: Request) -> Response {
    let what = "There is nothing at this address.";
    let failure = Failure::new(Blame::NotFound, what, "Begin at the first page: `/`");
    failed(&app, &request, failure)
}

pub(crate) async fn not_allowed(State(app): State<App>, request: Request) -> Response {
    let what = format!("This address does not take {}.", request.method());
    let failure = Failure::new(Blame::Caller, what, "See what there is: `/api/v1/openapi.json`");
    let mut response = failed(&app, &request, failure);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Ends a request whose answer does not begin in time.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "This took too long; try again.\n").into_response(),
    }
}

/// Turns away requests for other hosts, and puts the headers on every answer that keep a browser
/// from doing what we did not mean.
pub(crate) async fn harden(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let host = host_of(request.headers(), request.uri());
    let known = host.as_deref().is_some_and(|host| is_ours(host, &app.settings.address));
    let mut response = if known {
        if let Some(host) = host.and_then(|host| HeaderValue::try_from(host).ok()) {
            request.headers_mut().insert(header::HOST, host);
        }
        next.run(request).await
    } else {
        let hint = format!(
            "This is {}; start with another `--address` to change that.\n",
            app.settings.address
        );
        (StatusCode::MISDIRECTED_REQUEST, hint).into_response()
    };
    let headers = response.headers_mut();
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "same-origin");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if app.settings.tls() {
        // A browser that was here by TLS comes back by nothing else for a year.
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    response
}

fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    // HTTP/2 has the host in the address.
    let of_uri = uri.authority().map(|authority| authority.as_str().to_owned());
    of_uri.or_else(|| headers.get(header::HOST)?.to_str().ok().map(str::to_owned))
}

/// Returns whether `host` is that of `address`, this machine's own name for itself, or a number:
/// no other site can have one of these.
fn is_ours(host: &str, address: &str) -> bool {
    let own = address.split_once("://").map_or(address, |(_, rest)| rest);
    let own = own.split('/').next().unwrap_or(own);
    let name = without_port(host);
    name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case(without_port(own))
}

pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_hosts_are_answered() {
        let address = "https://sluss.bank.example/";
        for host in ["sluss.bank.example", "localhost:8470", "127.0.0.1:8470", "[::1]:8470"] {
            assert!(is_ours(host, address), "{host}");
        }
        for host in
            ["evil.example", "sluss.bank.example.evil.example", "", "127.0.0.1.evil.example"]
        {
            assert!(!is_ours(host, address), "{host}");
        }
    }
}
