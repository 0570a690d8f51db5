//! Takes notices to their receivers over HTTP.
//!
//! Without TLS they go only to this machine or a private network: what a name stands for is looked
//! up, and an address outside is refused. A notice is signed, and holds no name or text of a
//! person.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::alarm::{Address, is_private};
use sluss_engine::notify::{Courier, Message};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes notices by HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Http;

#[async_trait]
impl Courier for Http {
    async fn take(&self, to: &Address, message: Message) -> Result<(), String> {
        // The address that was looked at, so that the name can't stand for another one by now;
        // with TLS it is the certificate that says who answers.
        let (url, host) = match to.tls() {
            true => (to.to_string(), None),
            false => {
                let host = format!("{}:{}", to.host(), to.port());
                (format!("http://{}{}", resolved(to).await?, to.path()), Some(host))
            }
        };
        let sent = tokio::task::spawn_blocking(move || {
            let client = crate::http::client(PATIENCE).max_redirects(0).proxy(None);
            let mut asked = client.build().new_agent().post(url);
            if let Some(host) = host {
                asked = asked.header("host", host);
            }
            for (name, value) in message.headers {
                asked = asked.header(name, value);
            }
            let answer = asked.send(message.body.as_bytes()).map_err(|error| error.to_string())?;
            match answer.status().as_u16() {
                200..=299 => Ok(()),
                other => Err(format!("it answered {other}")),
            }
        });
        sent.await.map_err(|error| error.to_string())?
    }
}

/// Returns an address that the receiver has, if all that it has are of this machine or private.
async fn resolved(to: &Address) -> Result<SocketAddr, String> {
    let found: Vec<SocketAddr> = match to.host().parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, to.port())],
        Err(_) => {
            let looked_up = tokio::net::lookup_host((to.host(), to.port())).await;
            looked_up.map_err(|error| format!("{}: {error}", to.host()))?.collect()
        }
    };
    if let Some(outside) = found.iter().find(|one| !is_private(one.ip())) {
        let ip = outside.ip();
        return Err(format!("{ip} is in no private network: only `https://` goes there"));
    }
    found.first().copied().ok_or_else(|| format!("{} has no address", to.host()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn message() -> Message {
        let headers =
            vec![("content-type", "application/json".to_owned()), ("webhook-id", "one".to_owned())];
        Message { headers, body: r#"{"id":"one"}"#.to_owned() }
    }

    #[tokio::test]
    async fn a_notice_is_posted_and_taken_in_only_when_the_receiver_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = tokio::spawn(async move {
            let mut got = Vec::new();
            for answer in ["204 No Content", "503 Service Unavailable"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                while !String::from_utf8_lossy(&read).ends_with(r#"{"id":"one"}"#) {
                    let mut part = [0; 1024];
                    let length = stream.read(&mut part).await.unwrap();
                    assert!(length > 0, "the body came whole");
                    read.extend_from_slice(&part[..length]);
                }
                let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                got.push(String::from_utf8(read).unwrap().to_lowercase());
            }
            got
        });
        let to: Address = format!("http://localhost:{port}/hook?a=b").parse().unwrap();
        Http.take(&to, message()).await.unwrap();
        let refused = Http.take(&to, message()).await.unwrap_err();
        assert!(refused.contains("503"), "{refused}");
        let got = receiver.await.unwrap();
        assert!(got[0].starts_with("post /hook?a=b http/1.1\r\n"), "{}", got[0]);
        assert!(got[0].contains("webhook-id: one\r\n"), "{}", got[0]);
        assert!(got[0].contains(&format!("host: localhost:{port}\r\n")), "{}", got[0]);
    }
}
