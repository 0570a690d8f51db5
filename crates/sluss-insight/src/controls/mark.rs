//! Marks: what each item of a kind may have, as the log says.

use serde::Serialize;

/// A kind of item that controls speak of each of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A deployment to customers, from the day on which it was begun.
    Deployment,
    /// A change of the branch that is delivered, from the day on which it was received.
    Change,
    /// A change that somebody marked as significant, from that day on.
    Significant,
    /// A configuration of people and policies, from the day on which it was activated.
    Configuration,
    /// An emergency that was granted.
    Emergency,
    /// Any exception from a gate that was granted, an emergency among them.
    Exception,
    /// An incident, from the day on which it was opened.
    Incident,
    /// The limit of an incident's classification, or of a report about it, on its day.
    Limit,
    /// Something that was disposed of.
    Disposal,
    /// A key that a person registered.
    Authenticator,
    /// A day of UTC on which the log was kept.
    Day,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Deployment,
        Self::Change,
        Self::Significant,
        Self::Configuration,
        Self::Emergency,
        Self::Exception,
        Self::Incident,
        Self::Limit,
        Self::Disposal,
        Self::Authenticator,
        Self::Day,
    ];

    /// Returns what so many of them are called.
    pub fn words(self, count: u64) -> &'static str {
        match (self, count) {
            (Self::Deployment, 1) => "deployment",
            (Self::Deployment, _) => "deployments",
            (Self::Change, 1) => "change",
            (Self::Change, _) => "changes",
            (Self::Significant, 1) => "significant change",
            (Self::Significant, _) => "significant changes",
            (Self::Configuration, 1) => "configuration",
            (Self::Configuration, _) => "configurations",
            (Self::Emergency, 1) => "emergency",
            (Self::Emergency, _) => "emergencies",
            (Self::Exception, 1) => "exception",
            (Self::Exception, _) => "exceptions",
            (Self::Incident, 1) => "incident",
            (Self::Incident, _) => "incidents",
            (Self::Limit, 1) => "limit of an incident",
            (Self::Limit, _) => "limits of incidents",
            (Self::Disposal, 1) => "disposal",
            (Self::Disposal, _) => "disposals",
            (Self::Authenticator, 1) => "key of a person",
            (Self::Authenticator, _) => "keys of people",
            (Self::Day, 1) => "day",
            (Self::Day, _) => "days",
        }
    }
}

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident, $kind:ident, $has:literal, $lacks:literal;)*) => {
        /// What an item may have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Mark { $($(#[$doc])* $name,)* }

        impl Mark {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns which kind of item may have it.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// Returns what is said of an item that has it.
            pub fn has(self) -> &'static str {
                match self { $(Self::$name => $has,)* }
            }

            /// Returns what is said of an item that lacks it.
            pub fn lacks(self) -> &'static str {
                match self { $(Self::$name => $lacks,)* }
            }
        }
    };
}

