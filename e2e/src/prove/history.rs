//! What became of each release, read from the log as it grows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bank::Pushed;
use super::variants::Kind;
use crate::Sluss;

/// How a release ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Customers have it.
    Live,
    /// It was taken back, for this cause.
    TakenBack(String),
    /// It never came to customers, for this reason.
    Stopped(&'static str),
}

/// One second of a rollout, as the log has it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    /// Which, since 1970-01-01.
    pub at: i64,
    /// Requests to the release before.
    pub incumbent: u64,
    /// Of these, how many failed.
    pub incumbent_errors: u64,
    /// Requests to the candidate.
    pub candidate: u64,
    /// Of these, how many failed.
    pub candidate_errors: u64,
}

/// A release, from its push to its end.
#[derive(Debug, Clone)]
pub struct Release {
    /// What was pushed.
    pub pushed: Pushed,
    /// Whether it is a service's first, which follows none.
    pub first: bool,
    /// Its deployment where customers are.
    pub deployment: Option<String>,
    /// When it got its first share of the payments.
    pub first_share_ms: Option<i64>,
    /// When it got all of them.
    pub live_ms: Option<i64>,
    /// When it was taken back.
    pub back_ms: Option<i64>,
    /// When the host confirmed that nothing goes there any more.
    pub restored_ms: Option<i64>,
    /// When it was live, raised an alarm, and was compared again with the one before it.
    pub alarm_ms: Option<i64>,
    /// Whether it was ever held for want of proof.
    pub held: bool,
    /// Each second that was judged.
    pub seconds: Vec<Second>,
    /// How it ended.
    pub end: Option<End>,
}

/// The log, as far as it was read.
#[derive(Debug, Default)]
pub struct History {
    /// Every release, in the order of pushes.
    pub releases: Vec<Release>,
    /// How many events there are.
    pub events: u64,
    commits: BTreeMap<String, usize>,
    /// Which release a change, run, release, deployment or incident belongs to.
    of: BTreeMap<String, usize>,
    test_deployments: BTreeMap<String, usize>,
}

impl Release {
    /// Returns whether it was taken back by the statistics, and not by what its processes did.
    pub fn judged_worse(&self) -> bool {
        matches!(&self.end, Some(End::TakenBack(cause)) if is_statistical(cause))
    }

    /// Returns when it began to be bad: with its first share, or once it was old enough.
    pub fn begun_ms(&self) -> Option<i64> {
        // Whole seconds.
        Some(self.first_share_ms? + self.pushed.kind.begins_s() as i64 * 1000)
    }

    /// Returns the milliseconds from then to the decision.
    pub fn detected_ms(&self) -> Option<i64> {
        Some(self.back_ms? - self.begun_ms()?)
    }

    /// Returns the milliseconds from the verdict to the host's word that it holds.
    pub fn restored_after_ms(&self) -> Option<i64> {
        Some(self.restored_ms? - self.back_ms?)
    }

    /// Returns whether customers never had it, or have it no more.
    pub fn kept_out(&self) -> bool {
        match &self.end {
            Some(End::TakenBack(cause)) => cause != "by_hand",
            Some(End::Stopped(_why)) => true,
            Some(End::Live) | None => false,
        }
    }

    /// Returns whether it was held for want of proof and never had more than its first share: it
    /// waited for a person, who took it back.
    pub fn held_back(&self) -> bool {
        matches!(&self.end, Some(End::TakenBack(cause)) if cause == "by_hand") && self.held
    }

    /// Adds up the seconds that were judged.
    pub fn total(&self) -> Second {
        self.seconds.iter().fold(Second::default(), |sum, one| sum.and(one))
    }
}

impl Second {
    fn and(&self, more: &Self) -> Self {
        Self {
            at: self.at,
            incumbent: self.incumbent + more.incumbent,
            incumbent_errors: self.incumbent_errors + more.incumbent_errors,
            candidate: self.candidate + more.candidate,
            candidate_errors: self.candidate_errors + more.candidate_errors,
        }
    }
}

impl History {
    /// Remembers a release that is about to be pushed.
    pub fn pushed(&mut self, pushed: Pushed, first: bool) {
        self.commits.insert(pushed.commit.clone(), self.releases.len());
        self.releases.push(Release {
            pushed,
            first,
            deployment: None,
            first_share_ms: None,
            live_ms: None,
            back_ms: None,
            restored_ms: None,
            alarm_ms: None,
            held: false,
            seconds: Vec::new(),
            end: None,
        });
    }

    /// Reads what the log has more than before; nothing while nobody answers.
    pub fn follow(&mut self, sluss: &Sluss) {
        loop {
            let path = format!("/api/v1/log?from={}&limit=1000", self.events);
            let Some(page) = sluss.get(&path) else { return };
            let Some(events) = page["events"].as_array() else { return };
            if events.is_empty() {
                return;
            }
            for event in events {
                self.take(event);
                self.events += 1;
            }
        }
    }

    /// Returns the last release of a service that is, or was, where all its customers are.
    pub fn live(&self, service: usize) -> Option<&Release> {
        let mut of = self.releases.iter().rev().filter(|release| release.pushed.service == service);
        of.find(|release| release.end == Some(End::Live))
    }

