//! Sending: payments leave when they are due, whether or not earlier ones came
//! back, and each is timed from when it was due.

use crate::client::{Call, Client};
use crate::ledger::{Ledger, now_ms};
use crate::options::{Arrivals, Load, Output};
use crate::plan::{Draw, OPENING_CENTS, Plan, account};
use crate::reconcile;
use crate::tally::{State, Tally};
use serde_json::json;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};

/// What all payments of a run share.
pub(crate) struct Run {
    pub(crate) client: Client,
    pub(crate) plan: Plan,
    pub(crate) ledger: Ledger,
    tally: Mutex<Tally>,
}

const OPENING_PATIENCE: Duration = Duration::from_secs(60);
const LAST_PATIENCE: Duration = Duration::from_secs(15);

/// Sends as `options` say, then reconciles; returns whether all is well.
pub(crate) async fn run(options: Load) -> Result<bool, String> {
    let text = |error: std::io::Error| error.to_string();
    let run = Arc::new(Run {
        client: Client::new(&options.authorities, options.connections),
        plan: Plan {
            run: format!("load-{:x}-{:x}", now_ms(), std::process::id()),
            accounts: options.accounts,
        },
        ledger: Ledger::open(options.ledger.as_deref()).map_err(text)?,
        tally: Mutex::default(),
    });
    let mut terminate = signal(SignalKind::terminate()).map_err(text)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(text)?;
    run.open_accounts().await?;

    let started = Instant::now();
    let reports = tokio::spawn(report(Arc::clone(&run), options.output, started));
    if let Some(every) = options.cut_every {
        tokio::spawn(cut(Arc::clone(&run), every));
    }
    let end = async {
        match options.duration {
            Some(duration) => sleep_until(started + duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = send_all(&run, &options, started) => {}
        () = end => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let seconds = started.elapsed().as_secs_f64();
    let rest = async {
        while run.tally().in_flight() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    // Whoever is still on the way after this is asked again under its key.
    let _in_time = timeout(LAST_PATIENCE, rest).await.is_ok();
    reports.abort();
    let found = reconcile::run(&run).await;
    run.ledger.flush().map_err(text)?;
    let findings = found?;
    print(options.output, &findings.json(&run.tally(), seconds));
    Ok(findings.good())
}

async fn send_all(run: &Arc<Run>, options: &Load, started: Instant) {
    let mut draw = Draw::new(now_ms());
    let mut due_seconds = 0.0;
    loop {
        due_seconds += match options.arrivals {
            Arrivals::Even => 1.0 / options.rate_per_second,
            Arrivals::Poisson => -draw.share().ln() / options.rate_per_second,
        };
        let due = started + Duration::from_secs_f64(due_seconds);
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let number = run.tally().sent();
        tokio::spawn(pay(Arc::clone(run), number, due));
    }
}

async fn pay(run: Arc<Run>, number: u64, due: Instant) {
    let payment = run.plan.payment(number);
    run.ledger.sent(&payment);
    let (state, status) = run.send(number).await;
    let took = due.elapsed();
    run.ledger.done(&payment, status, took);
    run.tally().done(number, state, took);
}

impl Run {
    /// Sends the payment with retries; returns what became of it.
    pub(crate) async fn send(&self, number: u64) -> (State, Option<u16>) {
        let payment = self.plan.payment(number);
        let call = Call::post("/transfers", &payment.key, payment.body());
        let reply = self.client.send(&call, |failed| self.tally().attempt(failed)).await;
        let status = reply.map(|reply| reply.status);
        let state = match status {
            Some(200 | 201) => State::Succeeded,
            Some(402) => State::Declined,
            // Another answer is not what was asked for, and sending it again is no use.
            Some(_) | None => State::Failed,
        };
        (state, status)
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the accounts, or finds them open.
    async fn open_accounts(&self) -> Result<(), String> {
        let deadline = Instant::now() + OPENING_PATIENCE;
        for number in 0..self.plan.accounts {
            let id = account(number);
            let body = json!({ "id": id, "opening_cents": OPENING_CENTS }).to_string();
            let call = Call::post("/accounts", &format!("open-{id}"), body);
            loop {
                match self.client.attempt(&call).await.map(|reply| reply.status) {
                    Some(200 | 201 | 409) => break,
                    status if Instant::now() > deadline => {
                        return Err(format!("account {id} could not be opened: {status:?}"));
                    }
                    _again => sleep(Duration::from_millis(100)).await,
                }
            }
        }
        Ok(())
    }
}

/// Cuts every connection at random instants, `every` apart on average.
async fn cut(run: Arc<Run>, every: Duration) {
    let mut draw = Draw::new(now_ms());
    loop {
        sleep(every.mul_f64(-draw.share().ln())).await;
        run.client.cut();
        run.tally().cuts += 1;
    }
}

async fn report(run: Arc<Run>, output: Output, started: Instant) {
    let second = Duration::from_secs(1);
    let mut ticks = interval_at(started + second, second);
    loop {
        let tick = ticks.tick().await;
        if let Err(error) = run.ledger.flush() {
            eprintln!("payments-load: the ledger could not be written: {error}");
        }
        let line = {
            let mut tally = run.tally();
            let latencies = tally.second.take();
            json!({
                "t": tick.duration_since(started).as_secs(),
                "sent": tally.sent_count(),
                "succeeded": tally.succeeded,
                "declined": tally.declined,
                "attempts": tally.attempts,
                "failed_attempts": tally.failed_attempts,
                "failed_final": tally.failed_final,
                "cuts": tally.cuts,
                "in_flight": tally.in_flight(),
                "p50_ms": latencies.quantile_ms(0.5),
                "p99_ms": latencies.quantile_ms(0.99),
            })
        };
        print(output, &line);
    }
}

fn print(output: Output, line: &serde_json::Value) {
    let text = match (output, line.as_object()) {
        (Output::Text, Some(fields)) => {
            fields.iter().map(|(name, value)| format!("{name}={value} ")).collect()
        }
        (Output::Json, _) | (Output::Text, None) => line.to_string(),
    };
    let mut stdout = std::io::stdout().lock();
    // Whoever read along may be gone; the payments go on.
    if writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()).is_err() {}
}
