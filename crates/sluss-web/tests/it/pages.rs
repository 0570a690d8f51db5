//! Every page renders, of a bank in which everything happened and of one in which nothing did.

use std::net::SocketAddr;

use sluss_web::app::{App, Seams, Settings};
use tokio::net::TcpListener;

use crate::client::{Answer, Asked};
use crate::story::Story;

/// The largest page, in bytes.
const LARGEST: usize = 60_000;

/// Pages that are there whatever happened.
const ALWAYS: [&str; 23] = [
    "/",
    "/?lane=over",
    "/environments",
    "/approvals",
    "/exceptions",
    "/exceptions?from=2026-01-01&to=2026-12-31",
    "/access",
    "/access?at=2026-01-31T12:00",
    "/incidents",
    "/freezes",
    "/calendar",
    "/calendar?service=&environment=production",
    "/log",
    "/log/0",
    "/contracts",
    "/controls",
    "/retention",
    "/controls?catalogue=dora&from=2026-01-01&to=2026-12-31",
    "/controls?catalogue=rts&from=2026-01-01&to=2026-12-31",
    "/controls?catalogue=pci&standing=gap",
    "/controls?control=mi-19",
    "/account",
    "/help",
];

pub async fn serve(story: &Story) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let settings = Settings { demo: true, address: format!("http://{to}") };
    let app = App::new(story.engine.clone(), settings, Seams::default());
    tokio::spawn(sluss_web::serve::serve(app, listener, std::future::pending()));
    to
}

pub async fn sign_in(to: SocketAddr, login: &str, password: &str) -> String {
    let form = Asked::form("/sign-in", &[("login", login), ("password", password)]);
    form.send(to).await.cookie()
}

