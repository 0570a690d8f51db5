//! One sentence that says whether, why, and until when.

use crate::decide::Operation;
use crate::expand::STARTS_MOST;
use crate::file::Overrun;
use crate::scene::{Blocked, Scene, Verdict};
use crate::scope::Scope;
use crate::window::Window;
use crate::zone::{Zone, utc_text};

/// What a sentence is made of, besides the verdict.
pub(crate) struct Told<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) operation: Operation,
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) now_ms: i64,
    pub(crate) until_ms: Option<i64>,
    pub(crate) overrun: Option<Overrun>,
}

/// The sentence for a calendar that is not there.
pub(crate) fn missing(scope: &Scope, operation: Operation, why: &str) -> String {
    let subject = subject(scope, operation);
    if operation == Operation::Rollback {
        return rollback(&subject);
    }
    let why = why.trim().trim_end_matches('.');
    format!("{subject} is held: there is no valid freeze calendar ({why}); mend it to go on.")
}

fn rollback(subject: &str) -> String {
    format!("{subject} may go: no freeze holds the way back to a verified release.")
}

fn subject(scope: &Scope, operation: Operation) -> String {
    let what = scope.words();
    match operation {
        Operation::Deploy { .. } => format!("A deployment of {what}"),
        Operation::Continue => format!("The running deployment of {what}"),
        Operation::Rollback => format!("A rollback of {what}"),
        Operation::ConfigChange => format!("A configuration change of {what}"),
    }
}

impl Told<'_> {
    pub(crate) fn sentence(&self, verdict: &Verdict, windows: &[&Window]) -> String {
        let subject = subject(self.scope, self.operation);
        if self.operation == Operation::Rollback {
            return rollback(&subject);
        }
        match verdict {
            Verdict::Open => self.open(&subject, windows),
            Verdict::Blocked(why) => {
                format!("{subject} {}{}", self.consequence(), self.blocked(why, windows))
            }
        }
    }

    fn open(&self, subject: &str, windows: &[&Window]) -> String {
        let why = match (self.overrun, windows) {
            (Some(_), []) => "what was open when it started lets it finish".to_owned(),
            (Some(_), some) => format!("{} {} it finish", words(some), lets(some)),
            (None, []) => "no freeze holds it".to_owned(),
            (None, some) => format!("inside {}", words(some)),
        };
        let until = match self.until_ms {
            Some(until) => format!(", until {}", self.time(until, windows.first())),
            None => String::new(),
        };
        format!("{subject} may go: {why}{until}.")
    }

    fn consequence(&self) -> &'static str {
        match self.overrun {
            None | Some(Overrun::Finish) => "is held",
            Some(Overrun::Hold) => "keeps its share of the traffic and goes no further",
            Some(Overrun::Rollback) => "is undone",
        }
    }

    fn blocked(&self, why: &Blocked, windows: &[&Window]) -> String {
        let until = |never: &str| match self.until_ms {
            Some(until) => format!(" until {}", self.time(until, windows.first())),
            None => format!(" {never}"),
        };
        match why {
            Blocked::Shut { .. } => {
                format!(": {} shut{} it out{}.", words(windows), s(windows), until("until lifted"))
            }
            Blocked::Outside => {
                format!(
                    ": it may go only inside {}, so not{}.",
                    words(windows),
                    until("as far as the calendar reaches")
                )
            }
            Blocked::WillNotFinish { at, .. } => {
                let begins = self.time(*at, windows.first());
                let takes = match self.operation {
                    Operation::Deploy { predicted_ms } => duration(predicted_ms.unwrap_or(0)),
                    Operation::Continue | Operation::Rollback | Operation::ConfigChange => {
                        String::new()
                    }
                };
                format!(
                    ": it is expected to take {takes}, and {} would not let it finish after \
                     {begins}; it waits{}.",
                    words(windows),
                    until("as far as the calendar reaches")
                )
            }
            Blocked::Unknown { window } => {
                format!(
                    ": window `{window}` has more starts than are expanded ({STARTS_MOST}); give \
                     it a later `dtstart` or a rule with fewer starts."
                )
            }
            Blocked::OutOfRange => {
                format!(
                    ": the calendar reads the years from 1970 to 2199, and it is {}; check the \
                     clock.",
                    utc_text(self.now_ms)
                )
            }
        }
    }

    /// `Mon 4 Jan 2027 08:00 Europe/Berlin (2027-01-04T07:00:00Z)`.
    fn time(&self, ms: i64, window: Option<&&Window>) -> String {
        let any = || self.scene.denies.first().or(self.scene.allows.first().map(|(w, _)| w));
        match window.or_else(any).map(|window| window.zone()) {
            Some(zone) => time_in(zone, ms),
            None => utc_text(ms),
        }
    }
}

/// `Mon 4 Jan 2027 08:00 Europe/Berlin (2027-01-04T07:00:00Z)`.
pub(crate) fn time_in(zone: &Zone, ms: i64) -> String {
    format!("{} {} ({})", zone.text(ms), zone.name(), utc_text(ms))
}

/// `45 min`, `1 h 30 min`, `20 s`.
pub(crate) fn duration(ms: i64) -> String {
    let (days, hours) = (ms / 86_400_000, ms / 3_600_000 % 24);
    let (minutes, seconds) = (ms / 60_000 % 60, ms / 1000 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")];
    let said = parts.iter().filter(|(number, _)| *number > 0).take(2);
    let said: Vec<String> = said.map(|(number, unit)| format!("{number} {unit}")).collect();
    if said.is_empty() { format!("{ms} ms") } else { said.join(" ") }
}

fn words(windows: &[&Window]) -> String {
    let words: Vec<String> = windows.iter().map(|window| window.words()).collect();
    match words.as_slice() {
        [] => "a window".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn s(windows: &[&Window]) -> &'static str {
    if windows.len() > 1 { "" } else { "s" }
}

fn lets(windows: &[&Window]) -> &'static str {
    if windows.len() > 1 { "let" } else { "lets" }
}
