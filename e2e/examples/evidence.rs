//! Lets a running Sluss bring a release to customers, with its checkpoint stamped by an authority
//! outside, and takes out what an auditor is given:
//! `cargo run -p e2e --example evidence -- FOLDER`.

use std::path::PathBuf;

use e2e::Authority;
use e2e::evidence::{bank, deliver, take};

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("say where to: `evidence FOLDER`");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let mut sluss = bank();
    let release = deliver(&sluss);
    let authority = Authority::begin(&sluss.scratch("authority"));
    let authority = authority.expect("there is openssl, which stamps");
    sluss.restart(|data| authority.stamps_for(data));
    take(&sluss, &release, &folder);
    for name in ["ca.pem", "other.pem"] {
        std::fs::copy(authority.file(name), folder.join(name)).expect("a file can be copied");
    }
    // Who verifies trusts this authority.
    std::fs::copy(authority.file("ca.pem"), folder.join("trust/tsa.pem")).expect("it is copied");
}
