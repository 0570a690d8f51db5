//! What an organisation has and asks: products, services, people's roles and policy, as activated
//! from the platform repository.
//!
//! Plain data, recorded whole in the event that proposes it. People are references; their names
//! stay in the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::controls::ControlName;
use crate::ids::{
    Digest, EnvironmentName, Malformed, PersonRef, ProductName, ServiceName, TeamName, TemplateRef,
};
use crate::objectives::Objectives;
use crate::pipeline::{EnvironmentKind, GateKind, Replacement, RolloutPlan, Stage};
use crate::policies::Governance;
use crate::remediation::Terms;
use crate::retention::Periods;
use crate::slots::{Groups, Rule};
use crate::units::Millis;

/// When a release, or a change of policy or template, asks for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FourEyes {
    /// Never: a lone developer delivers by themselves.
    Never,
    /// For the first release of a service into an environment, and for changes of the platform
    /// repository; later releases go by themselves.
    FirstRelease,
    /// For each release and each change of the platform repository.
    Always,
}

/// What every service goes through on its way to each lasting environment where customers are,
/// whatever its own file and its template leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// The gate [`GateKind::Tests`].
    Tests,
    /// A release that follows another is judged by live traffic, share by share.
    Verdict,
    /// The gate [`GateKind::Sbom`].
    Sbom,
    /// The gate [`GateKind::Findings`].
    Findings,
    /// The gate [`GateKind::Performance`].
    Performance,
    /// The gate [`GateKind::ErrorBudget`].
    ErrorBudget,
}

impl Demand {
    /// What is asked where nothing says what is.
    pub const USUAL: [Self; 2] = [Self::Tests, Self::Verdict];

    /// Returns the gate that it asks for, if it is one.
    fn gate(self) -> Option<GateKind> {
        match self {
            Self::Tests => Some(GateKind::Tests),
            Self::Sbom => Some(GateKind::Sbom),
            Self::Findings => Some(GateKind::Findings),
            Self::Performance => Some(GateKind::Performance),
            Self::ErrorBudget => Some(GateKind::ErrorBudget),
            Self::Verdict => None,
        }
    }
}

/// Gates that are asked before customers get a release, whatever template and service say.
const ALWAYS: [GateKind; 4] =
    [GateKind::Provenance, GateKind::Policy, GateKind::FourEyes, GateKind::Freeze];

/// Returns a stage where customers are as it is delivered under `demands`: nothing can be left out
/// that they ask for, nor the gates that obey policy and calendar.
#[must_use]
pub fn under(
    mut stage: Stage,
    demands: &BTreeSet<Demand>,
    objectives: Option<Objectives>,
) -> Stage {
    if stage.kind == EnvironmentKind::Ephemeral {
        return stage;
    }
    let demanded = demands.iter().filter_map(|demand| demand.gate());
    for gate in demanded.chain(ALWAYS) {
        if !stage.gates.contains(&gate) {
            stage.gates.push(gate);
        }
    }
    if demands.contains(&Demand::Verdict) && stage.replacement == Replacement::AtOnce {
        let objectives = objectives.unwrap_or_default();
        let plan = RolloutPlan { objectives, ..RolloutPlan::default() };
        stage.replacement = Replacement::Progressive(plan);
    }
    stage
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Money {
    /// In hundredths.
    pub hundredths: u64,
    /// Its currency, as three capital letters (ISO 4217).
    pub currency: String,
}

impl Money {
    /// Returns so many times as much; the greatest amount there is where that is more.
    #[must_use]
    pub fn times(&self, count: u64) -> Self {
        let hundredths = self.hundredths.saturating_mul(count);
        Self { hundredths, currency: self.currency.clone() }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} {}", self.hundredths / 100, self.hundredths % 100, self.currency)
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

impl TryFrom<String> for Money {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        let read = || {
            let (amount, currency) = text.split_once(' ')?;
            let (whole, part) = amount.split_once('.').unwrap_or((amount, "00"));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let right = part.len() == 2
                && !whole.is_empty()
                && digits(whole)
                && digits(part)
                && currency.len() == 3
                && currency.bytes().all(|byte| byte.is_ascii_uppercase());
            let whole: u64 = whole.parse().ok().filter(|_| right)?;
            let hundredths = whole.checked_mul(100)?.checked_add(part.parse().ok()?)?;
            Some(Self { hundredths, currency: currency.to_owned() })
        };
        read().ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "an amount and its currency, like `85.00 EUR`",
        })
    }
}

