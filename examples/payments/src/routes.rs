//! The service over HTTP: parses what comes, asks the books, answers.
//!
//! A fault of ours is answered 500 or 503 and marked `sluss-outcome: failed`; what
//! a customer may not do is a 4xx and no fault.

use crate::behaviour::{self, Kind};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::writer::{Unanswered, Writer};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use books::{AccountId, Answer, Instruction, Key, Outcome, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that answering takes.
pub(crate) struct Service {
    pub(crate) writer: Writer,
    pub(crate) accounts: Reader,
    pub(crate) audit: Reader,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) release: String,
}

type Shared = State<Arc<Service>>;

/// What a customer is told of a request that does not reach the books.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    message: String,
}

const MOST_BODY_BYTES: usize = 64 * 1024;
const MOST_KEYS_IN_PAGE: u32 = 10_000;
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
const OUTCOME: HeaderName = HeaderName::from_static("sluss-outcome");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Returns the routes of the service.
pub(crate) fn router(service: Service) -> Router {
    let service = Arc::new(service);
    Router::new()
        .route("/accounts", post(open))
        .route("/accounts/{id}", get(account))
        .route("/transfers", post(transfer).get(applied_keys))
        .route("/transfers/{id}/reversal", post(reverse))
        .route("/holds", post(hold))
        .route("/holds/{id}/capture", post(capture))
        .route("/holds/{id}/release", post(release))
        .route("/books", get(books))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "no_such_route", "see README.md") })
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), observe))
        .with_state(service)
}

async fn open(State(service): Shared, headers: HeaderMap, body: Bytes) -> Response {
    service.answer("open", &headers, parse(&body).map(Instruction::Open)).await
}

async fn transfer(State(service): Shared, headers: HeaderMap, body: Bytes) -> Response {
    service.answer("transfer", &headers, parse(&body).map(Instruction::Transfer)).await
}

async fn hold(State(service): Shared, headers: HeaderMap, body: Bytes) -> Response {
    service.answer("hold", &headers, parse(&body).map(Instruction::Hold)).await
}

async fn capture(State(service): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let hold = number(&id, "ho_").map(|hold| Instruction::Capture { hold });
    service.answer("capture", &headers, hold).await
}

async fn release(State(service): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let hold = number(&id, "ho_").map(|hold| Instruction::Release { hold });
    service.answer("release", &headers, hold).await
}

async fn reverse(State(service): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let transfer = number(&id, "tr_").map(|transfer| Instruction::Reverse { transfer });
    service.answer("reversal", &headers, transfer).await
}

async fn account(State(service): Shared, Path(id): Path<String>) -> Response {
    let Ok(id) = AccountId::try_from(id) else { return no_such_account() };
    match service.accounts.read(move |books| books.account(&id)).await {
        Some(Some(account)) => json_of(StatusCode::OK, &account),
        Some(None) => no_such_account(),
        None => fault("the books could not be read"),
    }
}

async fn books(State(service): Shared) -> Response {
    let Some(summary) = service.audit.read(|books| books.summary()).await else {
        return fault("the books could not be read");
    };
    let mut response = json_of(StatusCode::OK, &summary);
    if !summary.is_balanced() {
        response.headers_mut().insert(OUTCOME, HeaderValue::from_static("failed"));
    }
    response
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Page {
    #[serde(default)]
    keys_after: String,
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_limit() -> u32 {
    1_000
}

async fn applied_keys(State(service): Shared, Query(page): Query<Page>) -> Response {
    let limit = page.limit.clamp(1, MOST_KEYS_IN_PAGE);
    let read = service.audit.read(move |books| books.applied_keys(&page.keys_after, limit));
    match read.await {
        Some(keys) => json_of(StatusCode::OK, &json!({ "keys": keys })),
        None => fault("the books could not be read"),
    }
}

async fn ready(State(service): Shared) -> Response {
    let probe = service.accounts.read(|books| books.probe());
    match tokio::time::timeout(PROBE_PATIENCE, probe).await {
        Ok(Some(())) => json_of(StatusCode::OK, &json!({ "ready": true })),
        Ok(None) | Err(_) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the books do not answer")
        }
    }
}

async fn metrics(State(service): Shared) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], service.metrics.text()).into_response()
}

