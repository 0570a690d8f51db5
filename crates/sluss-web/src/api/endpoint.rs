//! What an address of the API takes, and what it answers with.

use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::app::App;
use crate::routes::{Route, Who};

/// Makes the schema of a type.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint answers with.
#[derive(Clone, Copy)]
pub enum Answered {
    /// JSON of this schema.
    Json(SchemaOf),
    /// Plain text.
    Text,
    /// A zip.
    Zip,
}

/// An endpoint.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// Its address, and who may use it.
    pub route: Route,
    /// What it does, in a line.
    pub does: &'static str,
    /// What it takes in the query.
    pub query: &'static [&'static str],
    /// What it takes as its body.
    pub takes: Option<SchemaOf>,
    /// What it answers with.
    pub answers: Answered,
    pub(super) handler: fn() -> MethodRouter<App>,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

pub(super) const fn reads<T: JsonSchema>(
    path: &'static str,
    does: &'static str,
    handler: fn() -> MethodRouter<App>,
) -> Endpoint {
    let route = Route { method: "GET", path, who: Who::SignedIn };
    let answers = Answered::Json(schema::<T>);
    Endpoint { route, does, query: &[], takes: None, answers, handler }
}

pub(super) const fn writes<T: JsonSchema>(
    path: &'static str,
    does: &'static str,
    handler: fn() -> MethodRouter<App>,
) -> Endpoint {
    let route = Route { method: "POST", path, who: Who::Developer };
    let answers = Answered::Json(schema::<T>);
    Endpoint { route, does, query: &[], takes: None, answers, handler }
}

impl Endpoint {
    pub(super) const fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Some(schema::<T>), ..self }
    }

    pub(super) const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn text(self) -> Self {
        Self { answers: Answered::Text, ..self }
    }

    pub(super) const fn zip(self) -> Self {
        Self { answers: Answered::Zip, ..self }
    }

    pub(super) const fn who(self, who: Who) -> Self {
        let Route { method, path, .. } = self.route;
        Self { route: Route { method, path, who }, ..self }
    }

    pub(super) const fn method(self, method: &'static str) -> Self {
        let Route { path, who, .. } = self.route;
        Self { route: Route { method, path, who }, ..self }
    }
}
