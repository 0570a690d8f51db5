//! What a step prints, and how it is ended.

use super::*;

#[test]
fn a_step_that_takes_too_long_is_ended_even_if_it_does_not_want_to() {
    for bench in [Bench::new(), Bench::without([Layer::Namespaces])] {
        let mark = format!("1000.{}", std::process::id());
        let line = format!("trap '' TERM; sleep {mark} & sleep {mark} & wait; sleep {mark}");
        let mut slow = bench.assignment("slow", &line);
        slow.step.timeout_seconds = 1;
        let (result, log) = bench.run(&slow);
        assert_eq!(result.outcome, Outcome::TimedOut, "{log}");
        let took = result.finished_ms.since(result.started_ms);
        assert!((1000..30_000).contains(&took), "{took}");
        assert_eq!(running_with(&format!("sleep\0{mark}")), 0);
    }
}

#[test]
fn a_step_that_forks_for_ever_ends_with_all_that_it_forked() {
    for bench in [Bench::new(), Bench::without([Layer::Namespaces])] {
        let mark = format!("fork{}", std::process::id());
        let script = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n";
        std::fs::write(bench.tree().join(format!("{mark}.py")), script).unwrap();
        let mut bomb = bench.assignment("bomb", &format!("exec python3 {mark}.py"));
        bomb.step.timeout_seconds = 2;
        bomb.limits.processes = 60;
        let (result, log) = bench.run(&bomb);
        assert_eq!(result.outcome, Outcome::TimedOut, "{log}");
        assert_eq!(running_with(&mark), 0);
    }
}

#[test]
fn what_a_step_leaves_behind_ends_with_it() {
    for bench in [Bench::new(), Bench::without([Layer::Namespaces])] {
        let mark = format!("2000.{}", std::process::id());
        let line = format!("setsid sleep {mark} & echo left");
        let (result, log) = bench.run(&bench.assignment("leaves", &line));
        assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
        assert_eq!(running_with(&format!("sleep\0{mark}")), 0);
    }
}

#[test]
fn a_cancelled_step_ends_as_cancelled() {
    let bench = Bench::new();
    let endless = bench.assignment("endless", "echo begun; exec sleep 1000");
    block_on(async {
        bench.executor.start(&endless).await.unwrap();
        bench.until_logged(&endless.key, "begun");
        bench.executor.cancel(&endless.key).await.unwrap();
        match bench.executor.wait(&endless.key).await.unwrap() {
            Progress::Finished(result) => assert_eq!(result.outcome, Outcome::Cancelled),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_line_of_a_gigabyte_costs_neither_memory_nor_disk() {
    let bench = Bench::new();
    let line = "head -c 1000000000 /dev/zero; echo; echo after";
    let mut long = bench.assignment("long", line);
    long.step.timeout_seconds = 600;
    let (result, log) = bench.run(&long);
    assert_eq!(result.outcome, Outcome::Succeeded);
    assert!(result.log_truncated && log.len() < 100_000, "{}", log.len());
    assert!(log.contains("more bytes of this line are left out") && log.contains("\to\tafter\n"));
}

#[test]
fn secrets_are_given_but_not_shown_and_not_left_on_disk() {
    let bench = Bench::new();
    let line = "printf 'one s3cr'; sleep 0.05; printf '3t-value two\\n'; \
                printf '%s' \"$TOKEN\" | base64 >&2; cat /proc/self/cmdline | tr '\\0' ' '; \
                test -z \"${OTHER:-}\"";
    let mut secretive = bench.assignment("secretive", line);
    secretive.step.secrets.insert("TOKEN".into());
    secretive.secrets.insert("TOKEN".into(), "s3cr3t-value".into());
    secretive.secrets.insert("OTHER".into(), "not named by the step".into());
    let (result, log) = bench.run(&secretive);
    assert_eq!(result.outcome, Outcome::Succeeded, "{log}");
    assert!(log.contains("\to\tone *** two\n") && log.contains("\te\t***\n"), "{log}");
    let folder = bench.executor.folder(&secretive.key);
    assert!(!folder.join(spec::ORDER).exists());
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("s3cr3t-value"), "{}", entry.path().display());
    }
}

#[test]
fn a_log_can_be_followed_while_it_grows() {
    let bench = Bench::new();
    let go = bench.tree().join("go");
    let line = "echo first; while ! test -e go; do sleep 0.02; done; echo second";
    let followed = bench.assignment("followed", line);
    block_on(async {
        bench.executor.start(&followed).await.unwrap();
        bench.until_logged(&followed.key, "first");
        let from = bench.log(&followed.key).len() as u64;
        std::fs::write(go, "").unwrap();
        bench.executor.wait(&followed.key).await.unwrap();
        let rest = bench.executor.read_log(&followed.key, from, 1 << 20).await.unwrap();
        assert!(String::from_utf8(rest).unwrap().ends_with("\to\tsecond\n"));
    });
}
