//! Acceptance: what a customer relies on, checked against a running instance.
//!
//! It may run against books that are in use: it works on accounts of its own, and
//! sends again what failed, as customers do.

use crate::client::{Call, Client, Reply};
use crate::junit::{self, Case};
use crate::ledger::now_ms;
use crate::options::Accept;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

struct Checks {
    client: Client,
    run: String,
}

type Checked = Result<(), String>;

const READY_TRIES: u32 = 100;

/// Runs every check; returns whether all passed.
pub(crate) async fn run(options: Accept) -> Result<bool, String> {
    let checks = Checks {
        client: Client::new(&options.authorities, 8),
        run: format!("accept-{:x}-{:x}", now_ms(), std::process::id()),
    };
    let mut cases = Vec::new();
    macro_rules! check {
        ($name:literal, $check:ident) => {
            let started = Instant::now();
            let result = checks.$check().await;
            let verdict = if result.is_ok() { "ok" } else { "FAILED" };
            eprintln!("acceptance: {} ... {verdict}", $name);
            cases.push(Case { name: $name, took: started.elapsed(), result });
        };
    }
    check!("the service gets ready", gets_ready);
    check!("accounts open with their funds", accounts_open);
    check!("a transfer moves the money", transfer_moves);
    check!("the same key gets the same answer", same_key_same_answer);
    check!("a key is refused for another request", key_is_refused_for_another);
    check!("more than there is is declined", too_much_is_declined);
    check!("a transfer is reversed once", reversed_once);
    check!("a hold is captured once", captured_once);
    check!("a hold is released", released);
    check!("nonsense is refused with a reason", nonsense_is_refused);
    check!("the books balance", books_balance);
    for case in &cases {
        if let Err(problem) = &case.result {
            eprintln!("acceptance: {}: {problem}", case.name);
        }
    }
    if let Some(file) = &options.junit {
        let report = junit::report("acceptance", &cases);
        std::fs::write(file, report).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(cases.iter().all(|case| case.result.is_ok()))
}

impl Checks {
    async fn gets_ready(&self) -> Checked {
        for _try in 0..READY_TRIES {
            let reply = self.client.attempt(&Call::get("/ready")).await;
            if reply.is_some_and(|reply| reply.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err("/ready did not answer 200 within ten seconds".to_owned())
    }

    async fn accounts_open(&self) -> Checked {
        for name in ["anna", "bo"] {
            let body = json!({ "id": self.id(name), "opening_cents": 10_000 });
            expect(&self.post("/accounts", &format!("open-{name}"), &body).await?, &[201, 200])?;
        }
        self.expect_balances(10_000, 10_000).await
    }

    async fn transfer_moves(&self) -> Checked {
        expect(&self.transfer("first", 2_500).await?, &[201, 200])?;
        self.expect_balances(7_500, 12_500).await
    }

    async fn same_key_same_answer(&self) -> Checked {
        let (one, two) =
            (self.transfer("first", 2_500).await?, self.transfer("first", 2_500).await?);
        expect(&two, &[200])?;
        if one.body != two.body {
            return Err(format!("{} is not {}", one.json(), two.json()));
        }
        self.expect_balances(7_500, 12_500).await
    }

    async fn key_is_refused_for_another(&self) -> Checked {
        expect(&self.transfer("first", 2_501).await?, &[422])?;
        self.expect_balances(7_500, 12_500).await
    }

    async fn too_much_is_declined(&self) -> Checked {
        expect(&self.transfer("much", 7_501).await?, &[402])?;
        self.expect_balances(7_500, 12_500).await
    }

    async fn reversed_once(&self) -> Checked {
        let sent = self.transfer("first", 2_500).await?.json();
        let path = format!("/transfers/{}/reversal", text(&sent, "id")?);
        expect(&self.post(&path, "back", &Value::Null).await?, &[201, 200])?;
        expect(&self.post(&path, "back-again", &Value::Null).await?, &[409])?;
        self.expect_balances(10_000, 10_000).await
    }

    async fn captured_once(&self) -> Checked {
        let hold = self.hold("hold-1", 4_000).await?;
        expect(&self.transfer("beyond", 6_001).await?, &[402])?;
        let path = format!("/holds/{hold}/capture");
        expect(&self.post(&path, "capture", &Value::Null).await?, &[201, 200])?;
        expect(&self.post(&path, "capture-again", &Value::Null).await?, &[409])?;
        self.expect_balances(6_000, 14_000).await
    }

    async fn released(&self) -> Checked {
        let hold = self.hold("hold-2", 6_000).await?;
        let path = format!("/holds/{hold}/release");
        expect(&self.post(&path, "release", &Value::Null).await?, &[201, 200])?;
        expect(&self.transfer("after", 6_000).await?, &[201, 200])?;
        self.expect_balances(0, 20_000).await
    }

    async fn nonsense_is_refused(&self) -> Checked {
        let mut call = Call::post("/transfers", &self.id("nonsense"), "{\"from\": ".to_owned());
        let reply = self.send(&call).await?;
        expect(&reply, &[400])?;
        text(&reply.json(), "message")?;
        call.body = self.payment(-5).to_string();
        expect(&self.send(&call).await?, &[400])?;
        call.key = None;
        call.body = self.payment(5).to_string();
        expect(&self.send(&call).await?, &[400])
    }

    async fn books_balance(&self) -> Checked {
        let reply = self.send(&Call::get("/books")).await?;
        expect(&reply, &[200])?;
        let books = reply.json();
        if books["balance_cents"] == 0 && books["keys_applied_twice"] == 0 {
            Ok(())
        } else {
            Err(format!("the books do not balance: {books}"))
        }
    }

    async fn expect_balances(&self, anna: i64, bo: i64) -> Checked {
        for (name, cents) in [("anna", anna), ("bo", bo)] {
            let reply = self.send(&Call::get(format!("/accounts/{}", self.id(name)))).await?;
            expect(&reply, &[200])?;
            let account = reply.json();
            if account["balance_cents"] != cents || account["held_cents"] != 0 {
                return Err(format!("{name} should have {cents} cents: {account}"));
            }
        }
        Ok(())
    }

    async fn transfer(&self, key: &str, cents: i64) -> Result<Reply, String> {
        self.post("/transfers", key, &self.payment(cents)).await
    }

    async fn hold(&self, key: &str, cents: i64) -> Result<String, String> {
        let reply = self.post("/holds", key, &self.payment(cents)).await?;
        expect(&reply, &[201, 200])?;
        text(&reply.json(), "id")
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Reply, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(&Call::post(path, &self.id(key), body)).await
    }

    async fn send(&self, call: &Call) -> Result<Reply, String> {
        let reply = self.client.send(call, |_failed| {}).await;
        reply.ok_or_else(|| format!("{} {} was not answered", call.method, call.path))
    }

    fn payment(&self, cents: i64) -> Value {
        json!({
            "from": self.id("anna"), "to": self.id("bo"), "amount_cents": cents,
            "reference": "acceptance",
        })
    }

    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }
}

fn expect(reply: &Reply, statuses: &[u16]) -> Checked {
    if statuses.contains(&reply.status) {
        Ok(())
    } else {
        Err(format!("{} instead of {statuses:?}: {}", reply.status, reply.json()))
    }
}

fn text(body: &Value, field: &str) -> Result<String, String> {
    body[field].as_str().map(str::to_owned).ok_or_else(|| format!("no {field} in {body}"))
}
