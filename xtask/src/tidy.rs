//! Tidy: the rules of the house that neither compiler nor clippy checks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines that a file may have without its tests.
const FILE_LINES_MOST: usize = 500;
/// Lines that a function may have.
const FUNCTION_LINES_MOST: usize = 70;
/// Characters that a line may have.
const LINE_WIDTH_MOST: usize = 100;

/// Files that are longer today, with the reason. None may grow, none may join.
const LONG_FILES: &[(&str, usize, &str)] =
    &[("crates/sluss-core/src/event.rs", 620, "one enum: all that can happen has one place")];

/// Which crates of ours a crate may stand on.
const EDGES: &[(&str, &[&str])] = &[
    ("sluss-core", &[]),
    ("sluss-calendar", &[]),
    ("sluss-ledger", &[]),
    ("sluss-policy", &[]),
    ("sluss-spare", &[]),
    ("sluss-verdict", &[]),
    ("sluss-witness", &["sluss-ledger"]),
    ("sluss-verify", &["sluss-ledger", "sluss-policy"]),
    ("sluss-store", &["sluss-ledger", "sluss-core", "sluss-spare"]),
    ("sluss-host", &["sluss-core", "sluss-spare"]),
    ("sluss-insight", &["sluss-core"]),
    (
        "sluss-engine",
        &[
            "sluss-calendar",
            "sluss-core",
            "sluss-ledger",
            "sluss-policy",
            "sluss-store",
            "sluss-verdict",
        ],
    ),
    (
        "sluss-web",
        &[
            "sluss-calendar",
            "sluss-core",
            "sluss-engine",
            "sluss-insight",
            "sluss-ledger",
            "sluss-policy",
            "sluss-store",
            "sluss-verify",
        ],
    ),
    (
        "sluss",
        &[
            "sluss-calendar",
            "sluss-core",
            "sluss-engine",
            "sluss-host",
            "sluss-insight",
            "sluss-ledger",
            "sluss-policy",
            "sluss-store",
            "sluss-verdict",
            "sluss-verify",
            "sluss-web",
        ],
    ),
];

/// What a pure crate must not stand on.
const IMPURE: &[&str] = &["tokio", "sqlx", "hyper", "axum", "rand", "getrandom", "nix", "rustix"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tracked(suffix: &str) -> Vec<(String, String)> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .filter(|name| name.ends_with(suffix))
        .filter_map(|name| {
            Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?))
        })
        .collect()
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("tests.rs")
}

fn sources() -> Vec<(String, String)> {
    let sources = tracked(".rs");
    assert!(sources.len() > 50, "the sources are not found");
    sources
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_file_says_first_what_is_here() {
    let silent = |(name, text): &(String, String)| (!text.starts_with("//!")).then(|| name.clone());
    let found: Vec<_> = sources().iter().filter_map(silent).collect();
    assert_none(&found, "a file opens with `//!` and one sentence");
}

#[test]
fn no_file_is_a_hall() {
    let long: BTreeMap<_, _> = LONG_FILES.iter().map(|(name, most, _)| (*name, *most)).collect();
    let mut found = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let most = long.get(name.as_str()).copied().unwrap_or(FILE_LINES_MOST);
        if lines > most && !is_test(&name) {
            found.push(format!("{name}: {lines} lines, {most} allowed"));
        }
        if text.lines().count() > 800 && !name.contains("/tests/") {
            found.push(format!("{name}: more than 800 lines with its tests"));
        }
    }
    assert_none(&found, "find the two things that it is");
}

#[test]
fn no_function_is_a_hall() {
    let mut found = Vec::new();
    // A test's length is mostly what it expects, as text.
    for (name, text) in sources().into_iter().filter(|(name, _)| !is_test(name)) {
        let mut open: Option<(usize, usize, &str)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let code = line.trim_start();
            let is_function = code.starts_with("fn ")
                || code.split("fn ").next().is_some_and(|before| {
                    code.contains("fn ")
                        && before.split_whitespace().all(|word| {
                            word.starts_with("pub") || ["async", "const", "super)"].contains(&word)
                        })
                });
            if is_function && open.is_none() && !code.ends_with(';') {
                open = Some((number, indent, code));
            }
            if let Some((start, at, head)) = open
                && indent == at
                && (code == "}" || (number == start && code.ends_with('}')))
            {
                if number - start + 1 > FUNCTION_LINES_MOST {
                    let length = number - start + 1;
                    found.push(format!("{name}:{}: {length} lines: {head}", start + 1));
                }
                open = None;
            }
        }
    }
    assert_none(&found, "a function has at most 70 lines");
}

#[test]
fn no_line_is_too_wide() {
    let mut found = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| !is_test(name)) {
        let string = |line: &str| line.contains("\"") || line.contains("://");
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_WIDTH_MOST && !string(line) {
                found.push(format!("{name}:{}", number + 1));
            }
        }
    }
    assert_none(&found, "a line has at most 100 characters");
}

#[test]
fn no_test_is_muted() {
    let words = ["#[ignore", "should_panic", "todo!(", "unimplemented!(", "dbg!("];
    let mut found = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| name != "xtask/src/tidy.rs") {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{}", number + 1));
            }
        }
    }
    assert_none(&found, "no muted tests, no stand-ins");
}

#[test]
fn nothing_is_called_a_manager_or_a_helper() {
    let words = ["manager", "helper", "util", "utils", "common", "misc"];
    let file =
        |name: &str| name.rsplit('/').next().unwrap_or("").trim_end_matches(".rs").to_owned();
    let bad =
        |(name, _): &(String, String)| words.contains(&file(name).as_str()).then(|| name.clone());
    let found: Vec<_> = sources().iter().filter_map(bad).collect();
    assert_none(&found, "name what it is");
}

#[test]
fn arrows_between_crates_point_one_way() {
    let mut found = Vec::new();
    for (name, allowed) in EDGES {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let dependencies = text.split("[dev-dependencies]").next().unwrap_or("");
        for line in dependencies.lines().filter(|line| line.contains("workspace = true")) {
            let on = line.split(['.', ' ', '=']).next().unwrap_or("");
            if on.starts_with("sluss") && !allowed.contains(&on) {
                found.push(format!("{name} stands on {on}"));
            }
            if allowed.is_empty() && IMPURE.contains(&on) {
                found.push(format!("{name} is pure, and stands on {on}"));
            }
        }
    }
    assert_none(&found, "see ARCHITECTURE.md for the arrows");
}

#[test]
fn every_dependency_has_its_sentence() {
    let sentences = std::fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let table = table.split("\n[").next().unwrap();
    let found: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(['=', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#') && !name.starts_with("sluss"))
        .filter(|name| !sentences.contains(&format!("`{name}`")))
        .map(str::to_owned)
        .collect();
    assert_none(&found, "a sentence in docs/dependencies.md: what for, why this one, its cost");
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut found = Vec::new();
    for (name, text) in tracked(".md") {
        let folder = root().join(&name);
        let folder = folder.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or("");
            let elsewhere = path.is_empty() || path.contains("://") || path.contains(' ');
            if !elsewhere && !folder.join(path).exists() {
                found.push(format!("{name}: {link}"));
            }
        }
    }
    assert_none(&found, "a link leads to a file that is there");
}