/// What customers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name for people.
    pub title: String,
    /// The team that answers for it.
    pub owner: TeamName,
    /// What one failed request of a customer costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_cost: Option<Money>,
    /// What is asked of its services besides what the organisation asks of all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub require: BTreeSet<Demand>,
    /// How long findings may stay open in its services, where that is shorter than elsewhere.
    #[serde(default, skip_serializing_if = "Terms::is_empty")]
    pub findings: Terms,
}

/// Somebody decides for somebody else, for a time. The newest word of one person about another
/// counts: one that ends when it begins takes back what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Who is away.
    pub from: PersonRef,
    /// Who decides meanwhile.
    pub to: PersonRef,
    /// From when.
    pub since: Millis,
    /// Until when, not included.
    pub until: Millis,
}

impl Delegation {
    /// Returns whether it holds at `now`.
    pub fn holds(&self, now: Millis) -> bool {
        self.since <= now && now < self.until
    }
}

/// What an organisation has and asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name for people.
    pub name: String,
    /// When a second person is asked.
    pub four_eyes: FourEyes,
    /// What no service's own file can leave out.
    pub require: BTreeSet<Demand>,
    /// Whether a first push may register a service that is not listed.
    pub open_registration: bool,
    /// Its products.
    pub products: BTreeMap<ProductName, Product>,
    /// Its services, and the product that each belongs to.
    pub services: BTreeMap<ServiceName, ProductName>,
    /// Who may push, promote, freeze and roll back.
    pub developers: BTreeSet<PersonRef>,
    /// Who may be the second person where no rule says who.
    pub approvers: BTreeSet<PersonRef>,
    /// Groups that rules name.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub groups: Groups,
    /// Who must agree to which releases; where one applies, it asks each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Rule>,
    /// For how many hours a second person may be waited for; after that they have refused.
    #[serde(default = "approval_hours")]
    pub approval_hours: u32,
    /// For how many days an approval counts from when it was asked; a release that has not begun
    /// by then is asked about anew.
    #[serde(default = "approval_days")]
    pub approval_days: u32,
    /// Whether everyone who agrees, to platform changes and exceptions too, signs with their key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_key: bool,
    /// How many minutes ago somebody may have signed in whose key signs a decision.
    #[serde(default = "sign_in_minutes")]
    pub sign_in_minutes: u32,
    /// When reviewers were last trained.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub training: BTreeMap<PersonRef, Millis>,
    /// How long findings of scanners may stay open.
    #[serde(default, skip_serializing_if = "Terms::is_empty")]
    pub findings: Terms,
    /// For how long what the log names is kept.
    #[serde(default, skip_serializing_if = "Periods::is_usual")]
    pub retention: Periods,
    /// Controls that are taken not to apply, and the digest of the text that says why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_applicable: BTreeMap<ControlName, Digest>,
    /// The freeze calendar: the digest of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Digest>,
    /// The policies: the digest of their bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Digest>,
    /// Who is on call, and who is told.
    #[serde(default, skip_serializing_if = "Alarm::is_silent")]
    pub alarm: Alarm,
    /// The golden templates, and the digest of each one's exact text.
    pub templates: BTreeMap<TemplateRef, Digest>,
    /// The gates of each stage of the templates, whatever a service gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub template_gates: BTreeMap<TemplateRef, BTreeMap<EnvironmentName, BTreeSet<GateKind>>>,
    /// Environments that stay and carry no customers: only these are not held to what all are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_customers: BTreeSet<EnvironmentName>,
    /// What is said of its policies, beside their texts.
    #[serde(default, skip_serializing_if = "Governance::is_usual")]
    pub policy: Governance,
}

fn approval_hours() -> u32 {
    Organisation::APPROVAL_HOURS
}

fn approval_days() -> u32 {
    Organisation::APPROVAL_DAYS
}

fn sign_in_minutes() -> u32 {
    Organisation::SIGN_IN_MINUTES
}

impl Organisation {
    /// How many minutes ago somebody may have signed in where nothing is said: a working day.
    pub const SIGN_IN_MINUTES: u32 = 480;
    /// For how many hours a second person is waited for where nothing is said.
    pub const APPROVAL_HOURS: u32 = 72;
    /// For how many days an approval counts where nothing is said.
    pub const APPROVAL_DAYS: u32 = 30;
    /// The group of those who agree where no rule says who.
    pub const APPROVERS: &str = "approvers";

