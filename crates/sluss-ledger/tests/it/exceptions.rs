//! What an exception let through passes by its own evidence alone, and never as if there were none.

use serde_json::{Value, json};
use sluss_ledger::Hash;
use sluss_ledger::dossier::{
    Check, Files, Options, Outcome, Parts, Report, Trust, TrustSource, build, verify,
};
use sluss_ledger::sample::{
    Draft, Ledger, START_MS, artifact, attestation_key, log_key, person, signed, test_result,
};

/// A release that a gate let through by an exception, told as wished.
#[derive(Clone)]
struct Told {
    gate: &'static str,
    why: Value,
    what: Value,
    asked_by: &'static str,
    granted_by: Vec<&'static str>,
    /// Seconds after the log began at which it ends.
    until: i64,
    suspended: bool,
    /// Whether it is asked for and granted only once the deployment was begun.
    afterwards: bool,
    organisation: bool,
    /// What the calendar said before the gate was decided: as the event has it, and as it was kept.
    calendar: Option<(Value, Value)>,
    /// The artifact that the deployment is said to be about.
    about: Hash,
}

/// A standard change that `grace` agreed to and `linus` had asked for, and what passed by it.
fn standard() -> Told {
    let model =
        json!({"service": "pay", "paths": ["docs/"], "files": 3, "lines": 50, "failures": 1});
    Told {
        gate: "four_eyes",
        why: json!({"standard": {"exception": "exc-1", "files": 1, "lines": 12}}),
        what: json!({"kind": "standard", "model": model}),
        asked_by: "linus",
        granted_by: vec!["grace"],
        until: 30 * 24 * 3600,
        suspended: false,
        afterwards: false,
        organisation: true,
        calendar: None,
        about: artifact(),
    }
}

/// An override of a freeze that `grace` granted and `linus` had asked for.
fn past_a_freeze() -> Told {
    Told {
        gate: "freeze",
        why: json!({"exception": {"exception": "exc-1"}}),
        what: json!({"kind": "freeze", "deployment": "dep-1"}),
        until: 3600,
        ..standard()
    }
}

fn exception(ledger: &mut Ledger, told: &Told) {
    let by = |name: &str| json!(person(name).reference);
    let event = |kind, data: Value| Draft::new("exception/exc-1", kind, data);
    let until = START_MS + 1000 * told.until;
    let asked = by(told.asked_by);
    let asked = json!({"exception": "exc-1", "what": told.what, "by": asked, "until": until});
    ledger.event(event("exception.requested", asked).by(told.asked_by));
    for name in &told.granted_by {
        let granted = json!({"exception": "exc-1", "by": by(name)});
        ledger.event(event("exception.granted", granted).by(name));
    }
    if told.suspended {
        let suspended = json!({"exception": "exc-1", "failures": 1});
        ledger.event(event("exception.suspended", suspended));
    }
}

fn parts(told: &Told) -> Parts {
    let mut ledger = Ledger::default();
    ledger.event(Draft::new("log", "log.opened", json!({"demo": true, "origin": "x"})));
    if told.organisation {
        let deciders: Vec<_> =
            ["grace", "linus", "ada"].map(|name| json!(person(name).reference)).into();
        let organisation =
            json!({"approvers": deciders, "groups": {}, "calendar": Hash::sha256(b"calendar")});
        let proposed = json!({"number": 1, "organisation": organisation});
        ledger.event(Draft::new("config", "config.proposed", proposed));
        ledger.event(Draft::new("config", "config.activated", json!({"number": 1})));
    }
    let contributors = json!([person("ada").reference]);
    let push = json!({"branch": "main", "contributors": contributors});
    let pushed = json!({"change": "chg-1", "service": "pay", "push": push});
    ledger.event(Draft::new("change/chg-1", "change.pushed", pushed).by("ada"));
    ledger.event(Draft::new("run/run-1", "run.queued", json!({"run": "run-1", "change": "chg-1"})));
    let key = attestation_key(1);
    let tests = ledger.attestation(signed(&test_result(), &key).unwrap(), &key);
    let data = json!({"release": "rel-1", "run": "run-1"});
    let mut created = Draft::new("release/rel-1", "release.created", data);
    (created.subject, created.atts) = (vec![artifact()], vec![tests]);
    ledger.event(created);
    if !told.afterwards {
        exception(&mut ledger, told);
    }
    let event = |kind, data: Value| Draft::new("deployment/dep-1", kind, data);
    let data = json!({"deployment": "dep-1", "release": "rel-1"});
    let mut requested = event("deployment.requested", data);
    requested.subject = vec![told.about];
    ledger.event(requested);
    if let Some((said, kept)) = &told.calendar {
        let mut said = said.clone();
        said["says"] = json!(ledger.blob(kept.to_string()));
        ledger.event(event("freeze.decided", said));
    }
    let outcome = json!({"outcome": "cleared", "why": told.why});
    let decided = json!({"deployment": "dep-1", "gate": told.gate, "outcome": outcome});
    ledger.event(event("gate.decided", decided));
    for kind in ["deployment.cleared", "deployment.started", "deployment.live"] {
        ledger.event(event(kind, json!({"deployment": "dep-1"})));
    }
    if told.afterwards {
        exception(&mut ledger, told);
    }
    let (count, head) = ledger.head("release/rel-1");
    let (deployed, deployed_head) = ledger.head("deployment/dep-1");
    let also = json!([{"stream": "deployment/dep-1", "count": deployed, "head": deployed_head}]);
    let seal = json!({"n": 1, "count": count, "head": head, "streams": also});
    ledger.event(Draft::new("release/rel-1", "release.sealed", seal));
    ledger.parts("rel-1", &log_key(1)).unwrap()
}

