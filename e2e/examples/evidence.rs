//! Lets a running Sluss bring a release to customers, and takes out what an auditor is given:
//! `cargo run -p e2e --example evidence -- FOLDER`.

use std::path::PathBuf;

use e2e::evidence::{bank, deliver, take};

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("say where to: `evidence FOLDER`");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let sluss = bank();
    let release = deliver(&sluss);
    take(&sluss, &release, &folder);
}
