//! `sluss policy` and `sluss freeze preview`, without a server.

use crate::session::Session;

const POLICY: &str = include_str!("../../../../examples/controls/policies/production.rego");
const TESTS: &str = include_str!("../../../../examples/controls/policies/production_test.rego");
const DATA: &str = include_str!("../../../../examples/controls/policies/data.json");
const CALENDAR: &str = include_str!("../../../../examples/controls/calendar.yaml");

fn with_policies() -> Session {
    let session = Session::new();
    session.file("policies/production.rego", POLICY);
    session.file("policies/production_test.rego", TESTS);
    session.file("policies/data.json", DATA);
    session.file("policies/README.md", "Prose beside them is left out.\n");
    session
}

#[test]
fn the_sample_policies_are_right_and_pass_their_tests() {
    let session = with_policies();
    let checked = session.sluss("policy check");
    assert!(checked.contains("Nothing is wrong.") && !checked.contains("[exit"), "{checked}");
    let tested = session.sluss("policy test --coverage 80");
    assert!(tested.contains("of the lines reached") && !tested.contains("[exit"), "{tested}");
}

#[test]
fn a_test_that_fails_and_a_rule_that_is_wrong_are_named_with_their_places() {
    let session = with_policies();
    session.file(
        "policies/more_test.rego",
        "package sluss.gate\n\nimport rego.v1\n\ntest_no if {\n\t1 == 2\n}\n",
    );
    let tested = session.sluss("policy test");
    assert!(tested.contains("policies/more_test.rego:5: test_no failed"), "{tested}");
    assert!(tested.contains("[exit 1]"), "{tested}");
    session.file("policies/production.rego", &POLICY.replace("startswith(path", "http.send(path"));
    let checked = session.sluss("policy check");
    let named = "policies/production.rego:";
    assert!(checked.contains(named) && checked.contains("`http.send` may not be called"));
    assert!(checked.contains("[exit 1]"), "{checked}");
}

#[test]
fn a_calendar_that_is_not_in_force_yet_is_shown_and_a_wrong_one_refused() {
    let session = Session::new();
    session.file("calendar.yaml", CALENDAR);
    let shown = session.sluss("freeze preview --file calendar.yaml --environment production");
    assert!(shown.contains("friday-afternoon") && shown.contains("year-end"), "{shown}");
    let other = session.sluss("freeze preview --file calendar.yaml --environment staging");
    assert!(other.contains("Nothing shuts or opens anything in these months."), "{other}");
    session.file("calendar.yaml", &CALENDAR.replace("Europe/Berlin", "Europe/Atlantis"));
    let wrong = session.sluss("freeze preview --file calendar.yaml");
    assert!(wrong.contains("calendar.yaml:") && wrong.contains("[exit 2]"), "{wrong}");
}
