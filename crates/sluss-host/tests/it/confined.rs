//! What a service process may do and use, and that the host says what really holds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sluss_core::target::{
    Applied, Confinement, Desired, InstanceState, InstanceStatus, LimitsBy, RouteKey, RunsAs,
};

use crate::client::Customer;
use crate::target::Target as _;
use crate::world::{World, arm, desired, key};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The lines of `/proc/PID/status` by their names.
fn about(pid: u32) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |line: &str| {
        let (name, values) = line.split_once(':')?;
        Some((name.to_owned(), values.split_whitespace().map(str::to_owned).collect()))
    };
    text.lines().filter_map(line).collect()
}

/// Waits until the one instance of a route is ready.
async fn instance(world: &World, key: &RouteKey) -> InstanceStatus {
    world
        .until("the instance is ready", async |world| {
            let routes = world.target.status().await.ok()?;
            let route = routes.into_iter().find(|route| route.key == *key)?;
            let instance = route.arms.into_iter().next()?.instances.into_iter().next()?;
            (instance.state == InstanceState::Ready).then_some(instance)
        })
        .await
}

/// A folder as a process sees it.
fn seen_by(pid: u32, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/root{}", path.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_has_a_user_of_its_own_where_the_host_is_root_and_else_says_so() {
    let world = World::start().await;
    let other = |service: &str, environment: &str| RouteKey {
        service: service.parse().unwrap(),
        environment: environment.parse().unwrap(),
    };
    let keys = [key(), other("payments", "live"), other("cards", "test")];
    let mut processes = Vec::new();
    for key in &keys {
        let mut with = arm(1, 100);
        with.secrets.insert("password".to_owned(), "open sesame".to_owned());
        let wanted = Desired { arms: vec![with], ..Desired::nothing(key.clone(), 1) };
        assert_eq!(world.put(&wanted).await, Applied::Accepted);
        processes.push(instance(&world, key).await);
    }
    let data = world.target.data();
    for (key, process) in keys.iter().zip(&processes) {
        assert_eq!(about(process.pid)["NoNewPrivs"], ["1"], "it can gain no rights");
        let uid = match &process.confinement.user {
            RunsAs::Own { uid } => uid,
            RunsAs::Shared { why } => {
                assert!(!is_root(), "{why}");
                assert!(why.contains("root"), "{why}");
                continue;
            }
            RunsAs::Unsaid => panic!("it runs, and nobody says how"),
        };
        let about = about(process.pid);
        let all_are = |name: &str| about[name].iter().all(|one| *one == uid.to_string());
        assert!(all_are("Uid") && all_are("Gid"), "{about:?}");
        assert!(about["Groups"].is_empty(), "{about:?}");
        assert!(about["CapEff"][0].chars().all(|digit| digit == '0'), "{about:?}");
        let name = format!("{}@{}", key.service, key.environment);
        let state = fs::metadata(data.join("state").join(&name)).unwrap();
        assert_eq!((state.uid(), state.mode() & 0o777), (*uid, 0o700));
        let users = fs::read(data.join("users.json")).unwrap();
        let users: BTreeMap<String, u32> = serde_json::from_slice(&users).unwrap();
        assert_eq!(users[&name], *uid, "it is recorded");
        // Of the host's folder there is nothing but its own.
        for hidden in ["token", "routes", "users.json"] {
            assert!(!seen_by(process.pid, &data.join(hidden)).exists(), "{hidden}");
        }
        let states = seen_by(process.pid, &data.join("state"));
        let seen: Vec<String> = fs::read_dir(states)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(seen, [name]);
        let mut customer = Customer::new(process.port);
        let secrets = customer.get("/secrets").await.unwrap().1;
        assert_eq!(secrets, r#"{"password":"open sesame"}"#, "what is its own it can read");
    }
    let uids: Vec<String> = processes.iter().map(|p| about(p.pid)["Uid"][0].clone()).collect();
    if is_root() {
        assert!(uids[0] != uids[1] && uids[1] != uids[2] && uids[0] != uids[2], "{uids:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_releases_of_a_service_share_its_user_and_its_state() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 90), arm(2, 10)]).await;
    world.ready(&[1, 2]).await;
    let (one, two) = (world.arm(1).await.unwrap(), world.arm(2).await.unwrap());
    let user = |arm: &sluss_core::target::ArmStatus| arm.instances[0].confinement.user.clone();
    assert_eq!(user(&one), user(&two));
    assert_eq!(matches!(user(&one), RunsAs::Own { .. }), is_root());
}

fn limited() -> sluss_core::target::Arm {
    let mut limited = arm(1, 100);
    limited.limits.memory_bytes = 1 << 30;
    limited.limits.processes = 50;
    limited.limits.cpu_weight = 25;
    limited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_control_groups_they_hold_the_limits_and_go_with_the_process() {
    // What the kernel would show of a delegated tree; the test is in its root.
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    fs::create_dir_all(tree.path().join(own.unwrap_or_default())).unwrap();
    let root = tree.path().to_owned();
    let world = World::start_with(|options| options.control_groups = root).await;
    world.want(1, vec![limited()]).await;
    world.ready(&[1]).await;
    let process = instance(&world, &key()).await;
    if own.is_none() {
        assert!(matches!(process.confinement.limits, LimitsBy::Process { .. }));
        return;
    }
    assert_eq!(process.confinement.limits, LimitsBy::ControlGroup);
    let group = walk(tree.path()).into_iter().find(|path| path.join("memory.max").exists());
    let group = group.unwrap();
    let read = |file: &str| fs::read_to_string(group.join(file)).unwrap();
    let held = ["memory.max", "pids.max", "cpu.weight", "cgroup.procs"].map(read);
    assert_eq!(held, ["1073741824", "50", "25", &process.pid.to_string()]);
    // The kernel's own limit of memory is not set besides: it counts something else.
    assert_eq!(most_data(process.pid), "unlimited");
    assert_eq!(world.put(&desired(2, vec![])).await, Applied::Accepted);
    world.gone(1).await;
    assert!(group.join("cgroup.kill").exists(), "whatever it left behind was ended");
}

fn walk(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_dir())
        .flat_map(|path| [walk(&path), vec![path]].concat())
        .collect()
}

fn most_data(pid: u32) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max data size")).unwrap();
    line.split_whitespace().nth(3).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_control_groups_the_kernels_limits_hold_and_it_says_why() {
    let nothing = tempfile::tempdir().unwrap();
    let root = nothing.path().to_owned();
    let world = World::start_with(|options| options.control_groups = root).await;
    world.want(1, vec![limited()]).await;
    world.ready(&[1]).await;
    let process = instance(&world, &key()).await;
    let Confinement { limits: LimitsBy::Process { why }, .. } = process.confinement else {
        panic!("{:?}", process.confinement);
    };
    assert!(why.contains("no control group of version 2"), "{why}");
    assert_eq!(most_data(process.pid), (1u64 << 30).to_string());
}
