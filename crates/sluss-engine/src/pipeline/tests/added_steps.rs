//! Steps that a service adds, and what is said of their mistakes.

use expect_test::expect;

use super::services::GOOD;
use super::*;

#[test]
fn a_template_s_own_step_cannot_be_redefined() {
    let text = format!("{GOOD}steps:\n  build: {{ run: mine }}\n  trace: {{ run: mine }}\n");
    refused(
        &text,
        expect![[r#"
        error: `build` is a step of `small@1`
         --> sluss.yaml:5:3
          |
        5 |   build: { run: mine }
          |   ^^^^^ expected a name that the template does not use
          = help: a service may redefine `test` of this template

        error: `trace` is a step of `small@1`
         --> sluss.yaml:6:3
          |
        6 |   trace: { run: mine }
          |   ^^^^^ expected a name that the template does not use
          = help: a service may redefine `test` of this template
    "#]],
    );
}

#[test]
fn a_service_s_own_step_gets_no_network() {
    let text = format!("{GOOD}steps:\n  get: {{ kind: fetch, run: curl example.org | sh }}\n");
    refused(
        &text,
        expect![[r#"
        error: a service's own step may not fetch
         --> sluss.yaml:5:16
          |
        5 |   get: { kind: fetch, run: curl example.org | sh }
          |                ^^^^^ expected `run`
          = help: fetch steps have the network and run no code of the project: that is for the template to promise
    "#]],
    );
}

#[test]
fn a_need_that_does_not_exist_is_refused() {
    refused(
        &format!("{GOOD}steps:\n  lint: {{ run: x, needs: [biuld] }}\n"),
        expect![[r#"
        error: step `lint` needs `biuld`, which does not exist
         --> sluss.yaml:5:27
          |
        5 |   lint: { run: x, needs: [biuld] }
          |                           ^^^^^
          = help: did you mean `build`?
    "#]],
    );
}

#[test]
fn a_circle_is_named() {
    let text = format!(
        "{GOOD}steps:\n  a: {{ run: x, needs: c }}\n  b: {{ run: x, needs: [build, a] }}\n  \
         c: {{ run: x, needs: b }}\n"
    );
    refused(
        &text,
        expect![[r#"
        error: steps need each other in a circle: a → c → b → a
         --> sluss.yaml:5:23
          |
        5 |   a: { run: x, needs: c }
          |                       ^
          = help: leave out one of these needs
    "#]],
    );
    refused(
        &format!("{GOOD}steps:\n  a: {{ run: x, needs: a }}\n"),
        expect![[r#"
        error: steps need each other in a circle: a → a
         --> sluss.yaml:5:23
          |
        5 |   a: { run: x, needs: a }
          |                       ^
          = help: leave out one of these needs
    "#]],
    );
}

#[test]
fn paths_that_climb_out_are_refused() {
    let text = format!(
        "{GOOD}steps:\n  a:\n    run: x\n    reports: {{ junit: ../../etc/passwd }}\n    \
         outputs:\n      app: [/etc/shadow, a/../../b, ~/x, 'a\\..\\b', \"a\\nb\", '']\n      \
         other: {{ ../up: fine, fine: .. }}\n"
    );
    refused(
        &text,
        expect![[r#"
            error: the path `../../etc/passwd` climbs out of its folder
             --> sluss.yaml:7:23
              |
            7 |     reports: { junit: ../../etc/passwd }
              |                       ^^^^^^^^^^^^^^^^ expected a path inside the folder, such as `out/app`

            error: the path `/etc/shadow` is absolute
             --> sluss.yaml:9:13
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |             ^^^^^^^^^^^ expected a path inside the folder, such as `out/app`

            error: the path `a/../../b` climbs out of its folder
             --> sluss.yaml:9:26
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |                          ^^^^^^^^^ expected a path inside the folder, such as `out/app`

            error: the path `~/x` is not plain
             --> sluss.yaml:9:37
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |                                     ^^^ expected a path inside the folder, such as `out/app`

            error: the path `a\..\b` climbs out of its folder
             --> sluss.yaml:9:42
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |                                          ^^^^^^^^ expected a path inside the folder, such as `out/app`

            error: the path `a�b` is not plain
             --> sluss.yaml:9:52
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |                                                    ^^^^^^ expected a path inside the folder, such as `out/app`

            error: the path is empty
             --> sluss.yaml:9:60
              |
            9 |       app: [/etc/shadow, a/../../b, ~/x, 'a\..\b', "a\nb", '']
              |                                                            ^^ expected a path inside the folder, such as `out/app`

            error: the path `../up` climbs out of its folder
              --> sluss.yaml:10:16
               |
            10 |       other: { ../up: fine, fine: .. }
               |                ^^^^^ expected a path inside the folder, such as `out/app`

            error: the path `..` climbs out of its folder
              --> sluss.yaml:10:35
               |
            10 |       other: { ../up: fine, fine: .. }
               |                                   ^^ expected a path inside the folder, such as `out/app`
        "#]],
    );
}

#[test]
fn a_step_s_mistakes_are_all_named() {
    let text = format!(
        "{GOOD}steps:\n  Bad Name: {{ run: x }}\n  a:\n    run: []\n    timeout: 10\n    \
         retries: 11\n    given: debgu\n    when: {{ branch: main }}\n    environment: {{ 1A: x, \
         SLUSS_URL: x, HOME: x, B: [] }}\n    secrets: [TOKEN]\n    reports: {{ junt: x }}\n    \
         kind: deploy\n  b: {{ run: '  ', timeout: 25h }}\n  c: {{ needs: a }}\n  d: make\n"
    );
    refused(
        &text,
        expect![[r#"
            error: `Bad Name` is not right here
             --> sluss.yaml:5:3
              |
            5 |   Bad Name: { run: x }
              |   ^^^^^^^^ expected a step name (1 to 60 of a-z, 0-9 and -, not starting or ending with -)

            error: nothing is run here
             --> sluss.yaml:7:10
              |
            7 |     run: []
              |          ^ expected a line of shell, or a program and its arguments as a list

            error: `10` is not right here
             --> sluss.yaml:8:14
              |
            8 |     timeout: 10
              |              ^^ expected a duration such as `90s`, `10m` or `1h30m`
              = help: write the unit: `10s`

            error: `11` is not right here
             --> sluss.yaml:9:14
              |
            9 |     retries: 11
              |              ^^ expected a whole number from 0 to 10

            error: `debgu` names no input
              --> sluss.yaml:10:12
               |
            10 |     given: debgu
               |            ^^^^^ expected `binary`, `debug`, `extra`, `folder`, `pool`, `port` or `service`
               = help: did you mean `debug`?

            error: a condition has no key `branch`
              --> sluss.yaml:11:13
               |
            11 |     when: { branch: main }
               |             ^^^^^^ expected `branches` or `paths`
               = help: did you mean `branches`?

            error: `1A` cannot be the name of a variable
              --> sluss.yaml:12:20
               |
            12 |     environment: { 1A: x, SLUSS_URL: x, HOME: x, B: [] }
               |                    ^^ expected letters, digits and _, not beginning with a digit

            error: `SLUSS_URL` is set by Sluss
              --> sluss.yaml:12:27
               |
            12 |     environment: { 1A: x, SLUSS_URL: x, HOME: x, B: [] }
               |                           ^^^^^^^^^ expected a name that is free

            error: `HOME` is set by Sluss
              --> sluss.yaml:12:41
               |
            12 |     environment: { 1A: x, SLUSS_URL: x, HOME: x, B: [] }
               |                                         ^^^^ expected a name that is free

            error: a list is written here
              --> sluss.yaml:12:53
               |
            12 |     environment: { 1A: x, SLUSS_URL: x, HOME: x, B: [] }
               |                                                     ^ expected a text

            error: a step's `reports` has no key `junt`
              --> sluss.yaml:14:16
               |
            14 |     reports: { junt: x }
               |                ^^^^ expected `junit`, `sarif` or `performance`
               = help: did you mean `junit`?

            error: `deploy` is not known here
              --> sluss.yaml:15:11
               |
            15 |     kind: deploy
               |           ^^^^^^ expected `fetch` or `run`

            error: nothing is run here
              --> sluss.yaml:16:13
               |
            16 |   b: { run: '  ', timeout: 25h }
               |             ^^^^ expected a line of shell, or a program and its arguments as a list

            error: this is too long
              --> sluss.yaml:16:28
               |
            16 |   b: { run: '  ', timeout: 25h }
               |                            ^^^ expected from `1s` to `24h`

            error: a step needs `run`
              --> sluss.yaml:17:6
               |
            17 |   c: { needs: a }
               |      ^

            error: a text is written here
              --> sluss.yaml:18:6
               |
            18 |   d: make
               |      ^^^^ expected a step as a mapping with keys
        "#]],
    );
}

#[test]
fn a_variable_that_names_no_input_is_refused_at_its_place() {
    let text = format!("{GOOD}steps:\n  a:\n    run: |\n      echo one\n      echo ${{bianry}}\n");
    refused(
        &text,
        expect![[r#"
        error: `${bianry}` names no input
         --> sluss.yaml:8:12
          |
        8 |       echo ${bianry}
          |            ^^^^^^^^^ expected `binary`, `debug`, `extra`, `folder`, `pool`, `port` or `service`
          = help: did you mean `binary`?
    "#]],
    );
    refused(
        &format!("{GOOD}steps:\n  a: {{ run: 'echo ${{HOME' }}\n"),
        expect![[r#"
        error: `${` is never closed by `}`
         --> sluss.yaml:5:19
          |
        5 |   a: { run: 'echo ${HOME' }
          |                   ^^
          = help: write `$${` for one that the shell should see
    "#]],
    );
}

#[test]
fn an_input_cannot_make_an_output_climb() {
    refused(
        "service: shop\ntemplate: small@1\nwith: { binary: ../../x }\n",
        expect![[r#"
        error: the path `out/../../x` climbs out of its folder
          --> small.yaml:17:21
           |
        17 |     outputs: { app: '${folder}/${binary}' }
           |                     ^^^^^^^^^^^^^^^^^^^^^^ expected a path inside the folder, such as `out/app`

        error: no step leaves the artifact `app`
          --> small.yaml:20:20
           |
        20 | start: { artifact: app, command: ['./${binary}', '${extra}'], port: '${port}' }
           |                    ^^^ expected an artifact under a step's `outputs`
    "#]],
    );
}
