//! What the API answers.

use serde_json::json;

use crate::bank::{Bank, PASSWORD};
use crate::client::Asked;

#[tokio::test(flavor = "multi_thread")]
async fn status_says_on_whom_everything_waits() {
    let bank = Bank::open().await;
    let token = bank.token("visitor", &["read"]).await;
    let status = bank.send(Asked::get("/api/v1/status").bearer(&token)).await.json();
    let asked = &status["approvals"][0];
    assert_eq!(asked["subject"], "cfg-2");
    assert_eq!(asked["statement"], bank.statement());
    assert_eq!(asked["may_decide"][0]["login"], "second");
    assert_eq!(asked["may_decide"].as_array().unwrap().len(), 1);
    assert_eq!(asked["contributors"][0]["name"], "The author");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_approves_a_configuration_sees_what_it_changes() {
    let bank = Bank::open().await;
    let token = bank.token("second", &["read"]).await;
    // Of what Git does not have, that is said.
    let asked = bank.send(Asked::get("/api/v1/approvals/cfg-2").bearer(&token)).await.json();
    let sentence = asked["changes"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("could not be read from the platform repository"), "{sentence}");
    let files = [("organisation.yaml", "name: Bank\n"), ("README", "x\n")];
    let before = bank.proposes("Begin", &files).await;
    bank.approves(before).await;
    bank.proposes("Something else", &[("organisation.yaml", "name: <b>Other\u{1b}\n")]).await;
    let files = [("organisation.yaml", "name: <b>Better\u{1b}\n"), ("logo", "\0\u{1}")];
    let subject = bank.proposes("Better <i>words", &files).await;
    let path = format!("/api/v1/approvals/{subject}");
    let changes = bank.send(Asked::get(&path).bearer(&token)).await.json()["changes"].clone();
    let sentence = changes["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("2 commits since "), "{sentence}");
    assert!(sentence.ends_with("3 files, +1 −2 lines, 1 of the files binary."), "{sentence}");
    assert_eq!(changes["titles"][0]["title"], "Better <i>words");
    assert_eq!(changes["titles"][1]["title"], "Something else");
    let files = json!([
        { "path": "README", "added": 0, "removed": 1 },
        { "path": "logo", "added": null, "removed": null },
        { "path": "organisation.yaml", "added": 1, "removed": 1 },
    ]);
    assert_eq!(changes["files"], files);
    let text = changes["text"].as_str().unwrap();
    assert!(text.contains("-name: Bank\n+name: <b>Better\\u{1b}\n"), "{text}");
    let inbox = bank.send(Asked::get("/api/v1/inbox").basic("second", PASSWORD)).await.json();
    let changes = &inbox["waiting"][0]["approval"]["changes"];
    assert_eq!(
        (&changes["titles"][0]["title"], &changes["text"]),
        (&"Better <i>words".into(), &json!(null))
    );
    // The pages say the same.
    let second = bank.sign_in("second").await;
    let page = bank.send(Asked::get(&format!("/approvals/{subject}")).session(&second)).await.body;
    assert!(page.contains("<span class=\"came\">+name: &lt;b&gt;Better\\u{1b}</span>"), "{page}");
    assert!(
        page.contains("Better &#60;i&#62;words") || page.contains("Better &lt;i&gt;words"),
        "{page}"
    );
    let page = bank.send(Asked::get("/approvals").session(&second)).await.body;
    assert!(
        page.contains("Something else") && page.contains("<code>README</code> +0 −1"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_a_key_has_one_effect() {
    let bank = Bank::open().await;
    let token = bank.token("author", &["read", "write"]).await;
    let body = json!({ "for_seconds": 600, "reason": "year's end" }).to_string();
    for _ in 0..2 {
        let asked = Asked::post("/api/v1/freezes", &*body).bearer(&token);
        let answer = bank.send(asked.with("Idempotency-Key", "once")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let freezes = bank.send(Asked::get("/api/v1/freezes").bearer(&token)).await.json();
    assert_eq!(freezes["freezes"].as_array().unwrap().len(), 1);
    assert_eq!(freezes["freezes"][0]["reason"], "year's end");
    let why = r#"{"reason": "Over"}"#;
    let lift = Asked::post("/api/v1/freezes/frz-1/lift", why);
    let program = bank.send(lift.clone().bearer(&token)).await;
    assert_eq!(program.status, 403, "{program:?}");
    let lift = lift.basic("second", PASSWORD);
    assert_eq!(bank.send(lift.clone()).await.status, 200);
    let again = bank.send(lift).await;
    assert_eq!((again.status, again.json()["blame"].as_str()), (409, Some("conflict")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_and_proven() {
    let bank = Bank::open().await;
    let get = |path: &str| Asked::get(path).basic("visitor", PASSWORD);
    let log = bank.send(get("/api/v1/log?limit=2&from=0")).await.json();
    assert_eq!(log["events"][0]["type"], "log.opened");
    assert_eq!(log["next"], 2);
    let config = bank.send(get("/api/v1/log?stream=config")).await.json();
    assert_eq!(config["events"][0]["actor"]["person"]["login"], "author");
    let found = bank.send(get("/api/v1/log?type=approval.")).await.json();
    assert_eq!(found["events"][0]["type"], "approval.requested");
    let entry = bank.send(get("/api/v1/log/1")).await.json();
    assert_eq!(entry["event"]["position"], 1);
    let proof = bank.send(get("/api/v1/log/1/proof")).await;
    assert!(proof.body.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"), "{proof:?}");
    let checkpoint = bank.send(get("/api/v1/log/checkpoint")).await;
    assert!(checkpoint.body.starts_with("bank.example/log\n"), "{checkpoint:?}");
    assert_eq!(bank.send(get("/api/v1/log/9999")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_or_is_no_id_is_said_so() {
    let bank = Bank::open().await;
    let token = bank.token("visitor", &["read"]).await;
    for (path, status) in [
        ("/api/v1/changes/chg-1", 404),
        ("/api/v1/runs/run-1", 404),
        ("/api/v1/releases/rel-1", 404),
        ("/api/v1/deployments/dep-1", 404),
        ("/api/v1/where/payments", 404),
        ("/api/v1/runs/run-1/steps/build/log", 404),
        ("/api/v1/approvals/cfg-9", 404),
        ("/api/v1/changes/first", 400),
    ] {
        let answer = bank.send(Asked::get(path).bearer(&token)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.json()["hint"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_in_person_and_end_when_revoked() {
    let bank = Bank::open().await;
    let body = json!({ "name": "laptop", "scopes": ["read"] }).to_string();
    let asked = Asked::post("/api/v1/tokens", &*body).basic("author", PASSWORD);
    let made = bank.send(asked).await.json();
    let (text, id) = (made["text"].as_str().unwrap(), made["token"]["id"].as_str().unwrap());
    let session = bank.send(Asked::get("/api/v1/session").bearer(text)).await.json();
    assert_eq!((&session["login"], &session["by"]), (&json!("author"), &json!("token")));
    let by_token = bank.token("author", &["read", "write"]).await;
    let asked = Asked::post("/api/v1/tokens", &*body).bearer(&by_token);
    assert_eq!(bank.send(asked).await.status, 403);
    let accounts = &bank.app.engine.parts().accounts;
    accounts.revoke_token("author", id).await.unwrap();
    assert_eq!(bank.send(Asked::get("/api/v1/session").bearer(text)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_pages_are_told_what_changed() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let bank = Bank::open().await;
    let cookie = bank.sign_in("visitor").await;
    let mut stream = tokio::net::TcpStream::connect(bank.to).await.unwrap();
    let head = format!(
        "GET /live?since=0 HTTP/1.1\r\nHost: {}\r\nCookie: sluss_session={cookie}\r\n\r\n",
        bank.to
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(told) = line.strip_prefix("data: ") {
            let told: serde_json::Value = serde_json::from_str(told).unwrap();
            let topics = told["topics"].as_array().unwrap();
            assert!(topics.contains(&json!("config")) && topics.contains(&json!("access")));
            break;
        }
    }
    // Whoever watches does not keep the server from stopping.
    bank.stop().await;
}
