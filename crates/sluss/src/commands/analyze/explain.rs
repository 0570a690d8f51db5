//! The evidence of a trace over time, as a table with a sentence a line.

use sluss_verdict::{Decision, Part, Step, odds};

use super::{Analysis, Bets};

/// Lines that are printed at most without anything having happened.
const QUIET_LINES: i64 = 20;

/// Returns the table, up to the decision.
pub(super) fn table(analysis: &Analysis, mode: Bets) -> String {
    let header = &analysis.header;
    let metrics: Vec<String> = header.metrics.iter().map(ToString::to_string).collect();
    let kind = match mode {
        Bets::Robust => "robust",
        Bets::Fast => "fast",
    };
    let mut text = format!(
        "{} by {}, {kind}: rolls back at {}{}\n\n  second   share      against   in favour\n",
        if header.trace.is_empty() { "trace" } else { &header.trace },
        metrics.join(", "),
        odds(-header.alpha.ln()),
        match header.alpha_p.filter(|_| !header.tolerance.is_empty()) {
            Some(alpha_p) => format!(", passes at {}", odds(-alpha_p.ln())),
            None => String::new(),
        },
    );
    let used = |step: &&Step| analysis.outcome.time_s.is_none_or(|time| step.t < time);
    let steps: Vec<&Step> = analysis.steps.iter().filter(used).collect();
    let span = steps.last().zip(steps.first()).map_or(0, |(last, first)| last.t - first.t);
    let mut told = Told { every: nice(span / QUIET_LINES), next: 0, share: None, band: 0 };
    for (index, step) in steps.iter().enumerate() {
        if told.is_worth_it(step, index + 1 == steps.len()) {
            text.push_str(&line(step));
        }
    }
    text.push_str(&conclusion(analysis));
    text
}

/// What was told last.
struct Told {
    every: i64,
    next: i64,
    share: Option<f64>,
    band: i64,
}

impl Told {
    /// A line is worth it at a change of share, when evidence reaches the next power of ten for
    /// the first time, after so many seconds, and at the end.
    fn is_worth_it(&mut self, step: &Step, is_last: bool) -> bool {
        let band = (step.log_e / std::f64::consts::LN_10).floor().max(0.0) as i64;
        let is_new = self.share != Some(step.share) || band > self.band;
        self.share = Some(step.share);
        self.band = self.band.max(band);
        let is_due = step.t >= self.next;
        if is_due {
            self.next = step.t + self.every;
        }
        is_new || is_due || is_last
    }
}

fn line(step: &Step) -> String {
    let favour = step.parts.iter().filter_map(|part| part.favour).reduce(f64::min);
    let leading =
        step.parts.iter().reduce(|most, part| if part.log_e > most.log_e { part } else { most });
    format!(
        "{:>8} {:>7} {:>12} {:>11}  {}\n",
        step.t + 1,
        share(step.share),
        odds(step.log_e),
        favour.map_or("-".into(), odds),
        leading.map_or(String::new(), Part::sentence),
    )
}

fn share(share: f64) -> String {
    let percent = (share * 1e4).round() / 1e2;
    format!("{percent} %")
}

fn conclusion(analysis: &Analysis) -> String {
    let outcome = &analysis.outcome;
    let by = outcome.metric.map_or(String::new(), |metric| format!(" by {metric}"));
    let at = outcome.time_s.unwrap_or(0);
    match outcome.decision {
        Decision::Rollback => {
            format!("\nRolled back{by} after {at} s, at {}.\n", odds(outcome.log_e))
        }
        Decision::Promote => {
            format!(
                "\nPromoted after {at} s: not worse than the tolerance, {}.\n",
                odds(outcome.log_e)
            )
        }
        Decision::None => {
            let seconds = analysis.steps.len();
            format!("\nNothing decided in {seconds} s: hold, and ask a person.\n")
        }
    }
}

/// Returns a length that people count in, at least `seconds`.
fn nice(seconds: i64) -> i64 {
    let lengths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];
    lengths.into_iter().find(|length| *length >= seconds).unwrap_or(seconds)
}
