//! Fetches, and requests as no proper client makes them.

use std::io::Write as _;

use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;

use super::server::{NOTHING, answer, server, server_with};
use crate::git::GitLimits;

#[tokio::test]
async fn what_was_pushed_can_be_cloned_and_fetched_by_every_protocol() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    for version in ["0", "1", "2"] {
        let (folder, setting) = (format!("v{version}"), format!("protocol.version={version}"));
        let args = ["-c", &setting, "clone", "--quiet", &server.url("payments"), &folder];
        server.git(server.folder.path(), &args).await.succeeded();
        let clone = server.folder.path().join(folder);
        let cloned = std::fs::read(clone.join("README.md")).unwrap();
        assert_eq!(cloned, std::fs::read(tree.join("README.md")).unwrap());
        let new = server.commit(&tree, "README.md", version.as_bytes()).await;
        server.git(&tree, &["push", "origin", "main"]).await.succeeded();
        server.git(&clone, &["-c", &setting, "fetch", "--quiet"]).await.succeeded();
        assert_eq!(server.git(&clone, &["rev-parse", "origin/main"]).await.stdout, new);
    }
}

#[tokio::test]
async fn a_fetch_whose_negotiation_is_packed_succeeds() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let clone = server.folder.path().join("clone");
    let args = ["clone", "--quiet", &server.url("payments"), "clone"];
    server.git(server.folder.path(), &args).await.succeeded();
    // So many commits that only the clone has make a request that Git packs. Git offers the newest
    // first, so they are dated after what both have; of equal dates it would offer that at once.
    for n in 0..60 {
        let message = n.to_string();
        let args = ["commit", "--quiet", "--allow-empty", "-m", &message];
        let mut commit = server.git_command(&clone, &args);
        commit.env("GIT_COMMITTER_DATE", format!("{} +0000", 4_000_000_000_u64 + n));
        assert!(commit.status().await.unwrap().success());
    }
    let new = server.commit(&tree, "README.md", b"again").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let mut fetch = server.git_command(&clone, &["fetch"]);
    let fetched = fetch.env("GIT_CURL_VERBOSE", "1").output().await.unwrap();
    let said = String::from_utf8_lossy(&fetched.stderr).to_lowercase();
    assert!(fetched.status.success() && said.contains("content-encoding: gzip"), "{said}");
    assert_eq!(server.git(&clone, &["rev-parse", "origin/main"]).await.stdout, new);
}

#[tokio::test]
async fn a_packed_body_is_read_and_a_badly_packed_one_refused() {
    let server = server().await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(b"0014command=ls-refs\n0000").unwrap();
    let packed = packer.finish().unwrap();
    let path = "/git/payments.git/git-upload-pack";
    let headers = ["Git-Protocol: version=2", "Content-Encoding: gzip"];
    let said = server.post(path, &headers, &packed).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("refs/heads/main"), "{said}");
    let said = server.post(path, &headers, b"not packed").await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    let said = server.post(path, &["Content-Encoding: br"], b"x").await;
    assert!(said.starts_with("HTTP/1.1 415"), "{said}");
}

#[tokio::test]
async fn a_request_larger_than_the_limit_is_refused() {
    let limits = GitLimits { fetch_request_bytes: 1000, ..GitLimits::default() };
    let server = server_with(limits).await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    let path = "/git/payments.git/git-upload-pack";
    let said = server.post(path, &["Git-Protocol: version=2"], &[b'0'; 1001]).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

#[tokio::test]
async fn the_dumb_protocol_and_browsers_are_told_what_the_address_is_for() {
    let server = server().await;
    for path in ["/info/refs", "/info/refs?service=git-shell", "/HEAD", "/objects/aa/bb", ""] {
        let path = format!("GET /git/payments.git{path}");
        let said = answer(server.request(&path, &[]).await).await;
        assert!(said.starts_with("HTTP/1.1 403") && said.contains("smart HTTP"), "{said}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded";
    let path = "POST /git/payments.git/git-receive-pack";
    let said = answer(server.request(path, &[form, "Content-Length: 0"]).await).await;
    assert!(said.starts_with("HTTP/1.1 415"), "{said}");
}

#[tokio::test]
async fn a_client_that_goes_away_mid_push_leaves_the_repository_sound_and_its_place_free() {
    let server = server_with(GitLimits { pushes: 1, ..GitLimits::default() }).await;
    let tree = server.work_tree("tree", "payments").await;
    server.git(&tree, &["push", "origin", "main"]).await.succeeded();
    for pack in [&b"PACK\0\0\0\x02\0\0\x01\0\x9d"[..], b"PACK", b""] {
        let command = format!("{NOTHING} {} refs/heads/half\0 report-status", "1".repeat(40));
        let mut body = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
        body.extend_from_slice(pack);
        let kind = "Content-Type: application/x-git-receive-pack-request";
        let headers = [kind, "Content-Length: 1000000"];
        let path = "POST /git/payments.git/git-receive-pack";
        let mut stream = server.request(path, &headers).await;
        stream.write_all(&body).await.unwrap();
        drop(stream);
        // There is room for one push: this one goes through when the one before has ended.
        server.commit(&tree, "README.md", pack).await;
        server.git(&tree, &["push", "origin", "main"]).await.succeeded();
        assert_eq!(server.at("payments", "refs/heads/half").await, "");
        server.assert_sound("payments").await;
    }
}
