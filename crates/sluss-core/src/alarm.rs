//! Alarms: who is on call, who outside is told of what, and what they are told.
//!
//! # Invariants
//!
//! - A notice holds no name of a person and no text that somebody wrote.
//! - What is told goes over TLS, or without it only to this machine or a private network.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::Organisation;
use crate::event::Event;
use crate::exception::ExceptionKind;
use crate::ids::{ExceptionId, GroupName, IncidentId, Malformed, StopId};
use crate::state::State;

/// Who is on call, and who is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The group of which one grants an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<GroupName>,
    /// Who is told, and of what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notify>,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Where.
    pub url: Address,
    /// Of what.
    pub on: BTreeSet<Topic>,
}

/// What somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// An emergency was asked for, granted, refused or reviewed.
    Emergency,
    /// An incident was opened, mitigated or closed.
    Incident,
    /// The review of an emergency, or of the policies, is overdue.
    Overdue,
    /// The line was stopped, or runs again.
    Stop,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Emergency, Self::Incident, Self::Overdue, Self::Stop];
}

/// An address that notices go to: `https://host[:port]/path`, or `http://…` of this machine or a
/// private network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    /// Returns whether it is told over TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Returns the host's name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path, with a query if there is one.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Returns whether `address` is of this machine or of a private network: there, and nowhere else,
/// notices go without TLS.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        },
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tls, host, port, path } = self;
        let scheme = if *tls { "https" } else { "http" };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}{path}"),
            false => write!(f, "{scheme}://{host}:{port}{path}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl FromStr for Address {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let read = || {
            let (tls, rest) = match text.strip_prefix("https://") {
                Some(rest) => (true, rest),
                None => (false, text.strip_prefix("http://")?),
            };
            let usual = if tls { "443" } else { "80" };
            let (host, path) = match rest.find('/') {
                Some(at) => rest.split_at(at),
                None => (rest, "/"),
            };
            let (host, port) = match host.strip_prefix('[') {
                Some(v6) => {
                    let (host, port) = v6.split_once(']')?;
                    let port = if port.is_empty() { Some(usual) } else { port.strip_prefix(':') };
                    (host, port?)
                }
                None => host.split_once(':').unwrap_or((host, usual)),
            };
            let named = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
            let plain = |c: char| c.is_ascii_graphic();
            let right = !host.is_empty() && host.chars().all(named) && path.chars().all(plain);
            let outside = !tls && host.parse().is_ok_and(|address| !is_private(address));
            let (host, path) = (host.to_owned(), path.to_owned());
            let port = port.parse().ok().filter(|port| *port > 0)?;
            (right && !outside && text.len() <= 500).then_some(Self { tls, host, port, path })
        };
        read().ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "an address like `https://alerts.bank.example/hook`, or without TLS one of \
                       this machine or a private network, like `http://127.0.0.1:9000/hook`",
        })
    }
}

impl TryFrom<String> for Address {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// What somebody outside is told of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What it is about.
    #[serde(skip)]
    pub topic: Topic,
    /// The event's type, as in the log.
    #[serde(rename = "event")]
    pub kind: String,
    /// What happened, as a sentence without names of people.
    pub sentence: String,
    /// The emergency, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionId>,
    /// The incident, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The stop of the line, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopId>,
    /// The page that says more.
    pub path: &'static str,
}

impl Alarm {
    /// Returns whether nobody is on call or told.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether everybody is told of all that `before` told them of.
    pub fn tells_all_of(&self, before: &Self) -> bool {
        let told = |old: &Notify| {
            let now = self.notify.iter().filter(|new| new.url == old.url);
            let now: BTreeSet<Topic> = now.flat_map(|new| new.on.iter().copied()).collect();
            old.on.is_subset(&now)
        };
        before.notify.iter().all(told)
    }
}

impl Organisation {
    /// Returns whether others than now, or nobody, would be on call by `after`.
    pub(crate) fn on_call_changes(&self, after: &Self) -> bool {
        let Some(group) = &self.alarm.on_call else { return false };
        let members = |of: &Self| match group.as_str() {
            Self::APPROVERS => Some(of.approvers.clone()),
            _named => of.groups.get(group).cloned(),
        };
        let (old, new) = (members(self).unwrap_or_default(), members(after).unwrap_or_default());
        after.alarm.on_call.as_ref() != Some(group) || !new.is_subset(&old)
    }
}

