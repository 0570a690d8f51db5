//! The answers of Git over HTTP: Git's own words, or a sentence that says why not.

use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use sluss_engine::forge::{Conversation, GitError, Service};

use super::UNCACHED;

/// Why a request is not served.
#[derive(Debug)]
pub(super) enum Denied {
    SignIn,
    Forbidden(String),
    Unknown(String),
    NotSmart,
    ContentType,
    Encoding,
    Busy,
    TooLarge,
    BadBody,
    TooSlow,
    Failed,
}

impl Denied {
    pub(super) fn git(error: GitError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "git could not serve a request");
        Self::Failed
    }

    pub(super) fn random(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "there is no randomness for a token");
        Self::Failed
    }

    fn input(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            io::ErrorKind::InvalidData => Self::BadBody,
            io::ErrorKind::TimedOut => Self::TooSlow,
            _ => {
                tracing::warn!(%error, "git gave no answer");
                Self::Failed
            }
        }
    }

    fn status_and_text(&self) -> (StatusCode, &str) {
        match self {
            Self::SignIn => (
                StatusCode::UNAUTHORIZED,
                "Sign in with your login, and your password or an API token.",
            ),
            Self::Forbidden(reason) => (StatusCode::FORBIDDEN, reason),
            Self::Unknown(reason) => (StatusCode::NOT_FOUND, reason),
            Self::NotSmart => (
                StatusCode::FORBIDDEN,
                "This address is for `git clone`, `git fetch` and `git push`, with Git 1.7 or \
                 newer (the smart HTTP protocol).",
            ),
            Self::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This is not a request of Git: its content type is another.",
            ),
            Self::Encoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request is packed in another way than gzip.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many are fetching or pushing just now. Try again in a moment.",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large."),
            Self::BadBody => (StatusCode::BAD_REQUEST, "The request is not packed as it says."),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "Nothing came for too long."),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Git gave no answer. The server's log says more.",
            ),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, text) = self.status_and_text();
        let mut response = (status, UNCACHED, format!("{text}\n")).into_response();
        let headers = response.headers_mut();
        match self {
            Self::SignIn => {
                let realm = HeaderValue::from_static("Basic realm=\"Sluss\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, realm);
            }
            Self::Busy => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            Self::Forbidden(_)
            | Self::Unknown(_)
            | Self::NotSmart
            | Self::ContentType
            | Self::Encoding
            | Self::TooLarge
            | Self::BadBody
            | Self::TooSlow
            | Self::Failed => {}
        }
        response
    }
}

/// Refuses what a browser's form could send.
pub(super) fn check_type(service: Service, headers: &HeaderMap) -> Result<(), Denied> {
    let expected = format!("application/x-{}-request", service.name());
    match headers.get(header::CONTENT_TYPE) {
        Some(found) if found.as_bytes() == expected.as_bytes() => Ok(()),
        Some(_) | None => Err(Denied::ContentType),
    }
}

/// Returns the refs, after the line that older protocols begin with.
pub(super) fn advertisement(service: Service, protocol: Option<&str>, refs: Vec<u8>) -> Response {
    let second = protocol.is_some_and(|text| text.split(':').any(|part| part == "version=2"));
    let mut bytes = match (service, second) {
        (Service::UploadPack, true) => Vec::new(),
        (Service::UploadPack, false) | (Service::ReceivePack, _) => {
            let line = format!("# service={}\n", service.name());
            format!("{:04x}{line}0000", line.len() + 4).into_bytes()
        }
    };
    bytes.extend_from_slice(&refs);
    let kind = format!("application/x-{}-advertisement", service.name());
    (UNCACHED, [(header::CONTENT_TYPE, kind)], bytes).into_response()
}

/// Returns what Git says as it says it. The status waits for Git's first byte.
pub(super) async fn conversation(
    service: Service,
    conversation: Conversation,
) -> Result<Response, Denied> {
    let mut output = conversation.output;
    let body = match output.recv().await {
        None => Body::empty(),
        Some(Err(error)) => return Err(Denied::input(&error)),
        Some(Ok(first)) => {
            let rest = stream::unfold(output, async |mut output| {
                output.recv().await.map(|chunk| (chunk, output))
            });
            Body::from_stream(stream::iter([Ok(first)]).chain(rest))
        }
    };
    let kind = format!("application/x-{}-result", service.name());
    Ok((UNCACHED, [(header::CONTENT_TYPE, kind)], body).into_response())
}
