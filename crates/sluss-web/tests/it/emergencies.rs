//! An emergency is loud: on every page, in everybody's inbox, and in the report to risk.

use std::net::SocketAddr;

use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::Phase;
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::Digest;
use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;

use crate::client::Asked;
use crate::story::Story;

/// Asks for an emergency of a deployment that waits, and serves.
async fn emergency(story: &Story) -> SocketAddr {
    let (deployment, anna) = {
        let state = story.engine.state();
        let waits = |phase: &Phase| matches!(phase, Phase::Requested | Phase::Cleared);
        let found = state.deployments.iter().find(|(_, of)| waits(&of.phase)).map(|(id, _)| *id);
        let developers = &state.organisation.as_ref().unwrap().developers;
        (found.unwrap(), developers.iter().next().unwrap().clone())
    };
    let what = ExceptionKind::Emergency { deployment, incident: None };
    let until = story.engine.now().plus(1_800_000);
    let command = Command::AskException {
        what,
        reason: Digest::of(b"reason"),
        until,
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    };
    let actor = Actor::Person { who: anna, reauthenticated: true };
    story.engine.command(command, actor, None).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let settings = Settings { demo: true, address: format!("http://{to}") };
    let app = App::new(story.engine.clone(), settings, Seams::default());
    tokio::spawn(sluss_web::serve::serve(app, listener, std::future::pending()));
    to
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_stands_on_every_page_and_in_everybodys_inbox() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = emergency(&story).await;
    let form = Asked::form("/sign-in", &[("login", "eva"), ("password", "demo-eva")]);
    let cookie = form.send(to).await.cookie();
    for path in ["/", "/environments", "/log", "/access"] {
        let page = Asked::get(path).session(&cookie).send(to).await;
        assert!(page.body.contains("The emergency exc-"), "{path}");
    }
    // Eva decides nothing, and sees it all the same.
    let inbox = Asked::get("/api/v1/inbox").basic("eva", "demo-eva").send(to).await;
    assert!(inbox.body.contains(r#""kind":"emergency""#), "{inbox:?}");
    let report = Asked::get("/api/v1/exceptions/report").basic("eva", "demo-eva").send(to).await;
    let report: serde_json::Value = serde_json::from_str(&report.body).unwrap();
    let [one] = &report["emergencies"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(one["incident"].as_str().map(|id| id.starts_with("inc-")), Some(true));
    assert_eq!((&report["granted"], &report["overdue"]), (&0.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_what_is_told_for_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = emergency(&story).await;
    let asked = async |at: i64| -> serde_json::Value {
        let path = format!("/api/v1/access?at_ms={at}");
        let answer = Asked::get(&path).basic("eva", "demo-eva").send(to).await;
        serde_json::from_str(&answer.body).unwrap()
    };
    let now = asked(story.engine.now().0).await;
    assert!(!now["roles"]["approver"].as_array().unwrap().is_empty(), "{now}");
    let before = asked(0).await;
    assert_eq!(before["roles"], serde_json::json!({}), "nobody had a role before the log");
}
