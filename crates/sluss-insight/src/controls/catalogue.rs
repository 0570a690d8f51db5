//! The catalogues: which control asks for which facts.
//!
//! Ids are those of FINOS *SDLC Common Controls* (mi-1 to mi-23) and of the texts named. The words
//! are ours, and no legal advice; the texts were read in reproductions.

use super::Fact::{self, *};

/// A catalogue of controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalogue {
    /// FINOS SDLC Common Controls: the default.
    Finos,
    /// Regulation (EU) 2022/2554 and its technical standard 2024/1774.
    Dora,
    /// PCI DSS 4.0.1.
    Pci,
    /// General controls over change, as audits under the Sarbanes-Oxley Act ask for them.
    Sox,
    /// ISO/IEC 27001:2022, Annex A.
    Iso27001,
}

/// A control, and what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Its id in its catalogue.
    pub id: &'static str,
    /// What it asks for, in our words.
    pub title: &'static str,
    /// What must have happened.
    pub asks: &'static [Fact],
    /// What speaks against it.
    pub against: &'static [Fact],
    /// What it asks for beyond that, and nothing here records.
    pub unrecorded: &'static [&'static str],
    /// Whether it asks that incidents are classified, and the authority is told, in time.
    pub in_time: bool,
}

const fn control(
    id: &'static str,
    title: &'static str,
    asks: &'static [Fact],
    against: &'static [Fact],
    unrecorded: &'static [&'static str],
) -> Control {
    Control { id, title, asks, against, unrecorded, in_time: false }
}

impl Control {
    const fn in_time(self) -> Self {
        Self { in_time: true, ..self }
    }
}

impl Catalogue {
    /// Every catalogue.
    pub const ALL: [Self; 5] = [Self::Finos, Self::Dora, Self::Pci, Self::Sox, Self::Iso27001];

    /// Returns its name in addresses and commands.
    pub fn key(self) -> &'static str {
        match self {
            Self::Finos => "finos",
            Self::Dora => "dora",
            Self::Pci => "pci",
            Self::Sox => "sox",
            Self::Iso27001 => "iso27001",
        }
    }

    /// Returns the catalogue of that name.
    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|catalogue| catalogue.key() == key)
    }

    /// Returns its title and its version.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Finos => ("FINOS SDLC Common Controls", "mi-1 to mi-23"),
            Self::Dora => ("EU DORA and its technical standard", "2022/2554, 2024/1774"),
            Self::Pci => ("PCI DSS", "4.0.1"),
            Self::Sox => ("SOX general controls over change", "to be verified"),
            Self::Iso27001 => ("ISO/IEC 27001 Annex A", "2022"),
        }
    }

    /// Returns its controls.
    pub fn controls(self) -> &'static [Control] {
        match self {
            Self::Finos => FINOS,
            Self::Dora => DORA,
            Self::Pci => PCI,
            Self::Sox => SOX,
            Self::Iso27001 => ISO_27001,
        }
    }
}

/// What takes a gate's word away.
const ROUND_A_GATE: &[Fact] = &[ExceptionGranted, ShadowFound];
/// What speaks against findings having been mended in time.
const PAST_TERMS: &[Fact] = &[FindingsOverdue, ExceptionGranted];
/// What takes the log's word away.
const OF_THE_LOG: &[Fact] = &[ClockJumped, WitnessLagged, LogDistrusted];

