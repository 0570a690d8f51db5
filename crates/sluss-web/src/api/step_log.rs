//! What a step prints, as text, while it runs and after.
//!
//! A line is milliseconds since the attempt began, tab, `o`, `e` or `n` (standard output, standard
//! error, a note of ours), tab, text.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use sluss_core::ids::{DeploymentId, Digest, RunId, StepName};
use sluss_core::steps::{StepOwner, StepState};
use sluss_engine::executor::{AttemptKey, AttemptOwner};
use sluss_engine::failure::{Blame, Failure};
use sluss_store::Blobs;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Refused, nothing, parse};
use crate::app::App;
use crate::live::AS_IT_COMES;

/// How often a running step's log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How much is read at once, in bytes.
const PIECE: u64 = 256 * 1024;

/// Which log, and how.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// The last attempt unless given.
    attempt: Option<u16>,
    /// `1` to go on until the attempt ends.
    follow: Option<u8>,
    /// The byte to begin at.
    #[serde(default)]
    from: u64,
}

/// Where an attempt's log is.
enum Stands {
    Running,
    Ended(Option<Digest>),
    Unknown,
}

struct Reading {
    app: App,
    owner: StepOwner,
    step: StepName,
    attempt: u16,
    offset: u64,
    follow: bool,
    over: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

pub(super) async fn of_run(
    State(app): State<App>,
    Path((run, step)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Response, Refused> {
    let run: RunId = parse(&run)?;
    read(app, StepOwner::Run(run), parse(&step)?, which)
}

pub(super) async fn of_deployment(
    State(app): State<App>,
    Path((deployment, step)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Response, Refused> {
    let deployment: DeploymentId = parse(&deployment)?;
    read(app, StepOwner::Deployment(deployment), parse(&step)?, which)
}

fn read(app: App, owner: StepOwner, step: StepName, which: Which) -> Result<Response, Refused> {
    let attempt = {
        let state = app.engine.state();
        let stands = state.steps(owner).and_then(|steps| steps.state(&step));
        let stands = stands.ok_or_else(|| nothing(format!("step `{step}` of {owner}")))?;
        let last = match stands {
            StepState::Running { attempt, .. } => Some(*attempt),
            StepState::Waiting { attempts } | StepState::Ended { attempts } => {
                attempts.last().map(|last| last.number)
            }
            StepState::Skipped => None,
        };
        which.attempt.or(last).ok_or_else(|| nothing(format!("log of `{step}` yet")))?
    };
    let follow = which.follow == Some(1);
    let permit = match follow {
        true => Some(app.shared.watchers.clone().try_acquire_owned().map_err(|_| {
            Failure::new(Blame::Upstream, "Too many are watching.", "Try again in a while")
        })?),
        false => None,
    };
    let offset = which.from;
    let reading =
        Reading { app, owner, step, attempt, offset, follow, over: false, _permit: permit };
    let pieces = stream::unfold(reading, |mut reading| async move {
        let piece = reading.next().await?;
        Some((piece, reading))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, AS_IT_COMES, Body::from_stream(pieces)).into_response())
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        while !self.over {
            // Asked before reading: what is printed in between is read the next time.
            let stands = self.stands();
            let piece = match &stands {
                Stands::Ended(Some(digest)) => self.recorded(digest).await,
                Stands::Running | Stands::Ended(None) => self.printed().await,
                Stands::Unknown => return None,
            };
            let piece = match piece {
                Ok(piece) => piece,
                Err(failure) => {
                    self.over = true;
                    return Some(Err(failure));
                }
            };
            if !piece.is_empty() {
                self.offset += piece.len() as u64;
                return Some(Ok(piece));
            }
            let stopping = *self.app.shared.stopping.borrow();
            match stands {
                Stands::Running if self.follow && !stopping => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Stands::Running | Stands::Ended(_) | Stands::Unknown => self.over = true,
            }
        }
        None
    }

    fn stands(&self) -> Stands {
        let state = self.app.engine.state();
        let known = state.steps(self.owner).and_then(|steps| steps.state(&self.step));
        let Some(known) = known else { return Stands::Unknown };
        if let StepState::Running { attempt, .. } = known
            && *attempt == self.attempt
        {
            return Stands::Running;
        }
        let ended = known.attempts().iter().find(|ended| ended.number == self.attempt);
        ended.map_or(Stands::Unknown, |ended| Stands::Ended(ended.log.clone()))
    }

    /// Returns what is left of the log that was recorded when the attempt ended.
    async fn recorded(&self, digest: &Digest) -> Result<Bytes, Failure> {
        if let Some(said) = gone(&self.app, digest) {
            let hint = format!("See how it stands: `sluss retention show {digest}`");
            return Err(Failure::new(Blame::NotFound, said, hint));
        }
        let whole = self.app.engine.parts().blobs.get(digest).await;
        let whole = whole.map_err(|error| Failure::upstream("The log can't be read", &error))?;
        let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(whole.len());
        Ok(Bytes::from(whole).slice(from..))
    }

    /// Returns what the attempt has printed since it was last looked at.
    async fn printed(&self) -> Result<Bytes, Failure> {
        let Some(executor) = &self.app.shared.seams.executor else { return Ok(Bytes::new()) };
        let owner = match self.owner {
            StepOwner::Run(run) => AttemptOwner::Run(run),
            StepOwner::Deployment(deployment) => AttemptOwner::Deployment(deployment),
        };
        let key = AttemptKey { owner, step: self.step.clone(), attempt: u32::from(self.attempt) };
        let piece = executor.read_log(&key, self.offset, PIECE).await;
        // Its folder is made a moment after the attempt is recorded.
        Ok(piece.map(Bytes::from).unwrap_or_default())
    }
}

/// Says that what a step printed is gone by the log, where it is.
pub(crate) fn gone(app: &App, log: &Digest) -> Option<String> {
    let state = app.engine.state();
    let gone = state.contents.get(log)?.gone.as_ref()?;
    Some(format!("What it printed was disposed of under policy, by entry {}.", gone.leaf))
}
