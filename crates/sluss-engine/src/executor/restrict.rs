//! Restricts the calling thread, and what it starts, by Landlock.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::spec::Reach;

/// The newest version that is used where the kernel has it.
const NEWEST: ABI = ABI::V6;

/// How far the kernel could follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Restricted {
    /// The file system at least is restricted.
    Yes,
    /// This kernel has no Landlock.
    No,
}

/// Restricts this thread for good: it reads what is `readable`, writes what is `writable`, and
/// sends signals only to what is restricted like it.
pub(crate) fn restrict(reach: &Reach) -> Result<Restricted, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for (paths, access) in [
        (&reach.readable, AccessFs::from_read(NEWEST)),
        (&reach.writable, AccessFs::from_all(NEWEST)),
    ] {
        for (file, access) in paths.iter().filter_map(|path| open(path, access)) {
            ruleset = ruleset.add_rule(PathBeneath::new(file, access))?;
        }
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Restricted::Yes,
        RulesetStatus::NotEnforced => Restricted::No,
    })
}

/// Opens what exists of `path`, with what of `access` makes sense for its kind.
fn open(
    path: &PathBuf,
    access: landlock::BitFlags<AccessFs>,
) -> Option<(PathFd, landlock::BitFlags<AccessFs>)> {
    let is_file = !std::fs::metadata(path).ok()?.is_dir();
    let access = if is_file { access & AccessFs::from_file(NEWEST) } else { access };
    Some((PathFd::new(path).ok()?, access))
}