impl State {
    /// Returns what somebody outside is told of `event`, which the log holds; nothing where nobody
    /// is told of such events.
    pub fn notice(&self, event: &Event) -> Option<Notice> {
        let (topic, sentence) = match event {
            Event::LineStopped { stop, scope, .. } => {
                (Topic::Stop, format!("The line is stopped for {} by {stop}.", scope.words()))
            }
            Event::LineLifted { stop } => (Topic::Stop, format!("{stop} is lifted.")),
            Event::IncidentOpened { incident, .. }
            | Event::IncidentReported { incident, .. }
            | Event::IncidentShadow { incident, .. } => {
                (Topic::Incident, self.of_incident(*incident, "is open")?)
            }
            Event::IncidentMitigated { incident } => {
                (Topic::Incident, self.of_incident(*incident, "is mitigated")?)
            }
            Event::IncidentClosed { incident, .. } => {
                (Topic::Incident, self.of_incident(*incident, "is closed")?)
            }
            Event::RetrospectiveOverdue { exception } => {
                let team = "its team's gates are shut until it is there";
                let said = format!("The review of the emergency {exception} is overdue: {team}.");
                (Topic::Overdue, said)
            }
            Event::PolicyReviewOverdue { .. } => {
                (Topic::Overdue, "Nobody looked at the policies for a year.".to_owned())
            }
            Event::WaiverExpired { exception } => {
                let said = format!("The waiver {exception} is over: what it let by is kept again.");
                (Topic::Overdue, said)
            }
            Event::ExceptionRequested { exception, what, .. } if what.is_emergency() => {
                (Topic::Emergency, self.of_emergency(*exception, "is asked for")?)
            }
            Event::ExceptionGranted { exception, .. } => {
                (Topic::Emergency, self.of_emergency(*exception, "is granted")?)
            }
            Event::ExceptionEnded { exception, .. } => {
                (Topic::Emergency, self.of_emergency(*exception, "is refused or ended")?)
            }
            Event::ExceptionReviewed { exception, .. } => {
                (Topic::Emergency, self.of_emergency(*exception, "is reviewed")?)
            }
            _of_no_topic => return None,
        };
        Some(self.told(topic, event, sentence))
    }

    fn told(&self, topic: Topic, event: &Event, sentence: String) -> Notice {
        use crate::event::Stream;
        let (mut exception, mut incident, mut stop) = (None, None, None);
        match (event.stream(), event) {
            (Stream::Exception(id), _) => exception = Some(id),
            (Stream::Incident(id), _) => incident = Some(id),
            (_, Event::LineStopped { stop: id, .. } | Event::LineLifted { stop: id }) => {
                stop = Some(*id);
            }
            _other => {}
        }
        let about = exception.and_then(|id| self.exceptions.get(&id)).map(|one| &one.what);
        if let Some(ExceptionKind::Emergency { incident: named, .. }) = about {
            incident = *named;
        }
        let path = match topic {
            Topic::Overdue if matches!(event, Event::PolicyReviewOverdue { .. }) => "/approvals",
            Topic::Emergency | Topic::Overdue => "/exceptions",
            Topic::Incident => "/incidents",
            Topic::Stop => "/calendar",
        };
        Notice { topic, kind: event.to_parts().0, sentence, exception, incident, stop, path }
    }

    fn of_incident(&self, id: IncidentId, verb: &str) -> Option<String> {
        let found = self.incidents.get(&id)?;
        let (service, environment) = (&found.service, &found.environment);
        Some(format!("The incident {id} of {service} in `{environment}` {verb}."))
    }

    fn of_emergency(&self, id: ExceptionId, verb: &str) -> Option<String> {
        let what = &self.exceptions.get(&id)?.what;
        let of = self.deployments.get(&what.deployment().filter(|_| what.is_emergency())?)?;
        let (service, environment) = (&of.service, &of.environment);
        Some(format!("The emergency {id} of {service} in `{environment}` {verb}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_notices_go_to_this_machine_or_a_private_network() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string()).ok();
        assert_eq!(read("http://127.0.0.1/hook"), Some("http://127.0.0.1:80/hook".to_owned()));
        assert_eq!(read("http://[::1]:9000"), Some("http://[::1]:9000/".to_owned()));
        assert_eq!(read("http://10.1.2.3:9/a?b=c"), Some("http://10.1.2.3:9/a?b=c".to_owned()));
        assert_eq!(read("http://chat.bank.lan/x"), Some("http://chat.bank.lan:80/x".to_owned()));
        let outside = "https://chat.example/x?y";
        assert_eq!(read(outside), Some("https://chat.example:443/x?y".to_owned()));
        assert_eq!(read("https://[::1]"), Some("https://[::1]:443/".to_owned()));
        assert_eq!(read("https://8.8.8.8:8/"), Some("https://8.8.8.8:8/".to_owned()));
        for wrong in ["ftp://127.0.0.1/", "http://8.8.8.8/", "http://a@b/", "http:///x", "x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for public in ["8.8.8.8", "2001:4860::8888", "::ffff:8.8.8.8"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
