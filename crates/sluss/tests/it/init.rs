//! `sluss init`.

use expect_test::expect;

use crate::session::Session;

fn python() -> Session {
    let session = Session::new();
    session.file("main.py", "import os\nport = os.environ['PORT']\n");
    session.file("requirements.txt", "flask\n");
    session
}

#[test]
fn a_file_is_proposed_with_its_reasons_and_passes_its_check() {
    let session = python();
    expect![[r#""#]].assert_eq(&session.sluss("init --yes"));
    expect![[r#""#]].assert_eq(&session.read("sluss.yaml"));
    expect![[r#""#]].assert_eq(&session.sluss("check"));
}

#[test]
fn a_file_that_is_there_stays() {
    let session = python();
    session.file("sluss.yaml", "service: mine\n");
    expect![[r#""#]].assert_eq(&session.sluss("init --yes"));
    assert_eq!(session.read("sluss.yaml"), "service: mine\n");
}

#[test]
fn a_template_that_does_not_fit_is_refused_with_those_that_do() {
    let session = python();
    expect![[r#""#]].assert_eq(&session.sluss("init --yes --template go-service"));
    expect![[r#""#]].assert_eq(&session.sluss("init --yes --template elm-service@1"));
}

#[test]
fn a_repository_is_connected_without_a_secret_in_it() {
    let session = python();
    session.signed_in("http://127.0.0.1:8440").git("init --quiet --initial-branch=trunk");
    expect![[r#""#]].assert_eq(&session.sluss("init --yes --rollout progressive"));
    assert_eq!(session.git("remote get-url sluss"), "http://127.0.0.1:8440/git/shop.git\n");
    assert!(!session.read(".git/config").contains("sluss_t"));
    // A second time changes nothing.
    expect![[r#""#]].assert_eq(&session.sluss("init --connect"));
    let helpers = session.git("config --get-all credential.http://127.0.0.1:8440.helper");
    assert_eq!(helpers.lines().count(), 2);
}

#[test]
fn git_learns_login_and_token_for_that_address_alone() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:8440");
    let asked = "protocol=http\nhost=127.0.0.1:8440\n\n";
    expect![[r#""#]].assert_eq(&session.sluss_with("git-credential get", asked));
    let other = "protocol=http\nhost=elsewhere:8440\n\n";
    expect![[r#""#]].assert_eq(&session.sluss_with("git-credential get", other));
    expect![[r#""#]].assert_eq(&session.sluss_with("git-credential store", asked));
}

#[test]
fn the_file_belongs_at_the_top_of_a_repository() {
    let session = python();
    session.git("init --quiet");
    session.file("inner/main.py", "");
    let said = session.sluss_in("inner", "init --yes");
    expect![[r#""#]].assert_eq(&said);
}
