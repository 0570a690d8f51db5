//! What speaks for looking twice at a release before it goes on: points that anybody can add up.
//!
//! # How it is computed
//!
//! Four things give 0, 1 or 2 points each: its size in lines, how many areas (folders at the top)
//! it touches, how long its oldest change has lain, and how many of the last [`LOOKED_BACK`]
//! rollouts of this service there were taken back. Up to 2 points are low, 3 and 4 medium, more is
//! high. What is not known gives 2.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::deployment::{Deployment, Phase};
use crate::ids::{ChangeId, DeploymentId};
use crate::state::State;
use crate::units::Millis;

/// How many rollouts of the past are looked at.
pub const LOOKED_BACK: usize = 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much a release changes beside what is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Files that differ.
    pub files: u64,
    /// Lines added and removed; nothing where that is not known, as of binary files.
    pub lines: Option<u64>,
    /// Folders at the top in which any file differs; files that stand in none are one more.
    pub areas: u64,
}

impl Size {
    /// Returns how much `changed` is.
    pub fn of(changed: &crate::exception::Changed) -> Self {
        let area = |path: &String| path.split_once('/').map_or("", |(area, _)| area).to_owned();
        let areas: BTreeSet<String> = changed.paths.iter().map(area).collect();
        Self { files: changed.paths.len() as u64, lines: changed.lines, areas: areas.len() as u64 }
    }
}

/// One of the things that give points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RiskPart {
    /// Which: `size`, `areas`, `age` or `history`.
    pub what: &'static str,
    /// What was seen.
    pub sentence: String,
    /// 0, 1 or 2.
    pub points: u8,
}

/// What speaks for looking twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// `low`, `medium` or `high`.
    pub level: &'static str,
    /// The sum.
    pub points: u8,
    /// What it is the sum of.
    pub parts: Vec<RiskPart>,
}

/// Returns the changes that `id` would bring to where it goes, oldest first.
pub fn brought(state: &State, id: DeploymentId) -> Vec<ChangeId> {
    let Some(deployment) = state.deployments.get(&id) else { return Vec::new() };
    let Some(release) = state.releases.get(&deployment.release) else { return Vec::new() };
    let live = live_beside(state, deployment);
    let live = live.and_then(|live| state.releases.get(&live.release)).map(|live| live.change);
    let trunk = state.services.get(&deployment.service).map_or(&[][..], |of| &of.trunk);
    let between =
        |change: &&ChangeId| **change < release.change && live.is_none_or(|live| **change > live);
    trunk.iter().filter(between).copied().chain([release.change]).collect()
}

/// Returns what is live where `deployment` goes.
pub fn live_beside<'a>(state: &'a State, deployment: &Deployment) -> Option<&'a Deployment> {
    let place = state.place(&deployment.service, &deployment.environment)?;
    state.deployments.get(&place.live?)
}

/// Returns the risk of `id` by the rules above; `size` is nothing where it could not be read.
pub fn risk(state: &State, id: DeploymentId, size: Option<Size>, now: Millis) -> Option<Risk> {
    let deployment = state.deployments.get(&id)?;
    let parts = vec![
        of_size(size),
        of_areas(size),
        of_age(state, id, now),
        of_history(state, id, deployment),
    ];
    let points = parts.iter().map(|part| part.points).sum();
    Some(Risk { level: level_of(points), points, parts })
}

/// Returns the level that so many points make.
pub fn level_of(points: u8) -> &'static str {
    match points {
        0..=2 => "low",
        3 | 4 => "medium",
        _more => "high",
    }
}

fn graded(value: u64, none_to: u64, one_to: u64) -> u8 {
    match value {
        _ if value <= none_to => 0,
        _ if value <= one_to => 1,
        _more => 2,
    }
}

fn of_size(size: Option<Size>) -> RiskPart {
    let (sentence, points) = match size.map(|size| (size.lines, size.files)) {
        Some((Some(lines), files)) => {
            (format!("{lines} lines in {files} files"), graded(lines, 50, 300))
        }
        Some((None, files)) => {
            (format!("how much differs in {files} files is not known: some are binary"), 2)
        }
        None => ("how much differs is not known".to_owned(), 2),
    };
    RiskPart { what: "size", sentence, points }
}

fn of_areas(size: Option<Size>) -> RiskPart {
    let (sentence, points) = match size {
        Some(size) => {
            let areas = if size.areas == 1 { "area" } else { "areas" };
            (format!("{} {areas}", size.areas), graded(size.areas, 2, 5))
        }
        None => ("which areas differ is not known".to_owned(), 2),
    };
    RiskPart { what: "areas", sentence, points }
}

fn of_age(state: &State, id: DeploymentId, now: Millis) -> RiskPart {
    let changes = brought(state, id);
    let written = changes.iter().filter_map(|id| state.changes.get(id));
    let oldest = written.map(|change| change.push.written.min(change.at)).min();
    let (sentence, points) = match oldest {
        Some(oldest) => {
            let days = u64::try_from(now.since(oldest) / DAY_MS).unwrap_or(0);
            let changes = match changes.len() {
                1 => "1 change".to_owned(),
                many => format!("{many} changes, the oldest"),
            };
            let age = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
            (format!("{changes} {age} old"), graded(days, 7, 30))
        }
        None => ("how old it is is not known".to_owned(), 2),
    };
    RiskPart { what: "age", sentence, points }
}

fn of_history(state: &State, id: DeploymentId, deployment: &Deployment) -> RiskPart {
    let begun = state.deployments.range(..id).rev().map(|(_, earlier)| earlier).filter(|earlier| {
        earlier.service == deployment.service
            && earlier.environment == deployment.environment
            && earlier.started.is_some()
    });
    let last: Vec<&Deployment> = begun.take(LOOKED_BACK).collect();
    let failed = |of: &&&Deployment| matches!(of.phase, Phase::RolledBack { .. });
    let failed = last.iter().filter(failed).count() as u64;
    let (sentence, points) = match last.len() {
        0 => ("nothing went there before".to_owned(), 2),
        count => (format!("{failed} of the last {count} taken back"), graded(failed, 0, 1)),
    };
    RiskPart { what: "history", sentence, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_gives_the_most_points() {
        assert_eq!((of_size(None).points, of_areas(None).points), (2, 2));
        let binary = of_size(Some(Size { files: 1, lines: None, areas: 1 }));
        assert_eq!((binary.points, binary.sentence.contains("is not known")), (2, true));
    }

    #[test]
    fn points_grow_with_size_and_areas() {
        let of = |lines, areas| Some(Size { files: 1, lines: Some(lines), areas });
        assert_eq!([50, 51, 301].map(|lines| of_size(of(lines, 1)).points), [0, 1, 2]);
        assert_eq!([2, 3, 6].map(|areas| of_areas(of(1, areas)).points), [0, 1, 2]);
    }
}