const FINOS: &[Control] = &[
    control("mi-1", "Code is reviewed by another person", &[], &[], &["reviews of code"]),
    control("mi-2", "What is released is named by its content", &[ReleaseMade], &[], &[]),
    control("mi-3", "How it was built is signed", &[Provenance], &[], &[]),
    control(
        "mi-4",
        "Changes follow a requirement",
        &[WorkItemNamed],
        &[],
        &["the requirement itself"],
    ),
    control("mi-5", "Code is scanned", &[Scanned], &[], &["whether a scan was of code"]),
    control("mi-6", "What runs is scanned", &[], &[], &["results of dynamic scans"]),
    control(
        "mi-7",
        "Dependencies are scanned",
        &[Scanned],
        &[],
        &["whether a scan was of dependencies"],
    ),
    control("mi-8", "Code is under version control", &[ChangeReceived], &[], &[]),
    control("mi-9", "Components are listed", &[ComponentsListed], &[], &[]),
    control(
        "mi-10",
        "Secrets are looked for",
        &[Scanned],
        &[],
        &["whether a scan was for secrets"],
    ),
    control("mi-11", "Findings are mended in time", &[Scanned, FindingsDecided], PAST_TERMS, &[]),
    control("mi-12", "Gates keep what does not comply", &[GateDecided], ROUND_A_GATE, &[]),
    control(
        "mi-13",
        "Ownership is known",
        &[ConfigurationActivated],
        &[],
        &["reviews of who may do what"],
    ),
    control("mi-14", "Tests leave evidence", &[TestsReported], &[], &[]),
    control("mi-15", "Tests are required", &[TestsDecided], ROUND_A_GATE, &[]),
    control(
        "mi-16",
        "Failing tests are signed off by people, with a reason",
        &[],
        &[],
        &["sign-offs of failing tests: what fails is refused"],
    ),
    control("mi-17", "Dependencies are under control", &[], &[], &["decisions over dependencies"]),
    control("mi-18", "Dependencies are curated", &[], &[], &["where dependencies come from"]),
    control("mi-19", "Each version is approved", &[Agreed], ROUND_A_GATE, &[]),
    control("mi-20", "Requirements are approved", &[], &[], &["approvals of requirements"]),
    control("mi-21", "What runs is known", &[Observed], &[ShadowFound], &[]),
    control(
        "mi-22",
        "Evidence is kept, and none is missing",
        &[Sealed],
        OF_THE_LOG,
        &["records of other tools"],
    ),
    control("mi-23", "Agents answer for what they do", &[], &[], &["runs of agents"]),
];

const DORA: &[Control] = &[
    control(
        "2022/2554 9(4)(e)",
        "Every change is recorded, tested, assessed, approved, carried out and verified",
        &[ChangeReceived, TestsReported, GateDecided, Agreed, DeploymentBegun, Judged],
        ROUND_A_GATE,
        &[],
    ),
    control("2022/2554 6(4)", "Control is independent", &[Witnessed], OF_THE_LOG, &[]),
    control(
        "2022/2554 8",
        "What there is is known",
        &[Observed],
        &[ShadowFound],
        &["dependencies of services"],
    ),
    control("2022/2554 10", "Anomalies are detected", &[Judged], OF_THE_LOG, &[]),
    control("2022/2554 11-12", "Recovery works", &[RolledBack], &[], &["backups and their tests"]),
    control(
        "2022/2554 17",
        "Incidents are recorded, classified, and closed",
        &[IncidentOpened, IncidentClassified, IncidentClosed],
        &[],
        &["lessons learnt from them"],
    ),
    control(
        "2022/2554 18-19",
        "Incidents are classified, and the authority is told of major ones in time",
        &[IncidentClassified, AuthorityTold],
        &[],
        &["what clients are told"],
    )
    .in_time(),
    control(
        "2024/1774 12(2)",
        "Logs are kept, protected, and their failure is seen",
        &[Heartbeat, Sealed, Witnessed],
        OF_THE_LOG,
        &["terms for which logs are kept"],
    ),
    control(
        "2024/1774 16",
        "Systems are tested before use",
        &[TestsDecided],
        ROUND_A_GATE,
        &["static and dynamic scans"],
    ),
    control(
        "2024/1774 17(1)(a)-(c)",
        "Changes meet security, independently approved and in a controlled way",
        &[GateDecided, Agreed, TestsReported],
        ROUND_A_GATE,
        &[],
    ),
    control(
        "2024/1774 17(1)(f)-(g)",
        "Emergencies are safeguarded, and looked at afterwards",
        &[EmergencyReviewed],
        &[ExceptionGranted],
        &[],
    ),
    control(
        "2024/1774 20-21",
        "Identities are unique and rights are few",
        &[SignedIn],
        &[AccessRefused],
        &["reviews of rights"],
    ),
];

