//! `sluss.yaml`: what a service's own repository says of its delivery.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::Serialize;
use sluss_core::budget::ErrorBudget;
use sluss_core::contracts::Contracts;
use sluss_core::ids::{ProductName, ServiceName, TemplateRef};
use sluss_core::target::Traffic;

use super::budget;
use super::contracts;
use super::fields::Reader;
use super::objectives;
use super::problem::Problems;
use super::source::{Source, Span};
use super::start;
use super::steps;
use super::traffic;
use super::yaml::{self, Node};

pub(super) const SERVICE_KEYS: &[&str] = &[
    "service",
    "product",
    "template",
    "with",
    "steps",
    "secrets",
    "unit",
    "sticky",
    "probe",
    "outcome",
    "most_in_flight",
    "cpu_weight",
    "forward_only",
    "objectives",
    "error_budget",
    "provides",
    "needs",
];

/// The head of a `sluss.yaml`: everything that can be known without its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceFile {
    /// Which service it is.
    pub service: ServiceName,
    /// The product that it belongs to; a service that names none is a product of its own.
    pub product: ProductName,
    /// The golden template that it takes.
    pub template: TemplateRef,
    /// Names of the secrets that it uses.
    pub secrets: BTreeSet<String>,
}

/// A `sluss.yaml` as far as it could be read.
pub(super) struct ServiceDraft {
    pub service: Option<ServiceName>,
    pub product: Option<ProductName>,
    pub template: Option<(TemplateRef, Span)>,
    pub with: Option<Node>,
    pub steps: Option<Node>,
    pub secrets: BTreeSet<String>,
    /// How its requests are told apart, where the template says nothing or something else.
    pub traffic: Traffic,
    pub most_in_flight: Option<NonZeroU32>,
    pub cpu_weight: Option<u16>,
    pub forward_only: bool,
    /// What it says of what its first release must keep to.
    pub objectives: objectives::Said,
    /// What it promises of its live traffic.
    pub error_budget: Option<ErrorBudget>,
    /// What it provides to other services, and needs of them.
    pub contracts: Contracts,
    pub top: Span,
}

impl ServiceFile {
    /// Reads the head of `source`; whether its inputs and steps fit is known with the template.
    pub fn read(source: &Source) -> Result<Self, Problems> {
        let node = yaml::read(source)?;
        let mut reader = Reader::new(source);
        let head = draft(&mut reader, &node).and_then(|draft| draft.head());
        Problems::none_in(reader.problems, head)
    }
}

impl ServiceDraft {
    pub fn head(&self) -> Option<ServiceFile> {
        Some(ServiceFile {
            service: self.service.clone()?,
            product: self.product.clone()?,
            template: self.template.clone()?.0,
            secrets: self.secrets.clone(),
        })
    }
}

/// Takes a service file apart.
pub(super) fn draft(reader: &mut Reader<'_>, node: &Node) -> Option<ServiceDraft> {
    let fields = reader.fields(node, "a service file", SERVICE_KEYS)?;
    let service: Option<ServiceName> = reader
        .required(&fields, "service")
        .and_then(|node| reader.word(node, "the service's name"));
    let product = match fields.get("product") {
        Some(node) => reader.word(node, "the product's name"),
        None => service.as_ref().and_then(|name| name.as_str().parse().ok()),
    };
    let template = reader.required(&fields, "template").and_then(|node| {
        let expected = "a template with its version, like `rust-service@1`";
        Some((reader.word(node, expected)?, node.span))
    });
    let secrets = fields.get("secrets").map(|node| steps::secrets(reader, node));
    Some(ServiceDraft {
        service,
        product,
        template,
        with: fields.get("with").cloned(),
        steps: fields.get("steps").cloned(),
        secrets: secrets.into_iter().flatten().map(|(name, _)| name).collect(),
        traffic: traffic::read(reader, &fields),
        most_in_flight: fields
            .get("most_in_flight")
            .and_then(|node| start::in_flight(reader, node)),
        cpu_weight: fields.get("cpu_weight").and_then(|node| start::cpu_weight(reader, node)),
        forward_only: fields
            .get("forward_only")
            .is_some_and(|node| reader.flag(node) == Some(true)),
        objectives: fields
            .get("objectives")
            .map(|node| objectives::read(reader, node))
            .unwrap_or_default(),
        error_budget: fields.get("error_budget").and_then(|node| budget::read(reader, node)),
        contracts: contracts::read(reader, &fields),
        top: fields.span,
    })
}
