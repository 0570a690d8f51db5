//! What a second person is asked, the exact statement that they decide over, and the form for it.

use sluss_core::approval::{Decision, Request, Subject};
use sluss_core::basis::Basis;
use sluss_core::decide::Command;
use sluss_core::ids::{Digest, PersonRef};
use sluss_core::risk::level_of;
use sluss_core::state::State;
use sluss_core::units::Millis;

use super::html::{self, Html};
use super::keys::Ring;
use super::link;
use crate::api::words::Words;

/// A line of what is decided over.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) word: &'static str,
    pub(super) value: Html,
}

/// A request for a second person, as someone sees it.
#[derive(Debug, Clone)]
pub(super) struct Approval {
    pub(super) subject: String,
    pub(super) address: String,
    pub(super) decide: String,
    /// What it is, in a sentence.
    pub(super) about: Html,
    pub(super) why: &'static str,
    pub(super) since: Html,
    pub(super) digest: String,
    pub(super) lines: Vec<Line>,
    /// What stood behind it when it was asked, in a line.
    pub(super) basis: Option<Html>,
    pub(super) contributors: String,
    /// Who may decide.
    pub(super) people: String,
    /// `open`, `granted`, `refused` or `invalidated`.
    pub(super) decision: &'static str,
    pub(super) state: Html,
    pub(super) decided: String,
    pub(super) at: Option<Html>,
    pub(super) reason: Option<String>,
    /// Why it is void.
    pub(super) void: Option<&'static str>,
    /// Until when an approval of it counts.
    pub(super) until: Option<Html>,
    /// Whether who looks agreed, and may take that back.
    pub(super) revocable: bool,
    /// Whether who looks may decide now.
    pub(super) mine: bool,
    /// Why who looks may not.
    pub(super) not_mine: String,
    pub(super) csrf: String,
    /// With which keys who looks can sign, and what.
    pub(super) keys: Option<KeysAsked>,
    /// Whether only a signature counts.
    pub(super) by_key: bool,
    /// In what a configuration asks less than the one in force.
    pub(super) weaker: Vec<&'static str>,
}

/// What keys are asked to sign.
#[derive(Debug, Clone)]
pub(super) struct KeysAsked {
    pub(super) rp_id: String,
    pub(super) ids: String,
    pub(super) approve: String,
    pub(super) refuse: String,
}

/// Who looks, when, and with which form.
pub(super) struct Looking<'a> {
    pub(super) who: Option<&'a PersonRef>,
    pub(super) csrf: &'a str,
    pub(super) now: Millis,
    pub(super) ring: Option<&'a Ring>,
}

/// Returns names, separated by commas.
pub(super) fn names<'a>(
    words: &mut Words,
    people: impl IntoIterator<Item = &'a PersonRef>,
) -> String {
    let names: Vec<String> = people.into_iter().map(|who| words.person(who).name).collect();
    names.join(", ")
}

