//! Services that were not written for Sluss, in three languages, on the path that the README
//! promises: `sluss init`, `check`, `run`, a commit, a push, live; the next one; and back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Sluss, answer, free_port, program, wait_for};

const PATIENCE: Duration = Duration::from_secs(180);

/// A service that somebody has, and how it tells its versions apart.
struct Service {
    name: &'static str,
    /// Its files; `VERSION_HERE` in them is its version.
    files: &'static [(&'static str, &'static str)],
    /// The template that is proposed for it.
    template: &'static str,
}

const PYTHON: Service = Service {
    name: "greeter",
    files: &[
        (
            "app.py",
            r#"import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

VERSION = "VERSION_HERE"

def greeting():
    return f"hello from {VERSION}"

def app(environ, start_response):
    body = greeting().encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    make_server("127.0.0.1", port, app, handler_class=Quiet).serve_forever()
"#,
        ),
        (
            "test_app.py",
            r#"import unittest
from app import greeting

class Greeting(unittest.TestCase):
    def test_it_says_hello(self):
        self.assertTrue(greeting().startswith("hello from "))
"#,
        ),
    ],
    template: "python-service@1",
};

const NODE: Service = Service {
    name: "clock",
    files: &[
        (
            "package.json",
            r#"{ "name": "clock", "version": "1.0.0", "private": true,
  "scripts": { "start": "node server.js", "test": "node --test" } }
"#,
        ),
        (
            "server.js",
            r#"const http = require("node:http");
const { answer } = require("./answer.js");

http
  .createServer((_request, response) => response.end(answer()))
  .listen(process.env.PORT || 3000, "127.0.0.1");
"#,
        ),
        ("answer.js", "exports.answer = () => \"hello from VERSION_HERE\";\n"),
        (
            "answer.test.js",
            r#"const test = require("node:test");
const assert = require("node:assert");
const { answer } = require("./answer.js");

test("it says hello", () => assert.match(answer(), /^hello from /));
"#,
        ),
    ],
    template: "node-service@1",
};

const SITE: Service = Service {
    name: "site",
    files: &[("index.html", "hello from VERSION_HERE\n"), ("style.css", "p { color: green }\n")],
    template: "command@1",
};

#[test]
fn a_service_in_python_goes_live_and_back_as_the_readme_says() {
    goes_live_and_back(&PYTHON);
}

#[test]
fn a_service_in_node_goes_live_and_back_as_the_readme_says() {
    let found = std::process::Command::new("node").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: there is no `node` on this machine");
        return;
    }
    goes_live_and_back(&NODE);
}

#[test]
fn a_site_of_files_goes_live_and_back_as_the_readme_says() {
    goes_live_and_back(&SITE);
}

/// Measures what lies in `$SLUSS_MEASURED`: a greeting.
const BENCH: &str = r#"import os, sys, time
sys.path.insert(0, os.environ["SLUSS_MEASURED"])
from app import greeting

began = time.perf_counter()
for _ in range(200):
    greeting()
print(f"BenchmarkGreeting 200 {(time.perf_counter() - began) * 5000:.4f} us/op")
"#;

/// A greeting that takes its time.
const SLOW: &str = r#"
quick = greeting

def greeting():
    import time
    time.sleep(0.0005)
    return quick()
"#;

#[test]
fn a_change_that_makes_a_service_slower_does_not_reach_customers() {
    let sluss = Sluss::up();
    let work = Work { sluss: &sluss, service: &PYTHON, folder: sluss.scratch(PYTHON.name) };
    work.git(&["init", "--quiet", "--initial-branch=main"]);
    work.write("one");
    let file = |name: &str| work.folder.join(name);
    std::fs::write(file("bench.py"), BENCH).expect("a file can be written");
    work.commit("The service as it was");
    work.sluss(&["init"]);
    let port = free_port();
    work.listens_on(port);
    let service = std::fs::read_to_string(file("sluss.yaml")).expect("`sluss init` wrote it");
    let measured =
        service.replace("with:\n", "with:\n  measure: python3 bench.py\n  slower: 50%\n");
    std::fs::write(file("sluss.yaml"), measured).expect("a file can be written");
    work.sluss(&["check"]);
    work.delivers("Deliver with Sluss", port, "one");

    let app = std::fs::read_to_string(file("app.py")).expect("it is there");
    let (before, after) = app.split_once("def app(").expect("it answers");
    let slow = format!("{before}{SLOW}\ndef app({after}");
    std::fs::write(file("app.py"), slow).expect("a file can be written");
    work.commit("GRE-3: a slower greeting");
    work.git(&["push", "--quiet", "sluss", "HEAD:main"]);
    let refused = wait_for("the slow one is refused", PATIENCE, || {
        let change = sluss.change(PYTHON.name, "GRE-3: a slower greeting")?;
        change["sentence"].as_str().filter(|said| said.contains("slower")).map(str::to_owned)
    });
    assert!(refused.starts_with("It is refused in production"), "{refused}");
    let release = sluss.get("/api/v1/releases/rel-2").expect("it was made");
    let found = &release["measured"][0];
    assert_eq!(found["against"], "rel-1", "{release:#}");
    assert_eq!(found["metrics"][0]["pace"], "slower", "{release:#}");
    work.answers(port, "one");

    work.write("two");
    work.delivers("GRE-4: as quick as before", port, "two");
    let release = sluss.get("/api/v1/releases/rel-3").expect("it was made");
    assert_eq!(release["measured"][0]["metrics"][0]["pace"], "within", "{release:#}");
    let last = release["deployments"].as_array().and_then(|all| all.last()).expect("it is live");
    let path = format!("/api/v1/deployments/{}", last["deployment"].as_str().expect("a name"));
    let gates = sluss.get(&path).expect("it is there")["gates"].to_string();
    assert!(gates.contains("within the tolerance"), "{gates}");
}

