//! How a route tells its requests apart: finds the unit and the caller in a request's head, and
//! what an answer's head says beyond its status.

use hyper::header::{COOKIE, HeaderMap, HeaderName};
use pingora_http::ResponseHeader;
use sluss_core::ids::Digest;
use sluss_core::target::{Said, Sticky, Traffic};

/// What a route looks for in a request's head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    unit: Option<HeaderName>,
    caller: Option<Caller>,
    outcome: Option<(HeaderName, bool)>,
}

#[derive(Debug, Clone)]
enum Caller {
    Header(HeaderName),
    Cookie(String),
}

impl Rules {
    /// Returns the rules that `traffic` asks for.
    pub(crate) fn of(traffic: &Traffic) -> Self {
        let header = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
        let caller = traffic.sticky.as_ref().and_then(|sticky| match sticky {
            Sticky::Header(name) => header(name.as_str()).map(Caller::Header),
            Sticky::Cookie(name) => Some(Caller::Cookie(name.as_str().to_owned())),
        });
        let outcome = traffic.outcome.as_ref();
        let outcome = outcome.and_then(|o| Some((header(o.header.as_str())?, o.hidden)));
        let unit = traffic.unit.as_ref().and_then(|name| header(name.as_str()));
        Self { unit, caller, outcome }
    }

    /// Reads what an answer says beyond its status, and takes that out where customers are not to
    /// be told.
    pub(crate) fn hear(&self, answer: &mut ResponseHeader) -> Said {
        let Some((name, hidden)) = &self.outcome else { return Said::default() };
        let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
        let said = value.map(Said::read).unwrap_or_default();
        if *hidden {
            answer.remove_header(name);
        }
        said
    }

    /// Returns what names the unit of a request, if it says so.
    pub(crate) fn unit<'h>(&self, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        let value = headers.get(self.unit.as_ref()?)?.as_bytes();
        (!value.is_empty()).then_some(value)
    }

    /// Returns what names the caller of a request, if it says so.
    pub(crate) fn caller<'h>(&self, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        let value = match self.caller.as_ref()? {
            Caller::Header(name) => headers.get(name)?.as_bytes(),
            Caller::Cookie(name) => headers
                .get_all(COOKIE)
                .iter()
                .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
                .find_map(|pair| {
                    pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")
                })?,
        };
        (!value.is_empty()).then_some(value)
    }
}

/// Returns where a caller stands in a rollout: from 0 to just below 2^32, evenly, and the same for
/// as long as `secret` and `rollout` are.
pub(crate) fn place(secret: &str, rollout: &str, caller: &[u8]) -> u32 {
    let keyed = Digest::of(format!("{secret}\n{rollout}\n").as_bytes());
    let mut all = keyed.as_str().as_bytes().to_vec();
    all.extend_from_slice(caller);
    u32::from_str_radix(&Digest::of(&all).as_str()[..8], 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let sticky = Some(Sticky::Cookie("id".parse().unwrap()));
        let rules = Rules::of(&Traffic { sticky, ..Traffic::default() });
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "xid=1; idx=2".parse().unwrap());
        assert_eq!(rules.caller(&headers), None);
        headers.append(COOKIE, "a=b;  id=anna".parse().unwrap());
        assert_eq!(rules.caller(&headers), Some(&b"anna"[..]));
        assert_eq!(rules.unit(&headers), None);
    }

    #[test]
    fn callers_stand_evenly_and_elsewhere_in_each_rollout() {
        let places: Vec<u32> =
            (0..10_000).map(|n: u32| place("s", "rel-1 rel-2", &n.to_be_bytes())).collect();
        let below = places.iter().filter(|place| **place < u32::MAX / 10).count();
        assert!((900..=1_100).contains(&below), "{below} of 10000");
        assert_eq!(place("s", "rel-1 rel-2", b"anna"), place("s", "rel-1 rel-2", b"anna"));
        assert_ne!(place("s", "rel-1 rel-2", b"anna"), place("s", "rel-2 rel-3", b"anna"));
    }
}
