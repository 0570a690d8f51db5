//! What `sluss-verify` says of a release is shown, too, and looking at it changes nothing.

use std::net::SocketAddr;

use serde_json::Value;
use sluss_core::ids::ReleaseId;
use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;

use crate::client::Asked;
use crate::story::Story;

async fn served(story: &Story) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let settings = Settings { demo: true, address: format!("http://{to}") };
    let app = App::new(story.engine.clone(), settings, Seams::default());
    tokio::spawn(sluss_web::serve::serve(app, listener, std::future::pending()));
    to
}

/// Returns the outcome of a check.
fn outcome<'a>(checks: &'a Value, name: &str) -> &'a Value {
    let all = checks["checks"].as_array().unwrap();
    &all.iter().find(|one| one["check"] == name).unwrap()["outcome"]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_of_a_release_are_shown_each_on_its_own_and_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = served(&story).await;
    let size = story.engine.state().size;
    let sealed = |state: &sluss_core::state::State, id: &ReleaseId| !state.unsealed.contains(id);
    let releases: Vec<(ReleaseId, bool)> = {
        let state = story.engine.state();
        state.releases.keys().map(|id| (*id, sealed(&state, id))).collect()
    };
    let mut seen = (false, false);
    for (release, sealed) in releases {
        let path = format!("/api/v1/releases/{release}/checks");
        let asked = Asked::get(&path).basic("eva", "demo-eva").send(to).await;
        let checks: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(outcome(&checks, "signatures"), "passed", "{release} {checks}");
        assert_eq!(outcome(&checks, "inclusion"), "passed", "{release} {checks}");
        assert_eq!(outcome(&checks, "witnesses"), "not_checked", "nobody is asked to: {checks}");
        assert_eq!(checks["unsealed"], !sealed);
        if sealed {
            assert_eq!(checks["exit_code"], 0, "{release} {checks}");
            seen.0 = true;
        } else {
            assert_ne!(checks["exit_code"], 0, "what is not sealed is not complete: {checks}");
            seen.1 = true;
        }
    }
    assert_eq!(seen, (true, true), "there are both kinds");
    let form = Asked::form("/sign-in", &[("login", "eva"), ("password", "demo-eva")]);
    let cookie = form.send(to).await.cookie();
    let page = Asked::get("/releases/rel-1/checks").session(&cookie).send(to).await;
    assert!(page.body.contains("cross-references") && page.body.contains("not checked"));
    let none = Asked::get("/releases/rel-999/checks").session(&cookie).send(to).await;
    assert_eq!(none.status, 404);
    let told = story.engine.state();
    let records = told.size - size;
    assert!(records <= 2, "only that eva signed in: {records}");
}
