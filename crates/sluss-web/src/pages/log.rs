//! The log: what happened, newest first, and one event with everything that proves it.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use sluss_engine::failure::{Blame, Failure};
use sluss_ledger::ActorKind;
use sluss_store::{Log, Sealed, is_stream};

use super::frame::{Asked, Frame, OrFail, Page, nothing, render};
use super::html::{self, Html};
use super::link;
use crate::api::words::Words;
use crate::app::App;

/// How many events a page shows.
const LISTED: usize = 50;
/// How many events are read at once, and at most, to find those that are looked for.
const PAGE: u64 = 1_000;
const SEARCHED_MOST: u64 = 20_000;
/// How much of an event's data a row shows.
const SAID: usize = 150;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    stream: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
    /// Show what is before this position, or number in the stream.
    before: Option<u64>,
}

struct EventRow {
    position: u64,
    address: String,
    time: Html,
    kind: String,
    stream: String,
    stream_address: String,
    actor: String,
    said: String,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    frame: Frame,
    which: Which,
    rows: Vec<EventRow>,
    older: Option<String>,
    searched: bool,
}

pub(super) async fn page(State(app): State<App>, Query(which): Query<Which>, asked: Asked) -> Page {
    let frame = Frame::new(&app, &asked, "Log").twin("log");
    let frame = match (which.before, which.stream.is_empty()) {
        (Some(_), _) => frame.topics("none"),
        (None, true) => frame,
        (None, false) => frame.topics(which.stream.clone()),
    };
    let (found, next) = find(&app, &which).await.or_fail(&app, &asked)?;
    let mut words = Words::default();
    for sealed in &found {
        actor(&mut words, sealed);
    }
    words.look_up(&app).await.or_fail(&app, &asked)?;
    let now = app.engine.now();
    let row = |sealed: &Sealed| EventRow {
        position: sealed.position,
        address: link::entry(sealed.position),
        time: html::clock(sealed.time, now),
        kind: sealed.kind.clone(),
        stream: sealed.stream.clone(),
        stream_address: format!("{}?stream={}", link::LOG, link::in_query(&sealed.stream)),
        actor: actor(&mut words, sealed),
        said: said(sealed.body.get()),
    };
    let rows: Vec<EventRow> = found.iter().map(row).collect();
    let older = next.map(|before| {
        let pairs = [("stream", &which.stream), ("type", &which.kind), ("text", &which.text)];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let pairs: String =
            pairs.map(|(name, value)| format!("{name}={}&", link::in_query(value))).collect();
        format!("{}?{pairs}before={before}", link::LOG)
    });
    let searched = !which.kind.is_empty() || !which.text.is_empty();
    Ok(render(&LogPage { frame, which, rows, older, searched }))
}

/// Finds events, newest first, and where older ones begin.
async fn find(app: &App, which: &Which) -> Result<(Vec<Sealed>, Option<u64>), Failure> {
    let log = &app.engine.parts().log;
    let of_stream = !which.stream.is_empty();
    if of_stream && !is_stream(&which.stream) {
        let what = format!("`{}` is no stream.", which.stream);
        let hint =
            "Name one like `run/run-3`, `deployment/dep-2`, `config`, `calendar` or `access`";
        return Err(Failure::new(Blame::Caller, what, hint));
    }
    let end = match of_stream {
        true => app.engine.state().head(&which.stream),
        false => app.engine.state().size,
    };
    let mut before = which.before.unwrap_or(end).min(end);
    let lowest = before.saturating_sub(SEARCHED_MOST);
    let searched = !which.kind.is_empty() || !which.text.is_empty();
    let text = which.text.to_lowercase();
    let mut found = Vec::new();
    while before > lowest {
        let size = if searched { PAGE } else { LISTED as u64 };
        let from = before.saturating_sub(size).max(lowest);
        let limit = usize::try_from(before - from).unwrap_or(LISTED);
        let events = match of_stream {
            true => log.stream(&which.stream, from, limit).await?,
            false => log.read(from, limit).await?,
        };
        for sealed in events.into_iter().rev() {
            before = if of_stream { sealed.seq } else { sealed.position };
            let fits = sealed.kind.starts_with(&which.kind)
                && (text.is_empty()
                    || sealed.kind.contains(&text)
                    || sealed.stream.contains(&text)
                    || sealed.body.get().to_lowercase().contains(&text));
            if fits {
                found.push(sealed);
            }
            if found.len() == LISTED {
                return Ok((found, Some(before).filter(|before| *before > 0)));
            }
        }
        before = before.min(from);
    }
    Ok((found, Some(before).filter(|before| *before > 0)))
}