fn goes_live_and_back(service: &Service) {
    let sluss = Sluss::up();
    let work = Work { sluss: &sluss, service, folder: sluss.scratch(service.name) };
    work.git(&["init", "--quiet", "--initial-branch=main"]);
    work.write("one");
    work.commit("The service as it was");
    let said = work.sluss(&["init"]);
    assert!(said.contains(service.template), "{said}");
    let port = free_port();
    work.listens_on(port);
    work.sluss(&["check"]);
    work.sluss(&["run"]);
    assert!(!work.git(&["status", "--porcelain"]).contains(".sluss"), "a run leaves no litter");
    let configuration = std::fs::read_to_string(work.folder.join(".git/config"));
    let configuration = configuration.expect("the repository has a configuration");
    assert!(!configuration.contains(&sluss.password), "{configuration}");
    work.delivers("Deliver with Sluss", port, "one");
    work.write("two");
    work.delivers("GRE-2: another answer", port, "two");
    let said = work.sluss(&["status"]);
    assert!(said.contains(service.name) && said.contains("live"), "{said}");
    work.sluss(&["rollback", service.name]);
    work.answers(port, "one");
    let said = work.sluss(&["where", service.name]);
    assert!(said.contains("Deliver with Sluss"), "{said}");
}

/// Somebody's work on a service.
struct Work<'a> {
    sluss: &'a Sluss,
    service: &'a Service,
    folder: PathBuf,
}

impl Work<'_> {
    fn write(&self, version: &str) {
        for (name, text) in self.service.files {
            let text = text.replace("VERSION_HERE", version);
            std::fs::write(self.folder.join(name), text).expect("a file can be written");
        }
    }

    fn does(&self, program: &Path, arguments: &[&str]) -> String {
        let (succeeded, said) = self.sluss.run_in(&self.folder, program, arguments);
        assert!(succeeded, "{} {arguments:?}: {said}", program.display());
        said
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.does(Path::new("git"), arguments)
    }

    fn sluss(&self, arguments: &[&str]) -> String {
        self.does(&program(), arguments)
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Sets the port that customers call, as one does where the usual one is taken.
    fn listens_on(&self, port: u16) {
        let path = self.folder.join("sluss.yaml");
        let text = std::fs::read_to_string(&path).expect("`sluss init` wrote it");
        let others = text.lines().filter(|line| !line.starts_with("  port:"));
        let with = format!("with:\n  port: {port}");
        let text: Vec<&str> =
            others.map(|line| if line == "with:" { &with } else { line }).collect();
        std::fs::write(&path, text.join("\n") + "\n").expect("a file can be written");
    }

    /// Commits, pushes as the README says, and waits until customers have it.
    fn delivers(&self, title: &str, port: u16, version: &str) {
        self.commit(title);
        self.git(&["push", "--quiet", "sluss", "HEAD:main"]);
        wait_for(title, PATIENCE, || {
            let change = self.sluss.change(self.service.name, title)?;
            let sentence = &change["sentence"];
            assert!(!sentence.to_string().contains("failed"), "{change:#}");
            (change["phase"] == "delivered").then_some(())
        });
        self.answers(port, version);
    }

    fn answers(&self, port: u16, version: &str) {
        let wanted = format!("hello from {version}");
        wait_for(&wanted, PATIENCE, || {
            let said = answer(port, "/")?;
            (said.trim() == wanted).then_some(())
        });
    }
}
