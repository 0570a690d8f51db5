//! The catalogues: whose controls there are, each in a file of its own.
//!
//! Ids are those of FINOS *SDLC Common Controls* (mi-1 to mi-23) and of the texts named. The words
//! are ours, and no legal advice; the texts were read in reproductions.

use super::control::Control;
use super::fact::Fact;
use super::{dora, eba, finos, iso27001, pci, rts, sox, ssdf};

/// A catalogue of controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalogue {
    /// FINOS SDLC Common Controls: the default.
    Finos,
    /// Regulation (EU) 2022/2554.
    Dora,
    /// Its technical standard on the management of ICT risk, Regulation (EU) 2024/1774.
    Rts,
    /// PCI DSS 4.0.1.
    Pci,
    /// General controls over change, as audits under the Sarbanes-Oxley Act ask for them.
    Sox,
    /// ISO/IEC 27001:2022, Annex A.
    Iso27001,
    /// NIST SP 800-218, Secure Software Development Framework 1.1.
    Ssdf,
    /// EBA/GL/2019/04, for whom DORA does not apply to, and for audits of earlier years.
    Eba,
}

impl Catalogue {
    /// Every catalogue.
    pub const ALL: [Self; 8] = [
        Self::Finos,
        Self::Dora,
        Self::Rts,
        Self::Pci,
        Self::Sox,
        Self::Iso27001,
        Self::Ssdf,
        Self::Eba,
    ];

    /// Returns its name in addresses and commands.
    pub fn key(self) -> &'static str {
        match self {
            Self::Finos => "finos",
            Self::Dora => "dora",
            Self::Rts => "rts",
            Self::Pci => "pci",
            Self::Sox => "sox",
            Self::Iso27001 => "iso27001",
            Self::Ssdf => "ssdf",
            Self::Eba => "eba",
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
            Self::Dora => ("EU DORA", "2022/2554"),
            Self::Rts => ("EU DORA, technical standard on ICT risk", "2024/1774"),
            Self::Pci => ("PCI DSS", "4.0.1"),
            Self::Sox => ("SOX general controls over change", "PCAOB AS 2201, AS 1105"),
            Self::Iso27001 => ("ISO/IEC 27001 Annex A", "2022"),
            Self::Ssdf => ("NIST SSDF, SP 800-218", "1.1"),
            Self::Eba => ("EBA guidelines on ICT risk", "EBA/GL/2019/04"),
        }
    }

    /// Returns its controls.
    pub fn controls(self) -> &'static [Control] {
        match self {
            Self::Finos => finos::CONTROLS,
            Self::Dora => dora::CONTROLS,
            Self::Rts => rts::CONTROLS,
            Self::Pci => pci::CONTROLS,
            Self::Sox => sox::CONTROLS,
            Self::Iso27001 => iso27001::CONTROLS,
            Self::Ssdf => ssdf::CONTROLS,
            Self::Eba => eba::CONTROLS,
        }
    }

    /// Returns the name of one of its controls, as configurations have it: `finos/mi-19`.
    pub fn name_of(self, control: &Control) -> String {
        format!("{}/{}", self.key(), control.id)
    }

    /// Returns the key of one of its controls, the same for ever: catalogue, id, slug and version.
    pub fn key_of(self, control: &Control) -> String {
        let Control { id, slug, version, .. } = control;
        format!("{}/{id}/{slug}@{version}", self.key())
    }
}

/// What takes a gate's word away.
pub(super) const ROUND_A_GATE: &[Fact] = &[Fact::ExceptionGranted, Fact::ShadowFound];
/// What speaks against gates that were kept as they should be.
pub(super) const OF_THE_GATES: &[Fact] =
    &[Fact::ExceptionGranted, Fact::ShadowFound, Fact::PoliciesOverdue];
/// What speaks against findings having been mended in time.
pub(super) const PAST_TERMS: &[Fact] = &[Fact::FindingsOverdue, Fact::ExceptionGranted];
/// What takes the log's word away.
pub(super) const OF_THE_LOG: &[Fact] = &[
    Fact::ClockJumped,
    Fact::PutAside,
    Fact::WitnessLagged,
    Fact::LogDistrusted,
    Fact::SealsApart,
];
