//! Sluss is killed at random instants, again and again, while changes go to production under the
//! load of customers: nothing is lost, nothing happens twice, no customer notices.
//!
//! `SLUSS_KILLS` says how often (20), `SLUSS_SEED` makes the instants the same again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn it_goes_on_from_where_it_was_after_any_kill() {
    let kills = setting("SLUSS_KILLS").unwrap_or(20);
    let seed = setting("SLUSS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{kills} kills with seed {seed}: cargo xtask crash --kills {kills} --seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let mut version = 0;
    let customers = begin(&sluss, &repository, &mut version, (port, 20));
    wait_for("customers are served", PATIENCE, || (customers.tally().answered > 500).then_some(()));
    push(&sluss, &repository, &mut version);
    for kill in 0..kills {
        // The instant is what is random here: a wait for a condition would choose it.
        std::thread::sleep(Duration::from_millis(dice.u64(20..2_500)));
        sluss.kill("control");
        sluss.until_ready();
        if open_changes(&sluss).is_empty() {
            push(&sluss, &repository, &mut version);
        }
        println!("kill {kill}: {} events", sluss.get("/api/v1/status").unwrap()["size"]);
    }
    wait_for("every change is delivered", PATIENCE, || {
        open_changes(&sluss).is_empty().then_some(())
    });
    let seen = customers.end();
    assert_eq!((seen.failed, &seen.failures), (0, &Vec::new()), "of {} requests", seen.answered);
    check_history(&sluss.events());
    let (verified, said) = sluss.run(&["log", "verify", "--full"]);
    assert!(verified, "{said}");
}

#[test]
fn customers_are_served_while_the_host_is_killed_and_comes_back() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    drop(begin(&sluss, &repository, &mut 0, (port, 20)));
    for _ in 0..3 {
        let before = sluss.pid("host").expect("the host runs");
        sluss.kill("host");
        wait_for("another host runs", PATIENCE, || sluss.pid("host").filter(|pid| *pid != before));
        wait_for("customers are served again", PATIENCE, || {
            let customers = Customers::begin(port, 1, Duration::from_millis(1));
            let served = wait_for("an answer", PATIENCE, || {
                let seen = customers.tally();
                (seen.answered + seen.failed > 20).then_some(seen)
            });
            (served.failed == 0).then_some(())
        });
    }
    let events = sluss.events();
    let started = events.iter().filter(|event| event["data"]["what"]["what"] == "started");
    let services = started.filter(|event| event["data"]["deployment"] == "dep-2").count();
    assert_eq!(services, 1, "the service was adopted, not started again");
}

#[test]
fn an_upgrade_of_control_plane_and_host_under_load_fails_no_request() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let mut version = 0;
    let customers = begin(&sluss, &repository, &mut version, (port, 5));
    for _ in 0..5 {
        let (host, control) = (sluss.pid("host"), sluss.pid("control"));
        let before = customers.tally().answered;
        sluss.upgrade();
        wait_for("both parts are others", PATIENCE, || {
            (sluss.pid("host") != host && sluss.pid("control") != control).then_some(())
        });
        sluss.until_ready();
        wait_for("customers go on", PATIENCE, || {
            (customers.tally().answered > before + 500).then_some(())
        });
    }
    // The last host is one that deploys, too.
    deliver(&sluss, &repository, &mut version);
    let seen = customers.end();
    assert_eq!((seen.failed, &seen.failures), (0, &Vec::new()), "of {} requests", seen.answered);
}

/// Delivers the first version to customers who pause so many milliseconds, and by whose requests
/// it is judged.
fn begin(
    sluss: &Sluss,
    repository: &Repository,
    version: &mut u32,
    (port, pause_ms): (u16, u64),
) -> Customers {
    push(sluss, repository, version);
    wait_for("the first version answers", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(pause_ms));
    wait_for("the change is delivered", PATIENCE, || open_changes(sluss).is_empty().then_some(()));
    customers
}

fn deliver(sluss: &Sluss, repository: &Repository, version: &mut u32) {
    push(sluss, repository, version);
    wait_for("the change is delivered", PATIENCE, || open_changes(sluss).is_empty().then_some(()));
}

/// Pushes the next version; tries again while Sluss is away.
fn push(sluss: &Sluss, repository: &Repository, version: &mut u32) {
    *version += 1;
    repository.service(&format!("version-{version}"), "0.0");
    repository.commit(&format!("LED-{version}: version {version}"));
    wait_for("the push is taken", PATIENCE, || {
        repository.push(&sluss.remote("ledger"), "main").0.then_some(())
    });
}

/// Returns the changes that are still on their way; all while nobody answers.
fn open_changes(sluss: &Sluss) -> Vec<Value> {
    let Some(status) = sluss.get("/api/v1/status") else { return vec![Value::Null] };
    let changes = status["changes"].as_array().cloned().unwrap_or_default();
    let over = ["delivered", "withdrawn", "merged_into"];
    let open = |change: &Value| {
        let phase = change["phase"].as_str().unwrap_or("");
        !over.iter().any(|over| phase.starts_with(over))
    };
    changes.into_iter().filter(open).collect()
}

/// Checks the history as a whole: one run a change, one result an attempt, one deployment a stage.
fn check_history(events: &[Value]) {
    let mut runs: BTreeMap<String, u32> = BTreeMap::new();
    let mut results = BTreeSet::new();
    let mut claims = BTreeSet::new();
    let mut stages = BTreeSet::new();
    let mut live = BTreeSet::new();
    for (position, event) in events.iter().enumerate() {
        assert_eq!(event["position"].as_u64(), Some(position as u64), "no event is missing");
        let data = &event["data"];
        let attempt = || format!("{}/{}/{}", data["owner"], data["step"], data["attempt"]);
        let is_new = match event["type"].as_str().unwrap_or("") {
            "run.queued" => {
                *runs.entry(data["change"].to_string()).or_default() += 1;
                true
            }
            "step.started" => claims.insert(attempt()),
            "step.finished" => results.insert(attempt()),
            "deployment.requested" => {
                stages.insert(format!("{}/{}", data["release"], data["stage"]))
            }
            "deployment.live" => live.insert(data["deployment"].to_string()),
            _other => true,
        };
        assert!(is_new, "this happened twice: {event}");
    }
    assert!(runs.values().all(|count| *count == 1), "one run a change: {runs:?}");
    assert_eq!(claims, results, "every claimed attempt has one result");
    assert!(live.len() >= 2, "changes went live");
}
