//! Reviews of code and runs of agents: through the API, on the page of a change, and in the dossier.

use std::net::SocketAddr;

use serde_json::json;
use sluss_core::agent::{AgentResult, AgentRun};
use sluss_core::decide::{Actor, Assure, Command};
use sluss_core::exception::ExceptionKind;
use sluss_core::ids::{ChangeId, Digest, PersonRef};
use sluss_core::review::ReviewOutcome;
use sluss_engine::evidence::dossier::{export, trust_folder};
use sluss_engine::reconcile::attest;
use sluss_ledger::Envelope;
use sluss_ledger::dossier::{Files, Options, Outcome, Trust, TrustSource, archive, verify};

use crate::client::Asked;
use crate::pages::{serve, sign_in};
use crate::story::Story;

async fn review(to: SocketAddr, login: &str, secret: &str, body: &str) -> (u16, String) {
    let path = "/api/v1/changes/chg-1/reviews";
    let answer = Asked::post(path, body).basic(login, secret).send(to).await;
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_stands_on_the_page_with_its_commit_and_goes_stale_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path()).await;
    story.propose(1).await;
    let first = story.push("payments", "topic", "Take payments", &[]).await;
    let to = serve(&story).await;
    let commit = story.engine.state().changes[&first].push.commit.clone();
    let body = json!({ "commit": commit, "outcome": "approves", "comment": "Limits are tested." });
    let body = body.to_string();
    assert_eq!(review(to, "anna", "demo-anna", &body).await.0, 403, "she wrote it");
    assert_eq!(review(to, "eva", "demo-eva", &body).await.0, 403, "she has no role");
    let other = body.replace(commit.as_str(), &"f".repeat(40));
    assert_eq!(review(to, "bo", "demo-bo-2", &other).await.0, 409, "another commit");
    let done = review(to, "bo", "demo-bo-2", &body).await;
    assert_eq!(done.0, 200, "{done:?}");
    assert!(done.1.contains("change.reviewed") && !done.1.contains("Limits"), "{done:?}");

    let cookie = sign_in(to, "bo", "demo-bo-2").await;
    let page = Asked::get("/changes/chg-1").session(&cookie).send(to).await.body;
    assert!(page.contains("Limits are tested.") && page.contains("Review its code"), "{page}");
    story.push("payments", "topic", "Take more payments", &[]).await;
    let page = Asked::get("/changes/chg-2").session(&cookie).send(to).await.body;
    assert!(page.contains("stale: newer commits came"), "{page}");
    let told = Asked::get("/api/v1/changes/chg-2").basic("bo", "demo-bo-2");
    let told = told.send(to).await.json();
    assert_eq!(
        (&told["reviewed"], &told["reviews"][0]["standing"]),
        (&json!("not reviewed"), &json!("stale"))
    );
}

/// Pushes the same again with somebody among the contributors whom nobody knows.
async fn push_with(story: &Story, like: ChangeId, unknown: &PersonRef) -> ChangeId {
    let (change, service, mut push) = {
        let state = story.engine.state();
        let known = &state.changes[&like];
        (state.next_change(), known.service.clone(), known.push.clone())
    };
    push.commit = "ab".repeat(20).parse().unwrap();
    push.contributors.insert(unknown.clone());
    let product = "instant-payments".parse().unwrap();
    story.ask("anna", Command::Push { service, product, push }).await;
    story.engine.report(Command::Received { change }).await.unwrap();
    change
}

fn kinds(files: &Files) -> Vec<String> {
    let events =
        files.iter().filter(|(path, _)| path.starts_with("events/") && path.ends_with(".json"));
    events.map(|(_, text)| Envelope::open(text).unwrap().kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_has_reviews_agents_who_people_are_and_what_an_emergency_was_about() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path()).await;
    story.propose(1).await;
    let like = story.push("payments", "main", "Take payments", &[]).await;
    let unknown: PersonRef = "7".repeat(64).parse().unwrap();
    let change = push_with(&story, like, &unknown).await;
    let anna = story.people["anna"].clone();
    story.ask("bo", Command::Identify { unknown, person: Some(anna.clone()) }).await;
    let commit = story.engine.state().changes[&change].push.commit.clone();
    let (outcome, comment) = (ReviewOutcome::Approves, story.text("Ok.").await);
    let said = Assure::ReviewChange { change, commit: commit.clone(), outcome, comment };
    // Bo said who somebody is, so he counts as one who contributed.
    let bo = Actor::Person { who: story.people["bo"].clone(), reauthenticated: true };
    let refused = story.engine.command(Command::Assure(said), bo.clone(), None).await;
    assert!(refused.unwrap_err().what.contains("contributed"));
    let commit_before = story.engine.state().changes[&like].push.commit.clone();
    let (commit_of, comment) = (commit_before, story.text("Ok.").await);
    let said = Assure::ReviewChange { change: like, commit: commit_of, outcome, comment };
    story.engine.command(Command::Assure(said), bo, None).await.unwrap();
    let run = AgentRun {
        change,
        commits: [commit].into(),
        acts_for: anna.clone(),
        model: "vendor/model-5".parse().unwrap(),
        harness: "coder@1.2.3".parse().unwrap(),
        tools_sha256: Digest::of(b"tools"),
        prompts_sha256: Digest::of(b"prompts"),
        log: story.text("https://logs.bank.example/1").await,
        log_sha256: None,
        started: story.engine.now().plus(-2_000),
        ended: story.engine.now().plus(-1_000),
        result: AgentResult::Succeeded,
    };
    let record = Command::Assure(Assure::RecordAgent(run));
    story.engine.command(record, Actor::Agent { who: anna }, None).await.unwrap();
    story.build(change, "").await;
    story.accept(change).await;
    let (deployment, release) = {
        let deployment = story.newest(change).unwrap();
        (deployment, story.engine.state().deployments[&deployment].release)
    };
    let what = ExceptionKind::Emergency { deployment, incident: None };
    let (reason, until) = (story.text("Broken.").await, story.engine.now().plus(1_800_000));
    story
        .ask(
            "anna",
            Command::AskException {
                what,
                reason,
                until,
                terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(
                    b"instead",
                )),
            },
        )
        .await;
    while attest::once(&story.engine).await {}

    let made = export(&story.engine, release, false, Actor::System).await.unwrap();
    let files = archive::read(&made.archive).unwrap();
    let kinds = kinds(&files);
    for kind in [
        "agent.run",
        "change.reviewed",
        "access.identified",
        "incident.reported",
        "exception.requested",
    ] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}: {kinds:?}");
    }
    let statements = String::from_utf8(files["release.intoto.jsonl"].clone()).unwrap();
    let named = statements.lines().any(|line| {
        let signed = sluss_ledger::attest::Dsse::parse(line.as_bytes()).unwrap();
        let statement = signed.unverified_statement().unwrap();
        statement.predicate().get().contains("urn:sluss:agentRuns")
            && statement.predicate().get().contains("coder@1.2.3 on vendor/model-5")
    });
    assert!(named, "provenance names what the agent did");
    let trusted = trust_folder(&story.engine).await.unwrap();
    let trust = Trust::read(&trusted, TrustSource::Independent).unwrap();
    let report = verify(&files, &trust, &Options::default());
    for (check, _, outcome) in report.checks() {
        assert!(!matches!(outcome, Outcome::Failed(_)), "{check}: {report}");
    }
}
