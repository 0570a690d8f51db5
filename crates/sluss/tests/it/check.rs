//! `sluss check`.

use expect_test::expect;

use crate::session::Session;

const RIGHT: &str = "service: shop\ntemplate: command@1\nwith:\n  start: ./serve\n";

#[test]
fn a_right_file_is_described() {
    let session = Session::new();
    session.file("sluss.yaml", RIGHT);
    expect![[r#"
        $ sluss check
        sluss.yaml: service shop with command@1; steps package; delivers to test, production
        [err] Nothing is wrong.
        [err]   next: `sluss run` runs the steps here, `git push sluss HEAD:main` delivers
    "#]]
    .assert_eq(&session.sluss("check"));
}

#[test]
fn a_wrong_spelling_is_named_with_its_place_and_the_nearest_right_one() {
    let session = Session::new();
    session.file("sluss.yaml", "service: shop\ntemplate: comand@1\nwiht:\n  start: ./serve\n");
    expect![[r#"
        $ sluss check
        error: there is no template `comand@1`
         --> sluss.yaml:2:11
          |
        2 | template: comand@1
          |           ^^^^^^^^ expected `command@1`, `go-service@1`, `node-service@1`, `python-service@1` or `rust-service@1`
          = help: did you mean `command@1`?

        error: a service file has no key `wiht`
         --> sluss.yaml:3:1
          |
        3 | wiht:
          | ^^^^ expected `service`, `product`, `template`, `with`, `steps`, `secrets`, `unit`, `sticky`, `probe`, `outcome`, `most_in_flight`, `cpu_weight`, `forward_only`, `objectives`, `error_budget`, `provides` or `needs`
          = help: did you mean `with`?
        [err] error: 2 problems to mend.
        [err]   next: Mend what stands above, and `sluss check` again
        [exit 2]
    "#]].assert_eq(&session.sluss("check"));
}

#[test]
fn problems_are_also_json_on_standard_output_alone() {
    let session = Session::new();
    session.file("sluss.yaml", "service: Shop\ntemplate: command@1\nwith: { start: ./serve }\n");
    expect![[r#"
        $ sluss check --output json
        [
          {
            "file": "sluss.yaml",
            "line": 1,
            "column": 10,
            "what": "`Shop` is not right here",
            "expected": "a service name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)"
          }
        ]
        [err] error: 1 problem to mend.
        [err]   next: Mend what stands above, and `sluss check` again
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("check --output json"));
}

#[test]
fn where_nothing_is_to_check_the_next_command_is_named() {
    let session = Session::new();
    expect![[r#"
        $ sluss check
        [err] error: There is no `sluss.yaml` in this folder.
        [err]   next: Propose one: `sluss init`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("check"));
    expect![[r#"
        $ sluss check nowhere/sluss.yaml
        [err] error: There is no nowhere/sluss.yaml.
        [err]   next: Propose one: `sluss init`
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("check nowhere/sluss.yaml"));
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
    expect![[r#"
        $ sluss check platform
        platform/templates/page@1/template.yaml: template page@1
        error: a template needs `owner`
         --> platform/templates/bad@1/template.yaml:1:1
          |
        1 | name: bad
          | ^

        error: a template needs `review`
         --> platform/templates/bad@1/template.yaml:1:1
          |
        1 | name: bad
          | ^

        error: a template needs `description`
         --> platform/templates/bad@1/template.yaml:1:1
          |
        1 | name: bad
          | ^

        error: `one` is not right here
         --> platform/templates/bad@1/template.yaml:2:10
          |
        2 | version: one
          |          ^^^ expected a whole number from 1 to 1000000
        [err] error: 4 problems to mend.
        [err]   next: Mend what stands above, and `sluss check` again
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("check platform"));
    std::fs::remove_dir_all(session.work().join("platform/templates/bad@1")).unwrap();
    expect![[r#"
        $ sluss check --platform platform
        sluss.yaml: service shop with page@1; steps build; delivers nothing
        [err] Nothing is wrong.
        [err]   next: `sluss run` runs the steps here, `git push sluss HEAD:main` delivers
    "#]]
    .assert_eq(&session.sluss("check --platform platform"));
}
