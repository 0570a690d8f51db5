//! Why somebody was refused something, as it is recorded.

use serde::{Deserialize, Serialize};

/// A refusal that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedWhy {
    /// Who decides contributed to what is decided.
    Contributor,
    /// Lacks the role that the act needs.
    MissingRole,
    /// What was decided is not what stands there now.
    StatementMoved,
    /// An approval is only given by a person.
    NotAPerson,
    /// Wrong password, or none, where it is asked again.
    NotReauthenticated,
    /// The form was not ours, or was used before.
    ForgedForm,
    /// Sign-in failed.
    SignIn,
    /// Nobody is signed in.
    SignedOut,
    /// A rule asks for a signature with a key of one's own.
    NotSigned,
    /// The key is not theirs, or was removed.
    KeyUnknown,
    /// Nobody vouches yet that the key is theirs.
    KeyNotVouched,
    /// They vouch for a key of their own.
    OwnKey,
    /// It is not signed by that key, or something else is.
    SignatureInvalid,
    /// The authenticator did not verify its user.
    UserNotVerified,
    /// It was signed on another site.
    OtherOrigin,
    /// The key had signed more often before: there may be a copy of it.
    CounterWentBack,
    /// They signed in too long ago.
    SignInTooOld,
    /// Nobody knows who wrote some of it.
    Unidentified,
    /// The profile of the rule does not admit them.
    NotAdmitted,
    /// They asked for it, answer for it, or agreed already: someone else fills this place.
    SamePerson,
    /// What they looked at is something else than what they decide over.
    OtherStatement,
    /// An exception would reach further than one may.
    OutOfScope,
    /// What customers would test has no bound in share or time.
    Unbounded,
    /// They report something as done that nothing in the log intended.
    NotIntended,
}
