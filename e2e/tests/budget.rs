//! Customers' requests are counted into the log by a real host, once each, and the error budget of
//! the next release is read from that.

use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, wait_for};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

fn of_kind(sluss: &Sluss, kind: &str) -> Vec<Value> {
    let events = sluss.events().into_iter().filter(|event| event["type"] == kind);
    events.map(|event| event["data"].clone()).collect()
}

fn push(sluss: &Sluss, repository: &Repository, version: &str) {
    repository.service(version, "0.0");
    repository.commit(&format!("LED: {version}"));
    assert!(repository.push(&sluss.remote("ledger"), "main").0);
}

#[test]
fn what_customers_met_is_counted_once_and_decides_over_the_next_release() {
    let sluss = Sluss::up();
    let port = free_port();
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", port, "progressive");
    let file = format!(
        "service: ledger\ntemplate: command@1\n\
         error_budget: {{ objective: 99%, window: 1h }}\nwith:\n  \
         port: {port}\n  ready: /ready\n  start: python3 main.py\n  rollout: progressive\n"
    );
    repository.write("sluss.yaml", &file);
    push(&sluss, &repository, "version-1");
    wait_for("the first version takes requests", PATIENCE, || answer(port, "/ready"));
    let customers = Customers::begin(port, 8, Duration::from_millis(20));
    wait_for("it is live", PATIENCE, || {
        (!of_kind(&sluss, "change.delivered").is_empty()).then_some(())
    });
    wait_for("its requests are counted", PATIENCE, || {
        (!of_kind(&sluss, "traffic.counted").is_empty()).then_some(())
    });
    // What was read and is not in the log yet is read again.
    sluss.kill("control");
    sluss.until_ready();

    push(&sluss, &repository, "version-2");
    let decided = wait_for("the budget lets the next version through", PATIENCE, || {
        let gates = of_kind(&sluss, "gate.decided");
        gates.into_iter().rfind(|one| {
            one["gate"] == "error_budget" && one["outcome"]["why"].get("budget_left").is_some()
        })
    });
    let reading = &decided["outcome"]["why"]["budget_left"]["reading"];
    assert!(reading["counts"]["requests"].as_u64() >= Some(1), "{decided}");
    wait_for("it is live", PATIENCE, || {
        (of_kind(&sluss, "change.delivered").len() == 2).then_some(())
    });
    let met = customers.end();
    let counted = of_kind(&sluss, "traffic.counted");
    let number = |one: &Value, name: &str| one[name].as_i64().expect("a number");
    for pair in counted.windows(2) {
        assert!(number(&pair[1], "after") >= number(&pair[0], "until"), "{pair:?}");
    }
    let sum: i64 = counted.iter().map(|one| number(one, "requests")).sum();
    let sent = i64::try_from(met.answered + met.failed).expect("so many");
    // Besides customers only the test itself has called.
    assert!(sum > 0 && sum <= sent + 240, "{sum} counted of {sent}");
}
