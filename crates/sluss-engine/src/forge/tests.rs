//! Repositories and their history, tried with the real `git` program, and the hook without it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;

use sluss_core::ids::CommitId;
use tempfile::TempDir;

use super::hook::HookQuestion;
use super::*;

struct House {
    folder: TempDir,
    repositories: Repositories,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let hook = ["/bin/false".to_owned()];
    let repositories = Repositories::open(&folder.path().join("it's \"git\""), &hook).unwrap();
    House { folder, repositories }
}

fn commit(message: &str, files: &[(&str, &str)]) -> NewCommit {
    let plain = |bytes: &str| NewFile::Plain(bytes.as_bytes().to_vec());
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), plain(text)));
    NewCommit {
        files: files.collect::<BTreeMap<_, _>>(),
        message: message.to_owned(),
        author: Author {
            name: "Ada <L>\n".to_owned(),
            email: "ada@bank.example".to_owned(),
            time_ms: 1_700_000_000_999,
        },
    }
}

#[tokio::test]
async fn a_repository_is_made_once_and_its_configuration_put_right() {
    let House { repositories, folder } = house();
    let name = RepositoryName::platform();
    assert!(!repositories.exists(&name) && repositories.objects(&name).is_none());
    let (one, two) = tokio::join!(repositories.ensure(&name), repositories.ensure(&name));
    one.unwrap();
    let objects = two.unwrap();
    assert_eq!(repositories.names().unwrap(), std::slice::from_ref(&name));
    assert_eq!(objects.head(MAIN).await.unwrap(), None);
    let config = repositories.path(&name).join("config");
    let right = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "[core]\n\tbare = true\n\thooksPath = /tmp\n").unwrap();
    repositories.ensure(&name).await.unwrap();
    assert_eq!(std::fs::read_to_string(&config).unwrap(), right);
    let setting = objects.output(&["config", "core.hooksPath"], git::USUAL).await.unwrap();
    let hooks = folder.path().canonicalize().unwrap().join("it's \"git\"/.hooks");
    assert_eq!(String::from_utf8(setting).unwrap().trim(), hooks.to_str().unwrap());
}

#[tokio::test]
async fn a_commit_made_from_files_is_read_as_it_was_written() {
    let House { repositories, folder } = house();
    let objects = repositories.ensure(&RepositoryName::platform()).await.unwrap();
    let message = "Make it\n\nBecause.\n\nCo-authored-by: Grace H <grace@bank.example>\n\
                   Reviewed-by: nobody\n";
    let files = [("a b/ü\".yaml", "x: 1\n"), ("run", "#!"), ("gone", "1\n2\n")];
    let first = objects.write_commit(MAIN, &commit(message, &files)).await.unwrap();
    let files = [("a b/ü\".yaml", "x: 2\n"), ("run", "#!")];
    let second = objects.write_commit(MAIN, &commit("Again", &files)).await.unwrap();

    assert_eq!(objects.head(MAIN).await.unwrap(), Some(second.clone()));
    let commits = objects.commits(None, &second, 10).await.unwrap();
    assert_eq!(commits.iter().map(|c| &c.id).collect::<Vec<_>>(), [&second, &first]);
    let Commit { author_name, author_email, author_time_ms, co_authors, .. } = &commits[1];
    assert_eq!((author_name.as_str(), author_email.as_str()), ("Ada L", "ada@bank.example"));
    assert_eq!(*author_time_ms, 1_700_000_000_000);
    let grace = CoAuthor { name: "Grace H".to_owned(), email: "grace@bank.example".to_owned() };
    assert_eq!(co_authors, &[grace]);
    assert_eq!((commits[1].subject.as_str(), commits[1].trailers.len()), ("Make it", 2));
    assert!(commits[1].body.starts_with("Because.\n\nCo-authored-by:"));
    assert_eq!(objects.commits(Some(&first), &second, 10).await.unwrap().len(), 1);
    assert_eq!(objects.commits(None, &second, 1).await.unwrap().len(), 1);
    assert_eq!(objects.commit_count(None, &second).await.unwrap(), 2);
    assert_eq!(
        objects.changed_paths(Some(&first), &second).await.unwrap(),
        ["a b/ü\".yaml", "gone"]
    );
    assert_eq!(objects.changed_paths(None, &first).await.unwrap().len(), 3);
    let stat = objects.diff_stat(Some(&first), &second).await.unwrap();
    assert_eq!(stat, DiffStat { files: 2, added: 1, removed: 3, binary: 0 });
    let stat = objects.diff_stat(None, &first).await.unwrap();
    assert_eq!(stat, DiffStat { files: 3, added: 4, removed: 0, binary: 0 });
    assert!(objects.is_ancestor(&first, &second).await.unwrap());
    assert!(!objects.is_ancestor(&second, &first).await.unwrap());

    let into = folder.path().join("tree");
    std::fs::create_dir(&into).unwrap();
    objects.check_out(&first, &into).await.unwrap();
    assert_eq!(std::fs::read(into.join("a b/ü\".yaml")).unwrap(), b"x: 1\n");
    assert!(into.join("gone").exists() && !into.join(".git").exists());
}

