//! The windows that concern one question, and what they say at one time.

use crate::expand::{At, NEVER};
use crate::file::Overrun;
use crate::scope::{Part, Scope};
use crate::window::Window;
use crate::zone::{FIRST, LAST};

/// The windows that concern a scope, in the order of their ids.
pub(crate) struct Scene<'a> {
    pub(crate) denies: Vec<&'a Window>,
    /// Those that open, and those that only restrict (`false`).
    pub(crate) allows: Vec<(&'a Window, bool)>,
}

/// By which rule a time is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Something is to start.
    Start,
    /// Something runs; `carried` if the allow windows in which it started let it finish.
    GoOn { carried: bool },
}

/// What a time says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    Blocked(Blocked),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// Some deny window is active.
    Shut { rule: Rule },
    /// No allow window is active.
    Outside,
    /// It would run into a time that does not let it finish.
    WillNotFinish { at: i64, rule: Rule },
    /// The spans of this window are not known at that time.
    Unknown { window: String },
    /// The calendar does not read this time.
    OutOfRange,
}

impl Rule {
    /// Whether an active deny window blocks by this rule.
    fn is_blocked_by(self, window: &Window) -> bool {
        match (self, window.overrun) {
            (Self::Start, _) => true,
            (Self::GoOn { .. }, Overrun::Finish) => false,
            (Self::GoOn { .. }, Overrun::Hold | Overrun::Rollback) => true,
        }
    }

    fn needs_allow(self) -> bool {
        match self {
            Self::Start => true,
            Self::GoOn { carried } => !carried,
        }
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn new(windows: &'a [Window], scope: &Scope) -> Self {
        let mut scene = Self { denies: Vec::new(), allows: Vec::new() };
        for window in windows {
            match window.scope.part(window.kind, scope) {
                Part::None => {}
                Part::Shuts => scene.denies.push(window),
                Part::Opens => scene.allows.push((window, true)),
                Part::Restricts => scene.allows.push((window, false)),
            }
        }
        scene
    }

    /// The verdict at `ms`, and an instant after it until which it cannot change.
    pub(crate) fn at(&self, ms: i64, rule: Rule) -> (Verdict, i64) {
        let range = FIRST.0 * 1000..LAST.0 * 1000;
        if !range.contains(&ms) {
            let same_until = if ms < range.start { range.start } else { NEVER };
            return (Verdict::Blocked(Blocked::OutOfRange), same_until);
        }
        let denies = self.denies.iter().map(|window| (*window, window.spans.at(ms)));
        let denies: Vec<(&Window, At)> = denies.collect();
        let allows = self.allows.iter().map(|(window, opens)| (*window, *opens));
        let allows: Vec<(&Window, bool, At)> =
            allows.map(|(window, opens)| (window, opens, window.spans.at(ms))).collect();
        let all = denies.iter().map(|(window, at)| (*window, at));
        let all = all.chain(allows.iter().map(|(window, _, at)| (*window, at)));
        let mut limit = range.end;
        for (window, at) in all {
            if at.limit <= ms {
                let window = window.id.clone();
                return (Verdict::Blocked(Blocked::Unknown { window }), NEVER);
            }
            limit = limit.min(at.limit);
        }
        let blocking = || denies.iter().filter(|(window, _)| rule.is_blocked_by(window));
        if let Some(end) = blocking().filter_map(|(_, at)| at.active_until).max() {
            return (Verdict::Blocked(Blocked::Shut { rule }), end.max(ms + 1));
        }
        let mut same_until = blocking().map(|(_, at)| at.next_start).fold(limit, i64::min);
        if !allows.is_empty() && rule.needs_allow() {
            let opening = || allows.iter().filter(|(_, opens, _)| *opens).map(|(_, _, at)| at);
            let Some(end) = opening().filter_map(|at| at.active_until).max() else {
                let next = opening().map(|at| at.next_start).min().unwrap_or(NEVER);
                return (Verdict::Blocked(Blocked::Outside), next);
            };
            same_until = same_until.min(end);
        }
        (Verdict::Open, same_until)
    }

    /// The first instant from `ms` on and before `end` at which `rule` blocks.
    pub(crate) fn first_blocked(&self, ms: i64, rule: Rule, end: i64) -> Option<i64> {
        let mut at = ms;
        while at < end {
            match self.at(at, rule) {
                (Verdict::Blocked(_), _) => return Some(at),
                (Verdict::Open, same_until) => at = same_until,
            }
        }
        None
    }

    /// Whether what started then may finish when its allow windows end: one was active that opens,
    /// and all that were say `finish`.
    pub(crate) fn carries(&self, started: i64) -> bool {
        let active = self.opening_at(started);
        !active.is_empty() && active.iter().all(|window| window.overrun == Overrun::Finish)
    }

    /// The next instant after `ms` at which an allow window begins or ends.
    pub(crate) fn next_allow_change(&self, ms: i64) -> i64 {
        let changes = self.allows.iter().map(|(window, _)| {
            let at = window.spans.at(ms);
            at.active_until.unwrap_or(at.next_start)
        });
        changes.min().unwrap_or(NEVER)
    }

    /// The deny windows that are active.
    pub(crate) fn shut_at(&self, ms: i64) -> Vec<&'a Window> {
        let active = |window: &&Window| window.spans.at(ms).active_until.is_some();
        self.denies.iter().copied().filter(|window| active(window)).collect()
    }

    /// The allow windows that are active and open.
    fn opening_at(&self, ms: i64) -> Vec<&'a Window> {
        let opening = self.allows.iter().filter(|(_, opens)| *opens).map(|(window, _)| *window);
        opening.filter(|window| window.spans.at(ms).active_until.is_some()).collect()
    }

    /// The windows that made a verdict.
    pub(crate) fn part_in(&self, verdict: &Verdict, ms: i64) -> Vec<&'a Window> {
        let mut windows = match verdict {
            Verdict::Open => {
                let mut windows = self.opening_at(ms);
                windows.extend(self.shut_at(ms));
                windows
            }
            Verdict::Blocked(Blocked::Shut { rule }) => {
                let mut shut = self.shut_at(ms);
                shut.retain(|window| rule.is_blocked_by(window));
                shut
            }
            Verdict::Blocked(Blocked::Outside) => {
                self.allows.iter().map(|(window, _)| *window).collect()
            }
            Verdict::Blocked(Blocked::WillNotFinish { at, rule }) => match self.at(*at, *rule).0 {
                Verdict::Blocked(Blocked::Outside) => self.opening_at(ms),
                there => self.part_in(&there, *at),
            },
            Verdict::Blocked(Blocked::Unknown { window }) => {
                let all = self.allows.iter().map(|(window, _)| *window);
                let all = all.chain(self.denies.iter().copied());
                all.filter(|other| other.id == *window).collect()
            }
            Verdict::Blocked(Blocked::OutOfRange) => Vec::new(),
        };
        windows.sort_by(|left, right| left.id.cmp(&right.id));
        windows
    }

    /// What becomes of a running deployment that may not go on: undone if any window that stops it
    /// says so, else held.
    pub(crate) fn overrun(&self, ms: i64, carried: bool, started: Option<i64>) -> Overrun {
        let mut stopping = self.shut_at(ms);
        if !carried && self.opening_at(ms).is_empty() {
            stopping.extend(started.map(|at| self.opening_at(at)).unwrap_or_default());
        }
        let overruns = stopping.iter().map(|window| window.overrun);
        overruns.filter(|overrun| *overrun != Overrun::Finish).max().unwrap_or(Overrun::Hold)
    }
}
