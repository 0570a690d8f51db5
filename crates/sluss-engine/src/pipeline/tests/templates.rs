//! Templates, and what is said of their mistakes.

use expect_test::expect;

use super::*;

#[test]
fn an_empty_template_lacks_its_head() {
    refused_template(
        "steps: {}\n",
        expect![[r#"
        error: a template needs `name`
         --> template.yaml:1:1
          |
        1 | steps: {}
          | ^

        error: a template needs `version`
         --> template.yaml:1:1
          |
        1 | steps: {}
          | ^

        error: a template needs `owner`
         --> template.yaml:1:1
          |
        1 | steps: {}
          | ^

        error: a template needs `review`
         --> template.yaml:1:1
          |
        1 | steps: {}
          | ^

        error: a template needs `description`
         --> template.yaml:1:1
          |
        1 | steps: {}
          | ^
    "#]],
    );
}

#[test]
fn a_head_s_mistakes_are_all_named() {
    let text = "name: Small\nversion: 0\nowner: ''\nreview: 2027-02-30\ndescription: []\n\
        ownr: x\ninputs:\n  Port: { type: port, about: x }\n  service: { type: text, about: x }\n  \
        a: { type: txt, about: x }\n  b: { type: port, default: 0, about: x }\n  c: port\n  \
        d: { type: list, default: [a b], about: x, choice: [a] }\n";
    refused_template(
        text,
        expect![[r#"
            error: `Small` is not right here
             --> template.yaml:1:7
              |
            1 | name: Small
              |       ^^^^^ expected a template name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)

            error: `0` is not right here
             --> template.yaml:2:10
              |
            2 | version: 0
              |          ^ expected a whole number from 1 to 1000000

            error: an empty text is not right here
             --> template.yaml:3:8
              |
            3 | owner: ''
              |        ^^ expected a team name (1 to 40 of a-z, 0-9 and -, not starting or ending with -)

            error: `2027-02-30` is not right here
             --> template.yaml:4:9
              |
            4 | review: 2027-02-30
              |         ^^^^^^^^^^ expected a day such as `2027-01-31`

            error: a list is written here
             --> template.yaml:5:14
              |
            5 | description: []
              |              ^ expected a sentence

            error: a template has no key `ownr`
             --> template.yaml:6:1
              |
            6 | ownr: x
              | ^^^^ expected `name`, `version`, `owner`, `review`, `description`, `inputs`, `open`, `steps`, `start`, `deliver` or `error_budget`
              = help: did you mean `owner`?

            error: `Port` cannot be the name of an input
             --> template.yaml:8:3
              |
            8 |   Port: { type: port, about: x }
              |   ^^^^ expected a-z, 0-9 and _ from a letter on, and not `service`

            error: `service` cannot be the name of an input
             --> template.yaml:9:3
              |
            9 |   service: { type: text, about: x }
              |   ^^^^^^^ expected a-z, 0-9 and _ from a letter on, and not `service`

            error: `txt` is not known here
              --> template.yaml:10:14
               |
            10 |   a: { type: txt, about: x }
               |              ^^^ expected `text`, `port`, `integer`, `boolean`, `path`, `route` or `list`
               = help: did you mean `text`?

            error: `0` is not right here
              --> template.yaml:11:29
               |
            11 |   b: { type: port, default: 0, about: x }
               |                             ^ expected a whole number from 1 to 65535

            error: a text is written here
              --> template.yaml:12:6
               |
            12 |   c: port
               |      ^^^^ expected an input as a mapping with keys

            error: `a b` has a blank in it
              --> template.yaml:13:30
               |
            13 |   d: { type: list, default: [a b], about: x, choice: [a] }
               |                              ^^^ expected one word an item

            error: an input has no key `choice`
              --> template.yaml:13:46
               |
            13 |   d: { type: list, default: [a b], about: x, choice: [a] }
               |                                              ^^^^^^ expected `type`, `default`, `choices` or `about`
               = help: did you mean `choices`?
        "#]],
    );
}

#[test]
fn quantities_without_a_unit_are_refused_with_the_unit() {
    let stage = "{ environment: production, gates: [tests, four-eyes, freeze] }";
    let text = varied(
        stage,
        "environment: production\n    rollout: { shares: [10, 50%, 100%], alpha: 1, tolerance: \
         1.23456%, promotion_alpha: 60%, deadline: 15, silence: 1s, block: 2h }",
    );
    refused_template(
        &text,
        expect![[r#"
            error: `10` is not right here
              --> template.yaml:24:25
               |
            24 |     rollout: { shares: [10, 50%, 100%], alpha: 1, tolerance: 1.23456%, promotion_alpha: 60%, deadlin
               |                         ^^ expected a share from `0%` to `100%`, with at most two decimals
               = help: write the unit: `10%`

            error: `1` is not right here
              --> template.yaml:24:48
               |
            24 |     rollout: { shares: [10, 50%, 100%], alpha: 1, tolerance: 1.23456%, promotion_alpha: 60%, deadlin
               |                                                ^ expected a rate from `0%` to `100%`, with at most four decimals
               = help: write the unit: `1%`

            error: `1.23456%` is not right here
              --> template.yaml:24:62
               |
            24 | …: { shares: [10, 50%, 100%], alpha: 1, tolerance: 1.23456%, promotion_alpha: 60%, deadline: 15, sile
               |                                                    ^^^^^^^^ expected a rate from `0%` to `100%`, with at most four decimals

            error: `promotion_alpha` cannot be this
              --> template.yaml:24:89
               |
            24 | …, alpha: 1, tolerance: 1.23456%, promotion_alpha: 60%, deadline: 15, silence: 1s, block: 2h }
               |                                                    ^^^ expected more than `0%` and at most `50%`

            error: `15` is not right here
              --> template.yaml:24:104
               |
            24 | …erance: 1.23456%, promotion_alpha: 60%, deadline: 15, silence: 1s, block: 2h }
               |                                                    ^^ expected a duration such as `90s`, `10m` or `1h30m`
               = help: write the unit: `15s`

            error: this is too short
              --> template.yaml:24:117
               |
            24 | …56%, promotion_alpha: 60%, deadline: 15, silence: 1s, block: 2h }
               |                                                    ^^ expected from `5s` to `24h`

            error: this is too long
              --> template.yaml:24:128
               |
            24 | …ion_alpha: 60%, deadline: 15, silence: 1s, block: 2h }
               |                                                    ^^ expected from `1s` to `1m`
        "#]],
    );
}

#[test]
fn shares_grow_to_all_of_the_traffic() {
    let with = |shares: &str| {
        varied("gates: [tests, four-eyes, freeze]", &format!("rollout: {{ shares: {shares} }}"))
    };
    refused_template(
        &with("[10%, 5%, 100%]"),
        expect![[r#"
            error: the shares of a rollout grow
              --> template.yaml:23:57
               |
            23 |   - { environment: production, rollout: { shares: [10%, 5%, 100%] } }
               |                                                         ^^ expected more than 10 %
        "#]],
    );
    refused_template(
        &with("[0%, 100%]"),
        expect![[r#"
            error: the shares of a rollout grow
              --> template.yaml:23:52
               |
            23 |   - { environment: production, rollout: { shares: [0%, 100%] } }
               |                                                    ^^ expected more than 0 %
        "#]],
    );
    refused_template(
        &with("[10%, 50%]"),
        expect![[r#"
        error: the last share of a rollout is all of the traffic
          --> template.yaml:23:51
           |
        23 |   - { environment: production, rollout: { shares: [10%, 50%] } }
           |                                                   ^ expected `100%` at the end
    "#]],
    );
    refused_template(
        &with("[]"),
        expect![[r#"
        error: the last share of a rollout is all of the traffic
          --> template.yaml:23:51
           |
        23 |   - { environment: production, rollout: { shares: [] } }
           |                                                   ^ expected `100%` at the end
    "#]],
    );
    refused_template(
        &with("[10%, 101%]"),
        expect![[r#"
            error: `101%` is not right here
              --> template.yaml:23:57
               |
            23 |   - { environment: production, rollout: { shares: [10%, 101%] } }
               |                                                         ^^^^ expected a share from `0%` to `100%`, with at most two decimals
        "#]],
    );
    let good = with("[0.01%, 12.5%, 100%]");
    assert!(source("t", good.as_bytes()).and_then(Template::read).is_ok());
}

#[test]
fn stages_are_checked() {
    let text = varied(
        "  - { environment: production, gates: [tests, four-eyes, freeze] }\n",
        "  - { environment: test, gates: [test, four_eyes], by_hand: maybe, rollout: at_once }\n  \
         - { ephemeral: true, gates: tests }\n  - production\n  - environment: qa\n    acceptance:\n      \
         a: { run: x, kind: run, needs: b }\n      b: { run: x, needs: missing, outputs: { x: y } }\n",
    );
    refused_template(
        &text,
        expect![[r#"
            error: `test` is not known here
              --> template.yaml:23:34
               |
            23 |   - { environment: test, gates: [test, four_eyes], by_hand: maybe, rollout: at_once }
               |                                  ^^^^ expected `tests`, `provenance`, `sbom`, `findings`, `performance`, `error-budget`, `four-eyes` or `freeze`
               = help: did you mean `tests`?

            error: `four_eyes` is not known here
              --> template.yaml:23:40
               |
            23 |   - { environment: test, gates: [test, four_eyes], by_hand: maybe, rollout: at_once }
               |                                        ^^^^^^^^^ expected `tests`, `provenance`, `sbom`, `findings`, `performance`, `error-budget`, `four-eyes` or `freeze`
               = help: did you mean `four-eyes`?

            error: `maybe` is not right here
              --> template.yaml:23:61
               |
            23 |   - { environment: test, gates: [test, four_eyes], by_hand: maybe, rollout: at_once }
               |                                                             ^^^^^ expected `true` or `false`

            error: `at_once` is not known here
              --> template.yaml:23:77
               |
            23 |   - { environment: test, gates: [test, four_eyes], by_hand: maybe, rollout: at_once }
               |                                                                             ^^^^^^^ expected `progressive` or `at-once`
               = help: did you mean `at-once`?

            error: a stage needs `environment`
              --> template.yaml:24:5
               |
            24 |   - { ephemeral: true, gates: tests }
               |     ^

            error: a text is written here
              --> template.yaml:24:31
               |
            24 |   - { ephemeral: true, gates: tests }
               |                               ^^^^^ expected a list of gates

            error: a text is written here
              --> template.yaml:25:5
               |
            25 |   - production
               |     ^^^^^^^^^^ expected a stage as a mapping with keys

            error: an acceptance step has no `kind`
              --> template.yaml:28:26
               |
            28 |       a: { run: x, kind: run, needs: b }
               |                          ^^^
               = help: leave it out: it reaches the deployed release and no more

            error: an acceptance step leaves no outputs
              --> template.yaml:29:7
               |
            29 |       b: { run: x, needs: missing, outputs: { x: y } }
               |       ^
               = help: what is released was packaged before it was deployed

            error: step `b` needs `missing`, which does not exist
              --> template.yaml:29:27
               |
            29 |       b: { run: x, needs: missing, outputs: { x: y } }
               |                           ^^^^^^^
        "#]],
    );
}

#[test]
fn acceptance_steps_form_a_graph_of_their_own() {
    let with = |steps: &str| varied("gates: [tests] }", &format!("acceptance: {{ {steps} }} }}"));
    refused_template(
        &with("a: { run: x, needs: b }, b: { run: x, needs: a }"),
        expect![[r#"
        error: steps need each other in a circle: a → b → a
          --> template.yaml:22:77
           |
        22 | …phemeral: true, acceptance: { a: { run: x, needs: b }, b: { run: x, needs: a } } }
           |                                                    ^
           = help: leave out one of these needs
    "#]],
    );
    refused_template(
        &with("a: { run: x, needs: build }"),
        expect![[r#"
            error: step `a` needs `build`, which does not exist
              --> template.yaml:22:77
               |
            22 |   - { environment: test, ephemeral: true, acceptance: { a: { run: x, needs: build } } }
               |                                                                             ^^^^^
        "#]],
    );
}

#[test]
fn a_start_is_checked() {
    let text = varied(
        "start: { artifact: app, command: ['./${binary}', '${extra}'], port: '${port}' }",
        "start: { artifact: ap, command: '', port: '${prot}', instances: 0, ready: ready, drain: \
         10, limits: { memory: 512, cpu: 1 }, environment: { PORT: 1 } }",
    );
    refused_template(
        &text,
        expect![[r#"
            error: nothing is run here
              --> template.yaml:20:33
               |
            20 | start: { artifact: ap, command: '', port: '${prot}', instances: 0, ready: ready, drain: 10, limits:
               |                                 ^^ expected a line of shell, or a program and its arguments as a list

            error: `${prot}` names no input
              --> template.yaml:20:44
               |
            20 | start: { artifact: ap, command: '', port: '${prot}', instances: 0, ready: ready, drain: 10, limits:
               |                                            ^^^^^^^ expected `binary`, `debug`, `extra`, `folder`, `pool`, `port` or `service`
               = help: did you mean `port`?

            error: `0` is not right here
              --> template.yaml:20:65
               |
            20 | …act: ap, command: '', port: '${prot}', instances: 0, ready: ready, drain: 10, limits: { memory: 512,
               |                                                    ^ expected a whole number from 1 to 100

            error: `ready` is not the path of a request
              --> template.yaml:20:75
               |
            20 | …ommand: '', port: '${prot}', instances: 0, ready: ready, drain: 10, limits: { memory: 512, cpu: 1 },
               |                                                    ^^^^^ expected a path such as `/ready`, or nothing

            error: `10` is not right here
              --> template.yaml:20:89
               |
            20 | …rt: '${prot}', instances: 0, ready: ready, drain: 10, limits: { memory: 512, cpu: 1 }, environment:
               |                                                    ^^ expected a duration such as `90s`, `10m` or `1h30m`
               = help: write the unit: `10s`

            error: `512` is not right here
              --> template.yaml:20:111
               |
            20 | …es: 0, ready: ready, drain: 10, limits: { memory: 512, cpu: 1 }, environment: { PORT: 1 } }
               |                                                    ^^^ expected a size such as `512MiB` or `2GiB`
               = help: write the unit: `512MiB`

            error: `limits` has no key `cpu`
              --> template.yaml:20:116
               |
            20 | …, ready: ready, drain: 10, limits: { memory: 512, cpu: 1 }, environment: { PORT: 1 } }
               |                                                    ^^^ expected `memory`, `open_files`, `processes` or `cpu_weight`

            error: `PORT` is set by Sluss
              --> template.yaml:20:141
               |
            20 | …, limits: { memory: 512, cpu: 1 }, environment: { PORT: 1 } }
               |                                                    ^^^^ expected a name that is free
        "#]],
    );
    refused_template(
        &varied("artifact: app", "artifact: ap"),
        expect![[r#"
        error: no step leaves the artifact `ap`
          --> template.yaml:20:20
           |
        20 | start: { artifact: ap, command: ['./${binary}', '${extra}'], port: '${port}' }
           |                    ^^ expected an artifact under a step's `outputs`
           = help: did you mean `app`?
    "#]],
    );
}

#[test]
fn start_and_deliver_need_each_other() {
    let (before, deliver) = TEMPLATE.split_once("deliver:").unwrap();
    refused_template(
        before,
        expect![[r#"
            error: something is started, but `deliver` is missing
              --> template.yaml:20:8
               |
            20 | start: { artifact: app, command: ['./${binary}', '${extra}'], port: '${port}' }
               |        ^ expected the environments that it is delivered to
        "#]],
    );
    let (before, _) = TEMPLATE.split_once("start:").unwrap();
    refused_template(
        &format!("{before}deliver:{deliver}"),
        expect![[r#"
        error: nothing says how the service is started
          --> template.yaml:21:3
           |
        21 |   - { environment: test, ephemeral: true, gates: [tests] }
           |   ^ expected `start` beside `deliver`
    "#]],
    );
    assert!(source("t", before.as_bytes()).and_then(Template::read).is_ok());
}

#[test]
fn what_is_open_exists() {
    refused_template(
        &varied("open: [test]", "open: [tset]"),
        expect![[r#"
        error: the template has no step `tset`
          --> template.yaml:13:8
           |
        13 | open: [tset]
           |        ^^^^
           = help: did you mean `test`?
    "#]],
    );
}

#[test]
fn a_circle_in_a_template_is_found_before_anyone_takes_it() {
    refused_template(
        &varied("run: make ${binary}", "run: make\n    needs: trace"),
        expect![[r#"
        error: steps need each other in a circle: build → trace → test → build
          --> template.yaml:17:12
           |
        17 |     needs: trace
           |            ^^^^^
           = help: leave out one of these needs
    "#]],
    );
}