fn actor(words: &mut Words, sealed: &Sealed) -> String {
    let reference = match sealed.actor.kind {
        ActorKind::System => return "Sluss".to_owned(),
        ActorKind::Workload => return "a step".to_owned(),
        ActorKind::Person => Some(&sealed.actor.reference),
        ActorKind::Agent => sealed.actor.acts_for.as_ref(),
    };
    let person = reference.and_then(|reference| reference.to_string().parse().ok());
    let name = person.map_or("somebody".to_owned(), |person| words.person(&person).name);
    match sealed.actor.kind {
        ActorKind::Agent => format!("a program for {name}"),
        ActorKind::Person | ActorKind::System | ActorKind::Workload => name,
    }
}

fn said(body: &str) -> String {
    let mut said: String =
        body.chars().filter(|c| !matches!(c, '{' | '}' | '"')).take(SAID).collect();
    if body.len() > said.len() + 20 {
        said.push('…');
    }
    said.replace(',', ", ").replace(':', ": ")
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    frame: Frame,
    position: u64,
    kind: String,
    stream: String,
    seq: u64,
    time: String,
    occurred: String,
    actor: String,
    source: String,
    cause: Option<u64>,
    command: Option<String>,
    json: String,
    leaf: String,
    hash: String,
    before: Option<u64>,
    after: Option<u64>,
    proof: String,
}

pub(super) async fn entry(
    State(app): State<App>,
    Path(position): Path<String>,
    asked: Asked,
) -> Page {
    let absent = || nothing(format!("entry `{position}` in the log"));
    let position: u64 = position.parse().map_err(|_| absent()).or_fail(&app, &asked)?;
    let log = &app.engine.parts().log;
    let found = log.read(position, 1).await.map_err(Failure::from).or_fail(&app, &asked)?;
    let sealed = found.into_iter().next().ok_or_else(absent).or_fail(&app, &asked)?;
    let begin = sealed.seq.saturating_sub(1);
    let beside = log.stream(&sealed.stream, begin, 3).await;
    let beside = beside.map_err(Failure::from).or_fail(&app, &asked)?;
    let at = |seq: Option<u64>| {
        let found = beside.iter().find(|other| Some(other.seq) == seq);
        found.map(|other| other.position)
    };
    let mut words = Words::default();
    actor(&mut words, &sealed);
    words.look_up(&app).await.or_fail(&app, &asked)?;
    let parsed: Option<serde_json::Value> = serde_json::from_str(sealed.body.get()).ok();
    let pretty = parsed.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let frame = Frame::new(&app, &asked, format!("Entry {position}: {}", sealed.kind))
        .twin(format!("log/{position}"))
        .topics("none");
    Ok(render(&EntryPage {
        frame,
        position,
        stream: sealed.stream.clone(),
        seq: sealed.seq,
        time: html::absolute(sealed.time),
        occurred: html::absolute(sealed.occurred),
        actor: actor(&mut words, &sealed),
        source: sealed.source.clone(),
        cause: sealed.cause,
        command: sealed.command_key.clone(),
        json: cut(pretty.unwrap_or_else(|| sealed.body.get().to_owned())),
        leaf: cut(String::from_utf8_lossy(&sealed.bytes).into_owned()),
        hash: sealed.hash.to_string(),
        before: at(sealed.seq.checked_sub(1)),
        after: at(Some(sealed.seq + 1)),
        proof: link::twin(format!("log/{position}/proof")),
        kind: sealed.kind,
    }))
}

/// Keeps a page small: the whole is in the API.
fn cut(mut text: String) -> String {
    const MOST: usize = 16_000;
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n… (the rest is in the API)");
    }
    text
}
