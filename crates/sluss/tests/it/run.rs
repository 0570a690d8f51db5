//! `sluss run`.

use expect_test::expect;

use crate::session::Session;

fn with_steps(steps: &str) -> Session {
    let session = Session::new();
    let head = "service: shop\ntemplate: command@1\nwith:\n  start: ./serve\n";
    session.file("serve", "").file("sluss.yaml", &format!("{head}steps:\n{steps}"));
    session
}

#[test]
fn steps_run_after_what_they_need_and_say_how_they_ended() {
    let session =
        with_steps("  one: { run: 'echo 1 > one' }\n  two: { run: cat one, needs: one }\n");
    expect![[r#"
        $ sluss run --step two
        one succeeded  T s
        two succeeded  T s
        [err] 2 of 2 steps succeeded; logs: .sluss/runs/ID
    "#]]
    .assert_eq(&session.sluss("run --step two"));
    assert_eq!(session.read("one"), "1\n");
}

#[test]
fn a_failed_step_shows_the_end_of_its_log_and_exits_with_1() {
    let session = with_steps("  broken: { run: 'echo it is broken; exit 3' }\n");
    expect![[r#"
        $ sluss run --step broken
        broken failed with exit code 3  T s  .sluss/runs/ID/broken.1.log
        [err] 0 of 1 steps succeeded; logs: .sluss/runs/ID
        [err]   | it is broken
        [err] error: The step `broken` did not succeed.
        [err]   next: Read on in .sluss/runs/ID/broken.1.log
        [exit 1]
    "#]]
    .assert_eq(&session.sluss("run --step broken"));
}

#[test]
fn steps_are_listed_without_running() {
    let session = with_steps("  one: { run: 'false' }\n  two: { run: 'false', needs: one }\n");
    expect![[r#"
        $ sluss run --list --step two
        one
        two  after one
    "#]]
    .assert_eq(&session.sluss("run --list --step two"));
    expect![[r#"
        $ sluss run --step three
        [err] error: There is no step `three`.
        [err]   next: See which there are: `sluss run --list`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("run --step three"));
}

#[test]
fn secrets_come_from_the_environment_and_their_absence_is_said() {
    let session = Session::new();
    session.file(
        "sluss.yaml",
        "service: shop\ntemplate: command@1\nwith: { start: ./serve }\nsecrets: [TOKEN]\n\
         steps:\n  use: { run: 'true', secrets: [TOKEN] }\n",
    );
    expect![[r#"
        $ sluss run --step use
        use succeeded  T s
        [err] warning: the secret TOKEN is not in the environment
        [err] 1 of 1 steps succeeded; logs: .sluss/runs/ID
    "#]]
    .assert_eq(&session.sluss("run --step use"));
}

#[test]
fn as_json_only_the_report_is_on_standard_output() {
    let session = with_steps("  one: { run: 'true' }\n");
    let said = session.sluss("run --step one --output json");
    let json: String =
        said.lines().filter(|line| !line.starts_with('$') && !line.starts_with("[err]")).collect();
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["outcome"], "succeeded");
    assert_eq!(report["steps"][0]["step"], "one");
}
