//! There is no silent limit: all files of a bundle are asked, the last as the first.

use std::collections::BTreeMap;

use sluss_policy::{Bundle, NO_DATA, evaluate};

use crate::sample;

/// A bundle of `count` files beside the smallest policy, of which the last alone denies.
fn bundle(count: usize) -> Bundle {
    let mut files = BTreeMap::from([("gate.rego".to_owned(), sample::policy(""))]);
    for number in 1..=count {
        let holds = if number == count { "input.sbom.present" } else { "not input.sbom.present" };
        let text = format!(
            "package sluss.gate\n\nimport rego.v1\n\n\
             deny contains \"policy {number}\" if {holds}\n"
        );
        files.insert(format!("policy_{number:02}.rego"), text);
    }
    Bundle::load(files).unwrap_or_else(|refused| panic!("{refused}"))
}

#[test]
fn the_fortieth_policy_denies_as_the_first_does() {
    for count in [1, 5, 6, 40] {
        let input = sample::bytes(&sample::input());
        let decision = evaluate(&bundle(count), NO_DATA, &input, sample::limits());
        let said: Vec<&str> = decision.deny.iter().map(|denial| denial.msg.as_str()).collect();
        assert_eq!(said, [format!("policy {count}")], "of {count} policies the last one denies");
        assert!(!decision.is_open());
    }
}
