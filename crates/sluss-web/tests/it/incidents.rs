//! Incidents that people classify, and what the authority is told of them, over real TCP.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sluss_store::{Log as _, NewToken};

use crate::client::{Answer, Asked};
use crate::pages::{serve, sign_in};
use crate::story::Story;

const HOUR: i64 = 3_600_000;
const CLASSIFY: &str = "/api/v1/incidents/inc-1/classify";
const NOTIFIED: &str = "/api/v1/incidents/inc-1/notified";

/// A bank in which much happened, with one incident, and who looks at it.
struct Looking {
    story: Story,
    to: SocketAddr,
    cookie: String,
    _folder: tempfile::TempDir,
}

impl Looking {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let story = Story::whole(folder.path()).await;
        let to = serve(&story).await;
        let cookie = sign_in(to, "bo", "demo-bo-2").await;
        Self { story, to, cookie, _folder: folder }
    }

    async fn get(&self, path: &str) -> Answer {
        Asked::get(path).session(&self.cookie).send(self.to).await
    }

    async fn say(&self, path: &str, body: Value) -> Answer {
        Asked::post(path, body.to_string()).basic("bo", "demo-bo-2").send(self.to).await
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let engine = &self.story.engine;
        let session = engine.parts().accounts.session(&self.cookie).await.unwrap().unwrap();
        let csrf = sluss_web::forms::issue(&session.csrf, &engine.nonce(), engine.now());
        let fields: Vec<(&str, &str)> =
            fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        Asked::form(path, &fields).session(&self.cookie).send(self.to).await
    }

    /// Lets hours pass, and time have its effects.
    async fn wait(&self, hours: i64) -> Value {
        self.story.wait(hours * HOUR);
        self.story.engine.look().await;
        // The loop answers in order: once it has, it has looked.
        self.say(CLASSIFY, json!({ "at_ms": 1_i64 << 60 })).await;
        self.get("/api/v1/incidents/inc-1").await.json()
    }

    async fn kinds(&self, kind: &str) -> usize {
        let events = self.story.engine.parts().log.stream("incident/inc-1", 0, 1000).await;
        events.unwrap().iter().filter(|event| event.kind == kind).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_classify_and_only_once_enough_is_known() {
    let bank = Looking::begin().await;
    let new = NewToken { name: "ci".to_owned(), scopes: vec!["write".to_owned()], expires: None };
    let accounts = &bank.story.engine.parts().accounts;
    let token = accounts.create_token("bo", new).await.unwrap().0;
    let by_token = Asked::post(CLASSIFY, r#"{"critical": false}"#).bearer(&token);
    let by_token = by_token.send(bank.to).await;
    assert_eq!(by_token.status, 403, "{by_token:?}");
    assert!(by_token.body.contains("Only a person says"), "{by_token:?}");
    let little = bank.say(CLASSIFY, json!({ "critical": true })).await;
    assert_eq!(little.status, 409, "{little:?}");
    assert!(little.body.contains("reputation") && little.body.contains("cost"), "{little:?}");
    for wrong in [
        json!({ "clients_share": "a lot" }),
        json!({ "member_states": ["XX"] }),
        json!({ "cause": "Not a name" }),
        json!({ "aware_ms": 1_i64 << 60 }),
    ] {
        assert_eq!(bank.say(CLASSIFY, wrong.clone()).await.status, 400, "{wrong}");
    }
    assert_eq!(bank.kinds("incident.classified").await, 0);
    let never = bank.say(NOTIFIED, json!({ "report": "initial", "reference": "A-1" })).await;
    assert_eq!(never.status, 409, "what is not major is not reported: {never:?}");
    let none = bank.say("/api/v1/incidents/inc-9/classify", json!({ "critical": false })).await;
    assert_eq!(none.status, 404, "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_is_proposed_and_what_was_not_is_not_known() {
    let bank = Looking::begin().await;
    let found = bank.get("/api/v1/incidents/inc-1").await.json();
    let proposed = &found["proposed"];
    assert_eq!((&proposed["requests"], &proposed["failed"]), (&48_000.into(), &210.into()));
    assert_eq!(proposed["figures"]["cost_eur"], 882, "210 times 4.20");
    assert_eq!(proposed["daily_requests"], Value::Null, "less than a day was counted");
    assert_eq!(proposed["figures"]["transactions_share"], Value::Null);
    let body = json!({ "critical": true, "confirm_proposed": true, "nothing_else": true });
    assert_eq!(bank.say(CLASSIFY, body).await.status, 200);
    let found = bank.get("/api/v1/incidents/inc-1").await.json();
    let figures = &found["classifications"][0]["figures"];
    assert_eq!((&figures["cost_eur"], &figures["clients"]), (&882.into(), &0.into()));
    assert_eq!(found["incident"]["classified"], "not major");
    assert_eq!(found["incident"]["due"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_major_incident_has_an_alarm_before_its_limit_and_is_overdue_everywhere_after_it() {
    let bank = Looking::begin().await;
    // A form is what a person has who works without a command line.
    let form = bank
        .form(
            "/incidents/inc-1/classify",
            &[
                ("critical", "yes"),
                ("reputation", "yes"),
                ("clients_share", "12.5"),
                ("member_states", "de, fr"),
                ("cause", "rounding"),
                ("reason", "Customers see wrong fees"),
            ],
        )
        .await;
    assert_eq!(form.status, 303, "{form:?}");
    let now = bank.wait(0).await;
    assert_eq!(now["incident"]["classified"], "major");
    let passed = json!(["clients", "reputation", "spread"]);
    assert_eq!(now["classifications"][0]["passed"], passed);
    assert_eq!(now["clocks"][1]["limit"], "initial");
    assert_eq!(now["clocks"][1]["left_ms"], 4 * HOUR);
    assert_eq!(bank.kinds("incident.limit_near").await, 0);

    assert_eq!(bank.wait(3).await["clocks"][1]["standing"], "near");
    assert_eq!(bank.kinds("incident.limit_near").await, 1);
    let inbox = bank.get("/api/v1/inbox").await.json();
    assert_eq!(inbox["also"][0]["id"], "inc-1", "{inbox}");
    assert!(bank.get("/").await.body.contains("the initial notification of inc-1 is due:"));

    assert_eq!(bank.wait(2).await["clocks"][1]["standing"], "overdue");
    assert_eq!(bank.kinds("incident.limit_near").await, 1, "one alarm for one limit");
    for path in ["/", "/incidents", "/incidents/inc-1", "/environments", "/approvals"] {
        assert!(bank.get(path).await.body.contains("overdue"), "{path} says so");
    }
    for path in ["/api/v1/incidents", "/api/v1/status"] {
        let view = bank.get(path).await.json();
        assert_eq!(view["incidents"][0]["overdue"], true, "{path}: {view}");
    }
    let today = bank.get("/api/v1/controls?catalogue=dora&from=2020-01-01&to=2040-01-01").await;
    let today = today.json();
    let controls = today["controls"].as_array().unwrap();
    let control = controls.iter().find(|one| one["id"] == "19").unwrap();
    assert_eq!(control["standing"], "gap", "{control}");

    // Sent in time, noted late: what counts is when it was sent.
    let sent = now["clocks"][1]["due_ms"].as_i64().unwrap() - HOUR;
    let told = json!({ "report": "initial", "reference": "BaFin 4711", "sent_ms": sent });
    assert_eq!(bank.say(NOTIFIED, told).await.status, 200);
    let found = bank.wait(0).await;
    assert_eq!(found["clocks"][1]["standing"], "in time");
    assert_eq!(found["clocks"][2]["due_ms"], sent + 72 * HOUR);
    assert_eq!(found["sent"][0]["reference"], "BaFin 4711");
    let page = bank.get("/incidents/inc-1").await.body;
    assert!(page.contains("BaFin 4711") && page.contains("the intermediate report"), "{page}");
    assert!(!bank.get("/").await.body.contains("overdue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_is_known_and_names_what_is_not() {
    let bank = Looking::begin().await;
    let path = |kind: &str| format!("/api/v1/incidents/inc-1/report?kind={kind}");
    let of = |report: &Value, name: &str| {
        let fields = report["fields"].as_array().unwrap();
        fields.iter().find(|field| field["field"] == name).cloned().unwrap_or(Value::Null)
    };
    let initial = bank.get(&path("initial")).await.json();
    let expected = json!({ "field": "classified", "value": "unknown", "says": "nobody" });
    assert_eq!(of(&initial, "classified"), expected);
    assert_eq!(of(&initial, "clients_affected")["value"], "unknown");
    assert_eq!(of(&initial, "service")["value"], "payments");
    assert_eq!(of(&initial, "requests_failed"), Value::Null, "that is of the intermediate one");
    assert_eq!(initial["due_ms"], Value::Null);
    let body = json!({ "critical": true, "malicious_access": true, "clients": 0 });
    assert_eq!(bank.say(CLASSIFY, body).await.status, 200);
    let last = bank.get(&path("final")).await.json();
    assert_eq!(of(&last, "clients_affected")["value"], "0", "nought is said, not empty");
    assert_eq!(of(&last, "clients_affected_share")["value"], "unknown");
    assert_eq!(of(&last, "requests_failed")["value"], "210");
    assert_eq!(of(&last, "how_it_was_resolved")["value"], "unknown");
    for field in last["fields"].as_array().unwrap() {
        assert_ne!(field["value"], "", "{field}");
        let text = last["text"].as_str().unwrap();
        assert!(text.contains(field["field"].as_str().unwrap()), "{field}");
    }
    assert!(last["text"].as_str().unwrap().contains("2025/302"));
    assert_eq!(bank.get(&path("other")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learnt_is_written_down_on_the_page_and_by_programs_of_people() {
    let bank = Looking::begin().await;
    let path = "/api/v1/incidents/inc-1/review";
    let early = bank.say(path, json!({ "findings": "Too early." })).await;
    assert_eq!(early.status, 409, "{early:?}");
    bank.say("/api/v1/incidents/inc-1/close", json!({})).await;
    let empty = bank.say(path, json!({ "findings": " " })).await;
    assert_eq!(empty.status, 400, "{empty:?}");
    let said = bank.say(path, json!({ "findings": "The fee was rounded <twice>." })).await;
    assert_eq!(said.status, 200, "{said:?}");
    let more = bank.form("/incidents/inc-1/review", &[("findings", "A test has it now.")]).await;
    assert_eq!(more.status, 303, "{more:?}");
    let whole = bank.get("/api/v1/incidents/inc-1").await.json();
    assert_eq!(whole["reviewed"][0]["findings"], "The fee was rounded <twice>.");
    assert_eq!(whole["reviewed"][1]["findings"], "A test has it now.");
    let page = bank.get("/incidents/inc-1").await.body;
    assert!(page.contains("rounded &#60;twice&#62;") || page.contains("rounded &lt;twice&gt;"));
    assert_eq!(bank.kinds("incident.reviewed").await, 2);
}