async fn version(State(service): Shared) -> Response {
    json_of(StatusCode::OK, &json!({ "service": "payments", "release": service.release }))
}

/// Counts and times every request, and is bad where the release was built to be.
async fn observe(State(service): Shared, request: HttpRequest, next: Next) -> Response {
    let started = Instant::now();
    let kind = match (request.method(), request.uri().path()) {
        (&Method::POST, "/transfers") => Kind::Transfer,
        (_, "/ready" | "/metrics" | "/version") => Kind::Probe,
        _ => Kind::Other,
    };
    let response = if behaviour::spoils(kind) {
        fault("the payment could not be processed")
    } else {
        next.run(request).await
    };
    behaviour::linger(kind).await;
    service.metrics.request(response.status().as_u16(), started.elapsed());
    response
}

impl Service {
    async fn answer(
        &self,
        kind: &'static str,
        headers: &HeaderMap,
        instruction: Result<Instruction, Refusal>,
    ) -> Response {
        let instruction = match instruction {
            Ok(instruction) => instruction,
            Err(refusal) => return refusal.into_response(),
        };
        let key = match key(headers) {
            Ok(key) => key,
            Err(refusal) => return refusal.into_response(),
        };
        if let Instruction::Transfer(payment) = &instruction
            && behaviour::spoils_amount(payment.amount_cents.get())
        {
            return fault("the payment could not be processed");
        }
        match self.writer.apply(Request { key, instruction }).await {
            Ok(answer) => {
                self.metrics.instruction(kind, &answer);
                answered(answer)
            }
            Err(unanswered) => {
                self.metrics.fault(kind);
                match unanswered {
                    Unanswered::Busy => unavailable("too many payments wait; send it again"),
                    Unanswered::Late => unavailable("not done in time; send it again"),
                    Unanswered::Fault => fault("the books could not be written"),
                }
            }
        }
    }
}

fn answered(answer: Answer) -> Response {
    let status = match (answer.outcome, answer.replayed) {
        (Outcome::Applied, false) => StatusCode::CREATED,
        (Outcome::Applied, true) => StatusCode::OK,
        (Outcome::Declined, _) => StatusCode::PAYMENT_REQUIRED,
        (Outcome::NotFound, _) => StatusCode::NOT_FOUND,
        (Outcome::Conflict, _) => StatusCode::CONFLICT,
        (Outcome::KeyReused, _) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut response = json_text(status, answer.body);
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn key(headers: &HeaderMap) -> Result<Key, Refusal> {
    let bad = |message: &str| Refusal {
        status: StatusCode::BAD_REQUEST,
        error: "bad_idempotency_key",
        message: message.to_owned(),
    };
    let value = headers.get("idempotency-key").ok_or_else(|| bad("Idempotency-Key is missing"))?;
    let text = value.to_str().map_err(|_| bad("Idempotency-Key is not visible ASCII"))?;
    Key::try_from(text.to_owned()).map_err(|invalid| bad(&invalid.to_string()))
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let word = if error.is_data() { "bad_request" } else { "malformed_json" };
        Refusal { status: StatusCode::BAD_REQUEST, error: word, message: error.to_string() }
    })
}

fn number(id: &str, prefix: &str) -> Result<i64, Refusal> {
    id.strip_prefix(prefix).and_then(|digits| digits.parse().ok()).ok_or_else(|| Refusal {
        status: StatusCode::NOT_FOUND,
        error: "no_such_id",
        message: format!("an id is {prefix:?} and a number"),
    })
}

fn no_such_account() -> Response {
    refusal(StatusCode::NOT_FOUND, "no_such_account", "nobody opened it")
}

fn fault(message: &str) -> Response {
    failed(refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", message))
}

fn unavailable(message: &str) -> Response {
    let mut response = failed(refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn failed(mut response: Response) -> Response {
    response.headers_mut().insert(OUTCOME, HeaderValue::from_static("failed"));
    response
}

fn refusal(status: StatusCode, error: &'static str, message: &str) -> Response {
    Refusal { status, error, message: message.to_owned() }.into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_of(self.status, &json!({ "error": self.error, "message": self.message }))
    }
}

fn json_of<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_text(status, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn json_text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