fn check(path: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let html = &answer.body;
    assert_eq!(html.matches("<h1").count(), 1, "{path} has one heading");
    assert!(html.len() <= LARGEST, "{path} has {} bytes", html.len());
    for forbidden in [" style=", "<style", " onclick=", " onsubmit=", "javascript:", "<script>"] {
        assert!(!html.contains(forbidden), "{path} has `{forbidden}`");
    }
    assert!(!html.contains("NaN"), "{path}");
    assert!(html.contains("This is a demo."), "{path}");
    for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(link.starts_with(['/', '#']), "{path} leads to `{link}`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_an_empty_bank_renders() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "eva", "demo-eva").await;
    for path in ALWAYS {
        check(path, &Asked::get(path).session(&cookie).send(to).await);
    }
    check("/sign-in", &Asked::get("/sign-in").send(to).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_busy_bank_renders_and_leads_to_pages() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "bo", "demo-bo-2").await;
    let mut paths: Vec<String> = ALWAYS.iter().map(ToString::to_string).collect();
    {
        let state = story.engine.state();
        paths.extend(state.changes.keys().map(|id| format!("/changes/{id}")));
        paths.extend(state.runs.keys().map(|id| format!("/runs/{id}")));
        paths.extend(state.runs.keys().map(|id| format!("/runs/{id}?step=build")));
        paths.extend(state.releases.keys().map(|id| format!("/releases/{id}")));
        paths.extend(state.deployments.keys().map(|id| format!("/deployments/{id}")));
        paths.extend(state.incidents.keys().map(|id| format!("/incidents/{id}")));
        assert!(state.incidents.len() == 1 && state.deployments.len() > 8, "a full story");
    }
    for path in [
        "/approvals/cfg-2",
        "/search?q=payments",
        "/log?type=deployment.",
        "/log?stream=config",
        "/log?text=receipt",
        "/services/payments/production/rollback",
    ] {
        paths.push(path.to_owned());
    }
    for path in &paths {
        let answer = Asked::get(path).session(&cookie).send(to).await;
        check(path, &answer);
        let fragment = Asked::get(path).with("X-Fragment", "main").session(&cookie).send(to).await;
        assert!(!fragment.body.contains("<html"), "{path} as a fragment");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_error_budget_stands_on_the_pages_and_in_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "bo", "demo-bo-2").await;
    let get = async |path: String| Asked::get(&path).session(&cookie).send(to).await;
    let left = "53.5 % is left: 390 of 168000 requests failed in 30 d: 0.2321 %, and 0.5 % may; 2 h \
                not counted.";
    let page = get("/environments".to_owned()).await.body;
    assert!(page.contains(&format!("Error budget: {left}")), "{page}");
    let newest = *story.engine.state().deployments.keys().next_back().unwrap();
    let (page, view) = (format!("/deployments/{newest}"), format!("/api/v1/deployments/{newest}"));
    let page = get(page).await.body;
    assert!(page.contains("Error budget now:") && page.contains(left), "{page}");
    let budget = &get(view).await.json()["error_budget"];
    assert_eq!((&budget["stands"], &budget["left_permille"]), (&"left".into(), &535.into()));
    assert_eq!((&budget["requests"], &budget["errors"]), (&168_000.into(), &390.into()));
    let status = get("/api/v1/status".to_owned()).await.json();
    let of = |service: &str| {
        let all = status["services"].as_array().unwrap();
        let found = all.iter().find(|one| one["service"] == service).unwrap();
        found["places"][0]["error_budget"]["sentence"].clone()
    };
    assert_eq!((of("payments"), of("cards")), (left.into(), serde_json::Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_touches_and_what_must_go_first_stands_on_its_page_and_in_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "bo", "demo-bo-2").await;
    let get = async |path: String| Asked::get(&path).session(&cookie).send(to).await;
    let web_bank = {
        let state = story.engine.state();
        let of = |(id, release): (&sluss_core::ids::ReleaseId, &sluss_core::state::Release)| {
            (release.service.as_str() == "web-bank").then_some(*id)
        };
        state.releases.iter().find_map(of).unwrap()
    };
    let page = get(format!("/releases/{web_bank}")).await.body;
    assert!(page.contains("What it touches") && page.contains("payments-api 2"), "{page}");
    let view = get(format!("/api/v1/releases/{web_bank}")).await.json();
    let met = serde_json::json!([
        { "contract": "payments-api", "version": 2, "service": "payments" }
    ]);
    assert_eq!(view["touches"][0]["met"], met);
    let gates = &view["deployments"].as_array().unwrap().last().unwrap()["deployment"];
    let deployment = get(format!("/api/v1/deployments/{}", gates.as_str().unwrap())).await.json();
    let gates = deployment["gates"].as_array().unwrap();
    let gate = gates.iter().find(|gate| gate["gate"] == "dependencies").unwrap();
    let says = "What it needs is live: payments-api 2 (payments); what others need of it stays: \
                nothing.";
    assert_eq!((&gate["outcome"], &gate["sentence"]), (&"cleared".into(), &says.into()));
    let live = get("/api/v1/dependencies".to_owned()).await.json();
    assert_eq!(live["live"], serde_json::json!([]), "nobody who needs it is live yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_person_approves_on_the_page_and_the_author_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let anna = sign_in(to, "anna", "demo-anna").await;
    let page = Asked::get("/approvals/cfg-2").session(&anna).send(to).await.body;
    assert!(!page.contains("name=\"decision\""), "{page}");
    let bo = sign_in(to, "bo", "demo-bo-2").await;
    let page = Asked::get("/approvals/cfg-2").session(&bo).send(to).await.body;
    let field = |name: &str| {
        let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (csrf, statement) = (field("csrf"), field("statement"));
    let decide = |password: &'static str| {
        let fields = [
            ("csrf", csrf.as_str()),
            ("statement", statement.as_str()),
            ("decision", "approve"),
            ("password", password),
        ];
        Asked::form("/approvals/cfg-2", &fields).session(&bo)
    };
    let wrong = decide("guess").send(to).await;
    assert_eq!(wrong.status, 403, "{wrong:?}");
    assert!(wrong.body.contains("<code>core.identity.human</code>"), "{wrong:?}");
    let right = decide("demo-bo-2").send(to).await;
    assert_eq!(right.status, 303, "{right:?}");
    let name = story.engine.state().organisation.as_ref().unwrap().name.clone();
    assert_eq!(name, "Sample Bank Group");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_for_who_decides_and_takes_a_reason_for_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let anna = sign_in(to, "anna", "demo-anna").await;
    let page = Asked::get("/approvals").session(&anna).send(to).await.body;
    assert!(!page.contains("data-decide") && page.contains("Nothing waits for you."), "{page}");
    let inbox = Asked::get("/api/v1/inbox");
    let none = inbox.basic("anna", "demo-anna").send(to).await.json();
    assert_eq!(none, serde_json::json!({ "waiting": [], "also": [], "keys": [] }));
    let inbox = Asked::get("/api/v1/inbox");
    let waits = inbox.basic("bo", "demo-bo-2").send(to).await.json();
    assert_eq!(waits["waiting"][1]["approval"]["subject"], "cfg-2", "{waits}");
    assert!(waits["waiting"][1]["past"]["result"].is_string(), "{waits}");
    let bo = sign_in(to, "bo", "demo-bo-2").await;
    let page = Asked::get("/approvals").session(&bo).send(to).await.body;
    assert!(page.contains("action=\"/approvals/cfg-2\" data-decide"), "{page}");
    let card = page.split("action=\"/approvals/cfg-2\" data-decide").nth(1).unwrap();
    let field = |name: &str| {
        let rest = card.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (csrf, statement) = (field("csrf"), field("statement"));
    let refuse = |reason: &str| {
        let fields = [
            ("csrf", csrf.as_str()),
            ("statement", statement.as_str()),
            ("from", "inbox"),
            ("decision", "refuse"),
            ("password", "demo-bo-2"),
            ("reason", reason),
        ];
        Asked::form("/approvals/cfg-2", &fields).session(&bo)
    };
    assert_eq!(refuse("").send(to).await.status, 400);
    let done = refuse("Not before the audit").send(to).await;
    assert_eq!(done.status, 303, "{done:?}");
    assert_eq!(done.header("location"), Some("/approvals"));
    let page = Asked::get("/approvals").session(&bo).send(to).await.body;
    assert!(!page.contains("action=\"/approvals/cfg-2\" data-decide"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_the_line_sees_that_on_each_page_and_does_not_lift_it() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let anna = sign_in(to, "anna", "demo-anna").await;
    let csrf = |page: &str| {
        let rest = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let board = Asked::get("/").session(&anna).send(to).await.body;
    let fields = [("csrf", csrf(&board)), ("scope", "all".into()), ("reason", "Books".to_owned())];
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let stopped = Asked::form("/stops", &fields).session(&anna).send(to).await;
    assert_eq!(stopped.status, 303, "{stopped:?}");
    for path in ["/", "/calendar", "/environments", "/deployments/dep-1", "/log"] {
        let page = Asked::get(path).session(&anna).send(to).await;
        check(path, &page);
        assert!(page.body.contains("The line is stopped for everything"), "{path}");
    }
    let calendar = Asked::get("/calendar").session(&anna).send(to).await.body;
    assert!(calendar.contains("Books") && !calendar.contains("/stops/stp-1/lift"), "{calendar}");
    // One approver is there, and two are asked: the page says so, and what to do.
    let bo = sign_in(to, "bo", "demo-bo-2").await;
    let calendar = Asked::get("/calendar").session(&bo).send(to).await.body;
    assert!(calendar.contains("/stops/stp-1/lift") && calendar.contains("name more"), "{calendar}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::begin(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "eva", "demo-eva").await;
    for path in ["/changes/chg-9", "/runs/nonsense", "/releases/rel-1", "/log/99999", "/nowhere"] {
        let answer = Asked::get(path).session(&cookie).send(to).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("<h1>Nothing is here</h1>"), "{path}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_name_each_item_that_lacks_what_is_asked_on_the_page_in_the_api_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::whole(folder.path()).await;
    let to = serve(&story).await;
    let cookie = sign_in(to, "bo", "demo-bo-2").await;
    let get = async |path: &str| Asked::get(path).session(&cookie).send(to).await;
    let view = get("/api/v1/controls?from=2020-01-01&to=2099-12-31").await.json();
    let controls = view["controls"].as_array().unwrap();
    let found = controls.iter().find(|one| one["id"] == "mi-19").unwrap();
    assert_eq!((&found["standing"], &found["text_status"]), (&"partial".into(), &"read".into()));
    assert_eq!(found["key"], "finos/mi-19/version-approval@2");
    let asked = &found["asks"][0];
    let missing: Vec<&str> =
        asked["missing"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    let (have, of) = (asked["have"].as_u64().unwrap(), asked["of"].as_u64().unwrap());
    assert!(have > 0 && have + missing.len() as u64 == of, "{asked}");
    let begun = story.engine.state().deployments.len();
    assert!(of > 2 && of < begun as u64, "each that began, and has customers: {of} of {begun}");
    let page = get("/controls?from=2020-01-01&to=2099-12-31&control=mi-19").await.body;
    for id in missing {
        assert!(page.contains(&format!("<a href=\"/deployments/{id}\">{id}</a>")), "{id}");
    }
    let export = get("/api/v1/controls/cyclonedx?from=2020-01-01&to=2099-12-31").await.json();
    let of = |list: &serde_json::Value, key: &str, is: &str| {
        list.as_array().unwrap().iter().find(|one| one[key] == is).unwrap().clone()
    };
    let declared = &export["declarations"];
    let key = "finos/mi-19/version-approval@2";
    let proof = of(&declared["evidence"], "bom-ref", &format!("evidence:{key}"));
    assert_eq!(proof["data"][0]["classification"], "internal");
    let said = proof["data"][0]["contents"]["attachment"]["content"].as_str().unwrap();
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    assert_eq!(said["leaves"].as_array().unwrap().len() as u64, have);
    assert_eq!(said["missing"][0]["id"], asked["missing"][0]["id"]);
    let mapped =
        of(&declared["attestations"][0]["map"], "requirement", &format!("requirement:{key}"));
    let score = mapped["conformance"]["score"].as_f64().unwrap();
    assert!(score > 0.0 && score < 1.0, "{mapped}");
    assert_eq!(mapped["confidence"]["score"], 0.5, "no witness cosigns it");
}
