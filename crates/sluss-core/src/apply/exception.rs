//! The fold of exceptions: asked for, granted, ended, and what became of them.

use crate::event::Event;
use crate::exception::{Exception, ExceptionKind};
use crate::state::State;
use crate::units::Millis;

pub(super) fn apply_exception(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::ExceptionRequested { exception, what, by, reason, until, terms } => {
            let asked = Exception {
                what: what.clone(),
                asked_by: by.clone(),
                reason: reason.clone(),
                asked: now,
                terms: terms.clone(),
                until: *until,
                granted_by: Vec::new(),
                signed: Default::default(),
                granted: None,
                ended: None,
                ended_by: None,
                reviewed: None,
                suspended: None,
                expired: None,
                overdue: None,
            };
            state.exceptions.insert(*exception, asked);
        }
        Event::ExceptionGranted { exception, by, signed } => {
            let Some(mut found) = state.exceptions.remove(exception) else { return };
            found.granted_by.push(by.clone());
            found.signed.extend(signed.is_some().then(|| by.clone()));
            let enough = found.granted_by.len() >= found.what.people()
                && match &found.what {
                    ExceptionKind::Standard { model } => {
                        state.function_agreed((model, &found), &Default::default(), now)
                    }
                    _asks_for_a_number => true,
                };
            found.granted = found.granted.or(enough.then_some(now));
            state.exceptions.insert(*exception, found);
        }
        Event::ExceptionEnded { exception, by } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.ended = found.ended.or(Some(now));
                found.ended_by.get_or_insert_with(|| by.clone());
            }
        }
        Event::ExceptionSuspended { exception, .. } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.suspended = found.suspended.or(Some(now));
            }
        }
        Event::WaiverExpired { exception } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.expired = found.expired.or(Some(now));
            }
        }
        Event::RetrospectiveOverdue { exception } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.overdue = found.overdue.or(Some(now));
            }
        }
        Event::ExceptionReviewed { exception, by, .. } => {
            if let Some(found) = state.exceptions.get_mut(exception) {
                found.reviewed = Some((now, by.clone()));
            }
        }
        _other => unreachable!("BUG: not an event of an exception"),
    }
}
