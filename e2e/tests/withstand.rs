//! What Sluss must withstand: files that are wrong, steps that misbehave, pushes that cross, ports
//! that are taken, people who may not. Each ends in a clear refusal or a clean end, and the next
//! change works.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Repository, Sluss, answer, free_port, program, wait_for};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

/// A developer's work on a small service.
struct Work<'a> {
    sluss: &'a Sluss,
    service: &'static str,
    repository: Repository,
    port: u16,
}

impl<'a> Work<'a> {
    fn begin(sluss: &'a Sluss, service: &'static str) -> Self {
        let port = free_port();
        let folder = sluss.scratch(service);
        let repository = Repository::begin(&folder, service, port, "at-once");
        Self { sluss, service, repository, port }
    }

    /// The service file on this port, with these lines added.
    fn file(&self, port: u16, lines: &str) -> String {
        format!(
            "service: {}\ntemplate: command@1\nwith:\n  port: {port}\n  ready: /ready\n  \
             start: python3 main.py\n  rollout: at-once\n{lines}",
            self.service
        )
    }

    fn push(&self, branch: &str) -> (bool, String) {
        self.repository.push(&self.sluss.remote(self.service), branch)
    }

    /// Pushes this `sluss.yaml`; returns what was said when it was refused.
    fn refused(&self, file: &str) -> String {
        self.repository.write("sluss.yaml", file);
        self.repository.commit("a wrong file");
        let (taken, said) = self.push("main");
        assert!(!taken, "taken: {file}");
        said
    }

    /// Commits a version of the service with this `sluss.yaml`, and pushes it.
    fn pushes(&self, version: &str, branch: &str, file: &str) {
        self.repository.write("sluss.yaml", file);
        self.repository.service(version, "0.0");
        self.repository.commit(version);
        let (taken, said) = self.push(branch);
        assert!(taken, "{said}");
    }

    fn change(&self, title: &str) -> Option<Value> {
        self.sluss.change(self.service, title)
    }

    /// Returns the run of a change once it has ended.
    fn ended(&self, title: &str) -> Value {
        wait_for("the run ends", PATIENCE, || {
            let run = self.run(title)?;
            let over = ["succeeded", "failed", "cancelled"];
            over.iter().any(|over| run["state"] == *over).then_some(run)
        })
    }

    fn run(&self, title: &str) -> Option<Value> {
        let change = self.change(title)?;
        self.sluss.get(&format!("/api/v1/runs/{}", change["run"].as_str()?))
    }

    /// A good change works.
    fn delivers(&self, version: &str) {
        self.pushes(version, "main", &self.file(self.port, ""));
        wait_for("customers have it", PATIENCE, || {
            let said = answer(self.port, "/")?;
            (said == version).then_some(())
        });
    }
}

fn step<'a>(run: &'a Value, name: &str) -> &'a Value {
    let mut steps = run["steps"].as_array().expect("a run has steps").iter();
    steps.find(|step| step["step"] == name).expect("the step is there")
}

fn has(said: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(said.contains(wanted), "`{wanted}` is missing in: {said}");
    }
}

#[test]
fn a_wrong_file_is_refused_with_its_place_and_the_next_push_works() {
    let sluss = Sluss::up();
    let work = Work::begin(&sluss, "ledger");
    let good = work.file(work.port, "");
    work.repository.service("good", "0.0");
    let said = work.refused(&good.replace("service:", "servcie:"));
    has(&said, &["sluss.yaml:1:1", "did you mean `service`?"]);
    let said = work.refused("service: ledger\n  template: [command@1\n");
    has(&said, &["sluss.yaml:"]);
    let said = work.refused(&good.replace("command@1", "comand@1"));
    has(&said, &["sluss.yaml:2:", "comand", "command@1"]);
    let said = work.refused(&good.replace("rollout: at-once", "rolout: at-once"));
    has(&said, &["sluss.yaml:7:3", "did you mean `rollout`?"]);
    let said = work.refused(&work.file(
        work.port,
        "steps:\n  a: { run: echo a, needs: b }\n  b: { run: echo b, needs: a }\n",
    ));
    has(&said, &["sluss.yaml:9:", "a → b → a"]);
    let itself = "steps:\n  again: { run: echo again, needs: again }\n";
    has(&work.refused(&work.file(work.port, itself)), &["sluss.yaml:9:", "again"]);
    let outside = "steps:\n  out: { run: echo out, outputs: { all: ../../secrets } }\n";
    has(&work.refused(&work.file(work.port, outside)), &["sluss.yaml:9:", "../../secrets"]);
    assert_eq!(sluss.get("/api/v1/changes").expect("the API answers")["changes"], json!([]));
    work.delivers("good");
}

