//! Folds what happened to configurations: proposed, compared, in force; and to the services there.

use crate::approval::{Decision, Subject};
use crate::event::Event;
use crate::state::{Proposal, Service, State};
use crate::units::Millis;

pub(super) fn apply(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::ConfigProposed { number, commit, organisation, contributors, nonce } => {
            for earlier in state.proposals.values_mut() {
                earlier.over = true;
            }
            let earlier: Vec<u64> = state.proposals.keys().copied().collect();
            for number in earlier {
                state.overtaken(Subject::Configuration(number), now);
            }
            let proposal = Proposal {
                commit: commit.clone(),
                organisation: organisation.clone(),
                contributors: contributors.clone(),
                nonce: nonce.clone(),
                at: now,
                over: false,
                activated: None,
                lets_more_pass: None,
                report: None,
                checked: None,
                approved_leaf: None,
                opens_more: None,
                asked_less: false,
            };
            state.proposals.insert(*number, proposal);
        }
        Event::ConfigCompared { number, lets_more_pass, report, checked } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.lets_more_pass = Some(*lets_more_pass);
            proposal.report = report.clone();
            proposal.checked = *checked;
            may_be_enough(state, *number, now);
        }
        Event::ConfigCalendarCompared { number, opens_more } => {
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.opens_more = Some(*opens_more);
            may_be_enough(state, *number, now);
        }
        Event::ConfigActivated { number, .. } => {
            let asked_less = state.lets_more_go(*number);
            let Some(proposal) = state.proposals.get_mut(number) else { return };
            proposal.asked_less = asked_less;
            proposal.over = true;
            proposal.activated = Some(now);
            state.in_force = state.size.checked_sub(1);
            state.organisation = Some(proposal.organisation.clone());
            state.versioned(*number, now);
            // What was in force by fewer than are asked by now waits for nobody.
            state.overtaken(Subject::Configuration(*number), now);
        }
        Event::PolicyReviewOverdue { bundle: _, due } => {
            if let Some(version) = &mut state.policy_version {
                version.overdue = Some(*due);
            }
        }
        Event::ConfigRefused { number } => {
            if let Some(proposal) = state.proposals.get_mut(number) {
                proposal.over = true;
            }
        }
        Event::ServiceRegistered { service, product } => {
            let known = state.services.entry(service.clone());
            known.or_insert_with(|| Service::registered(product.clone()));
        }
        _other => unreachable!("BUG: not an event of the configuration"),
    }
}

/// Now that more is known of a proposed configuration, one who agreed before may be enough.
fn may_be_enough(state: &mut State, number: u64, now: Millis) {
    let subject = Subject::Configuration(number);
    let enough = state.still_asked(subject, now).is_empty();
    let request = state.requests.get_mut(&subject);
    if let Some(request) = request.filter(|of| enough && of.decision == Decision::Open)
        && let Some((by, _)) = request.agreed.last().cloned()
    {
        request.decision = Decision::Granted { by, at: now };
    }
}
