//! `sluss check`.

use expect_test::expect;

use crate::session::Session;

const RIGHT: &str = "service: shop\ntemplate: command@1\nwith:\n  start: ./serve\n";

#[test]
fn a_right_file_is_described() {
    let session = Session::new();
    session.file("sluss.yaml", RIGHT);
    expect![[r#""#]].assert_eq(&session.sluss("check"));
}

#[test]
fn a_wrong_spelling_is_named_with_its_place_and_the_nearest_right_one() {
    let session = Session::new();
    session.file("sluss.yaml", "service: shop\ntemplate: comand@1\nwiht:\n  start: ./serve\n");
    expect![[r#""#]].assert_eq(&session.sluss("check"));
}

#[test]
fn problems_are_also_json_on_standard_output_alone() {
    let session = Session::new();
    session.file("sluss.yaml", "service: Shop\ntemplate: command@1\nwith: { start: ./serve }\n");
    expect![[r#""#]].assert_eq(&session.sluss("check --output json"));
}

#[test]
fn where_nothing_is_to_check_the_next_command_is_named() {
    let session = Session::new();
    expect![[r#""#]].assert_eq(&session.sluss("check"));
    expect![[r#""#]].assert_eq(&session.sluss("check nowhere/sluss.yaml"));
}

#[test]
fn templates_of_a_platform_repository_are_checked_and_used() {
    let session = Session::new();
    session.file(
        "platform/templates/page@1/template.yaml",
        "name: page\nversion: 1\nowner: platform\nreview: 2030-01-01\ndescription: A page.\n\
         steps:\n  build:\n    run: 'true'\n",
    );
    session.file("platform/templates/bad@1/template.yaml", "name: bad\nversion: one\n");
    session.file("sluss.yaml", "service: shop\ntemplate: page@1\n");
    expect![[r#""#]].assert_eq(&session.sluss("check platform"));
    std::fs::remove_dir_all(session.work().join("platform/templates/bad@1")).unwrap();
    expect![[r#""#]].assert_eq(&session.sluss("check --platform platform"));
}
