//! The host's own interface: HTTP/1.1 with JSON over a Unix socket, for whoever has the token.
//!
//! ```text
//! PUT  /routes                                      Desired             -> Applied
//! GET  /status                                                          -> [RouteStatus]
//! GET  /counters?service=S&environment=E&after=T                        -> [CounterRow]
//! POST /lease                                       {key, generation}   -> Applied
//! GET  /journal?after=N                                                 -> [JournalRow]
//! ```
//!
//! # Invariants
//!
//! - Whoever has no token learns nothing but that.
//! - Every refusal is `{"what", "hint"}`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sluss_core::target::RouteKey;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::host::Host;
use crate::wanted::{Refused, Why};

/// Renews the lease of a route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    key: RouteKey,
    generation: u64,
}

/// Opens the socket.
pub(crate) fn open(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        // A host that was killed left it; the folder's lock says that none is running.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The folder around it is 0700, so nobody comes in before the next line.
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves callers; never returns.
pub(crate) async fn serve(listener: UnixListener, host: Arc<Host>, token: String) {
    let expected: Arc<str> = format!("Bearer {token}").into();
    // Dropped with this future, and with it all that they hold.
    let mut callers = JoinSet::new();
    loop {
        while callers.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _caller)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a caller could not be taken; raise the open files");
                sleep(PAUSE_WHEN_FULL).await;
                continue;
            }
        };
        let (host, expected) = (Arc::clone(&host), Arc::clone(&expected));
        callers.spawn(async move {
            let service = service_fn(move |request| {
                let (host, expected) = (Arc::clone(&host), Arc::clone(&expected));
                async move { answer(&host, &expected, request).await }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_CALLER)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a caller's connection broke");
            }
        });
    }
}

async fn answer(
    host: &Arc<Host>,
    expected: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let brought = request.headers().get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let done = match is_same(brought, expected.as_bytes()) {
        true => dispatch(host, request).await,
        false => Err(Refused {
            why: Why::Denied,
            what: "the bearer token is missing or wrong".into(),
            hint: "send `Authorization: Bearer …` with what `token` in the data folder holds"
                .into(),
        }),
    };
    let (status, body) = match done {
        Ok(body) => (StatusCode::OK, body),
        Err(Refused { why, what, hint }) => {
            let status = match why {
                Why::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                Why::Missing => StatusCode::NOT_FOUND,
                Why::Denied => StatusCode::UNAUTHORIZED,
                Why::Conflict => StatusCode::CONFLICT,
                Why::Machine => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, serde_json::json!({ "what": what, "hint": hint }).to_string().into_bytes())
        }
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
}

async fn dispatch(host: &Arc<Host>, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    match (request.method(), request.uri().path()) {
        (&Method::PUT, "/routes") => json(&host.apply(body(request).await?).await?),
        (&Method::POST, "/lease") => {
            let renewal: Renewal = body(request).await?;
            json(&host.renew(&renewal.key, renewal.generation)?)
        }
        (&Method::GET, "/status") => json(&host.status()),
        (&Method::GET, "/counters") => {
            let key = RouteKey {
                service: parameter(&query, "service", None)?,
                environment: parameter(&query, "environment", None)?,
            };
            json(&host.counters(&key, parameter(&query, "after", Some(i64::MIN))?)?)
        }
        (&Method::GET, "/journal") => {
            json(&host.journal.after(parameter(&query, "after", Some(0))?))
        }
        (method, path) => Err(Refused {
            why: Why::Missing,
            what: format!("there is no {method} {path}"),
            hint: "there are PUT /routes, POST /lease, GET /status, /counters and /journal".into(),
        }),
    }
}

async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refused> {
    let hint = "send the JSON that `sluss_core::target` describes";
    let read = timeout(SLOWEST_BODY, Limited::new(request.into_body(), LARGEST_BODY).collect());
    let collected = match read.await {
        Ok(Ok(collected)) => collected,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let what = format!("the body is longer than {LARGEST_BODY} bytes");
            return Err(Refused::invalid(what, "put one route at a time"));
        }
        Ok(Err(error)) => return Err(Refused::invalid(format!("the body broke: {error}"), hint)),
        Err(_) => return Err(Refused::invalid("the body took too long", hint)),
    };
    serde_json::from_slice(&collected.to_bytes())
        .map_err(|error| Refused::invalid(format!("the body cannot be read: {error}"), hint))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(value).map_err(|error| Refused {
        why: Why::Machine,
        what: format!("the answer cannot be written: {error}"),
        hint: "this is a bug; report it with this text".into(),
    })
}

/// Returns a parameter of the query; the values that we take never need an escape.
fn parameter<T: std::str::FromStr>(
    query: &str,
    name: &str,
    otherwise: Option<T>,
) -> Result<T, Refused> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(found, _)| *found == name).map(|(_, value)| value);
    found.map_or(otherwise, |value| value.parse().ok()).ok_or_else(|| {
        Refused::invalid(
            format!("the parameter `{name}` is missing or malformed"),
            "ask like /counters?service=payments&environment=production&after=1700000000",
        )
    })
}

/// Compares in a time that does not tell where the difference is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

const LARGEST_BODY: usize = 4 << 20;
const SLOWEST_BODY: Duration = Duration::from_secs(10);
const IDLE_CALLER: Duration = Duration::from_secs(60);
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(50);
