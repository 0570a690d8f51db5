//! Asks a running Sluss over its API.

use std::time::Duration;

use serde_json::Value;
use sluss_core::event::Event;
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};
use sluss_web::api::REMARKS;

/// As whom something is asked.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token, which decides nothing.
    Token(String),
    /// A person.
    Password {
        /// Their login.
        login: String,
        /// Their password.
        password: String,
    },
}

/// A running Sluss, as someone sees it.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    credentials: Credentials,
    agent: ureq::Agent,
}

/// Events that are asked for at once.
const PAGE: usize = 500;

impl Client {
    /// Returns the Sluss at `url` (no slash at its end), asked with `credentials`.
    pub fn new(url: impl Into<String>, credentials: Credentials) -> Self {
        let agent = crate::http::client(Duration::from_secs(30))
            .http_status_as_error(false)
            .build()
            .new_agent();
        Self { url: url.into(), credentials, agent }
    }

    fn authorization(&self) -> String {
        use base64::Engine as _;
        match &self.credentials {
            Credentials::Token(token) => format!("Bearer {token}"),
            Credentials::Password { login, password } => {
                let text = format!("{login}:{password}");
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
            }
        }
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        read(&self.get_text(path).await?)
    }

    /// Reads something that is text.
    pub async fn get_text(&self, path: &str) -> Result<String, Failure> {
        self.ask("GET", path, String::new()).await
    }

    /// Reads something that is a file, and what Sluss remarks about it.
    pub async fn get_bytes(&self, path: &str) -> Result<(Vec<u8>, String), Failure> {
        let request = ureq::http::Request::builder()
            .method("GET")
            .uri(format!("{}{path}", self.url))
            .header("Authorization", self.authorization());
        let agent = self.agent.clone();
        let asked = tokio::task::spawn_blocking(move || {
            file(agent.run(request.body(()).map_err(no_request)?))
        });
        asked.await.map_err(|error| Failure::upstream("The question was dropped", &error))?
    }

    /// Asks for something to be done.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        read(&self.ask("POST", path, body.to_string()).await?)
    }

    /// Puts something in the place of what is there.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        read(&self.ask("PUT", path, body.to_string()).await?)
    }

    /// Asks for something to be gone.
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        read(&self.ask("DELETE", path, String::new()).await?)
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> Result<String, Failure> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", self.authorization());
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        let agent = self.agent.clone();
        // Without a body there is no header that says how long it is: some servers insist.
        let asked = tokio::task::spawn_blocking(move || match body.is_empty() {
            true => answer(agent.run(request.body(()).map_err(no_request)?)),
            false => answer(agent.run(request.body(body).map_err(no_request)?)),
        });
        asked.await.map_err(|error| Failure::upstream("The question was dropped", &error))?
    }

    /// Folds what the log has gained into `state`, and hands each event to `seen`.
    pub async fn follow(
        &self,
        state: &mut State,
        mut seen: impl FnMut(Millis, &Event),
    ) -> Result<(), Failure> {
        loop {
            let path = format!("/api/v1/log?from={}&limit={PAGE}", state.size);
            let page: Page = serde_json::from_str(&self.get_text(&path).await?)
                .map_err(|error| Failure::upstream("The log can't be read", &error))?;
            let count = page.events.len();
            for entry in page.events {
                let event = Event::from_parts(&entry.kind, &entry.data)
                    .map_err(|error| Failure::upstream("An event can't be read", &error))?;
                if entry.position == state.size {
                    state.apply(Millis(entry.time_ms), &event);
                    seen(Millis(entry.time_ms), &event);
                }
            }
            if count < PAGE {
                return Ok(());
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Page {
    events: Vec<Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    position: u64,
    time_ms: i64,
    #[serde(rename = "type")]
    kind: String,
    data: Box<serde_json::value::RawValue>,
}

fn read(text: &str) -> Result<Value, Failure> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| Failure::upstream("The answer is no JSON", &error))
}

fn no_request(error: ureq::http::Error) -> Failure {
    let hint = "Look at the address that is asked: `sluss doctor`";
    Failure::new(Blame::Caller, format!("This can't be asked: {error}."), hint)
}

fn answer(
    called: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<String, Failure> {
    String::from_utf8(file(called)?.0)
        .map_err(|error| Failure::upstream("The answer is not text", &error))
}

fn file(
    called: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(Vec<u8>, String), Failure> {
    let mut response = called.map_err(|error| {
        let said = error.to_string();
        let hint = match said.contains("certificate") {
            true => "Have its authority trusted: `SSL_CERT_FILE=FILE`, its certificate in PEM",
            false => "Is it running? Start it with `sluss up`",
        };
        Failure::new(Blame::Upstream, format!("Sluss does not answer: {said}"), hint)
    })?;
    let status = response.status().as_u16();
    let content = response
        .body_mut()
        .with_config()
        .limit(64 * 1024 * 1024)
        .read_to_vec()
        .map_err(|error| Failure::upstream("The answer was cut off", &error))?;
    if (200..300).contains(&status) {
        let remarks = response.headers().get(REMARKS).and_then(|text| text.to_str().ok());
        return Ok((content, remarks.unwrap_or_default().to_owned()));
    }
    let said: Value = serde_json::from_slice(&content).unwrap_or(Value::Null);
    let what = said["what"].as_str().map_or_else(|| format!("HTTP {status}"), str::to_owned);
    let hint = said["hint"].as_str().unwrap_or("See `sluss doctor`").to_owned();
    let blame = match status {
        400 | 422 => Blame::Caller,
        413 => Blame::TooLarge,
        401 | 403 => Blame::Denied,
        404 => Blame::NotFound,
        409 => Blame::Conflict,
        _other => Blame::Upstream,
    };
    let core = said["core"].as_str().and_then(|id| id.parse().ok());
    Err(Failure { core, ..Failure::new(blame, what, hint) })
}
