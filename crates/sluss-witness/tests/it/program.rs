//! What the program says and refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use sluss_ledger::{AddCheckpoint, LogKey, MAX_REQUEST_BYTES, WitnessAlarm, WitnessSaid};

use crate::witness::{History, Serving, init, log_key, run, send};

fn said(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn serve(dir: &Path) -> Output {
    let vkey = log_key().verifier().to_string();
    run(&["serve", "--dir", dir.to_str().unwrap(), "--listen", "127.0.0.1:0", "--log", &vkey])
}

#[test]
fn a_new_witness_has_a_private_key_that_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("witness");
    let vkey = init(&dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir.join("key")), mode(&dir)), (0o600, 0o700));
    assert_eq!(fs::read_to_string(dir.join("vkey")).unwrap(), format!("{vkey}\n"));

    let key = fs::read_to_string(dir.join("key")).unwrap();
    let name = dir.to_str().unwrap();
    let again = said(&run(&["init", "--dir", name, "--name", "witness.example/audit"]));
    assert!(again.contains("has the key of a witness already"), "{again}");
    assert_eq!(fs::read_to_string(dir.join("key")).unwrap(), key);

    let status = String::from_utf8(run(&["status", "--dir", name]).stdout).unwrap();
    assert!(status.starts_with(&format!("{vkey}\nSHA-256: ")), "{status}");
    assert!(status.contains("No checkpoint was cosigned yet."), "{status}");
    assert!(!status.contains(key.trim_end()));
}

#[test]
fn a_log_is_cosigned_rolled_back_and_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let vkey = init(folder.path());
    let mut log = History::new(1, 0, 40, vkey.clone());
    {
        let serving = Serving::start(folder.path(), &log_key());
        for size in [10, 30] {
            assert!(matches!(log.ask(serving.address, size).unwrap(), WitnessSaid::Cosigned(_)));
        }
    }
    let serving = Serving::start(folder.path(), &log_key());
    let mut yesterday = History::new(1, 0, 20, vkey.clone());
    let said = yesterday.ask(serving.address, 20).unwrap();
    assert!(
        matches!(
            said,
            WitnessSaid::WitnessAlarm(WitnessAlarm::RolledBack { witness: 30, log: 20, .. })
        ),
        "{said:?}"
    );
    let mut forked = History::new(2, 5, 40, vkey);
    assert_eq!(forked.ask(serving.address, 40).unwrap(), WitnessSaid::Again);
    let said = forked.ask(serving.address, 40).unwrap();
    assert!(
        matches!(said, WitnessSaid::WitnessAlarm(WitnessAlarm::Forked { size: 30, .. })),
        "{said:?}"
    );

    let name = folder.path().to_str().unwrap();
    let status = String::from_utf8(run(&["status", "--dir", name]).stdout).unwrap();
    let root = log.head(30).root;
    assert!(status.contains(&format!("log.example/1\n  size 30\n  root {root}\n")), "{status}");
    assert!(status.contains("1 request(s) in which a log contradicts itself"), "{status}");
}

#[test]
fn what_is_no_request_is_told_what_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = History::new(1, 0, 10, init(folder.path()));
    let serving = Serving::start(folder.path(), &log_key());
    let ask = |method: &str, path: &str, body: &[u8]| {
        let http = send(serving.address, method, path, body).unwrap();
        (http.status, http.content_type.clone(), String::from_utf8(http.body).unwrap())
    };
    let text = "text/plain; charset=utf-8".to_owned();
    assert_eq!(ask("GET", "/healthz", b""), (200, text, "ok\n".to_owned()));
    assert_eq!(ask("GET", "/add-checkpoint", b"").0, 405);
    assert_eq!(ask("POST", "/healthz", b"").0, 405);
    assert_eq!(ask("GET", "/", b"").0, 404);
    let (status, _, body) = ask("POST", "/add-checkpoint", b"old 1\n\nnonsense\n");
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("what follows the blank line is not a signed checkpoint"), "{body}");
    let (status, _, body) = ask("POST", "/add-checkpoint", &vec![b'x'; MAX_REQUEST_BYTES + 1]);
    assert_eq!(status, 413, "{body}");

    let post = |old, note| {
        let request = AddCheckpoint::new(old, vec![], note).unwrap().to_string();
        ask("POST", "/add-checkpoint", request.as_bytes())
    };
    let (status, kind, body) = post(3, log.checkpoint(5));
    assert_eq!((status, kind.as_str(), body.as_str()), (409, "text/x.tlog.size", "0\n"));
    assert_eq!(post(7, log.checkpoint(5)).0, 400);
    let stranger = LogKey::from_seed("log.example/1".parse().unwrap(), [9; 32]);
    let text = log.checkpoint(5).unverified_text().to_owned();
    let (status, _, body) = post(0, sluss_ledger::Note::sign(&text, &stranger).unwrap());
    assert_eq!(status, 403, "{body}");
    let elsewhere = text.replace("log.example/1", "log.example/2");
    let (status, _, body) = post(0, sluss_ledger::Note::sign(&elsewhere, &stranger).unwrap());
    assert_eq!(status, 404);
    assert!(body.starts_with("log log.example/2 is not known here"), "{body}");
}

#[test]
fn a_witness_that_lost_its_memory_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let none = said(&serve(folder.path()));
    assert!(none.contains("not the folder of a witness"), "{none}");
    let mut log = History::new(1, 0, 10, init(folder.path()));
    let serving = Serving::start(folder.path(), &log_key());
    let second = said(&serve(folder.path()));
    assert!(second.contains("another witness serves from"), "{second}");
    assert!(matches!(log.ask(serving.address, 7).unwrap(), WitnessSaid::Cosigned(_)));
    drop(serving);

    let logs = folder.path().join("logs");
    let file = fs::read_dir(&logs).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..20]).unwrap();
    let damaged = said(&serve(folder.path()));
    assert!(damaged.contains("is damaged") && damaged.contains("Restore"), "{damaged}");
    let text = String::from_utf8(good).unwrap().replace("log.example/1\n7", "log.example/2\n7");
    fs::write(&file, text).unwrap();
    let misplaced = said(&serve(folder.path()));
    assert!(misplaced.contains("is of another log, log.example/2"), "{misplaced}");
    fs::remove_dir_all(&logs).unwrap();
    assert!(said(&serve(folder.path())).contains("lost its key or its logs"));
}
