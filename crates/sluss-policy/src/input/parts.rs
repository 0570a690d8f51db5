//! The parts of a gate's input, in the order in which the contract names them.

use serde::{Deserialize, Serialize};

use super::values::{Commit, Count, Millis, Permille, Sha256, SignedPermille, Text};

/// A closed list of words, written in snake case.
macro_rules! words {
    ($(#[$of:meta])* $name:ident { $($(#[$each:meta])* $word:ident,)+ }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $word,)+ }

        impl $name {
            /// Every word there is.
            pub const ALL: &[Self] = &[$(Self::$word,)+];
        }
    };
}

/// A part of the input whose fields are all there and no others.
macro_rules! part {
    ($(#[$of:meta])* $name:ident { $($(#[$each:meta])* $field:ident: $kind:ty,)+ }) => {
        $(#[$of])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$each])* pub $field: $kind,)+ }
    };
}

part! {
    /// A place that a release can be live in.
    Environment {
        /// Its name, such as `production`.
        name: Text,
        /// What kind of place it is.
        class: EnvironmentClass,
        /// Whether customers meet what is live there.
        customers: bool,
    }
}

words! {
    /// Kinds of environments.
    EnvironmentClass {
        /// Where developers try things.
        Development,
        /// Made for one change, removed after it.
        Ephemeral,
        /// Like production, without customers.
        Staging,
        /// What the bank lives on.
        Production,
    }
}

part! {
    /// What wants to be live.
    Release {
        /// Its id.
        id: Text,
        /// The service that it is of.
        service: Text,
        /// The product that the service belongs to.
        product: Text,
        /// The commit that it was built from.
        commit: Commit,
        /// Digests of its artifacts; at least one.
        artifacts: Vec<Sha256>,
        /// When it was made.
        created_ms: Millis,
        /// Whether the service was never live in this environment before.
        first: bool,
        /// Files that differ from what is live.
        changed_paths: Vec<Text>,
        /// How large the difference is.
        size: Size,
    }
}

part! {
    /// How much a change changes.
    Size {
        /// Files that differ.
        files: Count,
        /// Lines added.
        added: Count,
        /// Lines removed.
        removed: Count,
    }
}

part! {
    /// Someone, or something, that had a hand in the release.
    Contributor {
        /// The reference of the person, agent or workload.
        person: Text,
        /// What kind of actor it is.
        kind: PersonKind,
        /// What it did.
        part: Part,
    }
}

words! {
    /// Kinds of actors.
    PersonKind {
        /// A human.
        Person,
        /// A program that acts for a human.
        Agent,
        /// A step or a service.
        Workload,
        /// The platform itself.
        System,
    }
}

words! {
    /// What a contributor did.
    Part {
        /// Wrote a commit.
        Author,
        /// Was named as co-author of one.
        CoAuthor,
        /// Committed what another wrote.
        Committer,
        /// Pushed it.
        Pusher,
        /// Asked for the run or the deployment.
        Trigger,
        /// Changed the pipeline that built it.
        Pipeline,
        /// Changed the policy that judges it.
        Policy,
    }
}

part! {
    /// One approval of this release for this environment.
    Approval {
        /// Who approved.
        person: Text,
        /// The roles that the person had then; at least one.
        roles: Vec<Text>,
        /// The slot of the rule that it fills.
        slot: Text,
        /// When it was granted.
        at_ms: Millis,
        /// Until when it counts.
        valid_until_ms: Millis,
        /// How it came about.
        kind: ApprovalKind,
    }
}

words! {
    /// How an approval came about.
    ApprovalKind {
        /// A person looked and approved.
        Person,
        /// A standard change, approved in advance as a model.
        StandardChange,
        /// Break-glass.
        BreakGlass,
    }
}

part! {
    /// What was tested.
    Tests {
        /// Names of the checks that must have passed; at least one.
        required: Vec<Text>,
        /// Every run of them on this release's artifacts, red ones included.
        runs: Vec<Run>,
    }
}

part! {
    /// One run of a check.
    Run {
        /// The check's name.
        check: Text,
        /// How it ended.
        outcome: RunOutcome,
        /// Cases that passed.
        passed: Count,
        /// Cases that failed.
        failed: Count,
        /// The artifact that it ran on.
        digest: Sha256,
        /// When it ended.
        at_ms: Millis,
        /// Whether a person, or a rule that says so, accepted it though it was red.
        accepted: bool,
    }
}

words! {
    /// How a run ended.
    RunOutcome {
        /// All cases passed.
        Passed,
        /// A case failed.
        Failed,
        /// It could not be run to its end.
        Errored,
        /// It was stopped.
        Cancelled,
    }
}

part! {
    /// How quick the release is.
    Performance {
        /// Whether it was measured at all.
        known: bool,
        /// How much slower than what is live; negative when quicker; 0 when not known.
        slower_permille: SignedPermille,
        /// How much slower it may be.
        limit_permille: Permille,
    }
}

part! {
    /// How much of the code its tests reach.
    Coverage {
        /// Whether it was measured at all.
        known: bool,
        /// Lines reached; 0 when not known.
        lines_permille: Permille,
        /// Lines that must be reached.
        minimum_permille: Permille,
    }
}

part! {
    /// A scan that was made of the release.
    Scan {
        /// The scanner's name.
        scanner: Text,
        /// How it ended.
        outcome: ScanOutcome,
        /// The artifact that it looked at.
        digest: Sha256,
        /// When it ended.
        at_ms: Millis,
    }
}

words! {
    /// How a scan ended.
    ScanOutcome {
        /// It looked at everything.
        Finished,
        /// It did not; what it did not find means nothing.
        Failed,
    }
}

part! {
    /// Something that a scan found.
    Finding {
        /// Its id, such as a CVE.
        id: Text,
        /// How bad it is.
        severity: Severity,
        /// Who found it.
        scanner: Text,
        /// What became of it.
        status: FindingStatus,
        /// When it was first seen.
        first_seen_ms: Millis,
        /// By when it has to be mended.
        due_ms: Millis,
        /// Whether a waiver that has not ended covers it.
        waived: bool,
    }
}

words! {
    /// How bad a finding is.
    Severity {
        /// Low.
        Low,
        /// Medium.
        Medium,
        /// High.
        High,
        /// Critical.
        Critical,
    }
}

words! {
    /// What became of a finding.
    FindingStatus {
        /// Nothing yet.
        Open,
        /// It is mended.
        Fixed,
        /// Someone judged that it is none.
        Dismissed,
    }
}

part! {
    /// The software bill of materials.
    Sbom {
        /// Whether there is one.
        present: bool,
        /// Components that it lists; 0 when there is none.
        components: Count,
    }
}

part! {
    /// Where the release was built.
    Provenance {
        /// Whether a signed statement says so.
        present: bool,
        /// Who built it; `none` when nothing says so.
        builder: Text,
        /// Whether the build had its own network and mount namespaces.
        isolated: bool,
    }
}

part! {
    /// What the freeze calendar says.
    Freeze {
        /// Whether it lets the release pass now.
        allowed: bool,
        /// Until when that holds; 0 when no end is known.
        until_ms: Millis,
    }
}

part! {
    /// A service that this one needs.
    Dependency {
        /// Its name.
        service: Text,
        /// Whether what is live of it is new enough.
        satisfied: bool,
    }
}

part! {
    /// What the service's objective leaves to spend.
    ErrorBudget {
        /// Whether there is data.
        known: bool,
        /// What is left of it; 0 when not known.
        remaining_permille: Permille,
    }
}

part! {
    /// A waiver that applies to this release.
    Waiver {
        /// Its id.
        id: Text,
        /// What it waives, such as a finding's id or a check's name.
        covers: Text,
        /// Who asked for it.
        requested_by: Text,
        /// The second person.
        granted_by: Text,
        /// When it was granted.
        granted_ms: Millis,
        /// When it ends.
        ends_ms: Millis,
    }
}

part! {
    /// Whether the release goes by break-glass.
    Emergency {
        /// Whether it does.
        active: bool,
        /// The incident that it is for; `none` when it does not.
        incident: Text,
        /// Since when; 0 when it does not.
        opened_ms: Millis,
    }
}

part! {
    /// An earlier deployment of this service in this environment.
    PastDeployment {
        /// Its id.
        deployment: Text,
        /// The release that it was of.
        release: Text,
        /// How it ended.
        outcome: HistoryOutcome,
        /// When it ended.
        at_ms: Millis,
    }
}

words! {
    /// How a deployment ended.
    HistoryOutcome {
        /// It is live, or was until the next one.
        Live,
        /// It was taken back.
        RolledBack,
        /// Another took its place before it was live.
        Superseded,
        /// A gate refused it.
        Refused,
    }
}
