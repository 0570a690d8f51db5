//! Takes a customer's request to an instance and the answer back, and counts how it ended.
//!
//! # What is counted
//!
//! - A request counts for the release that answered it, in the second that it ended in.
//! - An error is a 5xx, a time-out, a broken connection to the instance, or an answer that the
//!   service marked with `sluss-outcome: failed`, or with `failed` in the header that its route
//!   names. A customer who goes away is no error.
//! - If a release's instance could not be reached and another release answered, the first one
//!   counts a request and an error, the second one counts the request as it ended.
//! - Tries on other instances of the same release count once.
//! - A request that no instance was there for counts for no release, but for its route. So does
//!   one that was refused because too many were in flight.
//! - Where the route names the header of a unit, its first attempt counts as a request, and later
//!   ones as retries, which nobody judges.
//! - What was upgraded (WebSocket) is measured up to its upgrade.
//!
//! # Invariants
//!
//! - A request is tried again if the instance cannot have seen it whole: it could not be reached,
//!   or its head could not be written.
//! - Otherwise only if its connection broke before any answer, doing it twice is harmless and its
//!   body is still at hand; on a kept connection, which the instance may have closed meanwhile,
//!   any number of times, on a fresh one once: a request that kills who gets it kills two.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::modules::http::HttpModules;
use pingora_core::prelude::{Error, ErrorType, HttpPeer};
use pingora_core::{ErrorSource, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use sluss_core::ids::ReleaseId;
use sluss_core::target::Said;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::counters::{Meter, Outcome};
use crate::gate::Pass;
use crate::guests::{Busy, Guests};
use crate::route::Route;
use crate::serve::HostOptions;
use crate::shed;
use crate::table::{Flight, Instance};
use crate::units::{Attempt, Earlier};
use crate::upgraded::Held;

/// Returns how to connect to an instance.
pub(crate) fn peer(address: SocketAddr, options: &HostOptions) -> HttpPeer {
    let mut peer = HttpPeer::new(address, false, String::new());
    peer.options.connection_timeout = Some(options.connect_timeout);
    peer.options.total_connection_timeout = Some(options.connect_timeout);
    peer.options.read_timeout = Some(options.request_timeout);
    peer.options.write_timeout = Some(options.request_timeout);
    // Shorter than the servers' own, so that it is we who close: what we write to a connection
    // that the other side has just closed may not be tried again unless it is idempotent.
    peer.options.idle_timeout = Some(IDLE_TIMEOUT);
    peer
}

/// The proxy of one route.
pub(crate) struct RouteProxy {
    pub(crate) route: Arc<Route>,
    /// How long an instance may take to accept a connection.
    pub(crate) connect_timeout: Duration,
    /// The connections that requests come on.
    pub(crate) guests: Arc<Guests>,
    /// What each request holds until it was counted, while its door is open or closes.
    pub(crate) requests: mpsc::WeakSender<Infallible>,
}

/// One request on its way.
pub(crate) struct Exchange {
    /// Its door waits for it.
    _awaited: Option<mpsc::Sender<Infallible>>,
    started: Instant,
    entry: Entry,
    /// Its connection is not closed to make room.
    busy: Option<Busy>,
    /// What it is to its unit; nothing before it was met.
    attempt: Option<Attempt>,
    drawn: Option<ReleaseId>,
    flight: Option<Flight>,
    /// The instance whose try failed last.
    failed: Option<Arc<Instance>>,
    /// Releases that were given up for another one.
    given_up: Vec<Arc<Meter>>,
    tried: Vec<u64>,
    /// Whether the request's head has been written to the instance.
    head_is_sent: bool,
    /// Whether a fresh connection broke under it.
    broke_fresh: bool,
    marked_failed: bool,
    /// What the answer says beyond its status.
    said: Said,
    upgraded_after: Option<Duration>,
}

/// Whether a request was let in.
enum Entry {
    /// It has not asked yet.
    Outside,
    /// It is in flight.
    Inside(Pass),
    /// It goes on, and is no longer held against the limit.
    Beyond,
    /// It was refused.
    Shed,
}

impl Exchange {
    /// The release of the last failed try is given up, unless `next` is of it too.
    fn give_up_for(&mut self, next: Option<ReleaseId>) {
        if let Some(failed) = self.failed.take().filter(|failed| Some(failed.release) != next) {
            self.given_up.push(Arc::clone(&failed.meter));
        }
    }
}

#[async_trait]
impl ProxyHttp for RouteProxy {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange {
            _awaited: self.requests.upgrade(),
            started: Instant::now(),
            entry: Entry::Outside,
            busy: None,
            attempt: None,
            drawn: None,
            flight: None,
            failed: None,
            given_up: Vec::new(),
            tried: Vec::new(),
            head_is_sent: false,
            broke_fresh: false,
            marked_failed: false,
            said: Said::default(),
            upgraded_after: None,
        }
    }

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        let customer = session.client_addr().and_then(|customer| customer.as_inet());
        exchange.busy = customer.and_then(|customer| self.guests.begin(customer));
        match self.route.gate.enter() {
            Some(pass) => {
                exchange.entry = Entry::Inside(pass);
                Ok(false)
            }
            None => {
                exchange.entry = Entry::Shed;
                shed::refuse(session, &self.route.key, self.guests.is_crowded()).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Box<HttpPeer>> {
        exchange.flight = None;
        exchange.head_is_sent = false;
        if exchange.attempt.is_none() {
            let (attempt, drawn) = self.route.meet(session.req_header());
            (exchange.attempt, exchange.drawn) = (Some(attempt), drawn);
        }
        let flight = self.route.board(&mut exchange.drawn, &exchange.tried);
        exchange.give_up_for(flight.as_ref().map(|flight| flight.instance.release));
        let Some(flight) = flight else {
            return Error::e_explain(ErrorType::HTTPStatus(503), "no instance is ready");
        };
        let mut peer = Box::new(flight.instance.peer.clone());
        if session.is_upgrade_req() {
            peer.options.read_timeout = None;
            // Never one of the kept connections, which are not held.
            peer.group_key = fastrand::u64(..);
            let connect_timeout = self.connect_timeout;
            peer.options.custom_l4 = Some(Arc::new(Held { connect_timeout }));
        }
        exchange.flight = Some(flight);
        Ok(peer)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        _end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> Result<()> {
        // Called for an empty body too, and never before the head is written.
        exchange.head_is_sent = true;
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        answer: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let mark = answer.headers.get(OUTCOME_HEADER);
        exchange.marked_failed |= mark.is_some_and(|mark| mark.as_bytes() == b"failed");
        exchange.said = self.route.table.load().rules.hear(answer);
        exchange.marked_failed |= exchange.said.failed;
        if answer.status.as_u16() == 101 {
            exchange.upgraded_after = Some(exchange.started.elapsed());
            // It may stay for days; from here on only connections are bounded.
            exchange.entry = Entry::Beyond;
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Exchange,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // Anything else (no free file descriptor, say) is this machine's fault, not its own.
        let is_its_fault = matches!(
            error.etype(),
            ErrorType::ConnectRefused
                | ErrorType::ConnectTimedout
                | ErrorType::ConnectNoRoute
                | ErrorType::ConnectError
        );
        if let Some(flight) = exchange.flight.take() {
            if is_its_fault {
                flight.instance.suspect();
            }
            exchange.tried.push(flight.instance.id);
            exchange.failed = Some(Arc::clone(&flight.instance));
        }
        error.set_retry(true);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        exchange: &mut Exchange,
        client_reused: bool,
    ) -> Box<Error> {
        let again = match Broken::of(&error, session, exchange, client_reused) {
            Broken::Answered | Broken::Unrepeatable => false,
            Broken::Unseen | Broken::Stale => true,
            Broken::Fresh => {
                let is_first = !exchange.broke_fresh;
                exchange.broke_fresh = true;
                is_first
            }
        };
        error.set_retry(again);
        if error.retry()
            && let Some(flight) = exchange.flight.take()
        {
            exchange.failed = Some(Arc::clone(&flight.instance));
        }
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let status = status_of(error);
        if status > 0 {
            let body = explanation(status, &self.route, exchange.flight.is_some());
            if let Err(error) = session.respond_error_with_body(status, body).await {
                tracing::debug!(%error, "the customer went away before the error was written");
            }
        }
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        // Out at once: its customer has the answer, and may send the next request.
        match std::mem::replace(&mut exchange.entry, Entry::Beyond) {
            Entry::Shed => return,
            Entry::Inside(pass) => drop(pass),
            // Without having asked it met nobody: what could not be understood is nobody's.
            Entry::Outside | Entry::Beyond => {}
        }
        exchange.give_up_for(exchange.flight.as_ref().map(|flight| flight.instance.release));
        let duration = exchange.upgraded_after.unwrap_or_else(|| exchange.started.elapsed());
        let attempt = exchange.attempt.unwrap_or(Attempt::Alone);
        let count = |meter: &Meter, outcome, said| match attempt {
            Attempt::Alone | Attempt::First(_) => meter.count(outcome, duration, said),
            Attempt::Retry(..) => meter.count_retry(outcome),
        };
        for meter in exchange.given_up.drain(..) {
            count(&meter, Outcome::Failed, Said::default());
        }
        // Dropped here: the connection may stay open for long, but this request is over.
        let Some(flight) = exchange.flight.take() else {
            self.route.count_unserved(attempt);
            return;
        };
        let status = session.response_written().map_or(0, |answer| answer.status.as_u16());
        let broke = error.is_some_and(|error| *error.esource() != ErrorSource::Downstream);
        let failed = broke || status >= 500 || exchange.marked_failed;
        let outcome = if failed { Outcome::Failed } else { Outcome::Fine };
        count(&flight.instance.meter, outcome, exchange.said);
        let went_away = error.is_some() && !broke;
        let how = match outcome {
            Outcome::Failed => Earlier::Failed,
            Outcome::Fine if went_away => Earlier::Unknown,
            Outcome::Fine => Earlier::Fine,
        };
        self.route.note_end(attempt, how);
    }

    fn suppress_error_log(&self, _: &Session, _: &Exchange, _: &Error) -> bool {
        // A failing service would fill the host's log; the counters say it.
        true
    }
}

/// What a try that broke means for the request.
enum Broken {
    /// The customer has part of an answer.
    Answered,
    /// The instance cannot have seen it whole.
    Unseen,
    /// It may be done twice, and its kept connection may have been closed before it was sent.
    Stale,
    /// It may be done twice, but the instance had a fresh connection when it broke.
    Fresh,
    /// It may have been done, and may not be done twice.
    Unrepeatable,
}

impl Broken {
    fn of(error: &Error, session: &Session, exchange: &Exchange, client_reused: bool) -> Self {
        let connection_broke = matches!(
            error.etype(),
            ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError
        ) && *error.esource() == ErrorSource::Upstream;
        let twice_is_harmless = session.req_header().method.is_idempotent()
            && !session.as_ref().retry_buffer_truncated();
        if session.response_written().is_some() {
            Self::Answered
        } else if !exchange.head_is_sent && *error.etype() == ErrorType::WriteError {
            Self::Unseen
        } else if !connection_broke || !twice_is_harmless {
            Self::Unrepeatable
        } else if client_reused {
            Self::Stale
        } else {
            Self::Fresh
        }
    }
}

/// Returns the status for a request that failed; zero if nobody is there to tell.
fn status_of(error: &Error) -> u16 {
    match (error.etype(), error.esource()) {
        (ErrorType::HTTPStatus(status), _) => *status,
        (ErrorType::ReadTimedout | ErrorType::WriteTimedout, ErrorSource::Upstream) => 504,
        (_, ErrorSource::Upstream) => 502,
        (
            ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed,
            ErrorSource::Downstream,
        ) => 0,
        (_, ErrorSource::Downstream) => 400,
        (_, ErrorSource::Internal | ErrorSource::Unset) => 500,
    }
}

fn explanation(status: u16, route: &Route, was_served: bool) -> Bytes {
    let what = match (status, was_served) {
        (503, false) => "no instance is ready",
        (504, _) => "the service did not answer in time",
        (502, _) => "the connection to the service broke",
        (400, _) => "the request could not be understood",
        (_, _) => "the request failed",
    };
    let hint = match status {
        503 | 504 => "try again shortly",
        502 => "try again if the request may be done twice",
        _ => "see the log of `sluss host`",
    };
    let body = serde_json::json!({ "what": format!("{}: {what}", route.key), "hint": hint });
    Bytes::from(body.to_string())
}

const OUTCOME_HEADER: &str = "sluss-outcome";
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
