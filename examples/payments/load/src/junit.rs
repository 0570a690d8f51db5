//! A JUnit report of checks, as pipelines read it.

use std::fmt::Write as _;
use std::time::Duration;

/// One check and what came of it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    pub(crate) result: Result<(), String>,
}

/// Returns the report as XML.
pub(crate) fn report(suite: &str, cases: &[Case]) -> String {
    let failures = cases.iter().filter(|case| case.result.is_err()).count();
    let seconds: f64 = cases.iter().map(|case| case.took.as_secs_f64()).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\"", cases.len());
    push(&mut xml, format_args!("<testsuite name=\"{suite}\" {counts} time=\"{seconds:.3}\">\n"));
    for case in cases {
        let (name, seconds) = (escape(case.name), case.took.as_secs_f64());
        push(
            &mut xml,
            format_args!("<testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\">"),
        );
        if let Err(problem) = &case.result {
            push(&mut xml, format_args!("<failure message=\"{}\"/>", escape(problem)));
        }
        xml.push_str("</testcase>\n");
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

fn push(xml: &mut String, text: std::fmt::Arguments<'_>) {
    assert!(xml.write_fmt(text).is_ok(), "BUG: writing to a string failed");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
