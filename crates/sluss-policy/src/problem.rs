//! Why a bundle is refused: each problem with its place, what is wrong and how to mend it.

use std::fmt;

/// One thing that is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file; empty when the problem is the bundle's as a whole.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub col: u32,
    /// Which rule of the house it is.
    pub rule: LintRule,
    /// What is wrong, and why it is refused.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// The rules that a bundle is held to when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LintRule {
    /// Files have names and sizes that a bundle may have.
    Files,
    /// The text is Rego v1.
    RegoV1,
    /// `data.json` is an object that every program reads alike.
    Data,
    /// The package is `sluss.gate` or below it.
    Package,
    /// Only listed builtins are called.
    Builtin,
    /// `default allow := false` stands there, once.
    DefaultAllow,
    /// `allow` rests on `evidence_complete` and says nothing but true.
    Allow,
    /// `evidence_complete` names every field that is used, positively.
    EvidenceComplete,
    /// A list rule needs a minimum of rows.
    MinimumCount,
    /// Fields of the input are those of the contract.
    Contract,
    /// What is referred to exists.
    Reference,
    /// `deny`, `require` and `warn` are sets.
    Outputs,
    /// The input and the functions are not replaced.
    With,
    /// Another engine comes to the same.
    Portable,
    /// Tests stand in files of tests.
    Tests,
}

impl LintRule {
    /// The rule's id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::RegoV1 => "rego-v1",
            Self::Data => "data",
            Self::Package => "package",
            Self::Builtin => "builtin",
            Self::DefaultAllow => "default-allow",
            Self::Allow => "allow",
            Self::EvidenceComplete => "evidence-complete",
            Self::MinimumCount => "minimum-count",
            Self::Contract => "contract",
            Self::Reference => "reference",
            Self::Outputs => "outputs",
            Self::With => "with",
            Self::Portable => "portable",
            Self::Tests => "tests",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, col, rule, what, mend } = self;
        if file.is_empty() {
            write!(f, "bundle: {what} [{}]; {mend}", rule.id())
        } else {
            write!(f, "{file}:{line}:{col}: {what} [{}]; {mend}", rule.id())
        }
    }
}

/// A bundle that is not loaded, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRefused {
    /// What is wrong; at least one, in order of file and place.
    pub problems: Vec<Problem>,
}

impl std::error::Error for BundleRefused {}

impl fmt::Display for BundleRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy bundle is refused for {} reason(s):", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
