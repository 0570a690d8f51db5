//! Commands that ask Sluss, where there is none; accounts and secrets in a data folder.

use expect_test::expect;

use crate::session::Session;

#[test]
fn without_a_connection_the_two_ways_to_one_are_named() {
    let session = Session::new();
    expect![[r#""#]].assert_eq(&session.sluss("status"));
    expect![[r#""#]].assert_eq(&session.sluss("status --url http://127.0.0.1:1"));
}

#[test]
fn a_sluss_that_does_not_answer_is_said_to_be_so() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:1");
    expect![[r#""#]].assert_eq(&session.sluss("where shop"));
    expect![[r#""#]].assert_eq(&session.sluss("rollback shop"));
}

#[test]
fn an_address_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let session = Session::new();
    expect![[r#""#]].assert_eq(&session.sluss("login https://sluss.example --login anna"));
    expect![[r#""#]].assert_eq(&session.sluss("freeze set --for 2 --reason x --url ftp://a"));
}

#[test]
fn an_account_is_made_once_and_its_password_shown_once() {
    let session = Session::new();
    let said = session.sluss("account add anna --email anna@bank.example --data data");
    assert_eq!(said.lines().filter(|line| !line.starts_with('[')).count(), 2, "{said}");
    expect![[r#""#]].assert_eq(&session.sluss("account add anna --data data"));
    let password = "a long enough password\n";
    expect![[r#""#]].assert_eq(
        &session.sluss_with("account password anna --password-stdin --data data", password),
    );
    expect![[r#""#]].assert_eq(
        &session.sluss_with("account password bo --password-stdin --data data", password),
    );
}

#[test]
fn a_secret_is_set_in_a_data_folder_and_never_shown() {
    let session = Session::new();
    session.sluss("account add anna --data data");
    expect![[r#""#]]
        .assert_eq(&session.sluss_with("secret set shop BANK_TOKEN --data data", "s3cret\n"));
    expect![[r#""#]].assert_eq(&session.sluss_with("secret set shop bank --data data", "s3cret\n"));
    expect![[r#""#]].assert_eq(&session.sluss("secret set shop BANK_TOKEN --data data"));
}

#[test]
fn a_decision_without_a_terminal_takes_the_password_from_standard_input() {
    let session = Session::new();
    session.signed_in("http://127.0.0.1:1");
    expect![[r#""#]].assert_eq(&session.sluss_with("approve dep-1 --password-stdin", "x\n"));
}
