//! What went wrong in a run of the story: the server is gone by the time that somebody could look.

use sluss_core::ids::RunId;
use sluss_core::state::Run;
use sluss_core::steps::StepOutcome;

use crate::client::Client;
use crate::commands::plain;

/// How many of the last lines that a step printed are shown.
const LINES: usize = 20;

/// Says which steps of a run failed, with the last that each printed.
pub(super) async fn words(client: &Client, id: RunId, run: &Run) -> String {
    let failed = run.steps.iter().filter(|(_, state)| {
        let last = state.attempts().last();
        last.is_some_and(|last| last.outcome != StepOutcome::Succeeded)
    });
    let mut said = format!("{id} did not succeed.");
    for (step, _) in failed {
        let log = client.get_text(&format!("/api/v1/runs/{id}/steps/{step}/log")).await;
        let log = log.unwrap_or_else(|failure| failure.what);
        said.push_str(&format!(" The step `{step}` failed; the last that it printed:"));
        for line in last_lines(&log) {
            said.push_str("\n  ");
            said.push_str(&line);
        }
    }
    said
}

/// Returns the last lines of a log, without when and on what they were printed.
fn last_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    lines[from..].iter().map(|line| plain(line.splitn(3, '\t').last().unwrap_or(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_that_a_step_printed_are_shown_as_they_were() {
        let log: String = (0..30).map(|n| format!("{n}\te\tline {n}\u{1b}[2J\n")).collect();
        let last = last_lines(&log);
        assert_eq!(last.len(), LINES);
        assert!(last[19].starts_with("line 29") && !last[19].contains('\u{1b}'), "{last:?}");
        assert_eq!(last_lines("no tabs"), ["no tabs"]);
    }
}
