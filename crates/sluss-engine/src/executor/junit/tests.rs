//! Reports as tools write them, as attackers do, and as test programs print them.

use super::command::completed;
use super::recognise::Recogniser;
use super::write::to_xml;
use super::*;

fn read(xml: &str) -> Result<TestResults, String> {
    parse(xml.as_bytes()).map_err(|error| error.to_string())
}

/// Shows results as lines.
fn shown(results: &TestResults) -> Vec<String> {
    let case = |case: &TestCase| {
        let outcome = match &case.outcome {
            CaseOutcome::Passed => "passed".to_owned(),
            CaseOutcome::Skipped => "skipped".to_owned(),
            CaseOutcome::Failed { message } => format!("failed: {message}"),
            CaseOutcome::Errored { message } => format!("errored: {message}"),
        };
        format!("{}/{} {} ms {outcome}", case.suite, case.name, case.millis)
    };
    results.cases.iter().map(case).collect()
}

fn recognised(output: &str) -> TestResults {
    let mut recogniser = Recogniser::default();
    output.lines().for_each(|line| recogniser.line(line));
    recogniser.finish()
}

#[test]
fn a_report_is_read() {
    let results = read(
        r#"<?xml version="1.0"?><testsuites><testsuite name="books">
        <testcase name="a" classname="c" time="1.5"/>
        <testcase name="b &lt;1&gt;" time="1,000">
        <failure message="m">no &amp; no</failure></testcase>
        <testcase name="c"><skipped/></testcase>
        <testcase name="d"><error><![CDATA[boom <x>]]></error><system-out>x</system-out>
        </testcase>
        </testsuite></testsuites>"#,
    );
    let results = results.unwrap();
    assert_eq!(
        shown(&results),
        [
            "c/a 1500 ms passed",
            "books/b <1> 1000000 ms failed: m",
            "books/c 0 ms skipped",
            "books/d 0 ms errored: boom <x>",
        ]
    );
    assert_eq!(results.totals(), Totals { passed: 1, failed: 1, skipped: 1, errored: 1 });
}

#[test]
fn hostile_reports_are_refused_with_a_reason() {
    let bomb =
        r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites>&b;</testsuites>"#;
    let entity = r#"<testsuite><testcase name="&unknown;"/></testsuite>"#;
    let deep = "<testsuite>".repeat(100);
    let cases = [
        (bomb, "document type declaration"),
        (entity, "not well-formed"),
        (deep.as_str(), "nested more than 64 deep"),
        ("", "stops in the middle"),
        ("<testsuite><testcase name='a'>", "stops in the middle"),
        ("<testsuite></testcase>", "not well-formed"),
        ("<html/>", "<html> where <testsuites>"),
        ("<testsuite/><testsuite/>", "where <testsuites>"),
        ("no xml", "stops in the middle"),
    ];
    for (xml, reason) in cases {
        let refused = read(xml).unwrap_err();
        assert!(refused.contains(reason), "{xml:.60}: {refused}");
    }
    let huge = format!("<testsuite><testcase name=\"{}\"/></testsuite>", "x".repeat(33 << 20));
    assert!(read(&huge).unwrap_err().contains("more than 32 MiB"));
}

#[test]
fn what_is_written_can_be_read_again() {
    let results =
        recognised("test a<b> ... FAILED\n---- a<b> stdout ----\nsaid \"&\u{1}\"\n\nfailures:\n");
    let again = read(&to_xml(&results)).unwrap();
    assert_eq!(shown(&again), ["libtest/a<b> 0 ms failed: said \"&\""]);
}

#[test]
fn libtest_is_recognised() {
    let output = "running 4 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored, slow\n\
                  test src/lib.rs - f (line 3) ... ok\n\nfailures:\n\n---- c stdout ----\n\
                  thread panicked\nleft: 1\n\nfailures:\n    c\n\ntest result: FAILED. 2 passed;\n";
    assert_eq!(
        shown(&recognised(output)),
        [
            "libtest/a::b 0 ms passed",
            "libtest/c 0 ms failed: thread panicked\nleft: 1",
            "libtest/d 0 ms skipped",
            "libtest/src/lib.rs - f (line 3) 0 ms passed",
        ]
    );
}

#[test]
fn pytest_and_unittest_are_recognised() {
    let output = "tests/t.py::test_a PASSED        [ 25%]\n\
                  \u{1b}[31mtests/t.py::K::test_b FAILED\u{1b}[0m [ 50%]\n\
                  tests/t.py::test_c SKIPPED (why) [ 75%]\n\
                  FAILED tests/t.py::K::test_b - assert 1 == 2\n";
    assert_eq!(
        shown(&recognised(output)),
        [
            "tests/t.py/test_a 0 ms passed",
            "tests/t.py::K/test_b 0 ms failed: assert 1 == 2",
            "tests/t.py/test_c 0 ms skipped",
        ]
    );
    let output = "test_a (t.K.test_a) ... ok\ntest_b (t.K.test_b)\nSays what it does. ... FAIL\n\
                  test_c (t.K) ... skipped 'why'\ntest_d (t.K) ... ERROR\n";
    assert_eq!(
        shown(&recognised(output)),
        [
            "t.K/test_a 0 ms passed",
            "t.K/test_b 0 ms failed: it failed",
            "t.K/test_c 0 ms skipped",
            "t.K/test_d 0 ms errored: it could not be run to its end",
        ]
    );
}

#[test]
fn go_and_node_are_recognised() {
    let output = "=== RUN   TestA\n--- PASS: TestA (0.25s)\n    --- FAIL: TestB/x (0.00s)\n\
                  --- SKIP: TestC (0.00s)\nFAIL\n";
    assert_eq!(
        shown(&recognised(output)),
        [
            "go test/TestA 250 ms passed",
            "go test/TestB/x 0 ms failed: it failed",
            "go test/TestC 0 ms skipped",
        ]
    );
    let output = "TAP version 13\n# Subtest: a\nok 1 - a\n  ---\n\
                  not ok 2 - b\nok 3 - c # SKIP why\n1..3\n";
    assert_eq!(
        shown(&recognised(output)),
        ["tap/a 0 ms passed", "tap/b 0 ms failed: it failed", "tap/c 0 ms skipped"]
    );
    let output = "✔ a (1.5ms)\n✖ b (0.2ms)\nℹ tests 2\n\n✖ failing tests:\n\n✖ b (0.2ms)\n";
    assert_eq!(shown(&recognised(output)), ["node/a 1 ms passed", "node/b 0 ms failed: it failed"]);
}

#[test]
fn a_command_that_fails_has_a_case_that_did_not_pass() {
    let passed = recognised("test a ... ok\n");
    assert_eq!(completed(passed.clone(), "make", 0), passed);
    assert_eq!(completed(passed, "make", 2).totals().errored, 1);
    assert_eq!(completed(TestResults::default(), "make", 2).totals().failed, 1);
    assert_eq!(completed(TestResults::default(), "make", 0).totals().passed, 1);
}

#[test]
fn a_command_is_run_and_its_report_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("reports/junit.xml");
    let line = "echo 'test a ... ok'; echo 'test b ... FAILED' >&2; exit 101";
    let command = ["sh", "-c", line].map(std::ffi::OsString::from);
    let code = junit_main(&out, &command);
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::from(101)));
    let results = read(&std::fs::read_to_string(out).unwrap()).unwrap();
    let totals = results.totals();
    assert_eq!((totals.passed, totals.failed), (1, 1));
}
