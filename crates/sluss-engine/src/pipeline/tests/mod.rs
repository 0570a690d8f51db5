//! What files become, and what is said of files that are wrong.

mod added_steps;
mod built_in;
mod files;
mod measures;
mod schema;
mod services;
mod templates;

use expect_test::Expect;

use super::*;

/// A small template that the cases vary.
const TEMPLATE: &str = "\
name: small
version: 1
owner: platform
review: 2027-06-30
description: A small template.
inputs:
  port: { type: port, default: 8080, about: The port. }
  binary: { type: text, about: The binary. }
  extra: { type: list, default: [], about: More words. }
  debug: { type: boolean, default: false, about: Whether to debug. }
  folder: { type: path, default: out, about: Where it is built. }
  pool: { type: text, choices: [small, large], default: small, about: How many. }
open: [test]
steps:
  build:
    run: make ${binary}
    outputs: { app: '${folder}/${binary}' }
  test: { run: make test, needs: build, reports: { junit: reports/junit.xml } }
  trace: { run: make trace, needs: test, given: debug }
start: { artifact: app, command: ['./${binary}', '${extra}'], port: '${port}' }
deliver:
  - { environment: test, ephemeral: true, gates: [tests] }
  - { environment: production, gates: [tests, four-eyes, freeze] }
";

fn source(name: &str, bytes: &[u8]) -> Result<Source, Problems> {
    Source::new(name, bytes)
}

/// The built-in templates and `small@1`.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.add(source("small.yaml", TEMPLATE.as_bytes()).unwrap()).unwrap();
    catalogue
}

fn resolve(text: &str) -> Result<Resolved, Problems> {
    catalogue().resolve(&source("sluss.yaml", text.as_bytes())?, &Defaults::default())
}

/// A service file in, what is said of it out.
fn refused(text: &str, expected: Expect) {
    match resolve(text) {
        Ok(resolved) => panic!("this is taken as right: {resolved:#?}"),
        Err(problems) => expected.assert_eq(&problems.to_string()),
    }
}

/// A template in, what is said of it out.
fn refused_template(text: &str, expected: Expect) {
    let read = source("template.yaml", text.as_bytes()).and_then(Template::read);
    match read {
        Ok(template) => panic!("this is taken as right: {}", template.name),
        Err(problems) => expected.assert_eq(&problems.to_string()),
    }
}

/// Returns the small template with one part of its text replaced.
fn varied(part: &str, by: &str) -> String {
    assert!(TEMPLATE.contains(part), "{part}");
    TEMPLATE.replacen(part, by, 1)
}
