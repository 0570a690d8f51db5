//! Service files, and what is said of their mistakes.

use expect_test::expect;
use sluss_core::budget::ErrorBudget;
use sluss_core::objectives::Objectives;
use sluss_core::pipeline::{GateKind, Replacement, Stage, StepKind};

use super::*;

/// A service file without a mistake.
pub(super) const GOOD: &str = "service: shop\ntemplate: small@1\nwith: { binary: shop }\n";

#[test]
fn a_service_and_its_template_become_a_pipeline() {
    let resolved = resolve(GOOD).unwrap();
    let text = serde_json::to_string_pretty(&resolved.pipeline).unwrap();
    expect![[r#"
        {
          "service": "shop",
          "template": "small@1",
          "template_digest": "…",
          "steps": [
            {
              "name": "build",
              "kind": "run",
              "command": [
                "sh",
                "-euc",
                "make shop"
              ],
              "timeout_seconds": 600,
              "retries": 0,
              "when": {},
              "outputs": [
                {
                  "artifact": "app",
                  "path": "out/shop",
                  "name": "shop"
                }
              ]
            },
            {
              "name": "test",
              "kind": "run",
              "command": [
                "sh",
                "-euc",
                "make test"
              ],
              "needs": [
                "build"
              ],
              "timeout_seconds": 600,
              "retries": 0,
              "when": {},
              "reports": [
                {
                  "kind": "junit",
                  "path": "reports/junit.xml"
                }
              ]
            }
          ],
          "start": {
            "artifact": "app",
            "command": [
              "./shop"
            ],
            "port": 8080,
            "instances": 1,
            "readiness": {
              "path": null,
              "interval_ms": 200,
              "after": 2,
              "within_seconds": 60
            },
            "drain_seconds": 10,
            "limits": {
              "memory_bytes": 0,
              "open_files": 0,
              "processes": 0
            }
          },
          "deliver": [
            {
              "environment": "test",
              "kind": "ephemeral",
              "gates": [
                "tests"
              ],
              "replacement": {
                "how": "at_once"
              },
              "by_hand": false
            },
            {
              "environment": "production",
              "kind": "lasting",
              "gates": [
                "tests",
                "four_eyes",
                "freeze"
              ],
              "replacement": {
                "how": "progressive",
                "shares": [
                  1000,
                  5000,
                  10000
                ],
                "alpha_ppm": 10000,
                "tolerance_ppm": 10000,
                "promotion_alpha_ppm": 50000,
                "latency_permille": 3000,
                "slow_tolerance_ppm": 30000,
                "independent": false,
                "block_seconds": 1,
                "deadline_seconds": 900,
                "silence_seconds": 60
              },
              "by_hand": false
            }
          ]
        }"#]]
    .assert_eq(&text.replace(resolved.pipeline.template_digest.as_str(), "…"));
    assert_eq!(resolved.file.product.as_str(), "shop");
    assert_eq!(resolved.pipeline.template_digest.as_str().len(), 64);
}

#[test]
fn evidence_is_read_in_quarters_only_where_units_are_counted_once_and_no_longer_block_is_asked() {
    let quarters = |added: &str| {
        let text = format!("{GOOD}{added}");
        let pipeline = resolve(&text).unwrap().pipeline;
        pipeline.deliver.iter().any(|stage| match &stage.replacement {
            Replacement::Progressive(plan) => plan.quarters,
            Replacement::AtOnce => false,
        })
    };
    assert!(!quarters(""), "retries would count");
    assert!(quarters("unit: Idempotency-Key\n"));
    assert!(!quarters("unit: Idempotency-Key\nsticky: { header: X-Account }\n"));
}

#[test]
fn what_a_service_adds_comes_after_what_it_needs() {
    let text = "service: shop\nproduct: web\ntemplate: small@1\nsecrets: [TOKEN]\nwith:\n  \
        binary: shop\n  port: 9000\n  debug: true\n  extra: [--a, --b]\nsteps:\n  \
        lint: { run: [cargo, clippy], timeout: 1m30s, retries: 1 }\n  \
        scan: { run: 'scan \"$TOKEN\" $${HOME} ${port} $HOME', needs: [build, lint],\n    \
        secrets: [TOKEN], when: { branches: main, paths: ['src/*'] }, environment: { A: b } }\n";
    let pipeline = resolve(text).unwrap().pipeline;
    let names: Vec<&str> = pipeline.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["build", "lint", "test", "scan", "trace"]);
    let scan = &pipeline.steps()[3];
    assert_eq!(scan.command, ["sh", "-euc", "scan \"$TOKEN\" ${HOME} 9000 $HOME"]);
    assert_eq!(scan.kind, StepKind::Run);
    assert_eq!(scan.when.branches, ["main"]);
    let start = pipeline.start.unwrap();
    assert_eq!(start.command, ["./shop", "--a", "--b"]);
    assert_eq!(start.port, 9000);
    assert!(start.secrets.contains("TOKEN"));
}

#[test]
fn a_step_that_the_template_leaves_open_is_replaced() {
    let text = format!("{GOOD}steps: {{ test: {{ run: mine, needs: build }} }}\n");
    let pipeline = resolve(&text).unwrap().pipeline;
    let names: Vec<&str> = pipeline.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["build", "test"]);
    assert_eq!(pipeline.steps()[1].command[2], "mine");
}

