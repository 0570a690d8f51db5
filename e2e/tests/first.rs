//! The first release of a service, with a real process behind the host: nothing is there to
//! compare it with, so it is judged by objectives.

use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

fn kinds(sluss: &Sluss) -> Vec<(String, Value)> {
    let kind =
        |event: Value| (event["type"].as_str().unwrap_or("").to_owned(), event["data"].clone());
    sluss.events().into_iter().map(kind).collect()
}

fn push(sluss: &Sluss, repository: &Repository, version: &str, fails: &str) {
    repository.service(version, fails);
    repository.commit(&format!("LED: {version}"));
    assert!(repository.push(&sluss.remote("ledger"), "main").0);
}

#[test]
fn a_bad_first_release_is_taken_off_with_an_incident_and_the_next_is_first_once_more() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    push(&sluss, &repository, "version-1", "0.3");
    wait_for("the first version takes requests", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(20));
    let log = wait_for("it is taken off", PATIENCE, || {
        let log = kinds(&sluss);
        log.iter().any(|(kind, _)| kind == "incident.mitigated").then_some(log)
    });
    drop(customers);
    let of = |wanted: &str| log.iter().find(|(kind, _)| kind == wanted).map(|(_, data)| data);
    let back = of("deployment.rolled_back").expect("it was taken back");
    assert_eq!((back["cause"].as_str(), back["to"].as_str()), (Some("objectives"), None));
    assert!(of("incident.opened").is_some() && of("release.barred").is_some());
    let production = |(kind, data): &&(String, Value)| {
        kind == "deployment.live" && data["deployment"] == back["deployment"]
    };
    assert_eq!(log.iter().filter(production).count(), 0, "it never was live");
    assert_eq!(answer(port, "/ready"), None, "nobody reaches it any more");

    push(&sluss, &repository, "version-2", "0.0");
    wait_for("the next version takes requests", PATIENCE, || answer(port, "/ready"));
    let delivered = || kinds(&sluss).iter().filter(|(kind, _)| kind == "change.delivered").count();
    assert_eq!(delivered(), 0, "without requests it is not live");
    let _customers = Customers::begin(port, 8, Duration::from_millis(20));
    wait_for("it is live", PATIENCE, || (delivered() > 0).then_some(()));
}

#[test]
fn a_service_that_nobody_calls_goes_live_by_probes_and_has_an_incident_when_they_fail() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let file = format!(
        "service: ledger\ntemplate: command@1\nprobe: {{ path: /night, per_second: 50 }}\n\
         objectives: {{ errors: 5%, p99: 0ms }}\nwith:\n  port: {port}\n  ready: /ready\n  \
         start: python3 main.py\n  rollout: progressive\n"
    );
    repository.write("sluss.yaml", &file);
    push(&sluss, &repository, "version-1", "0.0");
    let log = wait_for("it is live", PATIENCE, || {
        let log = kinds(&sluss);
        log.iter().any(|(kind, _)| kind == "change.delivered").then_some(log)
    });
    let seen = log.iter().filter(|(kind, _)| kind == "rollout.observed").map(|(_, data)| data);
    let sum = |what: &dyn Fn(&Value) -> &Value| -> u64 {
        seen.clone().filter_map(|data| what(data).as_u64()).sum()
    };
    assert_eq!(sum(&|data| &data["observation"]["candidate"]["requests"]), 0, "no customer called");
    let probes = sum(&|data| &data["observation"]["candidate_detail"]["probes"]["requests"]);
    assert!(probes >= 100, "{probes}");
    let last = seen.clone().next_back().expect("it was judged");
    assert_eq!(last["reading"]["by_probes"], true);

    answer(port, "/fail-from-now-on");
    let opened = wait_for("an incident is opened", PATIENCE, || {
        kinds(&sluss).into_iter().find(|(kind, _)| kind == "incident.opened")
    });
    assert_eq!(opened.1["cause"], "probe");
    let back = kinds(&sluss).iter().filter(|(kind, _)| kind == "deployment.rolled_back").count();
    assert_eq!(back, 0, "no customer met it, so nothing is taken back");
}

#[test]
fn a_release_that_throws_is_taken_back_by_what_its_answers_say_and_customers_do_not_see_it() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let file = format!(
        "service: ledger\ntemplate: command@1\n\
         outcome: {{ header: X-Outcome, hidden: true, judged: [exceptions] }}\nwith:\n  \
         port: {port}\n  ready: /ready\n  start: python3 main.py\n  rollout: progressive\n"
    );
    repository.write("sluss.yaml", &file);
    push(&sluss, &repository, "version-1", "0.0");
    wait_for("the first version takes requests", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(20));
    let count = |wanted: &str| kinds(&sluss).iter().filter(|(kind, _)| kind == wanted).count();
    wait_for("it is live", PATIENCE, || (count("change.delivered") == 1).then_some(()));

    push(&sluss, &repository, "version-2-throws", "0.0");
    let back = wait_for("it is taken back", PATIENCE, || {
        kinds(&sluss).into_iter().find(|(kind, _)| kind == "deployment.rolled_back")
    });
    assert_eq!(back.1["cause"], "figures");
    assert_eq!(customers.end().failed, 0, "each was answered with 200");
    let log = kinds(&sluss);
    let last = log.iter().rfind(|(kind, data)| {
        kind == "rollout.observed" && data["deployment"] == back.1["deployment"]
    });
    let (_, last) = last.expect("it was judged");
    assert_eq!(last["reading"]["worse_in"], "exceptions");
    assert!(last["reading"]["exceptions_micronats"].as_i64() > Some(4_000_000), "{last}");
}
