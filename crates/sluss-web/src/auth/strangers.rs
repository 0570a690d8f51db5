//! Counts refusals of callers who are not signed in: one event per route and minute, so that
//! nobody can make the log grow who may not even look at it.

use std::sync::{Mutex, PoisonError};

use sluss_core::decide::Command;
use sluss_core::event::RefusedWhy;

#[derive(Debug)]
struct Counted {
    route: String,
    why: RefusedWhy,
    minute: i64,
    count: u32,
}

/// Refusals that are not recorded yet.
#[derive(Debug, Default)]
pub struct Strangers {
    counted: Mutex<Vec<Counted>>,
}

impl Strangers {
    pub(crate) fn count(&self, route: &str, why: RefusedWhy, minute: i64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |one: &&mut Counted| one.route == route && one.why == why && one.minute == minute;
        match counted.iter_mut().find(same) {
            Some(one) => one.count = one.count.saturating_add(1),
            None => counted.push(Counted { route: route.to_owned(), why, minute, count: 1 }),
        }
    }

    /// Takes what was counted before `minute`, to be recorded.
    pub(crate) fn take_before(&self, minute: i64) -> Vec<Command> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let over = counted.extract_if(.., |one| one.minute < minute);
        let command = |Counted { route, why, minute, count }: Counted| Command::DeniedCounted {
            route,
            why,
            count,
            minute,
        };
        over.map(command).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_counted_once_a_minute() {
        let strangers = Strangers::default();
        for (route, minute) in [("GET /", 7), ("GET /", 7), ("GET /log", 7), ("GET /", 8)] {
            strangers.count(route, RefusedWhy::SignedOut, minute);
        }
        let counts = |commands: Vec<Command>| -> Vec<u32> {
            let count = |command| match command {
                Command::DeniedCounted { count, .. } => count,
                _other => 0,
            };
            commands.into_iter().map(count).collect()
        };
        assert_eq!(counts(strangers.take_before(8)), [2, 1]);
        assert_eq!(counts(strangers.take_before(8)), [0; 0]);
        assert_eq!(counts(strangers.take_before(9)), [1]);
    }
}
