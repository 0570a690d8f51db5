//! Who gets in, to what, and what those who do not are told.

use super::server::{answer, server};
use crate::git::{Access, RefusalReason};

#[tokio::test]
async fn a_newcomers_first_push_makes_the_repository() {
    let server = server().await;
    let tree = server.work_tree("tree", "my-service").await;
    assert!(!server.repositories.exists(&"my-service".parse().unwrap()));
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let head = server.git(&tree, &["rev-parse", "HEAD"]).await.stdout;
    assert_eq!(server.at("my-service", "refs/heads/main").await, head);
    server.assert_sound("my-service").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_reported() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let url = server.url_as("ada:wrong", "payments");
    server.git(&tree, &["push", &url, "main"]).await.failed_saying("Authentication failed");
    assert!(server.repositories.names().unwrap().is_empty());
    let refusals = server.door.refusals.lock().unwrap();
    assert_eq!(refusals[0].login, "ada");
    assert_eq!(refusals[0].access, Access::Write);
    assert_eq!(refusals[0].reason, RefusalReason::WrongSecret);
}

#[tokio::test]
async fn without_credentials_nothing_is_told_not_even_whether_there_is_a_repository() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    for name in ["payments", "unknown"] {
        let url = server.url(name).replace("ada:secret@", "");
        let ended = server.git(&tree, &["ls-remote", &url]).await;
        ended.failed_saying("could not read Username");
    }
    assert!(server.door.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_may_not_is_told_why() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let eve = server.url_as("eve:secret", "payments");
    server
        .git(&tree, &["push", &eve, "main"])
        .await
        .failed_saying("remote: eve may not make `payments`.");
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    server
        .git(&tree, &["ls-remote", &eve])
        .await
        .failed_saying("remote: eve is not in the team of this service.");
    let bob = server.url_as("bob:secret", "payments");
    server.git(&tree, &["ls-remote", &bob]).await.succeeded();
    server.git(&tree, &["push", &bob, "main:other"]).await.failed_saying("remote: bob is not");
    assert_eq!(server.at("payments", "refs/heads/other").await, "");
    assert_eq!(server.door.refusals.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn reading_what_there_is_not_is_refused_with_a_sentence() {
    let server = server().await;
    let home = server.folder.path().to_owned();
    server
        .git(&home, &["clone", &server.url("nowhere")])
        .await
        .failed_saying("remote: There is no repository `nowhere`.");
    assert!(server.repositories.names().unwrap().is_empty());
}

#[tokio::test]
async fn weird_names_reach_no_folder() {
    let server = server().await;
    let before = listing(&server.folder.path().join("git"));
    let long = "a".repeat(41);
    for name in ["..%2f..%2fetc", "%2e%2e", "UPPER", "-x", "a%00b", ".hooks", "a%2fb", &long] {
        for service in ["git-receive-pack", "git-upload-pack"] {
            let path = format!("GET /git/{name}.git/info/refs?service={service}");
            let answer = answer(server.request(&path, &[]).await).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{name}: {answer}");
            assert!(answer.contains("is not a repository name"), "{name}: {answer}");
        }
    }
    assert_eq!(listing(&server.folder.path().join("git")), before);
}

fn listing(folder: &std::path::Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}