#[test]
fn a_lasting_environment_without_a_rollout_gets_the_careful_one() {
    let pipeline = resolve(GOOD).unwrap().pipeline;
    assert_eq!(pipeline.deliver[0].replacement, Replacement::AtOnce);
    let Replacement::Progressive(plan) = &pipeline.deliver[1].replacement else { panic!() };
    assert_eq!(plan.shares.len(), 3);
}

#[test]
fn objectives_are_kept_for_a_lasting_environment_that_only_the_organisation_has_judged() {
    let resolve = |rollout: &str, said: &str| {
        let template = varied(
            "gates: [tests, four-eyes, freeze] }",
            &format!("gates: [tests], rollout: {rollout} }}"),
        );
        let mut catalogue = Catalogue::built_in();
        catalogue.add(source("small.yaml", template.as_bytes()).unwrap()).unwrap();
        let text = format!("{GOOD}{said}");
        let text = source("sluss.yaml", text.as_bytes()).unwrap();
        catalogue.resolve(&text, &Defaults::default()).unwrap().pipeline
    };
    let said = "objectives: { errors: 0.05%, requests: 5000 }\n";
    let unjudged = resolve("at-once", said);
    let kept = Objectives { errors_ppm: 500, requests: 5_000, ..Objectives::default() };
    assert_eq!(unjudged.objectives, Some(kept));
    let stricter = resolve("at-once", "objectives: { errors: 0.01% }\n");
    assert_ne!(stricter.configuration_digest(), unjudged.configuration_digest());
    assert_eq!(resolve("at-once", "").objectives, None);
    // A rollout that is judged anyway has its own.
    let judged = resolve("progressive", said);
    let Replacement::Progressive(plan) = &judged.deliver[1].replacement else { panic!() };
    assert_eq!((judged.objectives, plan.objectives), (None, kept));
}

