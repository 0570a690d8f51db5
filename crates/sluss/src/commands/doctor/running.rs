//! What Sluss says while it runs: data plane, control plane, checkpoint, clock, connection.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use sluss_engine::failure::Blame;
use sluss_engine::target::{HostTarget, Target as _};

use super::super::connection::{Where, known};
use super::super::times::{length, now_ms};
use super::Finding;
use crate::first::connection_file;

/// How old the signed checkpoint may be while the log has entries that it does not cover.
const CHECKPOINT_LATE_MS: i64 = 10_000;
/// How far the control plane's clock may be from ours.
const CLOCK_OFF_MS: i64 = 5_000;

/// Asks the data plane.
pub(super) async fn host(data: &Path) -> Finding {
    let what = "data plane";
    match HostTarget::new(data.join("host")).status().await {
        Ok(routes) => match routes.iter().find_map(|route| route.problem.as_ref()) {
            Some(problem) => {
                let mend = "free the port, or give the service another one in `sluss.yaml`";
                Finding::bad(what, problem.clone(), mend)
            }
            None => Finding::ok(what, format!("answers; it keeps {} routes", routes.len())),
        },
        Err(error) => {
            let found = format!("does not answer: {error}");
            Finding::bad(what, found, "start Sluss: `sluss up`, or name its folder with `--data`")
        }
    }
}

/// Asks the control plane, and looks at what it says of itself.
pub(super) async fn control_plane(of: &Where, data: &Path) -> Vec<Finding> {
    let what = "control plane";
    let client = match of.client() {
        Ok(client) => client,
        Err(failure) => return vec![Finding::bad(what, failure.what, failure.hint)],
    };
    let status = match client.get("/api/v1/status").await {
        Ok(status) => status,
        Err(failure) if failure.blame == Blame::Denied => {
            let mend = "sign in again: `sluss login URL`";
            return vec![Finding::bad(what, failure.what, mend)];
        }
        Err(failure) => return vec![Finding::bad(what, failure.what, "start Sluss: `sluss up`")],
    };
    let size = status["size"].as_u64().unwrap_or(0);
    let keys = client.get("/api/v1/log/trust").await.unwrap_or_default();
    let key = |name: &str| keys[name].as_str().unwrap_or("unknown").to_owned();
    let signed = client.get_text("/api/v1/log/checkpoint").await.ok();
    vec![
        Finding::ok(what, format!("answers; its log has {size} entries")),
        checkpoint(signed.as_deref(), size, data),
        writable(&status),
        clock(&status),
        Finding::ok("key of the log", key("log_key")),
        Finding::ok("key of attestations", format!("SHA-256 {}", key("attestation_key"))),
    ]
}

/// A signed checkpoint's second line is how many entries it covers.
fn checkpoint(signed: Option<&str>, size: u64, data: &Path) -> Finding {
    let what = "checkpoint";
    let mend = "look at Sluss's own messages, then `sluss log verify`";
    let covers = signed.and_then(|text| text.lines().nth(1)?.parse::<u64>().ok());
    let Some(covers) = covers else { return Finding::bad(what, "there is none", mend) };
    let written = std::fs::metadata(data.join("log").join("checkpoint"));
    let written = written.and_then(|about| about.modified()).ok().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    });
    let age_ms = written.map(|at| now_ms() - at);
    let late = age_ms.is_none_or(|age| age > CHECKPOINT_LATE_MS);
    if covers < size && late {
        return Finding::bad(what, format!("covers {covers} of {size} entries"), mend);
    }
    let age = age_ms.map(|age| format!(", signed {} ago", length(age))).unwrap_or_default();
    Finding::ok(what, format!("covers {covers} of {size} entries{age}"))
}

fn writable(status: &Value) -> Finding {
    let what = "writing the log";
    let waiting = status["put_aside"].as_array().map_or(0, Vec::len);
    let mend = "make space on the disk of the data folder, or mend it";
    match (status["unwritable_since_ms"].as_i64(), waiting) {
        (None, 0) => Finding::ok(what, "the last entry was taken"),
        (Some(since), 0) => {
            let found = format!("it can't be written, {} long", length(now_ms() - since));
            Finding::bad(what, found, mend)
        }
        (_, waiting) => {
            let found = format!("it can't be written; rollbacks put aside meanwhile: {waiting}");
            Finding::bad(what, found, mend)
        }
    }
}

fn clock(status: &Value) -> Finding {
    let what = "clock";
    if status["clock_gap"].as_bool() == Some(true) {
        let found = "it jumped, so nothing goes forward";
        let mend = "set it right; then it is noticed, or say so on the page of the log";
        return Finding::bad(what, found, mend);
    }
    let last = status["time_ms"].as_i64().unwrap_or_default();
    let ahead = last - now_ms();
    if ahead > CLOCK_OFF_MS {
        let found = format!("the log's last entry is {} in the future", length(ahead));
        return Finding::bad(what, found, "set the clock of this machine right");
    }
    Finding::ok(what, "does not run behind the log")
}

/// Looks at how far everybody was told who is told of emergencies, incidents and stops.
pub(super) fn notices(data: &Path) -> Vec<Finding> {
    let what = "notices";
    let told = match sluss_engine::notify::all_told(data) {
        Ok(told) => told,
        Err(error) => {
            let mend = format!("look at the files in {}", data.join("notify").display());
            return vec![Finding::bad(what, format!("can't be read: {error}"), mend)];
        }
    };
    let one = |told: sluss_engine::notify::Told| match told.failing_since {
        None => Finding::ok(what, format!("{} was told up to entry {}", told.url, told.position)),
        Some(since) => {
            let (for_long, url) = (length(now_ms() - since.0), told.url);
            let found = format!(
                "{url} takes nothing in for {for_long}, {} times: {}; it waits at entry {}",
                told.failures, told.why, told.position
            );
            let mend = "start what listens there; it is told all that it missed by itself";
            Finding::warn(what, found, mend)
        }
    };
    told.into_iter().map(one).collect()
}

/// Looks at the file that remembers where Sluss is.
pub(super) fn connection() -> Finding {
    let (what, file) = ("connection", connection_file());
    match known() {
        Ok(None) => Finding::warn(what, "nobody is signed in here", "sign in: `sluss login URL`"),
        Err(failure) => Finding::bad(what, failure.what, failure.hint),
        Ok(Some(connection)) => {
            let mode = std::fs::metadata(&file).map_or(0, |about| about.permissions().mode());
            if mode & 0o077 != 0 {
                let found = format!("{} can be read by others", file.display());
                return Finding::bad(what, found, format!("chmod 600 {}", file.display()));
            }
            Finding::ok(what, format!("{} as {}", connection.url, connection.login))
        }
    }
}
