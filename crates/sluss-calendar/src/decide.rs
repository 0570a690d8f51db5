//! The decision: may this go now, and until when is that the answer.
//!
//! # Rules
//!
//! - No window covers it: it may. Some allow window covers it: only inside one. Deny beats allow.
//!   Windows are half-open, `[start, end)`.
//! - A deployment whose predicted duration runs into a time that would not let it finish may not
//!   start.
//! - A running deployment goes on while every active deny window says `finish`, and it is inside
//!   an allow window, or none covers it, or every allow window that was active when it started says
//!   `finish` (and one was).
//! - A rollback to a verified release may always go.
//! - What is not known denies: no calendar, an incomplete expansion, a time out of range.

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::expand::NEVER;
use crate::file::Overrun;
use crate::scene::{Blocked, Rule, Scene, Verdict};
use crate::scope::Scope;
use crate::sentence;
use crate::zone::{DAY_MS, tzdb_version};

/// How far ahead another answer is looked for.
pub const AHEAD_MS: i64 = 10 * 366 * DAY_MS;
/// Changes of windows that are looked at for it.
const STEPS_MOST: usize = 20_000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Start a deployment: by a person, a machine, a schedule, a chain or a retry alike.
    Deploy {
        /// How long it will take, in milliseconds, if that is known.
        predicted_ms: Option<i64>,
    },
    /// Let a running deployment take its next step.
    Continue,
    /// Go back to a verified release.
    Rollback,
    /// Change configuration or a flag.
    ConfigChange,
}

/// A window's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub String);

/// What the calendar says about one operation at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it may go.
    pub allowed: bool,
    /// The first instant with another answer to the same question, in milliseconds since 1970 UTC;
    /// none when there is none within [`AHEAD_MS`].
    pub until_ms: Option<i64>,
    /// The windows that made the answer: by id.
    pub windows: Vec<WindowId>,
    /// The answer and its reason, for people.
    pub sentence: String,
    /// The version of the time zone database it was made with.
    pub tzdb_version: String,
    /// The digest of the calendar; none if there is no calendar.
    pub calendar_sha256: Option<String>,
    /// What becomes of a running deployment; only for [`Operation::Continue`]: `finish` if it goes
    /// on by a window's leave, `hold` or `rollback` if it does not go on.
    pub overrun: Option<Overrun>,
}

/// Decides whether `operation` may happen to `scope` at `now_ms`.
///
/// `started_at` is when a running deployment started, and matters to [`Operation::Continue`] only.
/// All times are milliseconds since 1970 UTC. Nothing but the arguments and the compiled-in time
/// zone database has a say.
#[must_use]
pub fn decide(
    calendar: &Calendar,
    scope: &Scope,
    operation: Operation,
    started_at: Option<i64>,
    now_ms: i64,
) -> Decision {
    let scene = match calendar.windows() {
        Ok(windows) => Scene::new(windows, scope),
        Err(why) => return missing(scope, operation, why),
    };
    let question = Question::new(&scene, operation, started_at);
    let answer = question.at(now_ms);
    let until_ms = question.until(now_ms, &answer);
    let windows = scene.part_in(&answer.verdict, now_ms);
    let overrun = match operation {
        Operation::Continue => question.overrun(&answer, now_ms),
        Operation::Deploy { .. } | Operation::Rollback | Operation::ConfigChange => None,
    };
    let told = sentence::Told { scope, operation, scene: &scene, now_ms, until_ms, overrun };
    Decision {
        allowed: answer.allowed(),
        until_ms,
        windows: windows.iter().map(|window| WindowId(window.id.clone())).collect(),
        sentence: told.sentence(&answer.verdict, &windows),
        tzdb_version: tzdb_version().to_owned(),
        calendar_sha256: calendar.sha256().map(str::to_owned),
        overrun,
    }
}

