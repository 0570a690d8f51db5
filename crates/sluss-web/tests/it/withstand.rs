//! Whoever must not get through does not, and that is recorded.

use serde_json::json;

use crate::bank::{Bank, PASSWORD};
use crate::client::Asked;

fn decision(statement: &str, password: Option<&str>) -> String {
    json!({ "decision": "approve", "statement": statement, "password": password }).to_string()
}

fn freeze() -> String {
    json!({ "for_seconds": 60, "reason": "a try" }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_nothing_is_shown_and_refusals_are_counted() {
    let bank = Bank::open().await;
    for _ in 0..3 {
        let answer = bank.send(Asked::get("/api/v1/status")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.json()["blame"], "denied");
    }
    let answer = bank.send(Asked::get("/live")).await;
    assert_eq!(answer.status, 401);
    let answer = bank.send(Asked::form("/sign-out", &[])).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in?next=/sign-out")));
    let refusals = bank.refusals().await;
    let expected = [
        "GET /api/v1/status: signed_out x3",
        "GET /live: signed_out x1",
        "POST /sign-out: signed_out x1",
    ];
    for one in expected {
        assert!(refusals.iter().any(|refusal| refusal == one), "{refusals:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_a_wrong_token_and_anothers_token_are_refused() {
    let bank = Bank::open().await;
    let form = Asked::form("/sign-in", &[("login", "author"), ("password", "wrong-password")]);
    let answer = bank.send(form).await;
    assert_eq!(answer.header("location"), Some("/sign-in?next=/&failed=wrong"));
    assert_eq!(answer.header("set-cookie"), None);
    let token = bank.token("visitor", &["read", "write"]).await;
    let path = "/api/v1/session";
    assert_eq!(bank.send(Asked::get(path).bearer(&token)).await.json()["login"], "visitor");
    assert_eq!(bank.send(Asked::get(path).bearer("sluss_forged")).await.status, 401);
    assert_eq!(bank.send(Asked::get(path).basic("author", &token)).await.status, 401);
    assert_eq!(bank.send(Asked::get(path).basic("author", "wrong-password")).await.status, 401);
    let refusals = bank.refusals().await;
    let expected = ["POST /sign-in: sign_in x1", "GET /api/v1/session: sign_in x3"];
    for one in expected {
        assert!(refusals.iter().any(|refusal| refusal == one), "{refusals:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_from_another_site() {
    let bank = Bank::open().await;
    let form = || Asked::form("/sign-in", &[("login", "author"), ("password", PASSWORD)]);
    let answer = bank.send(form().with("Origin", "http://evil.example")).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    let answer = bank.send(form().with("Sec-Fetch-Site", "cross-site")).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert_eq!(bank.refusals().await, ["POST /sign-in: forged_form x2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_and_a_replayed_form_are_refused() {
    let bank = Bank::open().await;
    let cookie = bank.sign_in("author").await;
    let csrf = bank.csrf(&cookie).await;
    let form = |csrf: &str| Asked::form("/sign-out", &[("csrf", csrf)]).session(&cookie);
    assert_eq!(bank.send(Asked::form("/sign-out", &[]).session(&cookie)).await.status, 403);
    assert_eq!(bank.send(form("forged.form.number")).await.status, 403);
    let other = bank.sign_in("second").await;
    let others = bank.csrf(&other).await;
    assert_eq!(bank.send(form(&others)).await.status, 403);
    let crossed = form(&csrf).with("Origin", "http://evil.example");
    assert_eq!(bank.send(crossed).await.status, 403);
    assert_eq!(bank.refusals().await, ["POST /sign-out: forged_form"; 4]);
    assert_eq!(bank.send(form(&csrf)).await.status, 303);
    // The session is over, so even the same form is nobody's now.
    assert_eq!(bank.send(form(&csrf)).await.header("location"), Some("/sign-in?next=/sign-out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_a_page_is_carried_out_once() {
    let bank = Bank::open().await;
    let cookie = bank.sign_in("author").await;
    let page = bank.send(Asked::get("/freezes").session(&cookie)).await.body;
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    let csrf = rest.split('"').next().unwrap();
    let send = |hours: &'static str| {
        let fields = [("csrf", csrf), ("hours", hours), ("reason", "year's end")];
        Asked::form("/freezes", &fields).session(&cookie)
    };
    // What was not carried out can be corrected and sent again.
    assert_eq!(bank.send(send("0")).await.status, 400);
    assert_eq!(bank.send(send("2")).await.status, 303);
    assert_eq!(bank.send(send("2")).await.status, 403);
    assert_eq!(bank.app.engine.state().freezes.len(), 1);
    assert_eq!(bank.refusals().await, ["POST /freezes: forged_form"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_alone_changes_nothing_through_the_api() {
    let bank = Bank::open().await;
    let cookie = bank.sign_in("author").await;
    let asked = || Asked::post("/api/v1/freezes", freeze()).session(&cookie);
    assert_eq!(bank.send(asked()).await.status, 403);
    let csrf = bank.csrf(&cookie).await;
    let crossed = asked().with("Sluss-Csrf", &*csrf).with("Sec-Fetch-Site", "cross-site");
    assert_eq!(bank.send(crossed).await.status, 403);
    assert_eq!(bank.refusals().await, ["POST /api/v1/freezes: forged_form"; 2]);
    let answer = bank.send(asked().with("Sluss-Csrf", csrf)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_cannot_approve_and_nor_can_an_author_or_a_wrong_statement() {
    let bank = Bank::open().await;
    let statement = bank.statement();
    let path = "/api/v1/approvals/cfg-2";
    let token = bank.token("second", &["read", "write"]).await;
    let by_token = Asked::post(path, decision(&statement, Some(PASSWORD))).bearer(&token);
    let core = |answer: &crate::client::Answer| answer.json()["core"].as_str().map(str::to_owned);
    let refused = bank.send(by_token).await;
    assert_eq!((refused.status, core(&refused).as_deref()), (403, Some("core.identity.human")));
    let by_author = Asked::post(path, decision(&statement, None)).basic("author", PASSWORD);
    let refused = bank.send(by_author).await;
    assert_eq!((refused.status, core(&refused).as_deref()), (403, Some("core.sod.contributor")));
    let by_visitor = Asked::post(path, decision(&statement, None)).basic("visitor", PASSWORD);
    // That is the configuration's word, and compiled in nowhere.
    let refused = bank.send(by_visitor).await;
    assert_eq!((refused.status, core(&refused)), (403, None));
    let forged = Asked::post(path, decision(&"0".repeat(64), None)).basic("second", PASSWORD);
    let refused = bank.send(forged).await;
    assert_eq!((refused.status, core(&refused).as_deref()), (403, Some("core.statement_current")));
    let cookie = bank.sign_in("second").await;
    for password in [None, Some("wrong-password")] {
        let csrf = bank.csrf(&cookie).await;
        let asked = Asked::post(path, decision(&statement, password)).session(&cookie);
        assert_eq!(bank.send(asked.with("Sluss-Csrf", csrf)).await.status, 403);
    }
    assert_eq!(
        bank.refusals().await,
        [
            "approve: not_a_person",
            "approve: contributor",
            "approve: missing_role",
            "approve: statement_moved",
            "approve: not_reauthenticated",
            "approve: not_reauthenticated",
        ]
    );
    let right = Asked::post(path, decision(&statement, None)).basic("second", PASSWORD);
    let answer = bank.send(right).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["events"][0]["type"], "approval.granted");
    assert_eq!(bank.app.engine.state().organisation.as_ref().unwrap().name, "Better bank");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_reading_changes_nothing() {
    let bank = Bank::open().await;
    let token = bank.token("author", &["read"]).await;
    let asked = Asked::post("/api/v1/freezes", freeze()).bearer(&token);
    assert_eq!(bank.send(asked).await.status, 403);
    assert_eq!(bank.refusals().await, ["POST /api/v1/freezes: missing_role"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_huge_or_no_json_is_refused() {
    let bank = Bank::open().await;
    let token = bank.token("author", &["read", "write"]).await;
    let post = |body: &str| Asked::post("/api/v1/freezes", body).bearer(&token);
    for body in ["{", "[]", "{\"reason\": 7}", "{\"unknown\": 1, \"reason\": \"x\"}"] {
        let answer = bank.send(post(body)).await;
        assert_eq!((answer.status, answer.json()["blame"].as_str()), (400, Some("caller")));
    }
    bank.send(post(&"x".repeat(300_000))).await;
    assert_eq!(bank.refusals().await, ["POST /api/v1/freezes: forged_form"; 5]);
    assert!(bank.app.engine.state().freezes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_not_answered_and_every_answer_is_hardened() {
    let bank = Bank::open().await;
    let answer = bank.send(Asked::get("/healthz").with("Host", "evil.example")).await;
    assert_eq!(answer.status, 421);
    for path in ["/healthz", "/nowhere", "/api/v1/nowhere", "/api/v1/openapi.json"] {
        let answer = bank.send(Asked::get(path)).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let token = bank.token("visitor", &["read", "write"]).await;
    let asked = Asked::post("/api/v1/status", "").bearer(&token);
    assert_eq!(bank.send(asked).await.status, 405);
    // What stands in no table is for people who are signed in.
    assert_eq!(bank.send(Asked::post("/healthz", "")).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_is_recorded_at_shutdown() {
    let bank = Bank::open().await;
    bank.send(Asked::get("/api/v1/status")).await;
    let (app, _folder) = bank.stop().await;
    use sluss_store::Log as _;
    let events = app.engine.parts().log.read(0, 1000).await.unwrap();
    assert!(events.iter().any(|event| event.kind == "access.refused_counted"));
}
