//! What the demo measured: read from the log and from the customers' own books.

use serde_json::{Value, json};
use sluss_core::event::Event;
use sluss_core::ids::{ChangeId, DeploymentId};
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::story::Moments;

/// The figures of one demo.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The customers' comparison of their books with the service's.
    pub payments: Value,
    /// Payments that failed for good while the good change was rolled out.
    pub failed_by_good_change: u64,
    /// How the bad release was taken back.
    pub rollback: Rollback,
    /// From the push of the good change to its being live.
    pub lead_time_ms: i64,
    /// Events in the log.
    pub events: u64,
    /// Whether the log was verified.
    pub verified: bool,
    /// Whether the author's own approval was refused.
    pub author_refused: bool,
    /// Whether the test environment was gone after the acceptance.
    pub test_environment_gone: bool,
    /// Where the pages are.
    pub url: String,
}

/// How a bad release was taken back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rollback {
    /// From its first share to the verdict.
    pub detect_ms: i64,
    /// From the verdict to the target's confirmation that its share is zero.
    pub restore_ms: i64,
    /// Requests of customers that it failed, as the host counted them.
    pub failed_requests: u64,
    /// Whether the verdict took it back, and nobody else.
    pub by_verdict: bool,
}

impl Rollback {
    /// Reads the figures of `deployment` from the story's moments.
    pub fn of(moments: &Moments, deployment: DeploymentId) -> Option<Self> {
        let mut first_request = None;
        let mut verdict = None;
        let mut restored = None;
        let mut failed_requests = 0;
        let mut by_verdict = false;
        for (at, event) in moments.iter() {
            match event {
                Event::RolloutShifted { deployment: id, .. } if *id == deployment => {
                    first_request = first_request.or(Some(*at));
                }
                Event::RolloutObserved { deployment: id, observation, .. } if *id == deployment => {
                    failed_requests += observation.candidate.errors;
                }
                Event::DeploymentRolledBack { deployment: id, cause, .. } if *id == deployment => {
                    verdict = Some(*at);
                    by_verdict = *cause == sluss_core::deployment::Cause::Verdict;
                }
                Event::IncidentMitigated { .. } if verdict.is_some() => {
                    restored = restored.or(Some(*at));
                }
                _other => {}
            }
        }
        let (first, verdict, restored) = (first_request?, verdict?, restored?);
        Some(Self {
            detect_ms: verdict.since(first),
            restore_ms: restored.since(verdict),
            failed_requests,
            by_verdict,
        })
    }
}

/// Returns the time from the push of `change` to its delivery.
pub fn lead_time(moments: &Moments, change: ChangeId) -> Option<i64> {
    let at = |wanted: &dyn Fn(&Event) -> bool| -> Option<Millis> {
        moments.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    };
    let pushed = at(&|e| matches!(e, Event::ChangePushed { change: id, .. } if *id == change))?;
    let live = at(&|e| matches!(e, Event::ChangeDelivered { change: id, .. } if *id == change))?;
    Some(live.since(pushed))
}

fn seconds(milliseconds: i64) -> Value {
    json!(f64::from(i32::try_from(milliseconds).unwrap_or(i32::MAX)) / 1000.0)
}

impl Figures {
    /// Returns the figures as one JSON object.
    pub fn json(&self) -> Value {
        let of = |name: &str| self.payments[name].clone();
        json!({
            "payments": {
                "sent": of("sent"), "applied": of("applied"), "lost": of("lost"),
                "duplicated": of("duplicated"), "balance": of("balance"),
                "declined": of("declined"), "attempts": of("attempts"),
                "failed_attempts": of("failed_attempts"), "p99_ms": of("p99_ms"),
                "failed_by_good_change": self.failed_by_good_change,
            },
            "rollback": {
                "detect_seconds": seconds(self.rollback.detect_ms),
                "restore_seconds": seconds(self.rollback.restore_ms),
                "failed_requests": self.rollback.failed_requests,
                "by_verdict": self.rollback.by_verdict,
            },
            "lead_time_seconds": seconds(self.lead_time_ms),
            "author_refused": self.author_refused,
            "test_environment_gone": self.test_environment_gone,
            "log": { "events": self.events, "verified": self.verified },
            "url": self.url,
        })
    }

    /// Returns the figures as the last lines of the story.
    pub fn lines(&self) -> Vec<String> {
        let of = |name: &str| self.payments[name].to_string();
        let time = |milliseconds: i64| format!("{} s", seconds(milliseconds));
        vec![
            format!(
                "payments   sent {}, applied {}, declined {}, lost {}, applied twice {}",
                of("sent"),
                of("applied"),
                of("declined"),
                of("lost"),
                of("duplicated")
            ),
            format!("books      balance {}", of("balance")),
            format!(
                "bad one    {} from its first live request to the verdict, {} from the verdict to \
                     share zero, {} requests failed",
                time(self.rollback.detect_ms),
                time(self.rollback.restore_ms),
                self.rollback.failed_requests
            ),
            format!(
                "good one   {} from push to live, {} payments failed because of it",
                time(self.lead_time_ms),
                self.failed_by_good_change
            ),
            format!(
                "log        {} events, {}",
                self.events,
                if self.verified { "verified" } else { "NOT VERIFIED" }
            ),
        ]
    }

    /// Says whether all that was promised held.
    ///
    /// # Errors
    ///
    /// What did not hold.
    pub fn verdict(&self) -> Result<(), Failure> {
        let zero = |name: &str| self.payments[name].as_i64() == Some(0);
        let promises = [
            (zero("lost"), "no payment is lost"),
            (zero("duplicated"), "no payment is applied twice"),
            (zero("balance"), "the books balance"),
            (self.payments["sent"].as_u64() > Some(0), "payments were sent"),
            (self.failed_by_good_change == 0, "no payment failed because of the good change"),
            (self.rollback.by_verdict, "the verdict took the bad release back"),
            (
                self.rollback.detect_ms + self.rollback.restore_ms <= 30_000,
                "the bad release was taken back within 30 s",
            ),
            (self.author_refused, "the author's own approval was refused"),
            (self.test_environment_gone, "the test environment was removed"),
            (self.verified, "the log is verified"),
        ];
        let broken: Vec<&str> =
            promises.iter().filter(|(held, _)| !held).map(|(_, promise)| *promise).collect();
        match broken.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(
                Blame::Bug,
                format!("A promise did not hold: {}.", broken.join("; ")),
                "Look at the pages of the demo, or at its log",
            )),
        }
    }
}
