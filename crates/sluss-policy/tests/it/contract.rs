//! The published schema and the types say the same, and every field matters.

use serde_json::{Map, Value, json};
use sluss_policy::input::{
    ApprovalKind, EnvironmentClass, FindingStatus, HistoryOutcome, Part, PersonKind, RunOutcome,
    ScanOutcome, Severity,
};
use sluss_policy::{GATE_INPUT_SCHEMA, GateInput, NO_DATA, evaluate};

use crate::sample;

fn schema() -> Value {
    serde_json::from_str(GATE_INPUT_SCHEMA).unwrap()
}

fn follow<'a>(root: &'a Value, of: &'a Value) -> &'a Value {
    match of["$ref"].as_str() {
        Some(path) => root.pointer(path.trim_start_matches('#')).unwrap(),
        None => of,
    }
}

/// Holds a value to the part of JSON Schema that the published schema uses.
fn holds(root: &Value, of: &Value, value: &Value) -> bool {
    let of = follow(root, of);
    let within = |least: &str, most: &str, size: i64| {
        of[least].as_i64().is_none_or(|it| size >= it)
            && of[most].as_i64().is_none_or(|it| size <= it)
    };
    if let Some(words) = of["enum"].as_array() {
        return words.contains(value);
    }
    if !of["const"].is_null() {
        return of["const"] == *value;
    }
    match of["type"].as_str().unwrap() {
        "object" => value.as_object().is_some_and(|fields| {
            let known = of["properties"].as_object().unwrap();
            let required = of["required"].as_array().unwrap();
            assert_eq!(of["additionalProperties"], json!(false), "{of}");
            assert_eq!(required.len(), known.len(), "every field is required: {of}");
            fields.len() == known.len()
                && known
                    .iter()
                    .all(|(name, of)| fields.get(name).is_some_and(|value| holds(root, of, value)))
        }),
        "array" => value.as_array().is_some_and(|rows| {
            within("minItems", "maxItems", rows.len() as i64)
                && rows.iter().all(|row| holds(root, &of["items"], row))
        }),
        "string" => value.as_str().is_some_and(|text| {
            within("minLength", "maxLength", text.chars().count() as i64)
                && pattern(of["pattern"].as_str().unwrap(), text)
        }),
        "integer" => value.as_i64().is_some_and(|it| within("minimum", "maximum", it)),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses {other}, which this test does not know"),
    }
}

fn pattern(pattern: &str, text: &str) -> bool {
    let hex = text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
    match pattern {
        "^[0-9a-f]{64}$" => hex && text.len() == 64,
        "^([0-9a-f]{40}|[0-9a-f]{64})$" => hex && [40, 64].contains(&text.len()),
        r"^[^\u0000-\u001f\u007f-\u009f]*$" => !text.chars().any(char::is_control),
        other => panic!("the schema has a pattern that this test does not know: {other}"),
    }
}

#[test]
fn the_schema_and_the_types_have_the_same_fields() {
    fn compare(root: &Value, of: &Value, value: &Value, at: &str) {
        let of = follow(root, of);
        if let Some(fields) = value.as_object() {
            let known: Vec<_> = of["properties"].as_object().unwrap().keys().collect();
            let mut ours: Vec<_> = fields.keys().collect();
            let mut theirs = known.clone();
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs, "{at}");
            for (name, value) in fields {
                compare(root, &of["properties"][name], value, &format!("{at}/{name}"));
            }
        }
        if let Some(rows) = value.as_array() {
            assert!(!rows.is_empty(), "{at}: the sample has a row of each list");
            compare(root, &of["items"], &rows[0], &format!("{at}/0"));
        }
    }
    let parsed = GateInput::parse(&sample::bytes(&sample::input())).unwrap();
    let written: Value = serde_json::from_slice(&parsed.to_bytes()).unwrap();
    assert_eq!(written, sample::input(), "what is parsed is written back unchanged");
    compare(&schema(), &schema(), &written, "");
    assert!(holds(&schema(), &schema(), &written));
}

#[test]
fn the_schema_and_the_types_have_the_same_words() {
    fn same<T: serde::Serialize>(at: &str, all: &[T]) {
        let ours = serde_json::to_value(all).unwrap();
        assert_eq!(schema().pointer(at).unwrap()["enum"], ours, "{at}");
    }
    same("/properties/environment/properties/class", EnvironmentClass::ALL);
    same("/properties/contributors/items/properties/kind", PersonKind::ALL);
    same("/properties/contributors/items/properties/part", Part::ALL);
    same("/properties/approvals/items/properties/kind", ApprovalKind::ALL);
    same("/properties/tests/properties/runs/items/properties/outcome", RunOutcome::ALL);
    same("/properties/scans/items/properties/outcome", ScanOutcome::ALL);
    same("/properties/findings/items/properties/severity", Severity::ALL);
    same("/properties/findings/items/properties/status", FindingStatus::ALL);
    same("/properties/history/items/properties/outcome", HistoryOutcome::ALL);
}

/// Every place of the input, as JSON pointers.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let rows: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(rows) => rows.iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect(),
        _ => return,
    };
    for (name, value) in rows {
        let at = format!("{at}/{name}");
        places(value, &at, into);
        into.push(at);
    }
}

fn remove(input: &mut Value, at: &str) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    match input.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(rows) => drop(rows.remove(name.parse().unwrap())),
        other => panic!("{other} has no parts"),
    }
}

