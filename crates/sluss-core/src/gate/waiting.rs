//! What a gate waits for, in words.

use super::{WaitingOn, joined};
use crate::contracts::{Between, Missing};
use crate::hands;
use crate::ids::ServiceName;

impl WaitingOn {
    /// Returns what it waits for, as sentences.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::SecondPerson => "Waits for the decision of a second person.".to_owned(),
            Self::Unknown { people } => hands::unknown_words(people.len()),
            Self::Freeze { freeze, .. } => format!("The freeze {freeze} covers it."),
            Self::Stopped { stop, scope } => format!(
                "The line is stopped for {} by {stop}: nothing starts or grows until two others \
                 lift that.",
                scope.words()
            ),
            Self::Clock => {
                "The clock jumped; it waits until the clock is trusted again.".to_owned()
            }
            Self::Log => {
                "A witness knows another history of the log: the later data must be restored."
                    .to_owned()
            }
            Self::Provenance => "How it was built is not signed yet.".to_owned(),
            Self::Sbom => "What it is made of is not listed and signed yet.".to_owned(),
            Self::Budget { reading, until } => {
                let opens = until.map_or_else(
                    || "It does not open by itself before that has left the window".to_owned(),
                    |at| format!("It opens by itself at {} if no request comes", at.utc_minute()),
                );
                let words = reading.words();
                format!("The error budget is spent: {words}. {opens}; an emergency goes past it.")
            }
            Self::NoTraffic => {
                "No request says what is left of its error budget: it waits for the decision of a \
                 second person."
                    .to_owned()
            }
            Self::TooLittle { reading } => format!(
                "Too little was counted to say what is left of its error budget ({}): it waits for \
                 the decision of a second person.",
                reading.words()
            ),
            Self::Pace { why } => {
                format!("{} It waits for the decision of a second person.", why.sentence())
            }
            Self::Dependencies { missing, drops, circle } => others(missing, drops, circle),
            Self::Calendar { windows, .. } => {
                format!("The calendar keeps it: {}.", windows.join(", "))
            }
            Self::CalendarText => "The calendar cannot be read, so nothing goes.".to_owned(),
            Self::Policy { rules, waived, .. } if !waived.is_empty() => {
                let (rules, waived) = (rules.join(", "), waived.join(", "));
                format!("The policies deny it: {rules}; waived: {waived}.")
            }
            Self::Policy { rules, .. } => format!("The policies deny it: {}.", rules.join(", ")),
            Self::PolicyAnswer { why } => {
                format!("The policies came to no answer ({why}), so it does not go.")
            }
            Self::Nobody { group } => {
                format!("Nobody in `{group}` may decide over it: they all contributed.")
            }
            Self::Review { exception } => {
                format!("The review of the emergency {exception} is overdue.")
            }
        }
    }
}

/// Returns what it waits for of other services.
fn others(missing: &[Missing], drops: &[Between], circle: &[ServiceName]) -> String {
    let mut all: Vec<String> = missing.iter().map(Missing::sentence).collect();
    if !drops.is_empty() {
        let of = joined(drops);
        all.push(format!("What is live still needs what it no longer provides: {of}."));
    }
    if !circle.is_empty() {
        let circle: Vec<&str> = circle.iter().map(ServiceName::as_str).collect();
        all.push(format!(
            "They wait for each other: {}. Release what provides both versions first.",
            circle.join(" → ")
        ));
    }
    all.join(" ")
}
