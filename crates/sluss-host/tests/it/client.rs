//! A customer: keeps one connection, and asks.

use std::convert::Infallible;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::client::conn::http2;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// A customer's connection; opened anew when the other side closed it in between.
pub(crate) struct Customer {
    port: u16,
    connection: Option<SendRequest<Body>>,
    /// Sent with the next request.
    header: Option<(&'static str, String)>,
}

impl Customer {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, connection: None, header: None }
    }

    /// Returns a header of the answer.
    pub(crate) async fn header(&mut self, path: &str, name: &str) -> Option<String> {
        let mut connection = self.connect().await.unwrap();
        let request = Request::builder().uri(path).header("host", "test");
        let request = request.body(Empty::new().boxed()).unwrap();
        let response = connection.send_request(request).await.unwrap();
        let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let _whole = response.into_body().collect().await.unwrap();
        value
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, String), String> {
        self.ask(Method::GET, path, Empty::new().boxed()).await
    }

    /// Sends `chunks` times 16 KiB in chunks, without saying how long it will be.
    pub(crate) async fn upload(&mut self, chunks: usize) -> Result<(u16, String), String> {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
        tokio::spawn(async move {
            for _ in 0..chunks {
                let chunk = Frame::data(Bytes::from_static(&[b'x'; 16 << 10]));
                if sender.send(Ok(chunk)).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|frame| (frame, receiver))
        });
        self.ask(Method::POST, "/upload", BoxBody::new(StreamBody::new(stream))).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Result<(u16, String), String> {
        self.ask(Method::POST, path, Full::from("body").boxed()).await
    }

    /// Posts with a header.
    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        name: &'static str,
        value: &str,
    ) -> Result<(u16, String), String> {
        self.header = Some((name, value.to_owned()));
        self.ask(Method::POST, path, Full::from("body").boxed()).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(u16, String), String> {
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let mut request = Request::builder().method(method).uri(path).header("host", "test");
        if let Some((name, value)) = self.header.take() {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = connection.send_request(request).await.map_err(|e| format!("{e:?}"))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
        self.connection = Some(connection);
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }

    async fn connect(&self) -> Result<SendRequest<Body>, String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = stream.map_err(|error| format!("connect: {error}"))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| format!("{error:?}"))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A customer who speaks HTTP/2 without TLS, over one connection.
pub(crate) struct Customer2 {
    port: u16,
    connection: Option<http2::SendRequest<Body>>,
}

impl Customer2 {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, String), String> {
        loop {
            match self.try_get(path).await? {
                Some(answered) => return Ok(answered),
                // The connection was told to end before the request was sent: every client of
                // HTTP/2 opens another one then.
                None => self.connection = None,
            }
        }
    }

    async fn try_get(&mut self, path: &str) -> Result<Option<(u16, String)>, String> {
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
                let stream = stream.map_err(|error| format!("connect: {error}"))?;
                let io = TokioIo::new(stream);
                let made = http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await;
                let (sender, connection) = made.map_err(|error| format!("{error:?}"))?;
                tokio::spawn(connection);
                sender
            }
        };
        let request = Request::get(format!("http://test{path}")).body(Empty::new().boxed());
        let request = request.map_err(|error| error.to_string())?;
        let response = match connection.send_request(request).await {
            Ok(response) => response,
            Err(error) if error.is_canceled() => return Ok(None),
            Err(error) => return Err(format!("{error:?}")),
        };
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
        self.connection = Some(connection);
        Ok(Some((status, String::from_utf8_lossy(&body.to_bytes()).into_owned())))
    }
}

/// An upgraded connection on which every byte comes back.
pub(crate) struct WebSocket(TcpStream);

impl WebSocket {
    pub(crate) async fn open(port: u16) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("websocket: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(said)?;
        let request = b"GET /websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request).await.map_err(said)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.map_err(said)?);
        }
        match head.starts_with(b"HTTP/1.1 101 ") {
            true => Ok(Self(stream)),
            false => Err(String::from_utf8_lossy(&head).into_owned()),
        }
    }

    pub(crate) async fn echo(&mut self, message: &[u8]) -> Result<(), String> {
        let said = |error: std::io::Error| format!("websocket, open: {error}");
        self.0.write_all(message).await.map_err(said)?;
        let mut back = vec![0; message.len()];
        self.0.read_exact(&mut back).await.map_err(said)?;
        if back == message { Ok(()) } else { Err("another message came back".to_owned()) }
    }
}

/// How long each part of a streamed answer is.
pub(crate) const CHUNK: usize = 1 << 10;
