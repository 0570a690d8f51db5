//! Who records what an agent did: the agent itself, with the token of whom it acts for.

use super::{Actor, Blame, Refusal, missing, not_now};
use crate::agent::AgentRun;
use crate::event::{Event, RefusedWhy};
use crate::ids::PersonRef;
use crate::state::State;
use crate::units::Millis;

/// What is refused is recorded as this.
const ACT: &str = "record-agent-run";
/// Commits that one run may have made.
const COMMITS_MOST: usize = 1_000;

pub(super) fn decide(
    state: &State,
    run: AgentRun,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let acts_for = agent(state, actor)?;
    if !state.changes.contains_key(&run.change) {
        let what = format!("There is no change {}.", run.change);
        return Err(missing(what, "sluss status"));
    }
    if acts_for != run.acts_for {
        return Err(Refusal::new(
            Blame::Denied,
            "A program acts for the person whose token it holds, and for nobody else.",
            "Record it with a token of whom it acts for: `sluss token create NAME`",
        )
        .recorded(None, ACT, RefusedWhy::MissingRole));
    }
    let wrong = |what: &str, hint: &str| Err(Refusal::new(Blame::Caller, what, hint));
    if run.started > run.ended || run.ended > now {
        let hint = "Give `started_ms` and `ended_ms` in milliseconds since 1970";
        return wrong("A run of an agent ends after it began, and not in the future.", hint);
    }
    if run.commits.is_empty() || run.commits.len() > COMMITS_MOST {
        let what = format!("A run of an agent names from 1 to {COMMITS_MOST} commits.");
        return wrong(&what, "Name each in `commits`, in full");
    }
    let known = state.assurance.agents.get(&run.change);
    if known.into_iter().flatten().any(|one| same(&one.run.what, &run)) {
        return Err(not_now(format!("This run is recorded for {} already.", run.change)));
    }
    Ok(vec![Event::AgentRun(run)])
}

/// Returns whether both tell of one run: where its log is kept is stored under another digest each
/// time.
fn same(one: &AgentRun, other: &AgentRun) -> bool {
    AgentRun { log: other.log.clone(), ..one.clone() } == *other
}

/// Returns for whom the program acts.
fn agent(state: &State, actor: &Actor) -> Result<PersonRef, Refusal> {
    match actor {
        Actor::Agent { who } if state.develops_or_decides(who) => Ok(who.clone()),
        Actor::Agent { .. } => Err(Refusal::new(
            Blame::Denied,
            "Whom this program acts for neither develops nor decides here.",
            "See who does: `sluss access at now`",
        )
        .recorded(None, ACT, RefusedWhy::MissingRole)),
        Actor::System | Actor::Person { .. } | Actor::Signer { .. } => Err(Refusal::new(
            Blame::Denied,
            "What an agent did is recorded by the agent, with a token.",
            "Make a token for it: `sluss token create NAME`, and set SLUSS_TOKEN",
        )
        .recorded(None, ACT, RefusedWhy::MissingRole)),
    }
}
