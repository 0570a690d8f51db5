//! Error budgets as answers and pages tell them.

use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::budget::{BudgetStands, ErrorBudget};
use sluss_core::deployment::Deployment;
use sluss_core::ids::{EnvironmentName, ServiceName};
use sluss_core::pipeline::GateKind;
use sluss_core::state::State as Known;
use sluss_core::target::RouteKey;
use sluss_core::units::Millis;

/// What is left of what a service promised of its live traffic.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BudgetView {
    /// How many requests must not fail, in parts per million.
    pub objective_ppm: u32,
    /// Over how many seconds that is looked at.
    pub window_seconds: u32,
    /// `left`, `spent`, or `no_data` where no request was counted, or too little.
    pub stands: &'static str,
    /// Customers' requests of the window, those included that the target itself refused.
    pub requests: u64,
    /// Of these, how many failed.
    pub errors: u64,
    /// What is left, in thousandths of the budget; nothing without a request.
    pub left_permille: Option<u16>,
    /// Seconds of the window that nobody counted, though something was live.
    pub uncounted_seconds: u32,
    /// Up to when requests were counted.
    pub counted_until_ms: Option<i64>,
    /// When something of a spent budget is left again, if no further request comes.
    pub refills_ms: Option<i64>,
    /// All of it, as a sentence.
    pub sentence: String,
}

/// Returns how the budget stands of what is live of a service in a place.
pub(crate) fn budget_there(
    state: &Known,
    service: &ServiceName,
    environment: &EnvironmentName,
    now: Millis,
) -> Option<BudgetView> {
    let key = RouteKey { service: service.clone(), environment: environment.clone() };
    Some(budget_view(state, &key, state.budget_of(&key)?, now))
}

/// Returns how the error budget stands that the service of `deployment` has in its place.
pub(crate) fn budget_before(
    state: &Known,
    deployment: &Deployment,
    now: Millis,
) -> Option<BudgetView> {
    let asked = deployment.gates_asked().contains(&GateKind::ErrorBudget);
    let budget = state.pipeline_of(deployment.release)?.error_budget.filter(|_| asked)?;
    let (service, environment) = (deployment.service.clone(), deployment.environment.clone());
    Some(budget_view(state, &RouteKey { service, environment }, budget, now))
}

/// Returns how `budget` stands in a place.
fn budget_view(state: &Known, key: &RouteKey, budget: ErrorBudget, now: Millis) -> BudgetView {
    let reading = state.budget_in(key, budget, now);
    let stands = reading.stands();
    let spent = stands == BudgetStands::Spent;
    let refills = spent.then(|| state.budget_refills(key, budget, now)).flatten();
    let words = reading.words();
    let sentence = match (stands, reading.left_permille()) {
        (BudgetStands::Spent, _) => format!("Spent: {words}."),
        (BudgetStands::Left, Some(left)) => {
            format!("{}.{} % is left: {words}.", left / 10, left % 10)
        }
        (BudgetStands::Left | BudgetStands::NoData, _) => {
            let words = words.replacen("no request", "No request", 1);
            let few = reading.counts.requests > 0;
            let told = if few { "Too little was counted to tell: " } else { "" };
            format!("{told}{words}.")
        }
    };
    BudgetView {
        objective_ppm: budget.objective_ppm,
        window_seconds: budget.window_seconds,
        stands: match stands {
            BudgetStands::NoData => "no_data",
            BudgetStands::Left => "left",
            BudgetStands::Spent => "spent",
        },
        requests: reading.counts.requests,
        errors: reading.counts.errors,
        left_permille: reading.left_permille(),
        uncounted_seconds: reading.uncounted_seconds,
        counted_until_ms: state.counted_in(key).map(|known| known.until.saturating_mul(1_000)),
        refills_ms: refills.map(|at| at.0),
        sentence,
    }
}
