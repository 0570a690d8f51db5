//! What is still known when the engine, the launcher, or the order is gone.

use super::*;

#[test]
fn an_attempt_outlives_whoever_started_it_and_is_found_again() {
    let bench = Bench::new();
    let line = "echo begun; while ! test -e go; do sleep 0.02; done";
    let assignment = bench.assignment("outlives", line);
    block_on(async { bench.executor.start(&assignment).await.unwrap() });
    bench.until_logged(&assignment.key, "begun");
    let Bench { folder, executor } = bench;
    drop(executor);
    let root = folder.path().join("attempts");
    let executor = LocalExecutor::open(root, launcher(), vec![]).unwrap();
    block_on(async {
        let running = executor.poll(&assignment.key).await.unwrap();
        assert!(matches!(running, Progress::Running { since: Some(_) }), "{running:?}");
        let again = executor.start(&assignment).await;
        assert!(matches!(again, Err(ExecutorError::StartedBefore(_))), "{again:?}");
        std::fs::write(folder.path().join("tree/go"), "").unwrap();
        match executor.wait(&assignment.key).await.unwrap() {
            Progress::Finished(result) => assert_eq!(result.outcome, Outcome::Succeeded),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn killing_whoever_started_the_launcher_does_not_end_the_step() {
    let bench = Bench::new();
    let assignment =
        bench.assignment("orphan", "echo begun; while ! test -e go; do sleep 0.02; done");
    let folder = bench.executor.folder(&assignment.key);
    std::fs::create_dir_all(&folder).unwrap();
    let order = bench.executor.order(&assignment, &folder).unwrap();
    let order_path = folder.join(spec::ORDER);
    files::write_json(&order_path, &spec::Spec::Attempt(Box::new(order))).unwrap();
    let program = launcher();
    let mut parent = std::process::Command::new("sh")
        .args(["-c", "\"$@\" >/dev/null 2>&1 & wait", "sh"])
        .arg(&program.program)
        .args(&program.arguments)
        .arg(&order_path)
        .spawn()
        .unwrap();
    bench.until_logged(&assignment.key, "begun");
    parent.kill().unwrap();
    parent.wait().unwrap();
    std::fs::write(bench.tree().join("go"), "").unwrap();
    match block_on(bench.executor.wait(&assignment.key)).unwrap() {
        Progress::Finished(result) => assert_eq!(result.outcome, Outcome::Succeeded),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attempt_whose_launcher_was_killed_is_lost_and_its_step_is_gone() {
    let bench = Bench::new();
    let mark = format!("3000.{}", std::process::id());
    let assignment = bench.assignment("lost", &format!("echo begun; exec sleep {mark}"));
    block_on(async { bench.executor.start(&assignment).await.unwrap() });
    bench.until_logged(&assignment.key, "begun");
    kill_launcher(&bench.executor.folder(&assignment.key));
    let progress = block_on(bench.executor.wait(&assignment.key)).unwrap();
    assert_eq!(progress, Progress::Lost);
    if bubblewrap::program().is_some() {
        until(|| running_with(&format!("sleep\0{mark}")) == 0);
    }
}

#[test]
fn an_attempt_that_was_given_up_never_begins() {
    let bench = Bench::new();
    let assignment = bench.assignment("late", "touch began");
    let folder = bench.executor.folder(&assignment.key);
    assert_eq!(block_on(bench.executor.poll(&assignment.key)).unwrap(), Progress::Lost);
    let order = bench.executor.order(&assignment, &folder).unwrap();
    let path = folder.join(spec::ORDER);
    files::write_json(&path, &spec::Spec::Attempt(Box::new(order))).unwrap();
    assert_eq!(bench.executor.launch(&path).unwrap().wait().unwrap().code(), Some(3));
    assert!(!bench.tree().join("began").exists() && !path.exists());
    assert_eq!(block_on(bench.executor.poll(&assignment.key)).unwrap(), Progress::Lost);
}

#[test]
fn an_order_that_makes_no_sense_is_an_error_of_the_attempt() {
    let bench = Bench::new();
    for (name, text) in [("garbage", "{"), ("unknown", r#"{"attempt":{"color":"red"}}"#)] {
        let folder = bench.executor.folder(&key(name));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(spec::ORDER);
        std::fs::write(&path, text).unwrap();
        assert_eq!(bench.executor.launch(&path).unwrap().wait().unwrap().code(), Some(2));
        match block_on(bench.executor.poll(&key(name))).unwrap() {
            Progress::Finished(result) => {
                assert!(matches!(result.outcome, Outcome::Errored { .. }), "{result:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_outcome_is_known_soon_after_the_step_has_ended() {
    let bench = Bench::new();
    let assignment = bench.assignment("quick", "true");
    let since = Stopwatch::start();
    let (result, _) = bench.run(&assignment);
    let whole = since.elapsed().as_millis();
    println!("start to known outcome: {whole} ms, {:?}", result.layers);
    assert!(whole < 10_000);
}
