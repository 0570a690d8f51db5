//! No option, no field turns a check off.

use std::fs;
use std::path::Path;

/// What options are called elsewhere that turn a check off, or make its failure a success.
const ROUND: [&str; 20] = [
    "admin",
    "allow-fail",
    "allow_fail",
    "bypass",
    "continue-on",
    "continue_on",
    "disable",
    "dry-run-exit",
    "force",
    "graceful",
    "ignore",
    "insecure",
    "no-check",
    "no-verify",
    "override-gate",
    "skip",
    "soft",
    "unsafe",
    "without-approval",
    "yolo",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn no_option_of_the_command_line_turns_a_check_off() {
    let text = read("docs/cli.md");
    let options: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "[]<>=,`|".contains(c))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    assert!(options.len() > 200, "the page lists them: {}", options.len());
    // Of `sluss init`: writes over a file of one's own.
    let own = options.iter().filter(|option| **option == "--force").count();
    assert_eq!(own, 1, "`--force` is of `sluss init` alone");
    for option in options.into_iter().filter(|option| *option != "--force") {
        let found = ROUND.iter().find(|word| option.contains(**word));
        assert_eq!(found, None, "{option} reads like a way round a check");
    }
}

#[test]
fn no_field_of_a_pipeline_turns_a_check_off() {
    let mut seen = 0;
    for file in ["sluss.schema.json", "template.schema.json", "gate-input.schema.json"] {
        let schema: serde_json::Value =
            serde_json::from_str(&read(&format!("docs/schema/{file}"))).unwrap();
        let mut names = Vec::new();
        fields(&schema, &mut names);
        seen += names.len();
        for name in names {
            let found = ROUND.iter().find(|word| name.contains(**word));
            assert_eq!(found, None, "{file}: `{name}` reads like a way round a check");
        }
    }
    assert!(seen > 50, "the schemas list their fields: {seen}");
}

#[test]
fn every_test_that_stands_against_failing_open_exists() {
    let text = read("docs/policies.md");
    let table = text.split("## Where others fail open").nth(1).expect("the section");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert_eq!(rows.len(), 15, "a row for each behaviour");
    let mut sources = String::new();
    for folder in ["crates", "e2e"] {
        gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut sources);
    }
    for row in rows {
        let names: Vec<&str> =
            row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "there is no test `{name}`: {row}");
        }
    }
}

/// Adds the text of every Rust file of a folder.
fn gather(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// Adds the names of all fields that a schema has.
fn fields(schema: &serde_json::Value, names: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(of) => {
            if let Some(serde_json::Value::Object(properties)) = of.get("properties") {
                names.extend(properties.keys().cloned());
            }
            of.values().for_each(|value| fields(value, names));
        }
        serde_json::Value::Array(all) => all.iter().for_each(|value| fields(value, names)),
        _scalar => {}
    }
}
