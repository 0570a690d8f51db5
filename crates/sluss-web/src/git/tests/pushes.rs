//! Pushes: accepted, refused, two at once, and with nobody there to decide.

use std::os::unix::fs::PermissionsExt as _;

use sluss_engine::forge::{Expected, Found, PushAnswer, compare};
use tokio::io::AsyncWriteExt as _;

use super::server::{NOTHING, accepted, push_request, server};

fn names(updates: &[sluss_engine::forge::RefUpdate]) -> Vec<&str> {
    updates.iter().map(|update| update.name.as_str()).collect()
}

#[tokio::test]
async fn a_push_is_decided_with_its_objects_readable_and_then_received() {
    let mut server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "-o", "hurry", "origin", "main"]).await.succeeded();
    let new = server.commit(&tree, "b.txt", b"b").await;
    server.git(&tree, &["push", "origin", "main", "main:side"]).await.succeeded();
    let first = server.received.recv().await.unwrap();
    assert_eq!((names(&first.moved), first.pusher.0.as_str()), (vec!["refs/heads/main"], "ada"));
    let second = server.received.recv().await.unwrap();
    assert_eq!(names(&second.moved), ["refs/heads/main", "refs/heads/side"]);
    assert!(second.lost.is_empty());
    assert_eq!(server.at("payments", "refs/heads/side").await, new);
    let seen = server.desk.seen.lock().unwrap().join("\n");
    assert_eq!(
        seen,
        "ada refs/heads/main `Change README.md` 1 new, 1 in all, [\"README.md\"] [\"hurry\"]\n\
         ada refs/heads/main `Change b.txt` 1 new, 1 in all, [\"b.txt\"] []\n\
         ada refs/heads/side `Change b.txt` 1 new, 2 in all, [\"README.md\", \"b.txt\"] []"
    );
}

#[tokio::test]
async fn a_refused_push_moves_nothing_and_the_pusher_reads_why() {
    let mut server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let messages = vec!["line 3: unknown key `servise`".to_owned(), "try `service`".to_owned()];
    *server.desk.answer.lock().unwrap() = Some(PushAnswer::Refused { messages });
    let ended = server.git(&tree, &["push", "origin", "main"]).await;
    let ended = ended.failed_saying("remote: line 3: unknown key `servise`");
    assert!(ended.stderr.contains("remote: try `service`"), "{ended:?}");
    assert_eq!(server.at("payments", "refs/heads/main").await, "");
    assert!(server.received.try_recv().is_err());
    server.assert_sound("payments").await;
}

#[tokio::test]
async fn an_accepted_push_says_what_comes_next() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let messages = vec!["chg-7: http://sluss/changes/chg-7".to_owned()];
    *server.desk.answer.lock().unwrap() = Some(PushAnswer::Accepted { messages });
    let ended = server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    assert!(ended.stderr.contains("remote: chg-7: http://sluss"), "{ended:?}");
}

#[tokio::test]
async fn of_two_pushes_at_once_to_one_branch_one_wins() {
    let mut server = server().await;
    let one = server.work_tree("one", "payments").await;
    server.git(&one, &["push", "origin", "main"]).await.succeeded();
    server.received.recv().await.unwrap();
    let url = server.url("payments");
    server.git(server.folder.path(), &["clone", "--quiet", &url, "two"]).await.succeeded();
    let two = server.folder.path().join("two");
    let mut heads = Vec::new();
    for (tree, file) in [(&one, "one"), (&two, "two")] {
        heads.push(server.commit(tree, file, b"x").await);
    }
    *server.desk.answer.lock().unwrap() = None;
    let mut pushes = Vec::new();
    for tree in [&one, &two] {
        let mut command = server.git_command(tree, &["push", "origin", "main"]);
        pushes.push(tokio::spawn(async move { command.output().await.unwrap() }));
    }
    let (push, answer) = server.asked.recv().await.unwrap();
    let winner = push.updates[0].new.clone().unwrap();
    *server.desk.answer.lock().unwrap() = Some(accepted());
    answer.send(accepted()).unwrap();
    let mut won = Vec::new();
    for push in pushes {
        won.push(push.await.unwrap().status.success());
    }
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let first_won = won[0];
    assert_eq!(winner.as_str(), heads[usize::from(!first_won)]);
    assert_eq!(server.at("payments", "refs/heads/main").await, winner.as_str());
    let received = server.received.recv().await.unwrap();
    assert_eq!((names(&received.moved).len(), received.lost.len()), (1, 0));
}

