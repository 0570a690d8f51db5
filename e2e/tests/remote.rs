//! People reach Sluss from other machines: over TLS that something in front speaks, by a name, with
//! certificates of the bank's own authority.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use e2e::{Repository, Sluss, Tls, free_port, program, wait_for};
use serde_json::json;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command line in a home of its own, on a machine that trusts `authority`.
fn elsewhere(home: &Path, authority: &Path, arguments: &[&str], typed: &str) -> (bool, String) {
    let mut command = Command::new(program())
        .args(arguments)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("SSL_CERT_FILE", authority)
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sluss can be started");
    let mut stdin = command.stdin.take().expect("stdin is a pipe");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    drop(stdin);
    let output = command.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Takes one request, answers it, and returns it.
fn receiver() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut read = Vec::new();
            let mut part = [0; 4096];
            while !read.ends_with(b"}") {
                match stream.read(&mut part) {
                    Ok(length @ 1..) => read.extend_from_slice(&part[..length]),
                    _ => break,
                }
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").ok();
            if tell.send(String::from_utf8_lossy(&read).into_owned()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn people_elsewhere_work_over_tls_that_their_machine_trusts_and_over_no_other() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let port = free_port();
    let Some(tls) = Tls::begin(folder.path(), port) else {
        eprintln!("not tried: there is no openssl here");
        return;
    };
    let url = tls.url();
    let data = tempfile::tempdir().expect("a folder can be made");
    let mut sluss = Sluss::up_with(data, port, vec![("SLUSS_ADDRESS", format!("{url}/"))]);
    let home = tempfile::tempdir().expect("a folder can be made");
    let (ca, other) = (tls.file("ca.pem"), tls.file("other.pem"));
    let typed = format!("{}\n", sluss.password);
    let login = ["login", &url, "--login", "ada", "--password-stdin"];

    let (signed_in, said) = elsewhere(home.path(), &other, &login, &typed);
    assert!(!signed_in && said.to_lowercase().contains("certificate"), "{said}");
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
    let (signed_in, said) = elsewhere(home.path(), &ca, &login, &typed);
    assert!(signed_in, "{said}");
    let (known, said) = elsewhere(home.path(), &ca, &["status"], "");
    assert!(known, "{said}");
    let (known, said) = elsewhere(home.path(), &other, &["status"], "");
    assert!(!known && said.to_lowercase().contains("certificate"), "{said}");

    // A push, whose links lead to where people find it.
    let repository = Repository::begin(&sluss.scratch("ledger"), "ledger", free_port(), "at-once");
    repository.service("version-1", "0.0");
    repository.commit("LED: one");
    let remote = format!(
        "https://ada:{}@{}/git/ledger.git",
        sluss.password,
        url.trim_start_matches("https://")
    );
    let trusting = |authority: &Path| {
        let trusts = format!("http.sslCAInfo={}", authority.display());
        repository.try_git(&["-c", &trusts, "push", &remote, "HEAD:refs/heads/main"])
    };
    assert!(!trusting(&other).0);
    let (pushed, said) = trusting(&ca);
    assert!(pushed && said.contains(&format!("{url}/changes/")), "{said}");

    // A session is of nothing but TLS.
    let pem = std::fs::read(&ca).expect("a file can be read");
    let trusted = Certificate::from_pem(&pem).expect("it is a certificate");
    let roots = RootCerts::new_with_certs(&[trusted]);
    let agent = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .new_agent();
    let form = [("login", "ada"), ("password", &sluss.password), ("next", "/")];
    let entered = agent.post(format!("{url}/sign-in")).send_form(form).expect("it answers");
    let cookie = entered.headers()["set-cookie"].to_str().expect("a cookie is text");
    assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    assert!(entered.headers().contains_key("strict-transport-security"));
    let strange = agent.get(format!("{url}/")).header("host", "evil.example").call();
    assert_eq!(strange.expect("it answers").status(), 421);

    // It stays so when it is started again.
    sluss.restart(|_| ());
    let (known, said) = elsewhere(home.path(), &ca, &["status"], "");
    assert!(known, "{said}");
}

#[test]
fn who_is_outside_is_told_over_tls() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (port, told) = receiver();
    let Some(tls) = Tls::begin(folder.path(), port) else {
        eprintln!("not tried: there is no openssl here");
        return;
    };
    let data = tempfile::tempdir().expect("a folder can be made");
    let trusts = tls.file("ca.pem").display().to_string();
    let sluss = Sluss::up_with(data, free_port(), vec![("SSL_CERT_FILE", trusts)]);
    let folder = sluss.scratch("platform");
    let platform = Repository::of(&folder);
    platform.pull(&sluss.remote("platform"));
    let file = folder.join("organisation.yaml");
    let organisation = std::fs::read_to_string(&file).expect("a file can be read");
    let notify = format!("notify: [{{ url: \"{}/hook?a=b\", on: [stop] }}]\n", tls.url());
    platform.write("organisation.yaml", &format!("{organisation}{notify}"));
    platform.commit("Who is told");
    let (pushed, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    let ada = (sluss.login.as_str(), sluss.password.as_str());
    wait_for("the line is stopped", PATIENCE, || {
        let wanted = json!({ "scope": "all", "reason": "A drill" });
        (sluss.post("/api/v1/stops", ada, &wanted).0 < 300).then_some(())
    });
    let notice = told.recv_timeout(PATIENCE).expect("it is told");
    assert!(notice.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{notice}");
    assert!(notice.contains("\"line.stopped\"") && !notice.contains("A drill"), "{notice}");
}
