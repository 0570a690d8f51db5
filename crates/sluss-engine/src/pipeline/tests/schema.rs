//! The JSON Schemas that editors use say the same as the code.

use serde_json::Value;

use super::super::{
    budget, deliver, inputs, objectives, performance, service, start, steps, template, traffic,
};

const SERVICE: &str = include_str!("../../../../../docs/schema/sluss.schema.json");
const TEMPLATE: &str = include_str!("../../../../../docs/schema/template.schema.json");
const REFERENCE: &str = include_str!("../../../../../docs/pipeline.md");

/// Checks that the object at `pointer` has exactly `keys`, describes each, and allows no other.
fn agrees(schema: &str, pointer: &str, keys: &[&str]) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let object = schema.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
    assert_eq!(object["additionalProperties"], false, "{pointer}");
    let properties = object["properties"].as_object().unwrap();
    let mut found: Vec<&str> = properties.keys().map(String::as_str).collect();
    let mut wanted = keys.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{pointer}");
    for (key, property) in properties {
        let described = property["description"].is_string() || property["$ref"].is_string();
        assert!(described, "{pointer}: `{key}` has no description");
        assert!(REFERENCE.contains(&format!("`{key}`")), "{key} is not in docs/pipeline.md");
    }
}

#[test]
fn the_schema_of_the_service_file_has_the_keys_that_are_read() {
    agrees(SERVICE, "", service::SERVICE_KEYS);
    agrees(SERVICE, "/$defs/step", steps::STEP_KEYS);
    agrees(SERVICE, "/properties/sticky", traffic::STICKY_KEYS);
    agrees(SERVICE, "/properties/outcome", traffic::OUTCOME_KEYS);
    agrees(SERVICE, "/properties/probe", traffic::PROBE_KEYS);
    agrees(SERVICE, "/properties/objectives", objectives::OBJECTIVES_KEYS);
    agrees(SERVICE, "/properties/error_budget", budget::BUDGET_KEYS);
}

#[test]
fn the_schema_of_templates_has_the_keys_that_are_read() {
    agrees(TEMPLATE, "", template::TEMPLATE_KEYS);
    agrees(TEMPLATE, "/properties/error_budget", budget::BUDGET_KEYS);
    agrees(TEMPLATE, "/$defs/input", inputs::INPUT_KEYS);
    agrees(TEMPLATE, "/$defs/step", steps::STEP_KEYS);
    agrees(TEMPLATE, "/$defs/step/properties/when", steps::WHEN_KEYS);
    agrees(TEMPLATE, "/$defs/step/properties/reports", steps::REPORT_KEYS);
    let measured = "/$defs/step/properties/reports/properties/performance/oneOf/1";
    agrees(TEMPLATE, measured, performance::PERFORMANCE_KEYS);
    agrees(TEMPLATE, "/$defs/start", start::START_KEYS);
    agrees(TEMPLATE, "/$defs/start/properties/ready/oneOf/1", start::READY_KEYS);
    agrees(TEMPLATE, "/$defs/start/properties/limits", start::LIMIT_KEYS);
    agrees(TEMPLATE, "/$defs/start/properties/sticky", traffic::STICKY_KEYS);
    agrees(TEMPLATE, "/$defs/start/properties/outcome", traffic::OUTCOME_KEYS);
    agrees(TEMPLATE, "/$defs/start/properties/probe", traffic::PROBE_KEYS);
    agrees(TEMPLATE, "/$defs/stage", deliver::STAGE_KEYS);
    agrees(TEMPLATE, "/$defs/rollout", deliver::ROLLOUT_KEYS);
    let of_rollout = "/$defs/rollout/properties/objectives";
    agrees(TEMPLATE, of_rollout, objectives::OBJECTIVES_KEYS);
}

#[test]
fn the_schema_names_the_gates_that_there_are() {
    let schema: Value = serde_json::from_str(TEMPLATE).unwrap();
    let named: Vec<&str> = deliver::GATES.iter().map(|(name, _)| *name).collect();
    assert_eq!(schema["$defs"]["gateName"]["enum"], serde_json::json!(named));
    let gate = schema.pointer("/$defs/gate/properties").unwrap().as_object().unwrap();
    let keys: Vec<&str> = gate.keys().map(String::as_str).collect();
    assert_eq!(keys, deliver::GATE_KEYS);
}
