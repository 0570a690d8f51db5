//! Writes JUnit XML.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{CaseOutcome, TestResults};

/// Returns the report of `results`.
pub(crate) fn to_xml(results: &TestResults) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in &results.suites {
        let cases: Vec<_> = results.cases.iter().filter(|case| case.suite == *suite).collect();
        let count = |wanted: fn(&CaseOutcome) -> bool| {
            cases.iter().filter(|case| wanted(&case.outcome)).count()
        };
        let failed = count(|outcome| matches!(outcome, CaseOutcome::Failed { .. }));
        let errored = count(|outcome| matches!(outcome, CaseOutcome::Errored { .. }));
        let skipped = count(|outcome| matches!(outcome, CaseOutcome::Skipped));
        line(
            &mut xml,
            format_args!(
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"{errored}\" \
             skipped=\"{skipped}\">",
                text(suite),
                cases.len(),
            ),
        );
        for case in cases {
            line(
                &mut xml,
                format_args!(
                    "    <testcase classname=\"{}\" name=\"{}\" time=\"{}.{:03}\">{}</testcase>",
                    text(suite),
                    text(&case.name),
                    case.millis / 1000,
                    case.millis % 1000,
                    outcome(&case.outcome),
                ),
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn line(xml: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _always = writeln!(xml, "{arguments}");
}

fn outcome(outcome: &CaseOutcome) -> String {
    match outcome {
        CaseOutcome::Passed => String::new(),
        CaseOutcome::Skipped => "<skipped/>".to_owned(),
        CaseOutcome::Failed { message } => format!("<failure>{}</failure>", text(message)),
        CaseOutcome::Errored { message } => format!("<error>{}</error>", text(message)),
    }
}

/// Returns `raw` as XML text, without characters that XML does not have.
fn text(raw: &str) -> String {
    let allowed = |c: &char| {
        matches!(*c, '\t' | '\n' | '\r')
            || (!c.is_control() && !matches!(*c, '\u{fffe}' | '\u{ffff}'))
    };
    escape(raw.chars().filter(allowed).collect::<String>()).into_owned()
}
