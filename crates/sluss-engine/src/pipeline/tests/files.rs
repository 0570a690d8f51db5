//! Files that are no configuration at all, and files made to harm.

use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn unreadable(bytes: &[u8], expected: Expect) {
    let read = source("sluss.yaml", bytes).and_then(|source| ServiceFile::read(&source));
    expected.assert_eq(&read.unwrap_err().to_string());
}

#[test]
fn an_empty_file_is_refused() {
    unreadable(
        b"",
        expect![[r#"
        error: the file is empty
         --> sluss.yaml:1:1
          = expected a mapping with keys and values
    "#]],
    );
    unreadable(
        b" \n\n",
        expect![[r#"
        error: the file is empty
         --> sluss.yaml:1:1
          = expected a mapping with keys and values
    "#]],
    );
    unreadable(
        b"# only this\n",
        expect![[r#"
        error: the file holds nothing but comments
         --> sluss.yaml:1:1
          |
        1 | # only this
          | ^
    "#]],
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    unreadable(
        &vec![b'a'; 64 * 1024 + 1],
        expect![[r#"
        error: the file is too large: 65537 bytes
         --> sluss.yaml:1:1
          = expected at most 64 KiB of configuration
    "#]],
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_at_the_byte() {
    unreadable(
        b"service: shop\nproduct: caf\xe9\n",
        expect![[r#"
        error: the file is not UTF-8: byte 0xe9 at position 26
         --> sluss.yaml:2:13
          |
        2 | product: caf
          |             ^ expected text in UTF-8
    "#]],
    );
}

#[test]
fn a_tab_in_the_indentation_is_named() {
    unreadable(
        b"service: shop\nwith:\n\tport: 80\n",
        expect![[r#"
        error: a tab in the indentation
         --> sluss.yaml:3:1
          |
        3 |  port: 80
          | ^ expected spaces: YAML does not indent with tabs
    "#]],
    );
}

#[test]
fn what_is_not_yaml_is_refused_at_its_place() {
    unreadable(
        b"service: shop\ntemplate: [a, b\n",
        expect![[r#"
        error: this is not YAML: while parsing a flow sequence, expected ',' or ']'
         --> sluss.yaml:2:1
          |
        2 | template: [a, b
          | ^
          = help: look at the indentation, and put text that holds `: `, ` #` or `{` in quotes
    "#]],
    );
    unreadable(
        b"service: a: b\n",
        expect![[r#"
        error: this is not YAML: mapping values are not allowed in this context
         --> sluss.yaml:1:11
          |
        1 | service: a: b
          |           ^
          = help: look at the indentation, and put text that holds `: `, ` #` or `{` in quotes
    "#]],
    );
    unreadable(
        b"service: \"shop\n",
        expect![[r#"
        error: this is not YAML: while scanning a quoted scalar, found unexpected end of stre…
         --> sluss.yaml:1:10
          |
        1 | service: "shop
          |          ^
          = help: look at the indentation, and put text that holds `: `, ` #` or `{` in quotes
    "#]],
    );
    unreadable(
        b"service: %\n",
        expect![[r#"
        error: this is not YAML: unexpected character: `%'
         --> sluss.yaml:1:10
          |
        1 | service: %
          |          ^
          = help: look at the indentation, and put text that holds `: `, ` #` or `{` in quotes
    "#]],
    );
}

#[test]
fn a_second_document_is_refused() {
    unreadable(
        b"service: shop\ntemplate: small@1\n---\nservice: other\n",
        expect![[r#"
        error: a second document begins here
         --> sluss.yaml:3:1
          |
        3 | ---
          | ^^^ expected one per file
    "#]],
    );
}

#[test]
fn a_file_that_is_no_mapping_is_refused() {
    unreadable(
        b"- service\n- template\n",
        expect![[r#"
        error: a list is written here
         --> sluss.yaml:1:1
          |
        1 | - service
          | ^ expected a service file as a mapping with keys
    "#]],
    );
    unreadable(
        b"service\n",
        expect![[r#"
        error: a text is written here
         --> sluss.yaml:1:1
          |
        1 | service
          | ^^^^^^^ expected a service file as a mapping with keys
    "#]],
    );
}

#[test]
fn anchors_aliases_and_tags_are_refused_so_that_no_small_file_becomes_large() {
    let bomb = b"service: &a shop\nproduct: *a\ntemplate: !!str small@1\nwith: &b [&c [x], *c]\n";
    unreadable(
        bomb,
        expect![[r#"
        error: an anchor (`&name`) is not read here
         --> sluss.yaml:1:10
          |
        1 | service: &a shop
          |          ^^^^^^^
          = help: write the value out where it is used, or put quotes around it

        error: an alias (`*name`) is not read here
         --> sluss.yaml:2:10
          |
        2 | product: *a
          |          ^^
          = help: write the value out where it is used, or put quotes around it

        error: a tag (`!name`) is not read here
         --> sluss.yaml:3:11
          |
        3 | template: !!str small@1
          |           ^^^^^^^^^^^^^
          = help: write the value out where it is used, or put quotes around it

        error: an anchor (`&name`) is not read here
         --> sluss.yaml:4:7
          |
        4 | with: &b [&c [x], *c]
          |       ^^^^
          = help: write the value out where it is used, or put quotes around it

        error: an anchor (`&name`) is not read here
         --> sluss.yaml:4:11
          |
        4 | with: &b [&c [x], *c]
          |           ^^^^
          = help: write the value out where it is used, or put quotes around it

        error: an alias (`*name`) is not read here
         --> sluss.yaml:4:19
          |
        4 | with: &b [&c [x], *c]
          |                   ^^
          = help: write the value out where it is used, or put quotes around it
    "#]],
    );
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let mut flow = b"service: ".to_vec();
    flow.extend(vec![b'['; 20_000]);
    unreadable(
        &flow,
        expect![[r#"
        error: this is not YAML: recursion limit exceeded
         --> sluss.yaml:1:265
          |
        1 | …[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
          |                                                    ^
          = help: look at the indentation, and put text that holds `: `, ` #` or `{` in quotes
    "#]],
    );
    let mut block = b"service:\n ".to_vec();
    block.extend(b"- ".repeat(20_000));
    unreadable(
        &block,
        expect![[r#"
        error: values are nested too deep here
         --> sluss.yaml:2:32
          |
        2 |  - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -
          |                                ^ expected at most 16 levels
    "#]],
    );
}

#[test]
fn a_nul_is_refused() {
    unreadable(
        b"service: \"sh\\0op\"\ntemplate: small@1\n",
        expect![[r#"
        error: the text holds a NUL character
         --> sluss.yaml:1:10
          |
        1 | service: "sh\0op"
          |          ^^^^^^^^ expected text that a command line can carry
    "#]],
    );
}

#[test]
fn what_steers_a_terminal_is_not_shown() {
    unreadable(
        "service: \"\u{202e}shop\"\ntemplate: small@1\n\u{1b}[2J: 1\n".as_bytes(),
        expect![[r#"
            error: `�shop` is not right here
             --> sluss.yaml:1:10
              |
            1 | service: "�shop"
              |          ^^^^^^^ expected a service name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)

            error: a service file has no key `�[2J`
             --> sluss.yaml:3:1
              |
            3 | �[2J: 1
              | ^^^^ expected `service`, `product`, `template`, `with`, `steps`, `secrets`, `unit`, `sticky`, `probe`, `outcome`, `most_in_flight`, `cpu_weight`, `forward_only`, `objectives`, `error_budget`, `provides` or `needs`
        "#]],
    );
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    let text = format!("service: shop\ntemplate: {{ {}: 1 }}\n", "x".repeat(300));
    unreadable(
        text.as_bytes(),
        expect![[r#"
            error: a mapping is written here
             --> sluss.yaml:2:11
              |
            2 | template: { xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
              |           ^ expected a template with its version, like `rust-service@1`
        "#]],
    );
}

#[test]
fn at_most_a_hundred_problems_are_named() {
    let text: String = (0..3_000).map(|n| format!("unknown-{n}: 1\n")).collect();
    let read = source("sluss.yaml", text.as_bytes()).and_then(|s| ServiceFile::read(&s));
    assert_eq!(read.unwrap_err().iter().count(), Problems::MOST);
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = source("x", &bytes).and_then(|s| ServiceFile::read(&s));
        let _ = source("x", &bytes).and_then(Template::read);
    }

    #[test]
    fn no_text_near_a_template_makes_reading_panic(
        cuts in prop::collection::vec((0..TEMPLATE.len(), 0..8_usize, "[ -~\t\n]{0,3}"), 1..4),
    ) {
        let mut text = TEMPLATE.to_owned();
        for (at, length, put) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &put);
        }
        let read = source("t", text.as_bytes()).and_then(|s| Catalogue::default().add(s));
        if let Err(problems) = read {
            let lines = text.lines().count();
            prop_assert!(problems.iter().all(|p| p.line as usize <= lines.max(1)));
            prop_assert!(!problems.to_string().is_empty());
        }
    }
}