const PCI: &[Control] = &[
    control(
        "6.2.3",
        "Code is reviewed before release",
        &[Agreed],
        ROUND_A_GATE,
        &["reviews of code"],
    ),
    control(
        "6.3.1-6.3.3",
        "Vulnerabilities are ranked and mended",
        &[Scanned, ComponentsListed, FindingsDecided],
        PAST_TERMS,
        &["what is published after a release was scanned"],
    ),
    control(
        "6.5.1",
        "Changes have a reason, an approval, tests and a way back",
        &[ChangeReceived, WorkItemNamed, Agreed, TestsReported],
        ROUND_A_GATE,
        &["their security impact"],
    ),
    control(
        "6.5.3-6.5.4",
        "Environments and roles are apart; only approved changes are deployed",
        &[GateDecided, DeploymentBegun],
        ROUND_A_GATE,
        &[],
    ),
    control("6.5.5-6.5.6", "No real data before production", &[], &[], &["scans for data"]),
    control(
        "7, 8",
        "Rights are few, identities unique",
        &[SignedIn],
        &[AccessRefused],
        &["reviews of rights, a second factor"],
    ),
    control(
        "10.2-10.6",
        "Logs are complete, protected, on time",
        &[Heartbeat, Sealed],
        OF_THE_LOG,
        &["terms for which logs are kept"],
    ),
    control("11.5.2", "Changes that nobody made are detected", &[Observed], &[ShadowFound], &[]),
];

const SOX: &[Control] = &[
    control("population", "The list of changes is complete", &[Sealed], OF_THE_LOG, &[]),
    control(
        "authorisation",
        "Each change is requested, tested, and approved before it goes live",
        &[ChangeReceived, TestsReported, Agreed, DeploymentBegun],
        ROUND_A_GATE,
        &[],
    ),
    control(
        "segregation",
        "Who makes a change does not approve it",
        &[Agreed],
        ROUND_A_GATE,
        &["who could have deployed at a time"],
    ),
    control(
        "emergencies",
        "Emergencies are reviewed",
        &[EmergencyReviewed],
        &[ExceptionGranted],
        &[],
    ),
    control(
        "configuration",
        "The gates' own rules change under control",
        &[ConfigurationActivated],
        &[],
        &[],
    ),
    control("integrity", "Nothing runs that was not deployed", &[Observed], &[ShadowFound], &[]),
];

const ISO_27001: &[Control] = &[
    control("5.3", "Duties are apart", &[Agreed], ROUND_A_GATE, &[]),
    control(
        "5.24-5.28",
        "Incidents are handled, and leave evidence",
        &[IncidentOpened, IncidentClosed],
        &[],
        &[],
    ),
    control(
        "8.4",
        "Access to source code is under control",
        &[ChangeReceived],
        &[],
        &["settings of repositories"],
    ),
    control("8.8", "Vulnerabilities are managed", &[Scanned, FindingsDecided], PAST_TERMS, &[]),
    control("8.9", "Configurations are as declared", &[Observed], &[ShadowFound], &[]),
    control("8.15-8.17", "Logs, monitoring, clocks", &[Heartbeat, Sealed], OF_THE_LOG, &[]),
    control(
        "8.25-8.29",
        "Development is secure and tested",
        &[TestsReported, GateDecided],
        &[],
        &["static and dynamic scans"],
    ),
    control("8.31", "Environments are apart", &[GateDecided], ROUND_A_GATE, &[]),
    control(
        "8.32",
        "Changes are managed",
        &[ChangeReceived, TestsReported, GateDecided, Agreed, DeploymentBegun],
        ROUND_A_GATE,
        &[],
    ),
    control("8.33", "Test data are protected", &[], &[], &["exceptions for real data"]),
];