#[test]
fn every_problem_is_named_with_the_nearest_right_spelling() {
    let text = "servcie: shop\nproduct: Web Shop\ntemplate: smal@1\nsteps: []\nsecrets: [a-b]\n";
    refused(
        text,
        expect![[r#"
            error: a service file has no key `servcie`
             --> sluss.yaml:1:1
              |
            1 | servcie: shop
              | ^^^^^^^ expected `service`, `product`, `template`, `with`, `steps`, `secrets`, `unit`, `sticky`, `probe`, `outcome`, `most_in_flight`, `cpu_weight`, `forward_only`, `objectives`, `error_budget`, `provides` or `needs`
              = help: did you mean `service`?

            error: a service file needs `service`
             --> sluss.yaml:1:1
              |
            1 | servcie: shop
              | ^

            error: `Web Shop` is not right here
             --> sluss.yaml:2:10
              |
            2 | product: Web Shop
              |          ^^^^^^^^ expected a product name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)

            error: there is no template `smal@1`
             --> sluss.yaml:3:11
              |
            3 | template: smal@1
              |           ^^^^^^ expected `command@1`, `go-service@1`, `node-service@1`, `python-service@1`, `rust-service@1` or `small@1`
              = help: did you mean `small@1`?

            error: `a-b` cannot be the name of a secret
             --> sluss.yaml:5:11
              |
            5 | secrets: [a-b]
              |           ^^^ expected letters, digits and _, not beginning with a digit
        "#]],
    );
}

#[test]
fn problems_have_a_form_for_programs() {
    let problems = resolve("service: shop\ntemplate: small@1\nwiht: 1\n").unwrap_err();
    expect![[r#"
        [
          {
            "file": "sluss.yaml",
            "line": 2,
            "column": 11,
            "what": "the template needs the input `binary`",
            "hint": "The binary: give it under `with:`"
          },
          {
            "file": "sluss.yaml",
            "line": 3,
            "column": 1,
            "what": "a service file has no key `wiht`",
            "expected": "`service`, `product`, `template`, `with`, `steps`, `secrets`, `unit`, `sticky`, `probe`, `outcome`, `most_in_flight`, `cpu_weight`, `forward_only`, `objectives`, `error_budget`, `provides` or `needs`",
            "hint": "did you mean `with`?"
          }
        ]"#]]
    .assert_eq(&problems.to_json());
}

#[test]
fn a_key_given_twice_is_refused() {
    refused(
        "service: shop\ntemplate: small@1\nservice: other\n",
        expect![[r#"
        error: `service` is given twice
         --> sluss.yaml:3:1
          |
        3 | service: other
          | ^^^^^^^
          = help: it is given before in line 1: keep one of them
    "#]],
    );
}

#[test]
fn an_unknown_template_and_an_unknown_version_are_refused() {
    refused(
        "service: shop\ntemplate: rust-servcie@1\n",
        expect![[r#"
        error: there is no template `rust-servcie@1`
         --> sluss.yaml:2:11
          |
        2 | template: rust-servcie@1
          |           ^^^^^^^^^^^^^^ expected `command@1`, `go-service@1`, `node-service@1`, `python-service@1`, `rust-service@1` or `small@1`
          = help: did you mean `rust-service@1`?
    "#]],
    );
    refused(
        "service: shop\ntemplate: small@2\n",
        expect![[r#"
        error: there is no template `small@2`
         --> sluss.yaml:2:11
          |
        2 | template: small@2
          |           ^^^^^^^ expected `command@1`, `go-service@1`, `node-service@1`, `python-service@1`, `rust-service@1` or `small@1`
          = help: did you mean `small@1`?
    "#]],
    );
    refused(
        "service: shop\ntemplate: small\n",
        expect![[r#"
        error: `small` is not right here
         --> sluss.yaml:2:11
          |
        2 | template: small
          |           ^^^^^ expected a template with its version, like `rust-service@1`
    "#]],
    );
    refused(
        "service: shop\ntemplate: { run: [make] }\n",
        expect![[r#"
            error: a mapping is written here
             --> sluss.yaml:2:11
              |
            2 | template: { run: [make] }
              |           ^ expected a template with its version, like `rust-service@1`
        "#]],
    );
}

#[test]
fn inputs_that_are_unknown_missing_or_of_another_type_are_refused() {
    let text = "service: shop\ntemplate: small@1\nwith:\n  prot: 80\n  port: 70000\n  extra: {}\n  \
        debug: yes\n  folder: ../out\n  pool: larg\n";
    refused(
        text,
        expect![[r#"
        error: the template needs the input `binary`
         --> sluss.yaml:2:11
          |
        2 | template: small@1
          |           ^^^^^^^
          = help: The binary: give it under `with:`

        error: the template has no input `prot`
         --> sluss.yaml:4:3
          |
        4 |   prot: 80
          |   ^^^^ expected `port`, `binary`, `extra`, `debug`, `folder` or `pool`
          = help: did you mean `port`?

        error: `70000` is not right here
         --> sluss.yaml:5:9
          |
        5 |   port: 70000
          |         ^^^^^ expected a whole number from 1 to 65535

        error: a mapping is written here
         --> sluss.yaml:6:10
          |
        6 |   extra: {}
          |          ^ expected a list of words

        error: `yes` is not right here
         --> sluss.yaml:7:10
          |
        7 |   debug: yes
          |          ^^^ expected `true` or `false`
          = help: did you mean `true`?

        error: the path `../out` climbs out of its folder
         --> sluss.yaml:8:11
          |
        8 |   folder: ../out
          |           ^^^^^^ expected a path inside the folder, such as `out/app`

        error: `larg` is not known here
         --> sluss.yaml:9:9
          |
        9 |   pool: larg
          |         ^^^^ expected `small` or `large`
          = help: did you mean `large`?
    "#]],
    );
}

#[test]
fn a_port_is_a_whole_number_in_range() {
    for port in ["0", "65536", "-1", "80.0", "http", "'8080 '", "1e3", "[80]"] {
        let text = GOOD.replace("binary:", &format!("port: {port}, binary:"));
        let problems = resolve(&text).unwrap_err().to_string();
        assert!(problems.contains("a whole number from 1 to 65535"), "{port}: {problems}");
    }
}

#[test]
fn a_value_with_a_variable_in_it_is_not_filled_again() {
    let text = "service: shop\ntemplate: small@1\nwith: { binary: '${port}${x}' }\n";
    let pipeline = resolve(text).unwrap().pipeline;
    assert_eq!(pipeline.steps()[0].command[2], "make ${port}${x}");
}

#[test]
fn a_service_says_how_its_requests_are_told_apart() {
    let head = "service: pay\ntemplate: small@1\nwith: { binary: pay }\n";
    let traffic = |more: &str| {
        let start = resolve(&format!("{head}{more}")).unwrap().pipeline.start.unwrap();
        serde_json::to_string(&start.traffic).unwrap()
    };
    assert_eq!(traffic(""), "{}");
    assert_eq!(traffic("unit: Idempotency-Key\n"), r#"{"unit":"Idempotency-Key"}"#);
    let sticky = traffic("sticky: { cookie: session }\n");
    assert_eq!(sticky, r#"{"sticky":{"cookie":"session"}}"#);
    for wrong in ["unit: 'two words'", "sticky: {}", "sticky: { header: A, cookie: b }"] {
        assert!(resolve(&format!("{head}{wrong}\n")).is_err(), "{wrong}");
    }
}

#[test]
fn a_promise_is_kept_to_where_customers_are() {
    let promised = format!("{GOOD}error_budget: {{ objective: 99.95%, window: 28d }}\n");
    let pipeline = resolve(&promised).unwrap().pipeline;
    let budget = ErrorBudget { objective_ppm: 999_500, window_seconds: 28 * 86_400 };
    assert_eq!(pipeline.error_budget, Some(budget));
    let asked = |stage: &Stage| stage.gates.contains(&GateKind::ErrorBudget);
    let asked: Vec<bool> = pipeline.deliver.iter().map(asked).collect();
    assert_eq!(asked, [false, true]);
    // A release that promises less is another configuration, and what was approved is void.
    let less = resolve(&promised.replace("99.95%", "99%")).unwrap().pipeline;
    assert_ne!(less.configuration_digest(), pipeline.configuration_digest());
}

#[test]
fn a_promise_that_leaves_no_budget_or_all_of_it_is_none() {
    for (wrong, what) in [
        ("{ objective: 100% }", "no traffic can be held to this objective"),
        ("{ objective: 49% }", "no traffic can be held to this objective"),
        ("{ objective: 99.9 }", "`99.9` is not right here"),
        ("{ window: 30d }", "`error_budget` needs `objective`"),
        ("{ objective: 99.9%, window: 5m }", "this is too short"),
        ("{ objective: 99.9%, window: 91d }", "this is too long"),
        ("99.9%", "a text is written here"),
    ] {
        let problems = resolve(&format!("{GOOD}error_budget: {wrong}\n")).unwrap_err();
        let said: Vec<&str> = problems.iter().map(|one| &*one.what).collect();
        assert_eq!(said, [what], "{wrong}");
    }
}

#[test]
fn a_service_says_what_it_provides_to_others_and_needs_of_them() {
    let text = "provides: { ledger-api: [2, 3], reports: 1 }\nneeds: { rates: 7 }\n";
    let pipeline = resolve(&format!("{GOOD}{text}")).unwrap().pipeline;
    let contracts = serde_json::to_string(&pipeline.contracts).unwrap();
    let expected = r#"{"provides":{"ledger-api":[2,3],"reports":[1]},"needs":{"rates":7}}"#;
    assert_eq!(contracts, expected);
    let without = resolve(GOOD).unwrap().pipeline;
    assert!(without.contracts.is_empty());
    assert_ne!(without.configuration_digest(), pipeline.configuration_digest());
    for (wrong, what) in [
        ("needs: { Ledger: 3 }", "`Ledger` is not right here"),
        ("needs: { ledger: three }", "`three` is not right here"),
        ("needs: { ledger: [3] }", "a list is written here"),
        ("needs: [ledger]", "a list is written here"),
        ("provides: { ledger: [0] }", "`0` is not right here"),
        ("provides: ledger", "a text is written here"),
    ] {
        let problems = resolve(&format!("{GOOD}{wrong}\n")).unwrap_err();
        let said: Vec<&str> = problems.iter().map(|one| &*one.what).collect();
        assert_eq!(said, [what], "{wrong}");
    }
}
