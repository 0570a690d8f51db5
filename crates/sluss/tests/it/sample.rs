//! The sample product as the demo changes it.

use std::path::Path;
use std::process::Command;

#[test]
fn the_changes_of_the_demo_fit_the_sample_one_after_the_other() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/payments");
    let folder = tempfile::tempdir().unwrap();
    for part in ["src", "books", "changes"] {
        let copied =
            Command::new("cp").arg("-r").arg(sample.join(part)).arg(folder.path()).status();
        assert!(copied.unwrap().success(), "{part}");
    }
    for change in ["good", "bad"] {
        let patch = format!("changes/{change}.patch");
        let mut apply = Command::new("git");
        let output = apply.args(["apply", &patch]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{change}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
