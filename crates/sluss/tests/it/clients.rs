//! Commands that ask Sluss, where there is none; accounts and secrets in a data folder.

use expect_test::expect;

use crate::session::Session;

#[test]
fn without_a_connection_the_two_ways_to_one_are_named() {
    let session = Session::new();
    expect![[r#"
        $ sluss status
        [err] error: No Sluss is known here.
        [err]   next: Start Sluss with `sluss up`, or sign in: `sluss login URL`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("status"));
    expect![[r#"
        $ sluss status --url http://127.0.0.1:1
        [err] error: Nothing is known of http://127.0.0.1:1.
        [err]   next: Sign in: `sluss login http://127.0.0.1:1`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("status --url http://127.0.0.1:1"));
}

#[test]
fn a_sluss_that_does_not_answer_is_said_to_be_so() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:1");
    expect![[r#"
        $ sluss where shop
        [err] error: Sluss does not answer: io: Connection refused (os error 111)
        [err]   next: Is it running? Start it with `sluss up`
        [exit 1]
    "#]]
    .assert_eq(&session.sluss("where shop"));
    expect![[r#"
        $ sluss rollback shop
        [err] error: Sluss does not answer: io: Connection refused (os error 111)
        [err]   next: Is it running? Start it with `sluss up`
        [exit 1]
    "#]]
    .assert_eq(&session.sluss("rollback shop"));
}

#[test]
fn an_address_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let session = Session::new();
    expect![[r#"
        $ sluss login ftp://sluss.example --login anna
        [err] error: `ftp://sluss.example` is no address of Sluss.
        [err]   next: Write it like `https://sluss.bank.example`, or `http://127.0.0.1:8440`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("login ftp://sluss.example --login anna"));
    expect![[r#"
        $ sluss freeze set --for 2 --reason x --url ftp://a
        [err] error: `2` is not a length of time.
        [err]   next: Write it like `90s`, `30m`, `2h` or `3d`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("freeze set --for 2 --reason x --url ftp://a"));
}

#[test]
fn an_account_is_made_once_and_its_password_shown_once() {
    let session = Session::new();
    let said = session.sluss("account add anna --email anna@bank.example --data data");
    assert_eq!(said.lines().filter(|line| !line.starts_with('[')).count(), 2, "{said}");
    expect![[r#"
        $ sluss account add anna --data data
        [err] error: the login `anna` is taken.
        [err]   next: Take another, or `sluss account password LOGIN`
        [exit 4]
    "#]]
    .assert_eq(&session.sluss("account add anna --data data"));
    let password = "a long enough password\n";
    expect![[r#"
        $ sluss account password anna --password-stdin --data data
        [err] The password of anna is set, and their sessions have ended.
        [err]   next: sluss login URL
    "#]]
    .assert_eq(&session.sluss_with("account password anna --password-stdin --data data", password));
    expect![[r#"
        $ sluss account password bo --password-stdin --data data
        [err] error: there is no such account.
        [err]   next: Make it: `sluss account add LOGIN`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss_with("account password bo --password-stdin --data data", password));
}

#[test]
fn a_secret_is_set_in_a_data_folder_and_never_shown() {
    let session = Session::new();
    session.sluss("account add anna --data data");
    expect![[r#"
        $ sluss secret set shop BANK_TOKEN --data data
        [err] The secret BANK_TOKEN of shop is set.
        [err]   next: name it in shop's `sluss.yaml`: `secrets: [BANK_TOKEN]`
    "#]]
    .assert_eq(&session.sluss_with("secret set shop BANK_TOKEN --data data", "s3cret\n"));
    expect![[r#"
        $ sluss secret set shop bank --data data
        [err] error: `bank` is not the name of a secret (1 to 100 of A-Z, 0-9 and _, no digit first).
        [err]   next: Correct that and try again
        [exit 2]
    "#]].assert_eq(&session.sluss_with("secret set shop bank --data data", "s3cret\n"));
    expect![[r#"
        $ sluss secret set shop BANK_TOKEN --data data
        [err] error: There is no value for BANK_TOKEN.
        [err]   next: Give it: `sluss secret set shop BANK_TOKEN < FILE`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("secret set shop BANK_TOKEN --data data"));
}

#[test]
fn a_decision_without_a_terminal_takes_the_password_from_standard_input() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:1");
    expect![[r#"
        $ sluss approve dep-1 --password-stdin
        [err] error: Sluss does not answer: io: Connection refused (os error 111)
        [err]   next: Is it running? Start it with `sluss up`
        [exit 1]
    "#]]
    .assert_eq(&session.sluss_with("approve dep-1 --password-stdin", "x\n"));
}