    /// Returns the release of a service that is still on its way.
    pub fn open(&self, service: usize) -> Option<&Release> {
        let mut of = self.releases.iter().filter(|release| release.pushed.service == service);
        of.find(|release| release.end.is_none())
    }

    /// Returns how many bad releases there are of each kind that was tried.
    pub fn bad(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().filter(|release| release.pushed.kind != Kind::Good)
    }

    fn take(&mut self, event: &Value) {
        let data = &event["data"];
        let at = event["time_ms"].as_i64().unwrap_or(0);
        let word = |name: &str| data[name].as_str().unwrap_or("").to_owned();
        match event["type"].as_str().unwrap_or("") {
            "change.pushed" => {
                let commit = data["push"]["commit"].as_str().unwrap_or("");
                if let Some(place) = self.commits.get(commit).copied() {
                    self.of.insert(word("change"), place);
                    self.releases[place].end = None;
                }
            }
            "change.withdrawn" => self.ends(&word("change"), End::Stopped("withdrawn")),
            "run.queued" => self.passes(&word("change"), word("run")),
            "run.failed" => self.ends(&word("run"), End::Stopped("its tests failed")),
            "release.failed" => self.ends(&word("run"), End::Stopped("it was not packed")),
            "release.created" => self.passes(&word("run"), word("release")),
            "deployment.requested" => self.requested(data),
            "environment.removed" if data["accepted"] == false => {
                let place = self.test_deployments.get(&word("deployment")).copied();
                if let Some(release) = place.and_then(|place| self.releases.get_mut(place)) {
                    release.end = Some(End::Stopped("not accepted in its test environment"));
                }
            }
            "deployment.refused" => self.ends(&word("deployment"), End::Stopped("a gate")),
            "deployment.rolled_back" => {
                let end = End::TakenBack(word("cause"));
                let deployment = word("deployment");
                self.change(&deployment, |release| {
                    release.back_ms = Some(at);
                    release.end = Some(end);
                });
            }
            "incident.opened" => self.passes(&word("deployment"), word("incident")),
            "incident.mitigated" => self.change(&word("incident"), |release| {
                release.restored_ms.get_or_insert(at);
            }),
            kind => self.rolls(kind, &word("deployment"), at, data),
        }
    }

    /// Takes what happens in the rollout of a deployment.
    fn rolls(&mut self, kind: &str, deployment: &str, at: i64, data: &Value) {
        self.change(deployment, |release| match kind {
            "rollout.shifted" => {
                release.first_share_ms.get_or_insert(at);
            }
            "rollout.held" => release.held = true,
            "rollout.reopened" => {
                release.alarm_ms.get_or_insert(at);
                release.end = None;
            }
            "deployment.superseded" => {
                let end = release.live_ms.map_or(End::Stopped("superseded"), |_since| End::Live);
                release.end.get_or_insert(end);
            }
            // What was seen of the release before, ahead of any share, is no second of this one.
            "rollout.observed" if data["observation"]["share"] != 0 => {
                let row = second(&data["observation"]);
                match release.seconds.last_mut().filter(|last| last.at == row.at) {
                    Some(last) => *last = last.and(&row),
                    None => release.seconds.push(row),
                }
            }
            "deployment.live" => {
                release.live_ms.get_or_insert(at);
                release.end.get_or_insert(End::Live);
            }
            _other => {}
        });
    }

    fn requested(&mut self, data: &Value) {
        let word = |name: &str| data[name].as_str().unwrap_or("").to_owned();
        let Some(place) = self.of.get(&word("release")).copied() else { return };
        let deployment = word("deployment");
        if data["environment"] == "production" {
            self.of.insert(deployment.clone(), place);
            self.releases[place].deployment = Some(deployment);
        } else {
            self.test_deployments.insert(deployment, place);
        }
    }

    /// What `from` belongs to, `to` belongs to as well.
    fn passes(&mut self, from: &str, to: String) {
        if let Some(place) = self.of.get(from).copied() {
            self.of.insert(to, place);
        }
    }

    fn ends(&mut self, of: &str, end: End) {
        self.change(of, |release| {
            release.end.get_or_insert(end);
        });
    }

    fn change(&mut self, of: &str, change: impl FnOnce(&mut Release)) {
        let place = self.of.get(of).copied();
        if let Some(release) = place.and_then(|place| self.releases.get_mut(place)) {
            change(release);
        }
    }
}

/// Returns whether a cause is a verdict of the statistics, which alpha bounds.
pub fn is_statistical(cause: &str) -> bool {
    matches!(cause, "verdict" | "slower")
}

fn second(observation: &Value) -> Second {
    let count = |arm: &str, what: &str| observation[arm][what].as_u64().unwrap_or(0);
    Second {
        at: observation["second"].as_i64().unwrap_or(0),
        incumbent: count("incumbent", "requests"),
        incumbent_errors: count("incumbent", "errors"),
        candidate: count("candidate", "requests"),
        candidate_errors: count("candidate", "errors"),
    }
}