fn missing(scope: &Scope, operation: Operation, why: &str) -> Decision {
    let allowed = operation == Operation::Rollback;
    let overrun = (operation == Operation::Continue).then_some(Overrun::Hold);
    Decision {
        allowed,
        until_ms: None,
        windows: Vec::new(),
        sentence: sentence::missing(scope, operation, why),
        tzdb_version: tzdb_version().to_owned(),
        calendar_sha256: None,
        overrun,
    }
}

/// A question that can be asked for any time.
struct Question<'a> {
    scene: &'a Scene<'a>,
    ask: Ask,
}

#[derive(Clone, Copy)]
enum Ask {
    /// To start what takes so many milliseconds.
    Start {
        takes: i64,
    },
    GoOn {
        carried: bool,
        started: Option<i64>,
    },
    Return,
}

/// An answer, and until when it cannot change.
struct Answer {
    verdict: Verdict,
    /// Later than the time of the question; the same answer holds until here at least.
    same_until: i64,
}

impl Answer {
    fn allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Open)
    }
}

impl<'a> Question<'a> {
    fn new(scene: &'a Scene<'a>, operation: Operation, started: Option<i64>) -> Self {
        let ask = match operation {
            Operation::Deploy { predicted_ms } => {
                Ask::Start { takes: predicted_ms.unwrap_or(0).max(0) }
            }
            Operation::ConfigChange => Ask::Start { takes: 0 },
            Operation::Continue => {
                Ask::GoOn { carried: started.is_some_and(|at| scene.carries(at)), started }
            }
            Operation::Rollback => Ask::Return,
        };
        Self { scene, ask }
    }

    fn at(&self, ms: i64) -> Answer {
        match self.ask {
            Ask::Start { takes } => self.start(ms, takes),
            Ask::GoOn { carried, .. } => {
                let (verdict, same_until) = self.scene.at(ms, Rule::GoOn { carried });
                Answer { verdict, same_until }
            }
            Ask::Return => Answer { verdict: Verdict::Open, same_until: NEVER },
        }
    }

    /// Between two changes of an allow window, whether a deployment started then is carried past
    /// that window's end is the same, and so is the first time that would not let it finish.
    fn start(&self, ms: i64, takes: i64) -> Answer {
        let (verdict, same_until) = self.scene.at(ms, Rule::Start);
        if takes == 0 || !matches!(verdict, Verdict::Open) {
            return Answer { verdict, same_until };
        }
        let rule = Rule::GoOn { carried: self.scene.carries(ms) };
        let steady = same_until.min(self.scene.next_allow_change(ms));
        let search = steady.saturating_add(takes);
        match self.scene.first_blocked(ms, rule, search) {
            Some(at) if at < ms.saturating_add(takes) => Answer {
                verdict: Verdict::Blocked(Blocked::WillNotFinish { at, rule }),
                same_until: steady.min(at),
            },
            Some(at) => Answer { verdict, same_until: steady.min(at - takes + 1) },
            None => Answer { verdict, same_until: steady },
        }
    }

    fn until(&self, now_ms: i64, now: &Answer) -> Option<i64> {
        let horizon = now_ms.saturating_add(AHEAD_MS);
        let mut next = now.same_until;
        for _ in 0..STEPS_MOST {
            if next >= horizon {
                return None;
            }
            let answer = self.at(next);
            if answer.allowed() != now.allowed() {
                return Some(next);
            }
            next = answer.same_until;
        }
        None
    }

    fn overrun(&self, answer: &Answer, now_ms: i64) -> Option<Overrun> {
        let Ask::GoOn { carried, started } = self.ask else { return None };
        match &answer.verdict {
            Verdict::Open => {
                let (to_start, _) = self.scene.at(now_ms, Rule::Start);
                (!matches!(to_start, Verdict::Open)).then_some(Overrun::Finish)
            }
            Verdict::Blocked(_) => Some(self.scene.overrun(now_ms, carried, started)),
        }
    }
}