/// Returns the request about `subject` as it stands, if there is one.
pub(super) fn approval(
    state: &State,
    words: &mut Words,
    subject: Subject,
    looking: &Looking<'_>,
) -> Option<Approval> {
    let request = state.requests.get(&subject)?;
    let may = state.may_decide(subject, looking.now);
    let open = request.decision == Decision::Open;
    let mine = looking.who.is_some_and(|who| may.contains(who));
    let not_mine = match looking.who {
        Some(who) if request.contributors.contains(who) => {
            "You contributed to this, so someone else decides.".to_owned()
        }
        Some(who) if open && request.agreed.iter().any(|(agreed, _)| agreed == who) => {
            "You agreed already; it waits for someone else.".to_owned()
        }
        who => who
            .and_then(|who| state.asks_others(subject, who, looking.now))
            .unwrap_or_else(|| "Deciding takes the role of an approver.".to_owned()),
    };
    let (decision, by, at, reason) = match &request.decision {
        Decision::Open => ("open", None, None, None),
        Decision::Granted { by, at } => ("granted", Some(by), Some(*at), None),
        Decision::Refused { by, at, reason } => ("refused", Some(by), Some(*at), reason.as_ref()),
        Decision::Invalidated { at, .. } => ("invalidated", None, Some(*at), None),
        Decision::Expired { at } => ("expired", None, Some(*at), None),
    };
    Some(Approval {
        subject: subject.to_string(),
        address: link::subject(subject),
        decide: link::decide(subject),
        about: about(state, words, subject),
        why: request.why.sentence(),
        since: html::ago(request.since, looking.now),
        digest: request.statement.to_string(),
        lines: lines(state, subject, looking.now),
        basis: request.basis.as_ref().map(|basis| basis_of(basis, request, looking.now)),
        contributors: names(words, &request.contributors),
        people: names(words, &may),
        decision,
        state: html::state(if open { "asked" } else { decision }),
        decided: by.map_or(String::new(), |who| words.person(who).name),
        at: at.map(|at| html::ago(at, looking.now)),
        reason: reason.and_then(|digest| words.text(digest)),
        void: match &request.decision {
            Decision::Invalidated { why: Some(why), .. } => Some(why.sentence()),
            _stands_or_unsaid => None,
        },
        until: state.approval_ends(request).map(|end| html::clock(end, looking.now)),
        revocable: looking.who.is_some_and(|who| state.may_revoke(subject, who)),
        mine: open && mine,
        not_mine,
        csrf: looking.csrf.to_owned(),
        keys: looking.ring.filter(|ring| !ring.ids.is_empty()).map(|ring| {
            let statement = request.statement.clone();
            let approve = Command::Approve { subject, statement: statement.clone() };
            let refuse = Command::Refuse { subject, statement, reason: None };
            KeysAsked {
                rp_id: ring.rp_id.clone(),
                ids: ring.ids.clone(),
                approve: ring.challenge(state, &approve),
                refuse: ring.challenge(state, &refuse),
            }
        }),
        by_key: looking.who.is_some_and(|who| state.asks_key(subject, who, looking.now)),
        weaker: weaker(state, subject),
    })
}

/// Says in what a proposed configuration asks less than the one in force.
fn weaker(state: &State, subject: Subject) -> Vec<&'static str> {
    match subject {
        Subject::Configuration(number) => {
            state.weakenings(number).into_iter().map(|found| found.sentence()).collect()
        }
        Subject::Deployment(_) => Vec::new(),
    }
}

fn about(state: &State, words: &mut Words, subject: Subject) -> Html {
    match subject {
        Subject::Deployment(id) => {
            let Some(deployment) = state.deployments.get(&id) else { return Html::default() };
            let title = title(state, words, deployment.release);
            Html(format!(
                "{} of {} into {}: {}",
                html::link(&link::release(deployment.release), &deployment.release.to_string()).0,
                html::text(deployment.service.as_str()),
                html::text(deployment.environment.as_str()),
                html::text(&title)
            ))
        }
        Subject::Configuration(number) => {
            let commit = state.proposals.get(&number).map(|proposal| proposal.commit.to_string());
            let commit = html::short(commit.as_deref().unwrap_or(""));
            Html(format!("the configuration of the organisation, as of commit {commit}"))
        }
    }
}

/// Returns the first line of the message of what a release was made of.
pub(super) fn title(
    state: &State,
    words: &mut Words,
    release: sluss_core::ids::ReleaseId,
) -> String {
    let change = state.change_of(release);
    change.map_or(String::new(), |change| title_of(words, &change.push.title))
}

/// Returns a title, or that it is gone.
pub(super) fn title_of(words: &mut Words, digest: &sluss_core::ids::Digest) -> String {
    match words.text(digest) {
        Some(text) if !text.trim().is_empty() => text,
        Some(_) | None => "(no title)".to_owned(),
    }
}

/// Says what stood behind a request when it was asked, in a line.
fn basis_of(basis: &Basis, request: &Request, now: Millis) -> Html {
    let base = match &basis.base_commit {
        Some(commit) => html::short(commit.as_str()).0,
        None => html::text("nothing, as the first there").0,
    };
    let diff = match &basis.diff_sha256 {
        Some(digest) => html::short(digest.as_str()).0,
        None => html::text("could not be read").0,
    };
    let evidence = html::short(basis.evidence_sha256.as_str()).0;
    let until = request.valid_until.map(|until| html::clock(until, now).0);
    let until = until.map_or(String::new(), |until| format!(" · counts until {until}"));
    Html(format!(
        "beside {base} · difference {diff} · evidence {evidence} · {} risk{until}",
        level_of(basis.risk_points)
    ))
}

