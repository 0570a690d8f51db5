//! What a customer is told who was refused because too many requests are in flight.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use sluss_core::target::RouteKey;
use tokio::net::TcpStream;

/// Refuses a request. Its connection is kept, since a new one would cost more than the refusal,
/// unless there are too many.
pub(crate) async fn refuse(session: &mut Session, key: &RouteKey, crowded: bool) -> Result<()> {
    let body = body(key);
    let mut head = ResponseHeader::build(503, Some(4))?;
    head.insert_header(RETRY_AFTER, RETRY_AFTER_SECONDS)?;
    head.insert_header(CONTENT_TYPE, "application/json")?;
    head.set_content_length(body.len())?;
    if crowded {
        session.set_keepalive(None);
    }
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body), true).await
}

/// Refuses a connection. Never waits: whoever does not read is not worth it.
pub(crate) fn turn_away(stream: &TcpStream, key: &RouteKey) {
    let body = body(key);
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), &body].concat();
    // What was not read would break the connection before the answer is through.
    let _asked = stream.try_read(&mut [0; 4096]);
    if let Err(error) = stream.try_write(&answer) {
        tracing::debug!(%error, "a connection was refused without a word");
    }
}

fn body(key: &RouteKey) -> Bytes {
    let body = serde_json::json!({
        "what": format!("{key}: too many requests are in flight"),
        "hint": "try again after a second; raise the route's `most_in_flight` if this is usual",
    });
    Bytes::from(body.to_string())
}

const RETRY_AFTER_SECONDS: &str = "1";
