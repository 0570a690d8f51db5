//! `index.html`: the dossier as a person reads it. No scripts, nothing loaded, prints well.

use std::fmt;

use serde_json::Value;

use super::build::Parts;
use super::manifest::StreamExtent;
use crate::attest::{Statement, UtcTime};
use crate::checkpoint::Checkpoint;
use crate::envelope::{ActorKind, Envelope};
use crate::hash::Hash;

/// What the page shows.
pub(crate) struct Page<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) events: &'a [(u64, Envelope)],
    pub(crate) streams: &'a [StreamExtent],
}

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;\
margin:2rem auto;padding:0 1rem}h1{margin-bottom:0}table{border-collapse:collapse;width:100%;\
font-size:13px}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;\
border-bottom:1px solid #8886}code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}\
.no{font-weight:600}.no td:first-child{border-left:4px solid #c0392b;padding-left:.4rem}\
dt{font-weight:600}dd{margin:0 0 .4rem}.note{border-left:4px solid #8888;padding-left:.8rem}\
@media print{body{max-width:none;margin:0;font-size:10pt}table{font-size:8.5pt}\
tr,dd{break-inside:avoid}thead{display:table-header-group}h2{break-after:avoid}}";

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = Text(&self.parts.release);
        writeln!(f, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
        writeln!(
            f,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        )?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width\">")?;
        writeln!(f, "<title>Dossier of release {release}</title><style>{STYLE}</style></head>")?;
        writeln!(f, "<body><h1>Dossier of release {release}</h1>")?;
        writeln!(
            f,
            "<p class=\"note\">This page is for reading. It proves nothing by itself: <a href=\"VERIFY.md\">VERIFY.md</a> says how to check what it shows, with keys that did not come with it.</p>"
        )?;
        self.facts(f)?;
        self.decisions(f)?;
        self.timeline(f)?;
        self.attestations(f)?;
        self.rest(f)?;
        writeln!(f, "</body></html>")
    }
}

impl Page<'_> {
    fn facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checkpoint { origin, head } = self.checkpoint;
        writeln!(f, "<dl><dt>Log</dt><dd>{}</dd>", Text(origin.as_str()))?;
        writeln!(
            f,
            "<dt>State of the log</dt><dd>{} entries, root <code>{}</code></dd>",
            head.size, head.root
        )?;
        writeln!(f, "<dt>Kept for</dt><dd>{}</dd>", Text(&self.parts.retention))?;
        writeln!(f, "<dt>Artifacts</dt>")?;
        let created = self.events.iter().filter(|(_, event)| event.kind == "release.created");
        for subject in created.flat_map(|(_, event)| &event.subject) {
            writeln!(
                f,
                "<dd>{} <code>sha256:{}</code></dd>",
                Text(&subject.name),
                subject.digest.sha256
            )?;
        }
        writeln!(f, "</dl>")
    }

    /// What people and policies decided, refusals and exceptions marked.
    fn decisions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TOLD: [&str; 10] = [
            "approval.",
            "gate.",
            "exception.",
            "freeze.",
            "line.",
            "waiver.",
            "emergency.",
            "deployment.refused",
            "rollout.held",
            "rollout.resumed",
        ];
        let told = |event: &Envelope| TOLD.iter().any(|word| event.kind.starts_with(word));
        let rows: Vec<_> = self.events.iter().filter(|(_, event)| told(event)).collect();
        writeln!(
            f,
            "<h2>Decisions</h2><p>{} in all, {} of them refusals or exceptions.</p>",
            rows.len(),
            rows.iter().filter(|(_, event)| stands_out(event)).count()
        )?;
        rows_of(f, rows.into_iter())
    }

    fn timeline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<h2>Everything that happened</h2>")?;
        rows_of(f, self.events.iter())?;
        writeln!(
            f,
            "<h2>Streams</h2><table><thead><tr><th>Stream<th>Events<th>There<th>Head</tr></thead>"
        )?;
        for extent in self.streams {
            let kind = if extent.complete { "from its beginning" } else { "excerpt" };
            writeln!(
                f,
                "<tr><td>{}<td>{}<td>{kind}<td><code>{}</code></tr>",
                Text(&extent.stream),
                extent.count,
                extent.head
            )?;
        }
        writeln!(f, "</table>")
    }

    fn attestations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "<h2>Attestations</h2><table><thead><tr><th>Leaf<th>Says<th>About<th>Signed by</tr></thead>"
        )?;
        for part in &self.parts.attestations {
            let statement = part.envelope.unverified_statement();
            let (says, about) = match &statement {
                Ok(statement) => (statement.predicate_type(), subjects(statement)),
                Err(_) => ("not a statement", String::new()),
            };
            writeln!(
                f,
                "<tr><td><a href=\"attestations/{:010}.sigstore.json\">{}</a><td>{}<td>{}<td><code>{}</code></tr>",
                part.index,
                part.index,
                Text(says),
                Text(&about),
                Text(part.envelope.key_id_hint())
            )?;
        }
        writeln!(f, "</table>")
    }

    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts;
        writeln!(f, "<h2>Also in this dossier</h2><ul>")?;
        if parts.sbom.is_some() {
            writeln!(f, "<li><a href=\"sbom.cdx.json\">Bill of materials</a> (CycloneDX)</li>")?;
        }
        if parts.controls.is_some() {
            writeln!(f, "<li><a href=\"controls.cdx.json\">Controls</a> (CycloneDX)</li>")?;
        }
        writeln!(
            f,
            "<li>{} recorded policy decisions with what they were made from</li>",
            parts.policy.len()
        )?;
        for blob in &parts.blobs {
            let digest = Hash::sha256(blob);
            writeln!(
                f,
                "<li><a href=\"blobs/{digest}\"><code>{digest}</code></a>, {} bytes</li>",
                blob.len()
            )?;
        }
        for disposed in &parts.disposed {
            writeln!(
                f,
                "<li class=\"no\"><code>{}</code> was disposed of under a policy ({}, leaf {})</li>",
                disposed.sha256,
                Text(&disposed.class),
                disposed.leaf
            )?;
        }
        writeln!(f, "</ul>")
    }
}

