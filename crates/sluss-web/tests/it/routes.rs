//! Router, table of rights and OpenAPI document say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sluss_web::routes::{Who, all};

use crate::bank::{Bank, PASSWORD};
use crate::client::Asked;

/// A request for each route of the table that names things that do not exist.
fn concrete(path: &str) -> String {
    let part = |part: &str| {
        match part {
            "{change}" => "chg-1",
            "{run}" => "run-1",
            "{release}" => "rel-1",
            "{deployment}" => "dep-1",
            "{freeze}" => "frz-1",
            "{stop}" => "stp-1",
            "{hold}" => "hld-1",
            "{disposal}" => "dsp-1",
            "{erasure}" => "ers-1",
            "{incident}" => "inc-1",
            "{exception}" => "exc-1",
            "{key}" => "key-1",
            "{subject}" => "cfg-9",
            "{position}" => "99",
            "{what}" | "{service}" => "payments",
            "{environment}" | "{step}" | "{id}" => "production",
            "{name}" => "SECRET",
            other => other,
        }
        .to_owned()
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says() {
    let bank = Bank::open().await;
    for route in all().filter(|route| route.path.starts_with("/api/")) {
        let path = concrete(route.path);
        let asked = |body: &str| match route.method {
            "GET" => Asked::get(&path),
            other => Asked::post(&path, body).method(other),
        };
        let nobody = bank.send(asked("{}")).await;
        let expected = if route.who == Who::Public { 200 } else { 401 };
        assert_eq!(nobody.status, expected, "{route:?}: {nobody:?}");
        let statement = "0".repeat(64);
        let body = match route.path {
            "/api/v1/freezes" => r#"{"for_seconds": 1, "reason": "x"}"#.to_owned(),
            "/api/v1/approvals/{subject}" => {
                format!(r#"{{"decision": "approve", "statement": "{statement}"}}"#)
            }
            "/api/v1/services/{service}/secrets/{name}" => r#"{"value": "x"}"#.to_owned(),
            "/api/v1/incidents" => r#"{"service": "payments", "summary": "x"}"#.to_owned(),
            "/api/v1/incidents/{incident}/link" => r#"{"deployment": "dep-1"}"#.to_owned(),
            "/api/v1/incidents/{incident}/review" => r#"{"findings": "x"}"#.to_owned(),
            "/api/v1/incidents/{incident}/notified" => {
                r#"{"report": "initial", "reference": "x"}"#.to_owned()
            }
            "/api/v1/alerts" => {
                let labels = r#"{"service": "payments"}"#;
                format!(
                    r#"{{"version": "4", "alerts": [{{"status": "firing", "labels": {labels},
                    "fingerprint": "a"}}]}}"#
                )
            }
            "/api/v1/exceptions" => {
                r#"{"kind": "waiver", "service": "payments", "rule": "x", "reason": "x",
                    "compensating": "x", "for_seconds": 60}"#
                    .to_owned()
            }
            "/api/v1/stops" => r#"{"scope": "all", "reason": "x"}"#.to_owned(),
            "/api/v1/retention/holds" => r#"{"scope": "all", "reason": "x"}"#.to_owned(),
            "/api/v1/retention/holds/{hold}/lift" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/retention/disposals" => {
                format!(r#"{{"contents": ["{}"]}}"#, "0".repeat(64))
            }
            "/api/v1/retention/erasures" => {
                format!(r#"{{"person": "{}", "reason": "x"}}"#, "0".repeat(64))
            }
            "/api/v1/freezes/{freeze}/lift" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/people/identify" => format!(r#"{{"who": "{}"}}"#, "0".repeat(64)),
            "/api/v1/approvals/{subject}/revoke" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/stops/{stop}/lift" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/delegations" => r#"{"to": "visitor", "for_seconds": 60}"#.to_owned(),
            "/api/v1/exceptions/{exception}/review" => r#"{"findings": "x"}"#.to_owned(),
            "/api/v1/access/reviews" => r#"{"findings": "x"}"#.to_owned(),
            "/api/v1/changes/{change}/agent-runs" => {
                let digest = "0".repeat(64);
                format!(
                    r#"{{"commits": [], "model": "m", "harness": "h", "tools_sha256": "{digest}",
                    "prompts_sha256": "{digest}", "log": "x", "started_ms": 0, "ended_ms": 1,
                    "result": "succeeded"}}"#
                )
            }
            "/api/v1/changes/{change}/reviews" => format!(
                r#"{{"commit": "{}", "outcome": "approves", "comment": "x"}}"#,
                "0".repeat(40)
            ),
            "/api/v1/rehearsals" => {
                r#"{"kind": "restore", "passed": true, "findings": "x"}"#.to_owned()
            }
            "/api/v1/changes/{change}/significant" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/changes/{change}/confirm" => r#"{"findings": "x"}"#.to_owned(),
            "/api/v1/releases/{release}/clean-check" => {
                r#"{"passed": true, "findings": "x"}"#.to_owned()
            }
            "/api/v1/releases/{release}/tests/accept" => r#"{"reason": "x"}"#.to_owned(),
            "/api/v1/tokens" => r#"{"name": "x"}"#.to_owned(),
            "/api/v1/keys/rotate" | "/api/v1/keys/retire" => r#"{"of": "log"}"#.to_owned(),
            _other => "{}".to_owned(),
        };

        let visitor = bank.send(asked(&body).basic("visitor", PASSWORD)).await;
        match route.who {
            Who::Public | Who::SignedIn => assert_ne!(visitor.status, 403, "{route:?}"),
            Who::Developer => assert_eq!(visitor.status, 403, "{route:?}: {visitor:?}"),
            Who::Approver
                if [
                    "/api/v1/delegations",
                    "/api/v1/clock/confirm",
                    "/api/v1/access/reviews",
                    "/api/v1/rehearsals",
                ]
                .contains(&route.path)
                    || route.path.starts_with("/api/v1/keys/")
                    || ["holds", "disposals", "erasures"]
                        .map(|of| format!("/api/v1/retention/{of}"))
                        .contains(&route.path.to_owned()) =>
            {
                assert_eq!(visitor.status, 403, "{route:?}: {visitor:?}");
            }
            // Nobody was asked about what does not exist; the rest is tried in `withstand`.
            Who::Approver => assert_eq!(visitor.status, 404, "{route:?}: {visitor:?}"),
        }
    }
}

#[test]
fn every_route_of_a_page_is_in_the_table() {
    let known: BTreeSet<&str> = all().map(|route| route.path).collect();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut unknown = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What Git over HTTP lets in is tried there.
                folders.extend((!path.ends_with("git")).then_some(path));
            } else if path.file_name().unwrap() != "git.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let paths = text.split(".route(").skip(1).filter_map(|rest| {
                    rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)
                });
                unknown.extend(paths.filter(|path| !known.contains(path.as_str())));
            }
        }
    }
    assert!(unknown.is_empty(), "not in `routes.rs`: {unknown:?}");
}

#[test]
fn the_openapi_document_is_the_one_in_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document = sluss_web::openapi::openapi();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = serde_json::to_string_pretty(&document).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap_or_default();
    let hint = "docs/openapi.json is stale: UPDATE_EXPECT=1 cargo test -p sluss-web --test it";
    assert!(stored == document, "{hint}");
}