fn empty(of: &Value) -> Option<Value> {
    match of {
        Value::String(_) => Some(json!("")),
        Value::Array(_) => Some(json!([])),
        Value::Object(_) => Some(Value::Object(Map::new())),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn wrong(of: &Value) -> Vec<Value> {
    let all = [json!("x"), json!(1), json!(1.5), json!(true), json!([1]), json!({"x": 1})];
    let kind = std::mem::discriminant(of);
    let mut wrong: Vec<_> =
        all.into_iter().filter(|it| std::mem::discriminant(it) != kind).collect();
    if of.is_number() {
        wrong.push(json!(1.5));
        wrong.push(json!(of.to_string()));
    }
    wrong
}

/// Every way to spoil one place of the input.
fn spoiled() -> Vec<(String, Value)> {
    let input = sample::input();
    let mut all = Vec::new();
    places(&input, "", &mut all);
    let mut spoiled = Vec::new();
    for at in all {
        let mut without = input.clone();
        remove(&mut without, &at);
        spoiled.push((format!("{at} removed"), without));
        let here = input.pointer(&at).unwrap();
        let instead = std::iter::once(Value::Null).chain(empty(here)).chain(wrong(here));
        for value in instead {
            let mut other = input.clone();
            *other.pointer_mut(&at).unwrap() = value.clone();
            spoiled.push((format!("{at} = {value}"), other));
        }
        if here.is_object() {
            let mut more = input.clone();
            more.pointer_mut(&at).unwrap()["more"] = json!(1);
            spoiled.push((format!("{at} with a field more"), more));
        }
    }
    spoiled
}

#[test]
fn each_field_removed_null_empty_or_of_another_kind_closes() {
    let bank = sample::bank();
    let spoiled = spoiled();
    assert!(spoiled.len() > 700, "only {} ways to spoil an input", spoiled.len());
    for (how, input) in spoiled {
        let decision = evaluate(&bank, NO_DATA, &sample::bytes(&input), sample::limits());
        assert!(!decision.is_open(), "{how} opened the gate");
        assert!(decision.closed_because.is_some(), "{how}");
    }
}

#[test]
fn what_the_schema_refuses_the_types_refuse_too() {
    let schema = schema();
    let mut refused = 0;
    for (how, input) in spoiled() {
        if !holds(&schema, &schema, &input) {
            refused += 1;
            assert!(GateInput::parse(&sample::bytes(&input)).is_err(), "{how}");
        }
    }
    assert!(refused > 650, "{refused}");
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let text = String::from_utf8(sample::bytes(&sample::input())).unwrap();
    let twice = text.replacen("\"allowed\":true", "\"allowed\":false,\"allowed\":true", 1);
    assert_ne!(text, twice);
    assert!(GateInput::parse(text.as_bytes()).is_ok());
    let refused = GateInput::parse(twice.as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("duplicate field `allowed`"), "{refused}");
}

#[test]
fn a_list_that_lost_a_row_on_the_way_is_seen() {
    let mut input = sample::input();
    input["findings"] = json!([]);
    let refused = GateInput::parse(&sample::bytes(&input)).unwrap_err().to_string();
    assert!(refused.contains("`findings` has 0 rows and `counts` says 1"), "{refused}");
}

#[test]
fn evidence_from_after_the_decision_is_refused() {
    for at in [
        "/release/created_ms",
        "/approvals/0/at_ms",
        "/tests/runs/0/at_ms",
        "/scans/1/at_ms",
        "/findings/0/first_seen_ms",
        "/waivers/0/granted_ms",
        "/history/0/at_ms",
        "/emergency/opened_ms",
    ] {
        let later = sample::changed(|it| *it.pointer_mut(at).unwrap() = json!(sample::NOW_MS + 1));
        let refused = GateInput::parse(&sample::bytes(&later)).unwrap_err().to_string();
        assert!(refused.contains("after the decision"), "{at}: {refused}");
    }
    let ended = sample::changed(|it| it["waivers"][0]["ends_ms"] = json!(0));
    let refused = GateInput::parse(&sample::bytes(&ended)).unwrap_err().to_string();
    assert!(refused.contains("before its begin"), "{refused}");
}

#[test]
fn the_policy_itself_closes_where_a_field_is_missing() {
    // Past the types: the engine alone, over an input that nothing has checked.
    let bank = sample::bank();
    let mut places_of_it = Vec::new();
    places(&sample::input(), "", &mut places_of_it);
    for (field, named) in [
        ("/findings", true),
        ("/approvals", true),
        ("/sbom/components", true),
        ("/error_budget/remaining_permille", true),
        ("/freeze/allowed", true),
        ("/history", true),
        ("/provenance/isolated", true),
        ("/tests/runs", true),
        ("/now_ms", true),
        ("/waivers", false),
    ] {
        let mut input = sample::input();
        remove(&mut input, field);
        let mut engine = regorus::Engine::new();
        for (file, text) in bank.files() {
            if file == "production.rego" {
                engine.add_policy(file.clone(), text.clone()).unwrap();
            } else if file == "data.json" {
                engine.add_data_json(text).unwrap();
            }
        }
        engine.set_input_json(&input.to_string()).unwrap();
        let allow = engine.eval_rule("data.sluss.gate.allow".to_owned()).unwrap();
        assert_eq!(allow, regorus::Value::Bool(!named), "{field}");
    }
}
