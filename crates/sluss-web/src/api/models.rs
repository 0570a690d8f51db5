//! What fits a standard change, as it is shown.

use sluss_core::exception::ExceptionKind;
use sluss_core::ids::ExceptionId;
use sluss_core::pipeline::GateKind;
use sluss_core::state::State as Known;

use super::exceptions::ModelView;
use super::words::Words;

/// Returns what fits a standard change, where it is one.
pub(super) fn model_view(
    state: &Known,
    words: &mut Words,
    id: ExceptionId,
    what: &ExceptionKind,
) -> Option<ModelView> {
    match what {
        ExceptionKind::Standard { model } => Some(ModelView {
            paths: model.paths.iter().cloned().collect(),
            files: model.files,
            lines: model.lines,
            failures: model.failures,
            failed: state.failures_of(id),
            owner: model.owner.as_ref().map(|owner| words.person(owner)),
            function: model.function.as_ref().map(ToString::to_string),
            max_risk: model.max_risk,
            required_evidence: model.required_evidence.iter().map(gate_word).collect(),
            model_sha256: model.digest().to_string(),
        }),
        ExceptionKind::Waiver { .. }
        | ExceptionKind::Findings { .. }
        | ExceptionKind::ProdData { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. } => None,
    }
}

/// Returns a gate as it is written.
fn gate_word(gate: &GateKind) -> String {
    let word = serde_json::to_value(gate).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
