//! Retention in a running Sluss: what is held stays, what two people dispose of goes, and who is
//! erased is in no file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use e2e::{Repository, Sluss, wait_for};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "a long and private password";
const CALENDAR: &str = include_str!("../../examples/controls/calendar.yaml");
const ORGANISATION: &str = "name: Test bank
four_eyes: never
require: [tests, verdict]
retention: { logs: 3y }
people:
  ada: [developer, approver]
  bob: [approver]
  carl: [approver]
  dora: [approver]
";

/// Pushes this to the platform repository, and waits until it decides.
fn platform(sluss: &Sluss, repository: &Repository, files: &[(&str, &str)]) {
    let activated = || {
        let events = sluss.events();
        events.iter().filter(|event| event["type"] == "config.activated").count()
    };
    let before = activated();
    for (name, text) in files {
        repository.write(name, text);
    }
    repository.commit("The bank's policy");
    let (pushed, said) = repository.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    wait_for("it is active", PATIENCE, || (activated() > before).then_some(()));
}

fn told(sluss: &Sluss, arguments: &[&str]) -> String {
    let (succeeded, said) = sluss.run(arguments);
    assert!(succeeded, "{arguments:?}: {said}");
    said
}

fn ask(sluss: &Sluss, who: &str, path: &str, body: &Value) -> (u16, String) {
    let password = if who == sluss.login { &sluss.password } else { PASSWORD };
    let (status, answer) = sluss.post(&format!("/api/v1/retention/{path}"), (who, password), body);
    (status, answer.to_string())
}

fn done(sluss: &Sluss, who: &str, path: &str, body: &Value) -> String {
    let (status, said) = ask(sluss, who, path, body);
    assert_eq!(status, 200, "{who} {path}: {said}");
    said
}

fn blob(sluss: &Sluss, digest: &str) -> PathBuf {
    sluss.data().join("blobs/sha256").join(&digest[..2]).join(&digest[2..])
}

/// Every file of a folder that holds this.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if let Ok(content) = std::fs::read(&path) {
            let holds = content.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(holds.then_some(path));
        }
    }
    found
}

/// The calendar of the configuration that was proposed last.
fn proposed(sluss: &Sluss) -> String {
    let events = sluss.events();
    let proposed = events.iter().rfind(|event| event["type"] == "config.proposed");
    let organisation = &proposed.expect("it was pushed")["data"]["organisation"];
    organisation["calendar"].as_str().expect("it has a calendar").to_owned()
}

#[test]
fn what_is_held_stays_and_what_two_people_dispose_of_goes_and_the_log_says_so() {
    let sluss = Sluss::up();
    for login in ["bob", "carl", "dora"] {
        sluss.account(login, PASSWORD);
    }
    sluss.account("mallory", PASSWORD);
    let folder = sluss.scratch("platform");
    let repository = Repository::of(&folder);
    repository.pull(&sluss.remote("platform"));
    let short = ORGANISATION.replace("logs: 3y", "evidence: 5y");
    repository.write("organisation.yaml", &short);
    repository.commit("Too short");
    let (pushed, said) = repository.push(&sluss.remote("platform"), "main");
    assert!(!pushed && said.contains("HGB § 257"), "{said}");
    platform(
        &sluss,
        &repository,
        &[("organisation.yaml", ORGANISATION), ("calendar.yaml", CALENDAR)],
    );
    let calendar = proposed(&sluss);
    assert!(told(&sluss, &["retention", "show"]).contains("logs       3 years"));
    assert!(told(&sluss, &["retention", "show", &calendar]).contains("part of what decides now"));
    let changed = format!("{CALENDAR}\n# Another year.\n");
    platform(&sluss, &repository, &[("calendar.yaml", &changed)]);

    let early = json!({ "contents": [&calendar], "reason": "it was never used" });
    done(&sluss, "bob", "holds", &json!({ "scope": "all", "reason": "a court asks" }));
    // People read why; no file says it.
    let said = sluss.get("/api/v1/retention").expect("it answers").to_string();
    assert!(said.contains("a court asks"), "{said}");
    assert!(holding(&sluss.data(), "a court asks").is_empty());
    let (status, said) = ask(&sluss, "carl", "disposals", &early);
    assert!(status == 409 && said.contains("legal hold hld-1"), "{status} {said}");
    let why = json!({ "reason": "the case is closed" });
    assert_eq!(ask(&sluss, "bob", "holds/hld-1/lift", &why).0, 403);
    assert!(!done(&sluss, "carl", "holds/hld-1/lift", &why).contains("hold.lifted"));
    assert!(done(&sluss, "dora", "holds/hld-1/lift", &why).contains("hold.lifted"));

    done(&sluss, "carl", "disposals", &early);
    assert_eq!(ask(&sluss, "carl", "disposals/dsp-1/agree", &json!({})).0, 403);
    let path = blob(&sluss, &calendar);
    let kept = std::fs::File::open(&path).expect("it is there");
    kept.set_modified(SystemTime::UNIX_EPOCH).expect("its time can be set");
    assert!(done(&sluss, "dora", "disposals/dsp-1/agree", &json!({})).contains("blob.disposed"));
    wait_for("its file is removed", PATIENCE, || (!path.exists()).then_some(()));
    let said = told(&sluss, &["log", "verify", "--full"]);
    assert!(said.contains(&format!("disposed under policy: evidence {calendar}")), "{said}");
    assert!(told(&sluss, &["retention", "show", &calendar]).contains("disposed under policy"));

    // Who has no role, and had a part in nothing, is erased by two.
    assert!(!holding(&sluss.data(), "mallory").is_empty());
    let wanted = json!({ "person": "mallory", "reason": "a request by law" });
    done(&sluss, "bob", "erasures", &wanted);
    assert_eq!(ask(&sluss, "bob", "erasures/ers-1/agree", &json!({})).0, 403);
    assert!(done(&sluss, "carl", "erasures/ers-1/agree", &json!({})).contains("person.erased"));
    wait_for("no file names them", PATIENCE, || {
        holding(&sluss.data(), "mallory").is_empty().then_some(())
    });
    assert_eq!(ask(&sluss, "mallory", "holds", &json!({})).0, 401);
    told(&sluss, &["log", "verify", "--full"]);

    // What is missing, and nobody disposed of, fails.
    let present = proposed(&sluss);
    std::fs::remove_file(blob(&sluss, &present)).expect("it can be removed");
    let (succeeded, said) = sluss.run(&["log", "verify", "--full"]);
    assert!(!succeeded && said.contains(&format!("MISSING: evidence {present}")), "{said}");
}
