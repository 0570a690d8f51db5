//! What a step can and cannot reach.

use super::*;

#[test]
fn a_step_succeeds_or_fails_as_its_program_does() {
    let bench = Bench::new();
    let (result, log) = bench.run(&bench.assignment("good", "echo hello; echo $SLUSS_CACHE"));
    assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
    assert!(log.contains("\to\thello\n") && result.log_bytes == log.len() as u64, "{log}");
    let (result, _) = bench.run(&bench.assignment("bad", "exit 3"));
    assert_eq!(result.outcome, Outcome::Failed(Ending::ExitCode(3)));
    let (result, _) = bench.run(&bench.assignment("killed", "kill -SEGV $$"));
    assert_eq!(result.outcome, Outcome::Failed(Ending::Signal(11)));
    let mut missing = bench.assignment("missing", "");
    missing.step.command = vec!["no-such-program".into()];
    let (result, log) = bench.run(&missing);
    assert_eq!(result.outcome, Outcome::Failed(Ending::ExitCode(127)));
    assert!(log.contains("`no-such-program` cannot be started"), "{log}");
}

#[test]
fn a_step_writes_its_work_tree_and_cache_and_nothing_else() {
    for bench in [Bench::new(), Bench::without([Layer::Namespaces])] {
        let outside = bench.folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("kept"), "secret of sluss").unwrap();
        let line = format!(
            "echo one > made; echo two > $SLUSS_CACHE/made; echo three > $TMPDIR/made; \
             for f in {0}/new /etc/new /usr/new /new; do \
               if (echo x > $f) 2>/dev/null; then echo WROTE $f; fi; done; \
             if cat {0}/kept 2>/dev/null; then echo READ; fi; \
             ls {1} 2>/dev/null && echo LISTED || true",
            outside.display(),
            bench.executor.folder(&key("x")).parent().unwrap().display()
        );
        let (result, log) = bench.run(&bench.assignment("reach", &line));
        assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
        let secluded = has_namespaces(&result) || result.layers.contains(&Layer::Landlock);
        if secluded {
            for word in ["WROTE", "READ", "secret of sluss", "LISTED"] {
                assert!(!log.contains(word), "{log}");
            }
        }
        assert_eq!(std::fs::read_to_string(bench.tree().join("made")).unwrap(), "one\n");
        let cached = bench.folder.path().join("cache/made");
        assert_eq!(std::fs::read_to_string(cached).unwrap(), "two\n");
        assert!(!outside.join("new").exists());
    }
}

#[test]
fn a_step_started_as_root_runs_as_a_user_of_its_own() {
    let bench = Bench::new();
    let (result, log) =
        bench.run(&bench.assignment("user", "id -u; grep CapEff /proc/self/status"));
    assert!(log.contains(&format!("\to\t{}\n", result.user)), "{log}");
    if result.layers.contains(&Layer::User) {
        assert!(result.user >= 61_000 && log.contains("CapEff:\t0000000000000000"), "{log}");
    }
}

#[test]
fn only_acceptance_reaches_the_loopback_of_the_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accept = std::thread::spawn(move || listener.accept().is_ok());
    let line =
        format!("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'");
    for bench in [Bench::new(), Bench::without([Layer::Namespaces])] {
        let (result, log) = bench.run(&bench.assignment("run", &line));
        if result.layers.contains(&Layer::Network) {
            assert_eq!(result.outcome, Outcome::Failed(Ending::ExitCode(1)), "{log}");
        } else {
            assert_ne!(result.isolation, Isolation::Namespaces, "{log}");
            return;
        }
    }
    let bench = Bench::new();
    let mut acceptance = bench.assignment("acceptance", &line);
    acceptance.step.kind = StepKind::Acceptance;
    let (result, log) = bench.run(&acceptance);
    assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
    assert!(accept.join().unwrap());
}

#[test]
fn without_any_layer_a_step_is_recorded_as_unisolated() {
    let layers = [Layer::Namespaces, Layer::Network, Layer::Landlock, Layer::Cgroup];
    let bench = Bench::without(layers);
    let (result, _) = bench.run(&bench.assignment("bare", "true"));
    assert_eq!(result.outcome, Outcome::Succeeded);
    assert_eq!(result.isolation, Isolation::Unisolated);
}

#[test]
fn an_overlay_starts_as_a_copy_and_leaves_the_shared_cache_alone() {
    let bench = Bench::new();
    let shared = bench.folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("file"), "shared").unwrap();
    let own = bench.folder.path().join("own");
    let mut first =
        bench.assignment("first", "cat $SLUSS_CACHE/file; echo mine > $SLUSS_CACHE/file");
    first.cache = Cache::Overlay { shared: shared.clone(), own: own.clone() };
    let (_, log) = bench.run(&first);
    assert!(log.contains("\to\tshared"), "{log}");
    let mut second = bench.assignment("second", "cat $SLUSS_CACHE/file");
    second.cache = first.cache;
    assert!(bench.run(&second).1.contains("\to\tmine"));
    assert_eq!(std::fs::read_to_string(shared.join("file")).unwrap(), "shared");
}

#[test]
fn tools_on_the_path_can_be_used() {
    let bench = Bench::new();
    let (result, log) =
        bench.run(&bench.assignment("tools", "cargo --version; python3 -V; git --version"));
    assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
}
