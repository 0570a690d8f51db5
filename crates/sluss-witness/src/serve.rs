//! `POST /add-checkpoint` over HTTP/1.1: bounded in size, in time and in connections.
//!
//! # Invariants
//!
//! - No more of a request is read than the protocol can need, and none for longer than
//!   [`REQUEST_WITHIN`].
//! - Every answer that is not a cosignature says what to do next.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use sluss_ledger::MAX_REQUEST_BYTES;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::keeper::{Keeper, Memory, Unsigned};
use crate::said::{say, with_causes};

/// How many may be connected at once.
const CONNECTIONS_MOST: usize = 256;
/// How long a client may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to send the body.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long requests in flight get to end at shutdown.
const DRAIN: Duration = Duration::from_secs(5);
/// The type of every answer but a size.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Serves on `listener` until `shutdown` completes, and then lets what is in flight end.
pub(crate) async fn serve<M: Memory + 'static>(
    keeper: Keeper<M>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let keeper = Arc::new(keeper);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let keeper = Arc::clone(&keeper);
        let service = service_fn(move |request| {
            let keeper = Arc::clone(&keeper);
            async move { Ok::<_, Infallible>(answer(keeper, request).await) }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
        let watched = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks off is the client's matter.
            watched.await.ok();
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        say("some requests did not end in time");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            stream.set_nodelay(true).ok();
            Some((stream, permit))
        }
        Err(error) => {
            say(&format!("a connection could not be accepted: {error}"));
            // Out of files, most likely: others have to end before it is worth another try.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn answer<M: Memory + 'static>(
    keeper: Arc<Keeper<M>>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/add-checkpoint") => add_checkpoint(keeper, request).await,
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
        (_, "/add-checkpoint" | "/healthz") => text(
            StatusCode::METHOD_NOT_ALLOWED,
            "Send a POST to /add-checkpoint, or a GET to /healthz.\n",
        ),
        _ => text(
            StatusCode::NOT_FOUND,
            "There is nothing here: this is a witness (C2SP tlog-witness v1.0.0), which takes \
             POST /add-checkpoint.\n",
        ),
    }
}

async fn add_checkpoint<M: Memory + 'static>(
    keeper: Arc<Keeper<M>>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect();
    let body = match tokio::time::timeout(REQUEST_WITHIN, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let what = format!("A request has at most {MAX_REQUEST_BYTES} bytes.\n");
            return closing(text(StatusCode::PAYLOAD_TOO_LARGE, what));
        }
        Ok(Err(_)) => {
            let what = "The request broke off; send it again.\n";
            return closing(text(StatusCode::BAD_REQUEST, what));
        }
        Err(_) => {
            let what = "The request did not arrive in time; send it again.\n";
            return closing(text(StatusCode::REQUEST_TIMEOUT, what));
        }
    };
    // The disk is waited for here, where no other connection has to wait with it.
    let decided = tokio::task::spawn_blocking(move || keeper.add_checkpoint(&body)).await;
    let (answer, why) = match decided {
        Ok(Ok(answer)) => (answer, String::new()),
        Ok(Err(unsigned)) => (unsigned.answer(), explain(&unsigned)),
        Err(error) => {
            say(&format!("a request ended in a bug: {error}"));
            let what = "The witness failed; its own log says more. Send the request again.\n";
            return text(StatusCode::INTERNAL_SERVER_ERROR, what);
        }
    };
    let status = StatusCode::from_u16(answer.status());
    let body = answer.body().unwrap_or(why);
    let mut response = text(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body);
    let content_type = HeaderValue::from_static(answer.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Says why a checkpoint was not cosigned, with every cause.
fn explain(unsigned: &Unsigned) -> String {
    let why = with_causes(unsigned);
    say(&why);
    match unsigned {
        Unsigned::Refused(_) => why + "\n",
        // Where its files are is nobody's business outside.
        Unsigned::Failed(_) => {
            format!("{unsigned}; its own log says more. Send the request again.\n")
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// Ends the connection with the answer: the rest of the request is not read.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
