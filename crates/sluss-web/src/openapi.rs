//! The OpenAPI document, made from the endpoints and the types that they take and answer with.

use axum::Json;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::api::{Answered, ENDPOINTS, Endpoint, Problem};
use crate::routes::Who;

pub(crate) async fn document() -> Json<Value> {
    Json(openapi())
}

/// Returns the document.
pub fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let operations = paths.entry(endpoint.route.path).or_insert_with(|| json!({}));
        let method = endpoint.route.method.to_ascii_lowercase();
        operations[method] = operation(endpoint, &problem, &mut generator);
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluss",
            "version": "1",
            "description": "Everything that the pages show, and everything that they can do. \
                Times are milliseconds since 1970-01-01 UTC.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "password": { "type": "http", "scheme": "basic" },
                "session": { "type": "apiKey", "in": "cookie", "name": "sluss_session" },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, problem: &Schema, generator: &mut SchemaGenerator) -> Value {
    let path = endpoint.route.path;
    let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let text = json!({ "type": "string" });
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text }))
        .collect();
    parameters.extend(
        endpoint.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": text })),
    );
    if endpoint.route.method == "POST" {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": text,
            "description": "Makes asking again mean the same as asking once.",
        }));
    }
    let content = match endpoint.answers {
        Answered::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Answered::Zip => json!({ "application/zip": {} }),
        Answered::Text => json!({ "text/plain": { "schema": text } }),
    };
    let refused = json!({ "application/json": { "schema": problem } });
    let (security, note) = match endpoint.route.who {
        Who::Public => (json!([]), "For anybody."),
        Who::SignedIn => (anyone(), "For whoever is signed in."),
        Who::Developer => (anyone(), "Takes the role of a developer."),
        Who::Approver => {
            (json!([{ "password": [] }, { "session": [] }]), "Takes the role of an approver.")
        }
    };
    let mut operation = json!({
        "summary": endpoint.does,
        "description": note,
        "security": security,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done.", "content": content },
            "default": { "description": "Not done, and why.", "content": refused },
        },
    });
    if let Some(takes) = endpoint.takes {
        let schema = takes(generator);
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn anyone() -> Value {
    json!([{ "token": [] }, { "password": [] }, { "session": [] }])
}