#[tokio::test]
async fn lines_of_a_binary_file_are_not_counted_as_none() {
    let House { repositories, folder: _folder } = house();
    let objects = repositories.ensure(&"payments".parse().unwrap()).await.unwrap();
    let first = objects.write_commit(MAIN, &commit("One", &[("a", "1\n")])).await.unwrap();
    let files = [("a", "2\n"), ("logo", "\0\u{1}\u{2}")];
    let second = objects.write_commit(MAIN, &commit("Two", &files)).await.unwrap();
    let stat = objects.diff_stat(Some(&first), &second).await.unwrap();
    assert_eq!(stat, DiffStat { files: 2, added: 1, removed: 1, binary: 1 });
}

#[tokio::test]
async fn a_file_is_read_whole_or_not_at_all() {
    let House { repositories, folder: _folder } = house();
    let objects = repositories.ensure(&"payments".parse().unwrap()).await.unwrap();
    let files = [("sluss.yaml", "service: x\n"), ("src/*", "star"), ("src/a", "a")];
    let id = objects.write_commit("side", &commit("One", &files)).await.unwrap();
    let read = async |path: &str, limit| objects.read_file(&id, path, limit).await;
    assert_eq!(read("sluss.yaml", 11).await.unwrap().as_deref(), Some(&b"service: x\n"[..]));
    assert!(matches!(read("sluss.yaml", 10).await, Err(GitError::TooMuch { .. })));
    assert_eq!(read("src/*", 10).await.unwrap().as_deref(), Some(&b"star"[..]));
    for absent in ["nothing", "src", "sluss.yaml/x", ":(glob)**"] {
        assert_eq!(read(absent, 10).await.unwrap(), None, "{absent}");
    }
    for wrong in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\nb"] {
        assert!(matches!(read(wrong, 10).await, Err(GitError::Unusable(_))), "{wrong}");
    }
    assert_eq!(objects.list_files(&id, 2).await.unwrap(), ["sluss.yaml", "src/*"]);
    let absent: CommitId = "1".repeat(40).parse().unwrap();
    assert!(objects.commits(None, &absent, 1).await.is_err());
    assert_eq!(objects.commit_of(&absent).await.unwrap(), None);
    repositories.tidy(&"payments".parse().unwrap()).await.unwrap();
    assert_eq!(read("src/a", 10).await.unwrap().as_deref(), Some(&b"a"[..]));
}

#[test]
fn a_ref_name_is_a_branch_or_a_tag_and_harmless() {
    for right in ["refs/heads/main", "refs/tags/v1.0", "refs/heads/größe/x", "refs/heads/a@b"] {
        assert_eq!(right.parse::<RefName>().unwrap().as_str(), right);
    }
    let long = format!("refs/heads/{}", "x".repeat(250));
    for wrong in [
        "main",
        "HEAD",
        "refs/heads/",
        "refs/notes/x",
        "refs/heads/a b",
        "refs/heads/a..b",
        "refs/heads/-x",
        "refs/heads/a/.b",
        "refs/heads/a.lock",
        "refs/heads/a//b",
        "refs/heads/a\u{7}",
        "refs/heads/a\u{85}",
        "refs/heads/a^{}",
        "refs/heads/HEAD",
        &long,
    ] {
        assert!(wrong.parse::<RefName>().is_err(), "{wrong}");
    }
}

const ZEROS: &str = "0000000000000000000000000000000000000000";

fn ask_with(socket: Option<&str>, input: &[u8]) -> HookReply {
    let variable = |name: &str| match name {
        hook::SOCKET_VARIABLE => socket.map(str::to_owned),
        hook::TOKEN_VARIABLE => Some("t".to_owned()),
        "GIT_PUSH_OPTION_COUNT" => Some("1".to_owned()),
        "GIT_PUSH_OPTION_0" => Some("hurry".to_owned()),
        _ => None,
    };
    ask("pre-receive", &mut &*input, &variable)
}

#[test]
fn a_hook_that_reaches_nobody_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let line = format!("{ZEROS} {} refs/heads/main\n", "1".repeat(40));
    assert!(!ask_with(None, line.as_bytes()).accept);
    assert!(!ask_with(socket.to_str(), line.as_bytes()).accept);
    assert!(!ask_with(socket.to_str(), b"\xff\xff \xff \xff\n").accept);
    assert!(!ask("update", &mut line.as_bytes(), &|_| None).accept);
}

#[test]
fn a_hook_does_as_it_is_told_and_takes_an_answer_cut_short_for_a_no() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let replies = [
        ("{\"accept\":true,\"messages\":[\"go\"]}\n", true),
        ("{\"accept\":false,\"messages\":[\"no\"]}\n", false),
        ("{\"accept\":true,\"mess", false),
        ("", false),
    ];
    let line = format!("{ZEROS} {} refs/heads/main\n", "1".repeat(40));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (reply, _) in replies {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = String::new();
                BufReader::new(&stream).read_line(&mut question).unwrap();
                let question: HookQuestion = serde_json::from_str(&question).unwrap();
                assert_eq!(question.refs[0].name, "refs/heads/main");
                assert_eq!((question.token.as_str(), question.options.len()), ("t", 1));
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        for (reply, accept) in replies {
            assert_eq!(ask_with(socket.to_str(), line.as_bytes()).accept, accept, "{reply}");
        }
    });
}