    /// Returns the rules that releases of `service` into `environment` must meet when a second
    /// person is asked, and whether one of them was written for it.
    pub fn rules_for(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> (Vec<Rule>, bool) {
        let covers = |rule: &&Rule| rule.covers(service, environment);
        let rules: Vec<Rule> = self.approvals.iter().filter(covers).cloned().collect();
        match rules.is_empty() {
            true => (self.rules_for_platform(), false),
            false => (self.signed_as_asked(rules), true),
        }
    }

    /// Returns whether a rule of who must agree to releases of `service` names `environment`.
    pub fn is_named(&self, service: &ServiceName, environment: &EnvironmentName) -> bool {
        let mut rules = self.approvals.iter().filter(|rule| rule.covers(service, environment));
        rules.any(|rule| rule.environments.contains(environment))
    }

    /// Returns what is asked of the services of `product`, whatever their own files say.
    pub fn demands(&self, product: Option<&ProductName>) -> BTreeSet<Demand> {
        let own = product.and_then(|product| self.products.get(product));
        let own = own.into_iter().flat_map(|product| &product.require);
        self.require.iter().chain(own).copied().collect()
    }

    /// Returns the rules that changes of the platform repository must meet.
    pub fn rules_for_platform(&self) -> Vec<Rule> {
        self.signed_as_asked(Self::usual_rule())
    }

    fn signed_as_asked(&self, mut rules: Vec<Rule>) -> Vec<Rule> {
        rules.iter_mut().for_each(|rule| rule.by_key |= self.by_key);
        rules
    }

    /// Returns the rule that one of the approvers agrees.
    pub fn usual_rule() -> Vec<Rule> {
        Self::APPROVERS.parse().map(Rule::one_of).into_iter().collect()
    }

    /// Returns all groups, the approvers among them, with `delegations` that hold at `now` and come
    /// from nobody in `except`.
    pub fn groups_at(
        &self,
        delegations: &[Delegation],
        except: &BTreeSet<PersonRef>,
        now: Millis,
    ) -> Groups {
        let mut groups = self.groups.clone();
        if let Ok(name) = Self::APPROVERS.parse() {
            groups.insert(name, self.approvers.clone());
        }
        let holding =
            delegations.iter().filter(|one| one.holds(now) && !except.contains(&one.from));
        for Delegation { from, to, .. } in holding {
            // Not those of whom `from` acts for another: what is delegated is not passed on.
            for (name, members) in &mut groups {
                let by_right = match name.as_str() {
                    Self::APPROVERS => &self.approvers,
                    _named => self.groups.get(name).unwrap_or(&self.approvers),
                };
                if by_right.contains(from) {
                    members.insert(to.clone());
                }
            }
        }
        groups
    }

    /// Returns everyone who is in some group.
    pub fn deciders(&self) -> BTreeSet<PersonRef> {
        self.groups.values().flatten().chain(&self.approvers).cloned().collect()
    }

    /// Returns the digest of what decides who and what may pass; a granted approval is bound to it.
    pub fn policy_digest(&self) -> Digest {
        let people = (&self.approvers, &self.groups, &self.approvals, self.approval_hours);
        let texts = (&self.calendar, &self.policies);
        let own = |(name, product): (&ProductName, &Product)| {
            (!product.require.is_empty()).then(|| (name.clone(), product.require.clone()))
        };
        let of_products: BTreeMap<_, _> = self.products.iter().filter_map(own).collect();
        let known = (&self.four_eyes, people, &self.require, texts);
        let keys = (self.by_key, self.sign_in_minutes, &self.training);
        // What came later is left away where it says nothing, so that digests stay as they were.
        let is_plain = keys == (false, Self::SIGN_IN_MINUTES, &BTreeMap::new());
        let own = |(name, product): (&ProductName, &Product)| {
            (!product.findings.is_empty()).then(|| (name.clone(), product.findings.clone()))
        };
        let terms: BTreeMap<_, _> = self.products.iter().filter_map(own).collect();
        let no_terms = self.findings.is_empty() && terms.is_empty();
        let without = &self.without_customers;
        let newer = self.approval_days != Self::APPROVAL_DAYS || !without.is_empty();
        let term = newer.then_some((self.approval_days, without));
        let text = match (no_terms, term, is_plain && of_products.is_empty()) {
            (true, None, true) => serde_json::to_vec(&known),
            (true, None, false) => serde_json::to_vec(&(known, keys, of_products)),
            (true, Some(days), _) => serde_json::to_vec(&(known, keys, of_products, days)),
            (false, None, _) => {
                serde_json::to_vec(&(known, keys, of_products, &self.findings, terms))
            }
            (false, Some(days), _) => {
                serde_json::to_vec(&(known, keys, of_products, &self.findings, terms, days))
            }
        };
        let text = text.expect("BUG: plain data has a JSON form");
        match &self.alarm.on_call {
            None => Digest::of(&text),
            Some(group) => Digest::of(&[&text, group.as_str().as_bytes()].concat()),
        }
    }
}