/// Returns what a statement says of what stood behind it.
fn basis_lines(basis: &Basis, request: &Request, now: Millis) -> Vec<Line> {
    let line = |word, value: Html| Line { word, value };
    let code = |text: &str| Html(format!("<code class=\"digest\">{}</code>", html::text(text)));
    let base = basis.base_commit.as_ref().map(|commit| code(commit.as_str()));
    let diff = basis.diff_sha256.as_ref().map(|digest| code(digest.as_str()));
    let points = html::count(u64::from(basis.risk_points), "point");
    let risk = format!("{}, {points}", level_of(basis.risk_points));
    let mut lines = vec![
        line("beside commit", base.unwrap_or_else(|| html::text("none: nothing is live there"))),
        line("difference", diff.unwrap_or_else(|| html::text("could not be read"))),
        line("evidence", code(basis.evidence_sha256.as_str())),
        line("risk", html::text(&risk)),
        line("counts from", html::clock(basis.valid_from, now)),
    ];
    lines.extend(request.valid_until.map(|until| line("counts until", html::clock(until, now))));
    lines
}

fn lines(state: &State, subject: Subject, now: Millis) -> Vec<Line> {
    let line = |word, value: Html| Line { word, value };
    let code = |text: &str| Html(format!("<code class=\"digest\">{}</code>", html::text(text)));
    match subject {
        Subject::Deployment(id) => {
            let deployment = state.deployments.get(&id);
            let release = deployment.and_then(|d| state.releases.get(&d.release));
            let change = deployment.and_then(|d| state.change_of(d.release));
            let (Some(deployment), Some(release), Some(change)) = (deployment, release, change)
            else {
                return Vec::new();
            };
            let mut lines = vec![
                line("service", html::text(deployment.service.as_str())),
                line("release", html::text(&deployment.release.to_string())),
                line("environment", html::text(deployment.environment.as_str())),
                line("commit", code(change.push.commit.as_str())),
            ];
            lines.extend(release.artifacts.iter().map(|artifact| {
                let name = html::text(artifact.name.as_str());
                line("artifact", Html(format!("{name} {}", code(artifact.digest.as_str()))))
            }));
            let policy = state.organisation.as_ref().map(|known| known.policy_digest());
            lines.push(line("configuration", code(release.configuration.as_str())));
            lines.extend(policy.map(|digest| line("policy", code(digest.as_str()))));
            let template = &change.push.pipeline;
            let name = html::text(&template.template.to_string());
            let digest = code(template.template_digest.as_str());
            lines.push(line("template", Html(format!("{name} {digest}"))));
            let request = state.requests.get(&subject);
            let basis = request.and_then(|request| Some((request.basis.as_ref()?, request)));
            let said = basis.map(|(basis, request)| basis_lines(basis, request, now));
            lines.extend(said.into_iter().flatten());
            lines.push(line("nonce", code(&deployment.nonce)));
            lines
        }
        Subject::Configuration(number) => {
            let Some(proposal) = state.proposals.get(&number) else { return Vec::new() };
            let known = &proposal.organisation;
            let digest = |text: &Option<Digest>| match text {
                Some(digest) => code(digest.as_str()),
                None => html::text("none"),
            };
            vec![
                line("commit", code(proposal.commit.as_str())),
                line("organisation", html::text(&proposal.organisation.name)),
                line("approvers", html::text(&proposal.organisation.approvers.len().to_string())),
                line("developers", html::text(&proposal.organisation.developers.len().to_string())),
                line("rules", html::text(&known.approvals.len().to_string())),
                line("calendar", digest(&known.calendar)),
                line("policies", digest(&known.policies)),
                line("templates", html::text(&proposal.organisation.templates.len().to_string())),
                line("nonce", code(&proposal.nonce)),
            ]
        }
    }
}
