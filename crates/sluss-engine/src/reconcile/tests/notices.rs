//! Notices: each at least once, from where the log was told last, whatever fails meanwhile.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sluss_core::alarm::{Address, Topic};
use sluss_core::stop::StopScope;

use super::*;
use crate::notify::{Courier, FOLDER, Message, SECRET, Told, all_told, tell};

/// A receiver that takes in so much as it is told to.
#[derive(Default)]
struct Receiver {
    fails: Mutex<bool>,
    got: Mutex<Vec<Message>>,
}

#[async_trait::async_trait]
impl Courier for Receiver {
    async fn take(&self, _to: &Address, message: Message) -> Result<(), String> {
        if *self.fails.lock().unwrap() {
            return Err("it answered 503".to_owned());
        }
        self.got.lock().unwrap().push(message);
        Ok(())
    }
}

impl Receiver {
    fn sentences(&self) -> Vec<String> {
        let said = |message: &Message| {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
            body["data"]["notice"]["sentence"].as_str().unwrap().to_owned()
        };
        self.got.lock().unwrap().iter().map(said).collect()
    }
}

fn address() -> Address {
    "http://127.0.0.1:9/hook".parse().unwrap()
}

async fn told(bank: &Bank, receiver: &Receiver, topics: &[Topic]) -> Told {
    let topics = topics.iter().copied().collect();
    tell(&bank.engine, receiver, &address(), &topics).await.unwrap()
}

async fn stop(bank: &Bank, service: &str) {
    let scope = match service {
        "all" => StopScope::All,
        name => StopScope::Service(name.parse().unwrap()),
    };
    bank.ask(Command::StopLine { scope, reason: Digest::of(b"reason") }).await;
}

#[tokio::test]
async fn somebody_is_told_at_least_once_from_when_they_were_named() {
    let (bank, receiver) = (Bank::open().await, Receiver::default());
    stop(&bank, "all").await;
    told(&bank, &receiver, &[Topic::Stop]).await;
    assert!(receiver.sentences().is_empty(), "what was before is not told");
    *receiver.fails.lock().unwrap() = true;
    stop(&bank, "pay").await;
    for times in 1..=3 {
        let told = told(&bank, &receiver, &[Topic::Stop]).await;
        assert_eq!((told.failures, told.why.as_str()), (times, "it answered 503"));
    }
    let known = all_told(bank.folder.path()).unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].failing_since, Some(bank.engine.now()), "and whoever looks sees it");
    *receiver.fails.lock().unwrap() = false;
    let done = told(&bank, &receiver, &[Topic::Stop]).await;
    assert_eq!((done.failures, done.failing_since), (0, None));
    assert_eq!(receiver.sentences(), ["The line is stopped for the service `pay` by stp-2."]);
    told(&bank, &receiver, &[Topic::Stop]).await;
    assert_eq!(receiver.sentences().len(), 1, "what was taken in is not told again");
}

#[tokio::test]
async fn somebody_is_told_of_their_topics_alone_and_can_check_who_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let (bank, receiver) = (Bank::open().await, Receiver::default());
    told(&bank, &receiver, &[Topic::Incident]).await;
    stop(&bank, "all").await;
    let at = told(&bank, &receiver, &[Topic::Incident]).await.position;
    assert!(receiver.sentences().is_empty());
    assert_eq!(at, bank.engine.state().size, "what is not told is passed by");
    stop(&bank, "pay").await;
    told(&bank, &receiver, &[Topic::Stop]).await;
    let got = receiver.got.lock().unwrap();
    let [Message { headers, body }] = &got[..] else { panic!("{got:?}") };
    let header = |name: &str| &headers.iter().find(|(of, _)| *of == name).unwrap().1;
    let file = bank.folder.path().join(FOLDER).join(SECRET);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(file).unwrap();
    let secret = STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature").strip_prefix("v1,").unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &signature).unwrap();
    assert!(hmac::verify(&key, format!("{id}.{time}.{body} ").as_bytes(), &signature).is_err());
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((body["type"].as_str(), body["id"].as_str()), (Some("sluss.stop"), Some(&**id)));
    let text = body.to_string();
    assert!(!text.contains(bank.anna.as_str()), "no person is named");
}
