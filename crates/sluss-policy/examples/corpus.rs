//! Writes recorded decisions for another engine to decide again:
//! `cargo run -p sluss-policy --example corpus -- FOLDER`, then
//! `e2e/verifiers/policy.py --corpus FOLDER`.
#![expect(clippy::print_stdout, reason = "it says what it wrote")]
#![expect(clippy::unwrap_used, reason = "a program of the tests that should say where it ends")]

#[path = "../tests/it/cases.rs"]
mod cases;
#[path = "../tests/it/sample.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod sample;

use std::fs;
use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    let cases = cases::all();
    for case in &cases {
        let folder = Path::new(&folder).join(case.name);
        let inside = folder.join("bundle");
        fs::create_dir_all(&inside).unwrap();
        for (path, text) in &case.files {
            fs::write(inside.join(path), text).unwrap();
        }
        fs::write(folder.join("data.json"), &case.data).unwrap();
        fs::write(folder.join("input.json"), &case.input).unwrap();
        let decision = serde_json::to_vec(&case.decide()).unwrap();
        fs::write(folder.join("result.json"), decision).unwrap();
    }
    println!("{} cases in {folder}", cases.len());
}