marks! {
    /// Its change was received, with everyone who contributed.
    Recorded, Deployment, "made from a recorded change", "its change is not recorded";
    /// Its change names a work item.
    Reasoned, Deployment, "its change names a work item", "its change names no work item";
    /// Steps reported tests, the last attempts passed, and none failed.
    Tested, Deployment, "tests were reported and none failed", "no tests that passed were reported";
    /// The same; or the gate of tests was open because a person without part in it accepted that
    /// tests failed or could not run.
    Answered, Deployment, "no test failed, or others accepted it", "nobody answers for its tests";
    /// What its tests came to is signed.
    TestsSigned, Deployment, "what its tests came to is signed", "no result of its tests is signed";
    /// The gate of tests was open.
    TestsRequired, Deployment, "the gate of tests let it by", "no gate of tests let it by";
    /// Gates decided before it was begun, and the last word of each was that it is open.
    Gated, Deployment, "each gate was open before it was begun", "not each gate was open";
    /// Everyone agreed who must, to it or to a standard change that it fits, and still did.
    Approved, Deployment, "a second person agreed", "nobody else agreed to it";
    /// Nobody who agreed contributed to it.
    Independent, Deployment, "nobody agreed who contributed", "nobody agreed who had no part in it";
    /// Of each change that it brings, somebody who did not contribute approved the code at that
    /// very commit before it was begun, and nobody asked for changes last.
    CodeReviewed, Deployment, "others reviewed its code", "nobody else reviewed all of its code";
    /// Everyone who agreed signed it with a key of their own.
    KeySigned, Deployment, "who agreed signed with a key of their own", "no key of a person signed";
    /// Policies were asked, and what they were given is kept.
    PolicyAsked, Deployment, "policies allowed it", "no policy allowed it";
    /// The gate of freezes was open: what was set by hand, and the calendar where there is one.
    NoFreeze, Deployment, "no freeze covered it", "it was not asked whether a freeze covers it";
    /// What it needs of other services was looked at.
    Dependencies, Deployment, "what it needs was live", "nothing says what it needs of others";
    /// Its artifacts have digests.
    Named, Deployment, "its artifacts are named by digests", "it has no artifacts with digests";
    /// How its release was built is signed.
    Provenance, Deployment, "how it was built is signed", "how it was built is not signed";
    /// What its release is made of is listed.
    Listed, Deployment, "its components are listed", "its components are not listed";
    /// A scanner's report about it was read.
    Scanned, Deployment, "a scanner's report was read", "no scanner's report was read";
    /// The gate of findings was open: it had none past its term.
    InTerms, Deployment, "no finding was past its term", "no gate of findings let it by";
    /// Something can be put back in its place.
    WayBack, Deployment, "it can be taken back", "it cannot be taken back (`forward_only`)";
    /// Each of its steps ran in isolation that holds.
    Isolated, Deployment, "its steps ran in isolation", "a step ran without isolation that holds";
    /// Before its first share it was said why customers test it, with what share and how long.
    Bounded, Deployment, "its test by customers had bounds", "nothing bounds its test by customers";
    /// Somebody agreed to that.
    TestAgreed, Deployment, "somebody agreed to that test", "nobody agreed to that test";
    /// Live traffic was judged.
    Judged, Deployment, "live traffic spoke for or against it", "live traffic said nothing of it";
    /// It came to an end: live, or taken back.
    Ended, Deployment, "how it ended is recorded", "it is under way";
    /// The target said that its digest runs.
    Observed, Deployment, "the target said that it runs", "the target never said that it runs";
    /// A sealed list of its environment's deployments counts it.
    Counted, Deployment, "a sealed list counts it", "no sealed list counts it yet";
    /// The events of its release were sealed after it was begun.
    Sealed, Deployment, "its release was sealed afterwards", "its release is not sealed yet";
    /// Somebody looked whether data and accounts of tests are gone, and they were.
    Cleaned, Deployment, "data and accounts of tests were gone", "nobody saw that tests left none";
    /// Somebody who did not contribute confirmed what it may touch.
    Confirmed, Significant, "somebody else confirmed it", "nobody else confirmed it";
    /// It names a work item.
    WorkItem, Change, "it names a work item", "it names no work item";
    /// People other than its authors agreed.
    OthersAgreed, Configuration, "somebody else agreed to it", "nobody else agreed to it";
    /// Somebody who had no part in it reviewed it.
    Reviewed, Emergency, "it was reviewed by another", "it is not reviewed by another";
    /// People other than who asked granted it.
    OthersGranted, Exception, "others than who asked granted it", "nobody but who asked granted it";
    /// What caused it is named.
    CauseKnown, Incident, "the cause is recorded", "no cause is recorded";
    /// A person classified it by its effects.
    Classified, Incident, "a person classified it", "nobody classified it";
    /// Somebody looked back at it.
    Learnt, Incident, "somebody said what was learnt", "nobody said what was learnt of it";
    /// It is over.
    Closed, Incident, "it was closed", "it is open";
    /// The incident was classified by then.
    ClassifiedInTime, Limit, "the incident was classified in time", "not classified in time";
    /// The authority was told by then.
    ToldInTime, Limit, "the authority was told in time", "the authority was not told in time";
    /// A second person agreed to it.
    TwoPeople, Disposal, "a second person agreed", "no second person agreed";
    /// Another person vouched for it.
    Vouched, Authenticator, "another vouched for it", "nobody vouched for it";
    /// The log was never silent for longer than two heartbeats.
    NeverSilent, Day, "the log was never silent", "the log was silent for over ten minutes";
    /// A witness cosigned the log.
    DayWitnessed, Day, "a witness cosigned the log", "no witness cosigned the log";
    /// The deployments up to that day were counted and sealed.
    DaySealed, Day, "deployments were counted and sealed", "no count of deployments was sealed";
    /// A configuration was in force: who owns what, who may decide, how long evidence is kept.
    Governed, Day, "owners, roles and terms were in force", "no configuration was in force";
}
