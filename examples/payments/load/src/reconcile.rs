//! Holding the client's ledger against the service's books.
//!
//! First every payment without a final answer is sent again, under its key, until
//! it has one; then each applied key of the run is read from the books.

use crate::client::{Call, Client, Reply};
use crate::drive::Run;
use crate::plan::Plan;
use crate::tally::{State, Tally};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Payments of the run that are in the books.
    applied: u64,
    /// Answered as applied, and not in the books.
    lost: u64,
    /// In the books more than once, or with other than two entries.
    duplicated: u64,
    /// In the books although declined, with another amount, or never sent.
    unexpected: u64,
    /// Still without an answer.
    unknown: u64,
    /// The sum of all entries.
    balance: i64,
    /// Whether the service itself finds nothing wrong with its books.
    sound: bool,
}

#[derive(Deserialize)]
struct Page {
    keys: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    transfers: i64,
    entries: i64,
    amount_cents: i64,
}

const PAGE: usize = 5_000;
const RESEND_PATIENCE: Duration = Duration::from_secs(60);
const RESEND_AT_ONCE: usize = 64;
const READ_TRIES: u32 = 20;

/// Settles what is open and compares.
pub(crate) async fn run(run: &Arc<Run>) -> Result<Findings, String> {
    resend(run).await;
    let counts = read_applied(run).await?;
    let books = read(&run.client, "/books").await?;
    let summary = books.json();
    let balance = summary["balance_cents"].as_i64().ok_or("/books has no balance_cents")?;
    let mut findings = compare(&run.plan, &run.tally().payments, &counts);
    findings.unexpected += counts.strangers;
    findings.balance = balance;
    findings.sound = !books.marked_failed;
    Ok(findings)
}

impl Findings {
    /// Returns whether everything sent is in the books exactly once.
    pub(crate) fn good(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.unexpected == 0
            && self.unknown == 0
            && self.balance == 0
            && self.sound
    }

    /// Returns the last line of the run.
    pub(crate) fn json(&self, tally: &Tally, seconds: f64) -> Value {
        let declined = tally.payments.iter().filter(|state| **state == State::Declined).count();
        json!({
            "final": true,
            "good": self.good(),
            "seconds": (seconds * 1e3).round() / 1e3,
            "sent": tally.sent_count(),
            "applied": self.applied,
            "declined": declined,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "unexpected": self.unexpected,
            "unknown": self.unknown,
            "balance": self.balance,
            "attempts": tally.attempts,
            "failed_attempts": tally.failed_attempts,
            "cuts": tally.cuts,
            "failed_payments": tally.failed_final,
            "p50_ms": tally.whole.quantile_ms(0.5),
            "p99_ms": tally.whole.quantile_ms(0.99),
        })
    }
}

async fn resend(run: &Arc<Run>) {
    let deadline = Instant::now() + RESEND_PATIENCE;
    let open: Vec<u64> = {
        let tally = run.tally();
        let is_open = |state: &State| matches!(state, State::Sent | State::Failed);
        (0..).zip(&tally.payments).filter(|(_, state)| is_open(state)).map(|(n, _)| n).collect()
    };
    let mut sending = JoinSet::new();
    for number in open {
        if sending.len() >= RESEND_AT_ONCE {
            sending.join_next().await;
        }
        sending.spawn(settle(Arc::clone(run), number, deadline));
    }
    sending.join_all().await;
}

async fn settle(run: Arc<Run>, number: u64, deadline: Instant) {
    while Instant::now() < deadline {
        let (state, status) = run.send(number).await;
        if state != State::Failed {
            run.ledger.done(&run.plan.payment(number), status, Duration::ZERO);
            run.tally().settle(number, state);
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// What the books hold of the run: per payment, what stands there.
struct Applied {
    rows: Vec<Option<Row>>,
    strangers: u64,
}

async fn read_applied(run: &Run) -> Result<Applied, String> {
    let sent = run.tally().payments.len();
    let mut applied = Applied { rows: Vec::new(), strangers: 0 };
    applied.rows.resize_with(sent, || None);
    let mut after = run.plan.prefix();
    loop {
        let path = format!("/transfers?keys-after={after}&limit={PAGE}");
        let reply = read(&run.client, &path).await?;
        let page: Page = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        let full = page.keys.len() == PAGE;
        for row in page.keys {
            if !row.key.starts_with(&run.plan.prefix()) {
                return Ok(applied);
            }
            after.clone_from(&row.key);
            let number = run.plan.number(&row.key).and_then(|n| usize::try_from(n).ok());
            match number.and_then(|number| applied.rows.get_mut(number)) {
                Some(place) => *place = Some(row),
                None => applied.strangers += 1,
            }
        }
        if !full {
            return Ok(applied);
        }
    }
}

fn compare(plan: &Plan, payments: &[State], applied: &Applied) -> Findings {
    let mut findings = Findings::default();
    for (number, (state, row)) in (0..).zip(payments.iter().zip(&applied.rows)) {
        findings.applied += u64::from(row.is_some());
        match (state, row) {
            (State::Succeeded, None) => findings.lost += 1,
            (State::Succeeded, Some(_)) | (State::Declined, None) => {}
            (State::Declined, Some(_)) => findings.unexpected += 1,
            (State::Sent | State::Failed, _) => findings.unknown += 1,
        }
        let Some(row) = row else { continue };
        let once = row.transfers == 1 && row.entries == 2;
        let as_sent = row.amount_cents == plan.payment(number).amount_cents;
        findings.duplicated += u64::from(!once);
        findings.unexpected += u64::from(once && !as_sent);
    }
    findings
}

async fn read(client: &Client, path: &str) -> Result<Reply, String> {
    let mut last = None;
    for _try in 0..READ_TRIES {
        match client.attempt(&Call::get(path)).await {
            Some(reply) if reply.status == 200 => return Ok(reply),
            other => last = other.map(|reply| reply.status),
        }
        sleep(Duration::from_millis(250)).await;
    }
    Err(format!("{path} could not be read, last status: {last:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, plan: &Plan, transfers: i64) -> Option<Row> {
        let payment = plan.payment(number);
        let amount_cents = payment.amount_cents * transfers;
        Some(Row { key: payment.key, transfers, entries: 2 * transfers, amount_cents })
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let plan = Plan { run: "r".to_owned(), accounts: 9 };
        let payments =
            [State::Succeeded, State::Succeeded, State::Declined, State::Succeeded, State::Failed];
        let rows = vec![row(0, &plan, 1), None, row(2, &plan, 1), row(3, &plan, 2), None];
        let found = compare(&plan, &payments, &Applied { rows, strangers: 0 });
        let counts = (found.applied, found.lost, found.duplicated, found.unexpected, found.unknown);
        assert_eq!(counts, (3, 1, 1, 1, 1));
        assert!(!found.good());
    }
}