fn report(parts: &Parts) -> Report {
    let files = build(parts, &attestation_key(1)).unwrap();
    let inside = |(path, content): (&String, &Vec<u8>)| {
        Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
    };
    let kept: Files = files.iter().filter_map(inside).collect();
    let trust = Trust::read(&kept, TrustSource::Independent).unwrap();
    verify(&files, &trust, &Options::default())
}

#[track_caller]
fn assert_fails(told: &Told, reason: &str) {
    let report = report(&parts(told));
    let Outcome::Failed(failures) = report.outcome(Check::Exceptions) else {
        panic!("it did not fail for {reason:?}:\n{report}");
    };
    assert!(failures.iter().any(|failure| failure.reason.contains(reason)), "{report}");
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn a_standard_change_passes_where_its_model_covers_what_passed_by_it() {
    let report = report(&parts(&standard()));
    let Outcome::Passed(said) = report.outcome(Check::Exceptions) else { panic!("{report}") };
    assert!(said.contains("dep-1 fits the standard change exc-1: files 1, lines 12"), "{said}");
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[test]
fn a_standard_change_that_does_not_cover_it_fails() {
    let good = standard();
    let model = |field: &str, value: Value| {
        let mut told = standard();
        told.what["model"][field] = value;
        told
    };
    let fits = |files: u64, lines: u64| Told {
        why: json!({"standard": {"exception": "exc-1", "files": files, "lines": lines}}),
        ..standard()
    };
    for (told, reason) in [
        (model("service", json!("cards")), "is one of another service"),
        (model("lines", json!(11)), "allows fewer lines"),
        (model("files", Value::Null), "allows fewer files"),
        (fits(4, 12), "allows fewer files"),
        (fits(0, 0), "is said to cover what changes nothing"),
        (Told { until: 5, ..good.clone() }, "was over by then"),
        (Told { until: 400 * 24 * 3600, ..good.clone() }, "longer time than one of its kind"),
        (Told { suspended: true, ..good.clone() }, "had been ended or suspended by then"),
        (Told { granted_by: vec![], ..good.clone() }, "was not agreed to by somebody who decides"),
        (Told { granted_by: vec!["linus"], ..good.clone() }, "was not agreed to by somebody"),
        (Told { granted_by: vec!["ada"], ..good.clone() }, "was not agreed to by somebody"),
        (Told { granted_by: vec!["mallory"], ..good.clone() }, "was not agreed to by somebody"),
        (Told { what: past_a_freeze().what, ..good }, "is no standard change"),
    ] {
        assert_fails(&told, reason);
    }
}

#[test]
fn a_standard_change_that_is_not_here_or_came_later_is_not_passed() {
    let mut holed = parts(&standard());
    holed.events.retain(|part| {
        let event = sluss_ledger::Envelope::open(&part.leaf).unwrap();
        event.stream != "exception/exc-1"
    });
    for report in [
        report(&holed),
        report(&parts(&Told { afterwards: true, ..standard() })),
        report(&parts(&Told { organisation: false, ..standard() })),
    ] {
        let outcome = report.outcome(Check::Exceptions);
        assert!(matches!(outcome, Outcome::NotChecked(_)), "{report}");
        assert_eq!(report.exit_code(), 2, "{report}");
    }
}

#[test]
fn going_past_a_freeze_is_an_exception_of_two_persons_without_a_hand_in_it() {
    let report = report(&parts(&past_a_freeze()));
    let Outcome::Excepted(said) = report.outcome(Check::Exceptions) else { panic!("{report}") };
    assert!(said.contains("dep-1 let past a freeze by exc-1"), "{said}");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(!report.to_string().contains("OK"));
}

#[test]
fn an_override_of_a_freeze_without_its_two_persons_or_out_of_time_fails() {
    let good = past_a_freeze();
    let other = json!({"kind": "freeze", "deployment": "dep-2"});
    for (told, reason) in [
        (Told { granted_by: vec![], ..good.clone() }, "was not granted by somebody else"),
        (Told { granted_by: vec!["linus"], ..good.clone() }, "was not granted by somebody else"),
        (Told { granted_by: vec!["ada"], ..good.clone() }, "was not granted by somebody else"),
        (Told { granted_by: vec!["mallory"], ..good.clone() }, "was not granted by somebody else"),
        (Told { asked_by: "ada", ..good.clone() }, "was asked for by somebody who had a hand"),
        (Told { what: other, ..good.clone() }, "is no override of a freeze for this deployment"),
        (Told { what: standard().what, ..good.clone() }, "is no override of a freeze"),
        (Told { until: 5, ..good.clone() }, "was over by then"),
        (Told { until: 25 * 3600, ..good.clone() }, "longer time than one of its kind"),
        (Told { suspended: true, ..good.clone() }, "had been ended"),
        (Told { afterwards: true, ..good }, "that let it past a freeze is not here"),
    ] {
        assert_fails(&told, reason);
    }
}

#[test]
fn the_page_marks_what_passed_by_an_exception_among_the_decisions() {
    for told in [standard(), past_a_freeze()] {
        let files = build(&parts(&told), &attestation_key(1)).unwrap();
        let page = String::from_utf8(files["index.html"].clone()).unwrap();
        let (decisions, timeline) = page.split_once("<h2>Everything that happened</h2>").unwrap();
        for kind in ["exception.requested", "exception.granted", "gate.decided"] {
            let marked = |part: &str| {
                part.lines().any(|row| row.starts_with("<tr class=\"no\">") && row.contains(kind))
            };
            assert!(marked(decisions) && marked(timeline), "{kind}");
        }
        assert!(decisions.contains("3 in all, 3 of them refusals or exceptions."), "{decisions}");
    }
}

/// What the calendar said of a start that no window kept.
fn by_the_calendar(allowed: bool) -> Told {
    let said = json!({
        "deployment": "dep-1",
        "at": START_MS,
        "allowed": allowed,
        "until": 9,
        "windows": ["night"],
        "calendar": Hash::sha256(b"calendar"),
        "tzdb_version": "2026a",
    });
    let kept = json!({
        "allowed": allowed,
        "until_ms": 9,
        "windows": ["night"],
        "sentence": "The window `night` decides.",
        "tzdb_version": "2026a",
    });
    let calendar = Some((said, kept));
    Told { gate: "freeze", why: json!("no_freeze"), calendar, ..standard() }
}

#[test]
fn what_the_calendar_said_is_here_whole_and_agrees_with_the_gate() {
    let good = report(&parts(&by_the_calendar(true)));
    assert_eq!(good.exit_code(), 0, "{good}");
    assert_fails(&by_the_calendar(false), "as if no freeze covered it");
    let spoilt = |spoil: fn(&mut Value, &mut Value)| {
        let mut told = by_the_calendar(true);
        let (said, kept) = told.calendar.as_mut().unwrap();
        spoil(said, kept);
        told
    };
    let other = "is not what the calendar said";
    assert_fails(&spoilt(|_, kept| kept["allowed"] = json!(false)), other);
    assert_fails(&spoilt(|_, kept| kept["tzdb_version"] = json!("2020a")), other);
    assert_fails(&spoilt(|said, _| said["windows"] = json!(["day"])), other);
    assert_fails(&spoilt(|said, _| said["until"] = json!(10)), other);
    let calendar = |said: &mut Value, _: &mut Value| said["calendar"] = json!(Hash::sha256(b"x"));
    assert_fails(&spoilt(calendar), "another calendar than the one in force");
    let mut lost = parts(&by_the_calendar(true));
    lost.blobs.clear();
    let report = report(&lost);
    let Outcome::Failed(failures) = report.outcome(Check::Exceptions) else { panic!("{report}") };
    assert!(failures[0].reason.contains("what the calendar said is missing"), "{report}");
}

#[test]
fn a_gate_that_says_that_people_agreed_whom_nobody_asked_fails() {
    let told = Told { why: json!("approved"), ..standard() };
    let report = report(&parts(&told));
    let Outcome::Failed(failures) = report.outcome(Check::Approvals) else { panic!("{report}") };
    assert!(failures[0].reason.contains("without the approval"), "{report}");
}

#[test]
fn a_deployment_of_other_artifacts_than_the_releases_fails() {
    let told = Told { about: Hash::sha256(b"another artifact"), ..standard() };
    let report = report(&parts(&told));
    let Outcome::Failed(failures) = report.outcome(Check::CrossReferences) else {
        panic!("{report}")
    };
    assert!(failures[0].reason.contains("other artifacts than those of the release"), "{report}");
}
