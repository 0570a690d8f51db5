//! Who must agree: the groups of `organisation.yaml`, and the rules that name them.

use std::collections::BTreeMap;

use sluss_core::alarm::Alarm;
use sluss_core::config::Organisation;
use sluss_core::ids::{GroupName, PersonRef};
use sluss_core::profile::Profile;
use sluss_core::slots::{Groups, Rule, unfilled};
use sluss_core::units::Millis;
use sluss_ledger::attest::UtcTime;

use super::{FILE, File};

/// Hours after which waiting is no answer any more: a quarter of a year.
const HOURS_MOST: u32 = 90 * 24;
/// Days after which an approval says nothing of today: a year.
const DAYS_MOST: u32 = 365;
/// Minutes after which a session has ended anyway: a week.
const MINUTES_MOST: u32 = 7 * 24 * 60;

/// Groups and rules of which each can be met.
pub(super) struct Agreement {
    pub(super) groups: Groups,
    pub(super) approvals: Vec<Rule>,
    pub(super) training: BTreeMap<PersonRef, Millis>,
    pub(super) alarm: Alarm,
}

impl Agreement {
    /// Reads groups and rules, and says what is wrong with them.
    pub(super) fn of(
        file: &File,
        known: &BTreeMap<String, PersonRef>,
        approvers: &std::collections::BTreeSet<PersonRef>,
        wrong: &mut Vec<String>,
    ) -> Self {
        let groups: Groups = file
            .groups
            .iter()
            .map(|(name, logins)| {
                (
                    name.clone(),
                    logins.iter().filter_map(|login| known.get(login)).cloned().collect(),
                )
            })
            .collect();
        let mut all = groups.clone();
        for (name, logins) in &file.groups {
            if name.as_str() == Organisation::APPROVERS {
                wrong.push(format!(
                    "{FILE}: groups: `{name}` are those with the role `approver`; give the group \
                     another name"
                ));
            }
            if logins.is_empty() {
                wrong.push(format!("{FILE}: groups: nobody is in `{name}`"));
            }
        }
        if let Ok(name) = Organisation::APPROVERS.parse::<GroupName>() {
            all.insert(name, approvers.clone());
        }
        let approvals: Vec<Rule> = file.approvals.iter().cloned().map(filled).collect();
        for (index, rule) in approvals.iter().enumerate() {
            let place = format!("{FILE}: approvals: rule {}", index + 1);
            wrong
                .extend(of_rule(file, rule, &all).into_iter().map(|what| format!("{place}{what}")));
        }
        if file.approval_hours == 0 || file.approval_hours > HOURS_MOST {
            wrong.push(format!(
                "{FILE}: approval_hours: {} is not from 1 to {HOURS_MOST}",
                file.approval_hours
            ));
        }
        if file.approval_days == 0 || file.approval_days > DAYS_MOST {
            wrong.push(format!(
                "{FILE}: approval_days: {} is not from 1 to {DAYS_MOST}",
                file.approval_days
            ));
        } else if file.approval_hours >= file.approval_days * 24 {
            wrong.push(format!(
                "{FILE}: approval_hours: {} is as long as the {} days that an approval counts from \
                 when it is asked; give fewer hours, or more `approval_days`",
                file.approval_hours, file.approval_days
            ));
        }
        if file.sign_in_minutes == 0 || file.sign_in_minutes > MINUTES_MOST {
            wrong.push(format!(
                "{FILE}: sign_in_minutes: {} is not from 1 to {MINUTES_MOST}",
                file.sign_in_minutes
            ));
        }
        let training = training(file, known, wrong);
        let alarm = alarm(file, &all, wrong);
        Self { groups, approvals, training, alarm }
    }
}

/// Reads who is on call and who is told, and says what is wrong with that.
fn alarm(file: &File, groups: &Groups, wrong: &mut Vec<String>) -> Alarm {
    if let Some(group) = &file.on_call
        && groups.get(group).is_none_or(|members| members.len() < 2)
    {
        // One of them may have asked, or contributed.
        wrong.push(format!(
            "{FILE}: on_call: two people or more are to be in the group `{group}`; list them under \
             `groups`"
        ));
    }
    for one in file.notify.iter().filter(|one| one.on.is_empty()) {
        wrong.push(format!(
            "{FILE}: notify: {} is told of nothing; give it `on`, like `[emergency, overdue]`",
            one.url
        ));
    }
    Alarm { on_call: file.on_call.clone(), notify: file.notify.clone() }
}

/// Returns a rule with the groups that its profile asks where it names none.
fn filled(mut rule: Rule) -> Rule {
    if let Some(profile) = rule.profile.filter(|_| rule.slots.is_empty()) {
        let names = profile.groups().iter().filter_map(|name| name.parse().ok());
        rule.slots = names.map(|name| (name, 1)).collect();
    }
    rule
}

/// Reads when reviewers were trained: days, like `2026-03-01`.
fn training(
    file: &File,
    known: &BTreeMap<String, PersonRef>,
    wrong: &mut Vec<String>,
) -> BTreeMap<PersonRef, Millis> {
    let mut found = BTreeMap::new();
    for (login, day) in &file.training {
        match (known.get(login), format!("{day}T00:00:00Z").parse::<UtcTime>()) {
            (Some(who), Ok(at)) => drop(found.insert(who.clone(), Millis(at.ms()))),
            (_, Err(_)) => wrong.push(format!(
                "{FILE}: training: `{day}` of `{login}` is not a day, like `2026-03-01`"
            )),
            (None, Ok(_)) => {}
        }
    }
    found
}

/// Says what is wrong with one rule, as ends of sentences that begin with its place.
fn of_rule(file: &File, rule: &Rule, groups: &Groups) -> Vec<String> {
    let mut wrong = Vec::new();
    if rule.slots.values().all(|count| *count == 0) {
        wrong.push(": it asks for nobody; give it `slots`, like `{security: 1}`".to_owned());
    }
    if rule.profile == Some(Profile::PciManualReview)
        && !rule.slots.keys().any(|group| group.as_str() == Profile::REVIEWERS)
    {
        wrong.push(format!(
            ": `pci-manual-review` asks for one of the group `{}` among its `slots`",
            Profile::REVIEWERS
        ));
    }
    for service in &rule.services {
        if !file.open_registration && !file.services.contains_key(service) {
            wrong.push(format!(": `{service}` is not among the services"));
        }
    }
    let mut fits = true;
    for (group, count) in &rule.slots {
        let members = groups.get(group).map(|members| members.len());
        match members {
            None => wrong
                .push(format!(": there is no group `{group}`; list its members under `groups`")),
            Some(members) if members < usize::from(*count) => wrong
                .push(format!(": it asks for {count} of `{group}`, in which there are {members}")),
            Some(_) => continue,
        }
        fits = false;
    }
    let everyone = rule.slots.keys().filter_map(|group| groups.get(group)).flatten();
    let everyone = everyone.cloned().collect();
    if fits && let Some(group) = unfilled(std::slice::from_ref(rule), groups, &everyone).first() {
        wrong.push(format!(
            ": nobody is left for `{group}` when the other places are filled; no person fills two"
        ));
    }
    wrong
}
