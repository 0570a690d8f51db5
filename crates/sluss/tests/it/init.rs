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
    expect![[r#"
        $ sluss init --yes
        [err] sluss.yaml:
        [err]
        [err]   service: shop
        [err]   template: python-service@1
        [err]   with:
        [err]     port: 8080
        [err]     start: python3 main.py
        [err]     test: ''
        [err]     # A release takes over at once. As soon as customers use the service, write
        [err]     # `progressive`: then it takes a small share first, and a bad one is taken back by
        [err]     # itself on what they get.
        [err]     rollout: at-once
        [err]
        [err] Because:
        [err]   - python-service@1: main.py is the program
        [err]   - no tests were found: nothing is asked of them until `test` says how
        [err]   - ready when it accepts a connection: no readiness path was found
        [err]
        [err] Wrote sluss.yaml.
        [err]   next: make this a Git repository, then connect it: `git init -b main && sluss init --connect`
    "#]].assert_eq(&session.sluss("init --yes"));
    expect![[r#"
        service: shop
        template: python-service@1
        with:
          port: 8080
          start: python3 main.py
          test: ''
          # A release takes over at once. As soon as customers use the service, write
          # `progressive`: then it takes a small share first, and a bad one is taken back by
          # itself on what they get.
          rollout: at-once
    "#]]
    .assert_eq(&session.read("sluss.yaml"));
    expect![[r#"
        $ sluss check
        sluss.yaml: service shop with python-service@1; steps fetch, package; delivers to test, production
        [err] Nothing is wrong.
        [err]   next: `sluss run` runs the steps here, `git push sluss HEAD:main` delivers
    "#]].assert_eq(&session.sluss("check"));
}

#[test]
fn a_file_that_is_there_stays() {
    let session = python();
    session.file("sluss.yaml", "service: mine\n");
    expect![[r#"
        $ sluss init --yes
        [err] error: There is a `sluss.yaml` already, and it stays as it is.
        [err]   next: Connect it as it is: `sluss init --connect`. Write over it: `--force`
        [exit 4]
    "#]]
    .assert_eq(&session.sluss("init --yes"));
    assert_eq!(session.read("sluss.yaml"), "service: mine\n");
}

#[test]
fn a_template_that_does_not_fit_is_refused_with_those_that_do() {
    let session = python();
    expect![[r#"
        $ sluss init --yes --template go-service
        [err] error: Nothing here fits the template `go-service`.
        [err]   next: Templates that come with Sluss: command@1, go-service@1, node-service@1, python-service@1, rust-service@1
        [exit 2]
    "#]].assert_eq(&session.sluss("init --yes --template go-service"));
    expect![[r#"
        $ sluss init --yes --template elm-service@1
        [err] error: No template that comes with Sluss is called `elm-service@1`.
        [err]   next: Templates that come with Sluss: command@1, go-service@1, node-service@1, python-service@1, rust-service@1
        [exit 2]
    "#]].assert_eq(&session.sluss("init --yes --template elm-service@1"));
}

#[test]
fn a_repository_is_connected_without_a_secret_in_it() {
    let session = python();
    session.signed_in("http://127.0.0.1:8440").git("init --quiet --initial-branch=trunk");
    expect![[r#"
        $ sluss init --yes --rollout progressive
        [err] sluss.yaml:
        [err]
        [err]   service: shop
        [err]   template: python-service@1
        [err]   with:
        [err]     port: 8080
        [err]     start: python3 main.py
        [err]     test: ''
        [err]     rollout: progressive
        [err]
        [err] Because:
        [err]   - python-service@1: main.py is the program
        [err]   - no tests were found: nothing is asked of them until `test` says how
        [err]   - ready when it accepts a connection: no readiness path was found
        [err]
        [err] Wrote sluss.yaml.
        [err] The remote `sluss` is http://127.0.0.1:8440/git/shop.git; `git` asks Sluss for login and token.
        [err]   next: git add sluss.yaml && git commit -m 'Deliver with Sluss' && git push sluss trunk:main
    "#]].assert_eq(&session.sluss("init --yes --rollout progressive"));
    assert_eq!(session.git("remote get-url sluss"), "http://127.0.0.1:8440/git/shop.git\n");
    assert!(!session.read(".git/config").contains("sluss_t"));
    // A second time changes nothing.
    expect![[r#"
        $ sluss init --connect
        [err] The remote `sluss` is http://127.0.0.1:8440/git/shop.git; `git` asks Sluss for login and token.
        [err]   next: git add sluss.yaml && git commit -m 'Deliver with Sluss' && git push sluss trunk:main
    "#]].assert_eq(&session.sluss("init --connect"));
    let helpers = session.git("config --get-all credential.http://127.0.0.1:8440.helper");
    assert_eq!(helpers.lines().count(), 2);
}

#[test]
fn git_learns_login_and_token_for_that_address_alone() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:8440");
    let asked = "protocol=http\nhost=127.0.0.1:8440\n\n";
    expect![[r#"
        $ sluss git-credential get
        username=anna
        password=sluss_t
    "#]]
    .assert_eq(&session.sluss_with("git-credential get", asked));
    let other = "protocol=http\nhost=elsewhere:8440\n\n";
    expect![[r#"
        $ sluss git-credential get
    "#]]
    .assert_eq(&session.sluss_with("git-credential get", other));
    expect![[r#"
        $ sluss git-credential store
    "#]]
    .assert_eq(&session.sluss_with("git-credential store", asked));
}

#[test]
fn the_file_belongs_at_the_top_of_a_repository() {
    let session = python();
    session.git("init --quiet");
    session.file("inner/main.py", "");
    let said = session.sluss_in("inner", "init --yes");
    expect![[r#"
        $ sluss init --yes
        [err] error: This is the folder inner/ of a repository, and `sluss.yaml` belongs at its top.
        [err]   next: Go there first: `cd ROOT/shop`
        [exit 2]
    "#]]
    .assert_eq(&said);
}