#[tokio::test]
async fn a_push_from_an_outdated_ref_is_refused_before_anyone_is_asked() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let old = server.git(&tree, &["rev-parse", "HEAD"]).await.stdout;
    server.commit(&tree, "b", b"b").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let asked = server.desk.seen.lock().unwrap().len();
    let body = push_request(NOTHING, &old, "refs/heads/main");
    let said = server.post("/git/payments.git/git-receive-pack", &[], &body).await;
    assert!(said.contains("has moved meanwhile"), "{said}");
    assert_eq!(server.desk.seen.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn a_branch_whose_name_is_a_full_name_is_refused() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    for (name, right) in [
        ("refs/heads/refs/heads/main", ":main`"),
        ("refs/heads/refs/side", ":side`"),
        ("refs/tags/refs/tags/v1", ":v1`"),
    ] {
        let pushed = server.git(&tree, &["push", "origin", &format!("main:{name}")]).await;
        let said = pushed.stderr.clone();
        pushed.failed_saying("without `refs/`");
        assert!(said.contains(right), "{said}");
    }
    // What only begins alike is a name like any other.
    server.git(&tree, &["push", "origin", "main:refs/heads/refs-2"]).await.succeeded();
}

#[tokio::test]
async fn the_main_branch_is_neither_rewritten_nor_deleted_and_others_are() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main", "main:side"]).await.succeeded();
    let head = server.git(&tree, &["rev-parse", "HEAD"]).await.stdout;
    let amend = ["commit", "--quiet", "--amend", "-m", "Another"];
    server.git(&tree, &amend).await.succeeded();
    server
        .git(&tree, &["push", "--force", "origin", "main"])
        .await
        .failed_saying("remote: Refused: the main branch is not rewritten");
    server
        .git(&tree, &["push", "origin", ":main"])
        .await
        .failed_saying("remote: Refused: the main branch cannot be deleted");
    assert_eq!(server.at("payments", "refs/heads/main").await, head);
    server.git(&tree, &["push", "--force", "origin", "main:side"]).await.succeeded();
    server.git(&tree, &["push", "origin", ":side"]).await.succeeded();
    assert_eq!(server.at("payments", "refs/heads/side").await, "");
}

#[tokio::test]
async fn only_branches_and_tags_with_usable_names_are_taken() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["tag", "-a", "v1", "-m", "One"]).await.succeeded();
    server.git(&tree, &["push", "origin", "main", "v1"]).await.succeeded();
    server.git(&tree, &["push", "origin", "main:refs/heads/größe/\u{1f980}"]).await.succeeded();
    let long = format!("main:refs/heads/{}", "x/".repeat(130) + "x");
    for refused in ["main:refs/notes/x", "main:refs/replace/x", "main:refs/for/main", &long] {
        let ended = server.git(&tree, &["push", "origin", refused]).await;
        ended.failed_saying("is not a branch or tag name");
    }
    server
        .git(&tree, &["push", "origin", "v1:refs/heads/tagged"])
        .await
        .failed_saying("refs/heads/tagged");
    let refs = server.git(&server.path("payments"), &["for-each-ref"]).await.stdout;
    assert_eq!(refs.lines().count(), 3, "{refs}");
}

