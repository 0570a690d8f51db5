//! What holds a service process on its machine: whose rights it has, and who enforces its limits.
//!
//! A target says what is so, not what was asked for: where the machine does not let it separate
//! services, it says that, and why.

use serde::{Deserialize, Serialize};

/// What a process is held by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Whose rights it has.
    pub user: RunsAs,
    /// Who enforces its limits.
    pub limits: LimitsBy,
}

/// Whose rights a process has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "runs_as", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunsAs {
    /// A user of its service and environment alone, in no other group, who can gain no rights.
    Own {
        /// The user's number, which is the group's too.
        uid: u32,
    },
    /// The user of the target itself.
    Shared {
        /// Why it has no own user.
        why: String,
    },
    /// Not said: it does not run, or an older target started it.
    #[default]
    Unsaid,
}

/// Who enforces the limits of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "limits_by", rename_all = "snake_case", deny_unknown_fields)]
pub enum LimitsBy {
    /// A control group of its own: memory, processes and processor, of it and all that it starts.
    ControlGroup,
    /// The kernel's limits of a process: memory and open files of each process alone.
    Process {
        /// Why there is no control group.
        why: String,
    },
    /// Not said: it does not run, or an older target started it.
    #[default]
    Unsaid,
}
