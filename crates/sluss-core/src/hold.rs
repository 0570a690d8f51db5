//! Legal holds: what is in a scope is kept until two others agree that it need not be.
//!
//! # Invariants
//!
//! - One person places a hold, at once; two distinct others who may decide lift it, each with a
//!   reason.
//! - What cannot be told to lie outside of a hold lies in it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::contents::{Gone, Kept};
use crate::event::{Event, Stream};
use crate::exception::ExceptionKind;
use crate::ids::{Digest, HoldId, Malformed, PersonRef, ProductName, ReleaseId, ServiceName};
use crate::state::{Release, State};
use crate::stop::Agreed;
use crate::units::Millis;

/// What is kept, written `all`, `product:retail`, `service:pay` or `release:rel-7`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum HoldScope {
    /// Everything.
    All,
    /// All services of a product.
    Product(ProductName),
    /// A service.
    Service(ServiceName),
    /// A release, with what decided about it.
    Release(ReleaseId),
}

impl HoldScope {
    /// Returns the scope within a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::All => "everything".to_owned(),
            Self::Product(name) => format!("the product `{name}`"),
            Self::Service(name) => format!("the service `{name}`"),
            Self::Release(id) => format!("the release {id}"),
        }
    }
}

impl fmt::Display for HoldScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Product(name) => write!(f, "product:{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Release(id) => write!(f, "release:{id}"),
        }
    }
}

impl FromStr for HoldScope {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(80).collect(),
            expected: "`all`, `product:NAME`, `service:NAME` or `release:rel-N`",
        };
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("product", name)) => Ok(Self::Product(name.parse()?)),
            Some(("service", name)) => Ok(Self::Service(name.parse()?)),
            Some(("release", id)) => Ok(Self::Release(id.parse()?)),
            None | Some(_) => Err(wrong()),
        }
    }
}