#[tokio::test]
async fn a_ref_that_git_cannot_make_is_reported_lost() {
    let mut server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main:side"]).await.succeeded();
    server.received.recv().await.unwrap();
    let both = ["push", "origin", "main:side/below", "main"];
    server.git(&tree, &both).await.failed_saying("side/below");
    let received = server.received.recv().await.unwrap();
    assert_eq!(names(&received.lost), ["refs/heads/side/below"]);
    assert_eq!(names(&received.moved), ["refs/heads/main"]);
}

#[tokio::test]
async fn with_nobody_to_decide_a_push_is_refused() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    std::fs::remove_file(server.folder.path().join("hooks.socket")).unwrap();
    server
        .git(&tree, &["push", "origin", "main"])
        .await
        .failed_saying("remote: Refused: Sluss did not answer");
    assert_eq!(server.at("payments", "refs/heads/main").await, "");
}

#[tokio::test]
async fn without_a_hook_that_can_be_started_nothing_is_taken() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let hook = server.folder.path().join("git/.hooks/pre-receive");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o600)).unwrap();
    server.git(&tree, &["push", "origin", "main"]).await.failed_saying("500");
    assert_eq!(server.at("payments", "refs/heads/main").await, "");
}

#[tokio::test]
async fn a_push_past_the_server_is_refused() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let path = server.path("payments");
    server
        .git(&tree, &["push", path.to_str().unwrap(), "main:other"])
        .await
        .failed_saying("remote: Refused: this repository is pushed to over HTTP");
    assert_eq!(server.at("payments", "refs/heads/other").await, "");
}

#[tokio::test]
async fn a_client_that_goes_away_while_its_push_is_decided_does_not_undo_it() {
    let mut server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    server.received.recv().await.unwrap();
    *server.desk.answer.lock().unwrap() = None;
    let head = server.git(&tree, &["rev-parse", "HEAD"]).await.stdout;
    let body = push_request(NOTHING, &head, "refs/heads/side");
    let kind = "Content-Type: application/x-git-receive-pack-request";
    let headers = [kind, &format!("Content-Length: {}", body.len())];
    let mut stream = server.request("POST /git/payments.git/git-receive-pack", &headers).await;
    stream.write_all(&body).await.unwrap();
    let (_, answer) = server.asked.recv().await.unwrap();
    drop(stream);
    answer.send(accepted()).unwrap();
    let received = server.received.recv().await.unwrap();
    assert_eq!((names(&received.moved), received.lost.len()), (vec!["refs/heads/side"], 0));
    assert_eq!(server.at("payments", "refs/heads/side").await, head);
}

#[tokio::test]
async fn a_push_of_20_mb_arrives_whole() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(20 * 1024 * 1024 / 8)
    .flatten()
    .collect();
    let new = server.commit(&tree, "noise", &noise).await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    assert_eq!(server.at("payments", "refs/heads/main").await, new);
    let url = server.url("payments");
    server.git(server.folder.path(), &["clone", "--quiet", &url, "clone"]).await.succeeded();
    assert!(std::fs::read(server.folder.path().join("clone/noise")).unwrap() == noise);
}

#[tokio::test]
async fn a_recorded_push_is_found_moved_or_lost() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    let old = server.git(&tree, &["rev-parse", "HEAD"]).await.stdout;
    server.commit(&tree, "b", b"b").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let elsewhere = server.commit(&tree, "c", b"c").await;
    let cases = [
        ("payments", "refs/heads/main", &old, Found::Moved),
        ("payments", "refs/heads/main", &elsewhere, Found::Lost),
        ("payments", "refs/heads/side", &old, Found::Lost),
        ("unknown", "refs/heads/main", &old, Found::Lost),
    ];
    for (repository, name, commit, found) in cases {
        let expected = Expected {
            repository: repository.parse().unwrap(),
            name: name.parse().unwrap(),
            commit: commit.parse().unwrap(),
        };
        let differences = compare(&server.repositories, vec![expected]).await.unwrap();
        assert_eq!(differences[0].found, found, "{repository} {name} {commit}");
    }
}