#[test]
fn a_line_without_end_and_a_step_that_forks_for_ever_end_cleanly() {
    let sluss = Sluss::up();
    let work = Work::begin(&sluss, "noisy");
    let line = "steps:\n  line: { run: \"head -c 200M /dev/zero | tr '\\\\0' x\" }\n";
    work.pushes("line", "main", &work.file(work.port, line));
    let run = work.ended("line");
    assert_eq!(step(&run, "line")["state"], "succeeded", "{run:#}");
    let path = format!("/api/v1/runs/{}/steps/line/log", run["run"].as_str().expect("a run"));
    let (found, said) = sluss.run(&["log", "verify"]);
    assert!(found, "{said}");
    let length = sluss.length(&path);
    assert!((1..1 << 20).contains(&length), "the log has {length} bytes");
    let fork = "steps:\n  fork:\n    timeout: 3s\n    \
                run: 'while :; do sleep 98761 & sleep 0.01; done'\n";
    work.pushes("fork", "main", &work.file(work.port, fork));
    let run = work.ended("fork");
    assert_eq!(run["state"], "failed", "{run:#}");
    assert_eq!(step(&run, "fork")["state"], "timed_out", "{run:#}");
    wait_for("no process is left", PATIENCE, || (sleepers("98761") == 0).then_some(()));
    work.delivers("calm");
}

/// Returns how many processes `sleep` for this many seconds.
fn sleepers(seconds: &str) -> usize {
    let wanted = format!("sleep\0{seconds}\0");
    let processes = std::fs::read_dir("/proc").expect("there is /proc").filter_map(Result::ok);
    let line = |path: &Path| std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
    processes.filter(|process| line(&process.path()) == wanted).count()
}

#[test]
fn a_branch_that_is_deleted_while_it_runs_is_withdrawn_and_its_run_ends() {
    let sluss = Sluss::up();
    let work = Work::begin(&sluss, "ledger");
    work.delivers("first");
    let slow = "steps:\n  slow: { run: sleep 98762 }\n";
    work.pushes("slow", "feature", &work.file(work.port, slow));
    wait_for("the step runs", PATIENCE, || {
        let run = work.run("slow")?;
        (step(&run, "slow")["state"] == "running" && sleepers("98762") > 0).then_some(())
    });
    let remote = sluss.remote("ledger");
    let (deleted, said) = work.repository.try_git(&["push", "--quiet", &remote, ":feature"]);
    assert!(deleted, "{said}");
    assert_eq!(work.ended("slow")["state"], "cancelled");
    wait_for("the change is withdrawn", PATIENCE, || {
        (work.change("slow")?["phase"] == "withdrawn").then_some(())
    });
    wait_for("no process is left", PATIENCE, || (sleepers("98762") == 0).then_some(()));
    work.delivers("second");
}

#[test]
fn two_pushes_in_a_second_both_end_clearly_and_the_newest_is_live() {
    let sluss = Sluss::up();
    let work = Work::begin(&sluss, "ledger");
    work.delivers("first");
    let file = work.file(work.port, "");
    work.pushes("second", "main", &file);
    work.pushes("third", "main", &file);
    let phase = |title: &str| Some(work.change(title)?["phase"].as_str()?.to_owned());
    let ends = ["delivered", "withdrawn", "merged_into"];
    let ended = |title: &str| {
        wait_for(title, PATIENCE, || phase(title).filter(|phase| ends.contains(&&**phase)))
    };
    let (second, third) = (ended("second"), ended("third"));
    assert_eq!(third, "delivered", "the second ended {second}");
    // It is written down before it is made so.
    wait_for("customers have the newest", PATIENCE, || {
        (answer(work.port, "/")? == "third").then_some(())
    });
}

#[test]
fn a_port_that_is_taken_is_said_and_the_next_change_works() {
    let sluss = Sluss::up();
    let work = Work::begin(&sluss, "ledger");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = taken.local_addr().expect("a listener has an address").port();
    work.pushes("taken", "main", &work.file(port, ""));
    wait_for("doctor names the port", PATIENCE, || {
        let (well, said) = sluss.run(&["doctor"]);
        let named = said.contains(&format!("port {port} cannot be opened"));
        (named && !well).then_some(())
    });
    work.delivers("free");
    drop(taken);
}