impl From<HoldScope> for String {
    fn from(scope: HoldScope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for HoldScope {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Hold {
    pub scope: HoldScope,
    pub by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
    pub since: Millis,
    /// Who agreed so far that it be lifted.
    pub agreed: Vec<Agreed>,
    pub lifted: Option<Millis>,
}

impl Hold {
    /// How many people, beside whoever placed it, must agree that it be lifted.
    pub const PEOPLE: usize = 2;

    /// Returns how many more must agree.
    pub fn still_asks(&self) -> usize {
        if self.lifted.is_some() { 0 } else { Self::PEOPLE.saturating_sub(self.agreed.len()) }
    }
}

/// What a stream, or a content, is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// A release.
    Release(ReleaseId),
    /// A service, and no release of it.
    Service(ServiceName),
    /// The whole.
    Whole,
    /// One person's access, and no release.
    Access,
}

impl State {
    /// Returns the holds that stand now, oldest first.
    pub fn active_holds(&self) -> impl Iterator<Item = (HoldId, &Hold)> {
        let active = self.holds.iter().filter(|(_, hold)| hold.lifted.is_none());
        active.map(|(id, hold)| (*id, hold))
    }

    /// Returns the first hold that a content lies in.
    pub fn hold_over(&self, kept: &Kept) -> Option<HoldId> {
        let mut holds = self.active_holds().peekable();
        holds.peek()?;
        let about = self.about(kept);
        holds.find(|(_, hold)| self.covers(&hold.scope, &about)).map(|(id, _)| id)
    }

    /// Returns the holds that a release lies in, oldest first.
    pub fn holds_over_release(&self, id: ReleaseId) -> impl Iterator<Item = (HoldId, &Hold)> {
        let about = BTreeSet::from([About::Release(id)]);
        self.active_holds().filter(move |(_, hold)| self.covers(&hold.scope, &about))
    }

    /// Returns what belonged to a release and is gone, by its digest.
    pub fn gone_of_release(&self, id: ReleaseId) -> impl Iterator<Item = (&Digest, &Kept, &Gone)> {
        self.to_remove().filter(move |(_, kept, _)| self.about(kept).contains(&About::Release(id)))
    }

    /// Returns the first hold over something that this person had a part in.
    pub fn hold_over_parts(&self, who: &PersonRef) -> Option<HoldId> {
        let about = self.parts_of(who);
        let found = self.active_holds().find(|(_, hold)| self.covers(&hold.scope, &about));
        found.map(|(id, _)| id)
    }

    pub(crate) fn covers(&self, scope: &HoldScope, about: &BTreeSet<About>) -> bool {
        let service_of = |id: &ReleaseId| self.releases.get(id).map(|release| &release.service);
        let in_product = |service: &ServiceName, product: &ProductName| {
            self.product_of(service).is_none_or(|known| known == product)
        };
        about.iter().any(|about| match (scope, about) {
            (HoldScope::All, _) | (_, About::Whole) => true,
            (_, About::Access) => false,
            (HoldScope::Product(product), About::Service(service)) => in_product(service, product),
            (HoldScope::Product(product), About::Release(id)) => {
                service_of(id).is_none_or(|service| in_product(service, product))
            }
            (HoldScope::Service(held), About::Service(service)) => held == service,
            (HoldScope::Service(held), About::Release(id)) => {
                service_of(id).is_none_or(|service| service == held)
            }
            (HoldScope::Release(held), About::Release(id)) => held == id,
            (HoldScope::Release(held), About::Service(service)) => {
                service_of(held).is_none_or(|of_held| of_held == service)
            }
        })
    }

    /// Returns what a content is about.
    pub(crate) fn about(&self, kept: &Kept) -> BTreeSet<About> {
        let mut about = BTreeSet::new();
        for stream in &kept.streams {
            match stream {
                Stream::Config => {
                    let terms = kept.configurations.iter().filter_map(|n| self.term(*n));
                    let terms: Vec<_> = terms.collect();
                    let decided = |of: &&Release| terms.iter().any(|term| self.decided(term, of));
                    let releases = self.releases.iter().filter(|(_, of)| decided(of));
                    about.extend(releases.map(|(id, _)| About::Release(*id)));
                }
                other => about.extend(self.about_stream(*other)),
            }
        }
        // What is about nothing that is known may be about anything.
        if about.is_empty() {
            about.insert(About::Whole);
        }
        about
    }

    /// Returns what the events of a stream are about.
    fn about_stream(&self, stream: Stream) -> BTreeSet<About> {
        let of_deployment = |id| self.deployments.get(&id).map(|one| About::Release(one.release));
        let about = match stream {
            Stream::Release(id) => Some(About::Release(id)),
            Stream::Deployment(id) => of_deployment(id),
            Stream::Run(id) => self.runs.get(&id).and_then(|run| match run.release {
                Some(release) => Some(About::Release(release)),
                None => self.changes.get(&run.change).map(|of| About::Service(of.service.clone())),
            }),
            Stream::Change(id) => {
                let into = self.delivered_as(id);
                let run = self.changes.get(&into).and_then(|change| change.run);
                let release = run.and_then(|run| self.runs.get(&run)?.release);
                let service = || self.changes.get(&id).map(|of| of.service.clone());
                release.map(About::Release).or_else(|| service().map(About::Service))
            }
            Stream::Incident(id) => self.incidents.get(&id).and_then(|incident| {
                let service = About::Service(incident.service.clone());
                incident.deployment().map_or(Some(service), of_deployment)
            }),
            Stream::Exception(id) => self.exceptions.get(&id).and_then(|one| match &one.what {
                ExceptionKind::Freeze { deployment }
                | ExceptionKind::Emergency { deployment, .. } => of_deployment(*deployment),
                ExceptionKind::Waiver { service, .. }
                | ExceptionKind::Findings { service, .. }
                | ExceptionKind::ProdData { service } => Some(About::Service(service.clone())),
                ExceptionKind::Standard { model } => Some(About::Service(model.service.clone())),
                ExceptionKind::LogTrust { .. } => Some(About::Whole),
            }),
            Stream::Access => Some(About::Access),
            Stream::Log
            | Stream::Config
            | Stream::Calendar
            | Stream::Attestations
            | Stream::Populations
            | Stream::Observations
            | Stream::Retention
            | Stream::Rehearsals => Some(About::Whole),
        };
        [about.unwrap_or(About::Whole)].into()
    }

    /// Returns what this person had a part in: wrote, contributed to, agreed to or asked for.
    fn parts_of(&self, who: &PersonRef) -> BTreeSet<About> {
        let mut about = BTreeSet::new();
        for kept in self.contents.values().filter(|kept| kept.by.as_ref() == Some(who)) {
            about.extend(self.about(kept));
        }
        let changes = self.changes.iter().filter(|(_, of)| of.push.contributors.contains(who));
        about.extend(changes.flat_map(|(id, _)| self.about_stream(Stream::Change(*id))));
        let agreed =
            self.requests.iter().filter(|(_, of)| of.agreed.iter().any(|(by, _)| by == who));
        for (subject, _) in agreed {
            match subject.stream() {
                // A configuration decides about releases; who agreed to one had a part in these.
                Stream::Config => about.extend([About::Whole]),
                stream => about.extend(self.about_stream(stream)),
            }
        }
        let exceptions = self
            .exceptions
            .iter()
            .filter(|(_, of)| of.asked_by == *who || of.granted_by.contains(who));
        about.extend(exceptions.flat_map(|(id, _)| self.about_stream(Stream::Exception(*id))));
        about
    }

    /// Returns who may still agree that `hold` be lifted.
    pub fn may_lift_hold(&self, hold: &Hold) -> BTreeSet<PersonRef> {
        if hold.lifted.is_some() {
            return BTreeSet::new();
        }
        let people = self.organisation.as_ref().map(|known| known.deciders()).unwrap_or_default();
        let free = |who: &PersonRef| {
            *who != hold.by && !hold.agreed.iter().any(|agreed| agreed.by == *who)
        };
        people.into_iter().filter(free).collect()
    }
}

/// Folds what happens to holds.
pub(crate) fn apply(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::HoldPlaced { hold, scope, by, reason } => {
            let placed = Hold {
                scope: scope.clone(),
                by: by.clone(),
                reason: reason.clone(),
                since: now,
                agreed: Vec::new(),
                lifted: None,
            };
            state.holds.insert(*hold, placed);
        }
        Event::HoldLiftAgreed { hold, by, reason } => {
            if let Some(hold) = state.holds.get_mut(hold) {
                hold.agreed.push(Agreed { by: by.clone(), at: now, reason: reason.clone() });
            }
        }
        Event::HoldLifted { hold } => {
            if let Some(hold) = state.holds.get_mut(hold) {
                hold.lifted = hold.lifted.or(Some(now));
            }
        }
        _of_no_hold => {}
    }
}
