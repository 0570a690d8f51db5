//! What is asked of the host, and what it makes of it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use sluss_core::target::Applied;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::client::Customer;
use crate::target::{Target as _, TargetError};
use crate::world::{World, answer, arm, desired};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_generation_changes_nothing() {
    let world = World::start().await;
    let newer = desired(5, vec![arm(1, 100)]);
    assert_eq!(world.put(&newer).await, Applied::Accepted);
    assert_eq!(world.put(&desired(4, vec![])).await, Applied::Stale { has: 5 });
    assert_eq!(world.put(&newer).await, Applied::Accepted);
    assert_eq!(world.put(&desired(5, vec![])).await, Applied::Stale { has: 5 });
    assert_eq!(world.route().await.unwrap().generation, 5);
    assert_eq!(world.put(&desired(6, vec![])).await, Applied::Accepted);
    world.gone(1).await;
    assert_eq!(world.route().await, None);
    assert_eq!(world.put(&newer).await, Applied::Stale { has: 6 }, "it is remembered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_a_problem_of_its_route_alone() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;

    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = holder.local_addr().unwrap().port();
    let mut moved = desired(2, vec![arm(1, 100)]);
    moved.port = Some(taken);
    assert_eq!(world.put(&moved).await, Applied::Accepted);
    let route = world.route().await.unwrap();
    assert!(route.problem.unwrap().contains(&taken.to_string()));
    assert_eq!(route.port, Some(port), "the former port stays open");
    assert_eq!(answer(port, "/").await.0, 200);

    drop(holder);
    world
        .until("the port is opened", async |world| {
            let route = world.route().await?;
            (route.port == Some(taken) && route.problem.is_none()).then_some(())
        })
        .await;
    assert_eq!(answer(taken, "/").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_gets_its_environment_and_nothing_of_ours() {
    let world = World::start().await;
    let mut with = arm(1, 100);
    with.environment.insert("GREETING".to_owned(), "hello".to_owned());
    with.secrets.insert("password".to_owned(), "open sesame".to_owned());
    with.limits.open_files = 256;
    world.want(1, vec![with]).await;
    let port = world.ready(&[1]).await;
    let limits = format!("/proc/{}/limits", world.pids(1).await[0]);
    let limits = std::fs::read_to_string(limits).unwrap();
    let open_files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(open_files.split_whitespace().nth(3), Some("256"), "{open_files}");
    let mut customer = Customer::new(port);
    let mut variable = async |name: &str| {
        let path = format!("/variable?{name}");
        customer.get(&path).await.unwrap().1
    };
    assert_eq!(variable("GREETING").await, "hello");
    assert_eq!(variable("RELEASE").await, "rel-1");
    assert_eq!(variable("CARGO_MANIFEST_DIR").await, "");
    let state = variable("STATE_DIR").await;
    assert!(state.ends_with("state/payments@test"), "{state}");
    assert_eq!(variable("HOME").await, state);
    let secrets = variable("SLUSS_SECRETS_FILE").await;
    let mode = std::fs::metadata(&secrets).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(answer(port, "/secrets").await.1, r#"{"password":"open sesame"}"#);
    assert_eq!(variable("PORT").await.parse::<u16>().unwrap(), {
        world.arm(1).await.unwrap().instances[0].port
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_with_what_and_hint() {
    let world = World::start().await;
    let mut outside = arm(1, 100);
    outside.command = vec!["../echo".to_owned()];
    for nonsense in [
        desired(1, vec![arm(1, 60), arm(2, 60)]),
        desired(1, vec![arm(1, 50), arm(1, 50)]),
        desired(0, vec![]),
        desired(1, vec![outside]),
    ] {
        match world.target.apply(&nonsense).await {
            Err(TargetError::Refused { what, hint }) => assert!(what.len() > 9 && hint.len() > 9),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.target.status().await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_token_learns_nothing() {
    let world = World::start().await;
    let data = world.target.data();
    for private in ["token", "host.sock"] {
        let mode = std::fs::metadata(data.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    for bearer in ["", "Authorization: Bearer wrong\r\n"] {
        let mut stream = UnixStream::connect(data.join("host.sock")).await.unwrap();
        let request =
            format!("GET /status HTTP/1.1\r\nHost: host\r\nConnection: close\r\n{bearer}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains(r#""what":"the bearer token is missing or wrong""#), "{answer}");
    }
}