#[test]
fn who_may_not_is_refused_with_what_and_hint() {
    let sluss = Sluss::up();
    let freezes = "/api/v1/freezes";
    let basic = Sluss::basic(&sluss.login, &sluss.password);
    let signed_in = [("Authorization", &*basic), ("Content-Type", "application/json")];
    let wrong = Sluss::basic(&sluss.login, "not-the-password");
    let clear = |answered: &(u16, Value), status: u16| {
        let (got, said) = answered;
        assert_eq!(*got, status, "{said}");
        for key in ["what", "hint"] {
            assert!(said[key].as_str().is_some_and(|text| !text.is_empty()), "{said}");
        }
    };
    clear(&sluss.send(freezes, &[], b"{}"), 401);
    clear(&sluss.send(freezes, &[("Authorization", &wrong)], b"{}"), 401);
    clear(&sluss.send(freezes, &signed_in, b"{ not json"), 400);
    let told = json!({ "reason": "after all that", "for_seconds": 60 });
    let (status, said) = sluss.send(freezes, &signed_in, told.to_string().as_bytes());
    assert_eq!(status, 200, "{said}");
    let refusals = || {
        let events = sluss.events();
        let refused = events.iter().filter(|event| {
            event["type"].as_str().is_some_and(|kind| kind.starts_with("access.refused"))
        });
        refused.map(|event| event["data"]["why"].clone()).collect::<Vec<_>>()
    };
    assert!(refusals().contains(&json!("forged_form")), "{:?}", refusals());
}

#[test]
fn a_forged_approval_is_refused_and_recorded() {
    let sluss = Sluss::up();
    let second = "a-second-persons-password";
    sluss.account("second", second);
    four_eyes(&sluss);
    let work = Work::begin(&sluss, "ledger");
    work.pushes("first", "main", &work.file(work.port, ""));
    let subject = wait_for("a second person is asked", PATIENCE, || {
        Some(sluss.get("/api/v1/approvals")?["open"].get(0)?["subject"].as_str()?.to_owned())
    });
    let path = format!("/api/v1/approvals/{subject}");
    let statement = sluss.get(&path).expect("it can be looked at")["statement"].clone();
    let approve = |statement: &Value| json!({ "decision": "approve", "statement": statement });
    let forged = json!("0".repeat(64));
    let (status, said) = sluss.post(&path, ("second", second), &approve(&forged));
    assert_eq!(status, 403, "{said}");
    let own = (&*sluss.login, &*sluss.password);
    let (status, said) = sluss.post(&path, own, &approve(&statement));
    assert_eq!(status, 403, "{said}");
    let events = sluss.events();
    let recorded =
        |why: &str| events.iter().any(|e| e["type"] == "access.refused" && e["data"]["why"] == why);
    assert!(recorded("statement_moved") && recorded("contributor"));
    assert_eq!(answer(work.port, "/"), None, "nothing went live");
    let (status, said) = sluss.post(&path, ("second", second), &approve(&statement));
    assert_eq!(status, 200, "{said}");
    wait_for("it goes live", PATIENCE, || answer(work.port, "/"));
}

/// Asks a second person for every release from now on.
fn four_eyes(sluss: &Sluss) {
    let folder = sluss.scratch("platform");
    let platform = Repository::of(&folder);
    platform.pull(&sluss.remote("platform"));
    let path = folder.join("organisation.yaml");
    let text = std::fs::read_to_string(&path).expect("the platform repository has it");
    let text = text.replace("four_eyes: never", "four_eyes: always");
    platform.write("organisation.yaml", &format!("{text}  second: [approver]\n"));
    platform.commit("Ask a second person");
    let (taken, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(taken, "{said}");
    wait_for("it is in force", PATIENCE, || {
        let events = sluss.events();
        let active = events.iter().filter(|event| event["type"] == "config.activated");
        (active.count() == 2).then_some(())
    });
}

#[test]
fn the_data_folder_of_a_demo_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().join("data");
    let sluss = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.args(arguments).arg("--data").arg(&data).env("HOME", folder.path());
        command.env("XDG_CONFIG_HOME", folder.path().join("config")).stdin(Stdio::null());
        command
    };
    let mut demo = sluss(&["serve", "--demo", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::null())
        .spawn()
        .expect("sluss can be started");
    wait_for("its first leaf is on the disk", PATIENCE, || {
        data.join("log").join("checkpoint").exists().then_some(())
    });
    demo.kill().expect("it can be ended");
    demo.wait().expect("it ends");
    let listen = format!("127.0.0.1:{}", free_port());
    let output = sluss(&["up", "--listen", &listen]).output().expect("sluss can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    has(&said, &["a demo's", "sluss up --data FOLDER"]);
}