fn rows_of<'a>(
    f: &mut fmt::Formatter<'_>,
    rows: impl Iterator<Item = &'a (u64, Envelope)>,
) -> fmt::Result {
    writeln!(
        f,
        "<table><thead><tr><th>Leaf<th>Time (UTC)<th>What<th>Of<th>By<th>Data</tr></thead>"
    )?;
    for (leaf, event) in rows {
        let class = if stands_out(event) { " class=\"no\"" } else { "" };
        let time = UtcTime::from_ms(event.time_ms).map(|time| time.to_string());
        let time = time.unwrap_or_else(|| event.time_ms.to_string());
        let who = &event.actor.reference.to_string()[..8];
        let kind = match event.actor.kind {
            ActorKind::Person => "person",
            ActorKind::Agent => "agent",
            ActorKind::Workload => "workload",
            ActorKind::System => "system",
        };
        writeln!(
            f,
            "<tr{class}><td><a href=\"events/{leaf:010}.json\">{leaf}</a><td>{time}<td>{}<td>{}<td>{kind} <code>{who}</code><td><code>{}</code></tr>",
            Text(&event.kind),
            Text(&event.stream),
            Text(&shortened(event.data.get()))
        )?;
    }
    writeln!(f, "</table>")
}

/// Whether an event is a refusal or an exception, or lets something through by one, which a reader
/// must not miss.
fn stands_out(event: &Envelope) -> bool {
    let kind = event.kind.as_str();
    let words =
        ["refused", "denied", "invalidated", "expired", "revoked", "overridden", "rolled_back"];
    let themes = ["exception.", "freeze.", "line.", "waiver.", "emergency.", "incident."];
    if kind == "gate.decided" {
        let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
        let outcome = &data["outcome"];
        let by = ["exception", "standard", "waived"];
        return outcome["outcome"] == "refused"
            || by.iter().any(|word| outcome["why"][*word].is_object());
    }
    words.iter().any(|word| kind.ends_with(word))
        || themes.iter().any(|theme| kind.starts_with(theme))
}

fn subjects(statement: &Statement) -> String {
    let names: Vec<&str> =
        statement.subject().iter().map(|subject| subject.name.as_str()).collect();
    names.join(", ")
}

/// The data of an event, cut where it is long; the whole is in the event's file.
fn shortened(data: &str) -> String {
    const SHOWN: usize = 240;
    let cut: String = data.chars().take(SHOWN).collect();
    if cut.len() < data.len() { cut + " …" } else { cut }
}

/// Text that stands in HTML as it is.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}
