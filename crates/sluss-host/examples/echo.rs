//! A small service for tests: says who it is, is slow, fails, crashes and upgrades when told.
//!
//! It ends at once on `SIGTERM`, so a request in flight then is a request lost.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, Infallible>;

/// Listens on `PORT`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = variable("PORT").parse()?;
    if variable("REFUSES_TO_START") == "yes" {
        std::process::exit(3);
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = DEAF.notified() => break,
        };
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .with_upgrades();
            if let Err(error) = served.await {
                eprintln!("{error}");
            }
        });
    }
    drop(listener);
    std::future::pending().await
}

/// Told to listen no more.
static DEAF: tokio::sync::Notify = tokio::sync::Notify::const_new();

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let number = request.uri().query().and_then(|query| query.parse().ok()).unwrap_or(0);
    let text = |text: String| Ok(Response::new(Full::new(Bytes::from(text)).boxed()));
    match path.as_str() {
        "/ready" if variable("NEVER_READY") == "yes" => with_status(503),
        "/ready" => text("ready".into()),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(number)).await;
            text(variable("RELEASE"))
        }
        "/status" => with_status(u16::try_from(number).unwrap_or(500)),
        "/pay" if variable("FAILS") == "yes" => with_status(500),
        "/declined" => {
            let mut declined = Response::new(Full::default().boxed());
            let mark = hyper::header::HeaderValue::from_static("failed");
            declined.headers_mut().insert("sluss-outcome", mark);
            Ok(declined)
        }
        "/sell" => {
            let mut sold = Response::new(Full::default().boxed());
            let said = if number == 0 { "converted" } else { "failed, exceptions=2" };
            let said = hyper::header::HeaderValue::from_static(said);
            sold.headers_mut().insert("x-outcome", said);
            Ok(sold)
        }
        "/deafen" => {
            DEAF.notify_one();
            let mut last = Response::new(Full::default().boxed());
            let close = hyper::header::HeaderValue::from_static("close");
            last.headers_mut().insert("connection", close);
            Ok(last)
        }
        "/crash" => std::process::exit(3),
        "/upload" => match request.into_body().collect().await {
            Ok(body) => text(format!("{} {}", variable("RELEASE"), body.to_bytes().len())),
            Err(_) => with_status(400),
        },
        "/variable" => text(variable(request.uri().query().unwrap_or_default())),
        "/secrets" => {
            text(std::fs::read_to_string(variable("SLUSS_SECRETS_FILE")).unwrap_or_default())
        }
        "/stream" => Ok(Response::new(BoxBody::new(stream(number)))),
        "/websocket" => Ok(upgrade(request)),
        _ => {
            // Read first: who answers before the body has come breaks the connection.
            let _all = request.into_body().collect().await;
            text(variable("RELEASE"))
        }
    }
}

/// Returns so many parts of a kilobyte, ten milliseconds apart.
fn stream(parts: u64) -> impl hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Sync {
    let parts = futures_util::stream::unfold(parts, async |left| {
        let next = left.checked_sub(1)?;
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Ok(Frame::data(Bytes::from_static(&[b'x'; 1 << 10]))), next))
    });
    StreamBody::new(parts)
}

/// Switches to a protocol in which every byte comes back.
fn upgrade(request: Request<Incoming>) -> Response<Body> {
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let mut stream = TokioIo::new(upgraded);
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    });
    let mut switching = Response::new(Full::default().boxed());
    *switching.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = switching.headers_mut();
    let value = hyper::header::HeaderValue::from_static;
    headers.insert("upgrade", value("websocket"));
    headers.insert("connection", value("Upgrade"));
    switching
}

fn with_status(status: u16) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Ok(response)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
