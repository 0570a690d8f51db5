//! The proof itself: releases, payments and blows, until the time is over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::bank::{self, Service};
use super::chaos::{Blow, Chaos, Fallen};
use super::clock::{self, now, wall_ms};
use super::history::{End, History, Release};
use super::load::{Load, Told};
use super::options::Options;
use super::plan::Plan;
use super::variants::{Kind, Programs};
use crate::Sluss;

const PATIENCE: Duration = Duration::from_secs(180);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(250);

/// What was played, as it was seen.
pub struct Played {
    /// What was asked for.
    pub options: Options,
    /// The services' names.
    pub names: Vec<String>,
    /// What became of each release.
    pub history: History,
    /// What the customers of each service told.
    pub told: Vec<Told>,
    /// What fell.
    pub fallen: Vec<Fallen>,
    /// When customers began to pay.
    pub begun_ms: i64,
    /// When they ended.
    pub ended_ms: i64,
    /// The share of that time in which something waited for a processor.
    pub busy: f64,
    /// The folder of its state, which is gone unless it was to be kept.
    pub state: PathBuf,
    /// Whether the log is as it was written, and what was said of it.
    pub verified: (bool, String),
}

struct Stage<'a> {
    options: &'a Options,
    programs: &'a Programs,
    stop: &'a AtomicBool,
    sluss: Arc<Sluss>,
    services: Vec<Service>,
    loads: Vec<Load>,
    history: History,
    plan: Plan,
    begun: Instant,
    begun_ms: i64,
    waited_us: u64,
    /// Which end of each release was told of.
    told_ends: Vec<Option<End>>,
}

/// Plays everything and returns what was seen.
///
/// # Errors
///
/// When it can't be played to its end, or was asked to stop.
pub fn play(options: &Options, programs: &Programs, stop: &AtomicBool) -> Result<Played, String> {
    let folder = tempfile::Builder::new().prefix("sluss-prove-").tempdir();
    let mut folder = folder.map_err(|error| format!("a folder can't be made: {error}"))?;
    folder.disable_cleanup(options.keep);
    eprintln!("seed {}; its state is in {}", options.seed, folder.path().display());
    let sluss = Arc::new(Sluss::up_in(folder));
    bank::found(&sluss);
    let services = (0..options.services).map(|place| Service::begin(&sluss, place)).collect();
    let plan = Plan::new(options.seed, options.bad_one_in, &options.kinds, options.lasts);
    let mut stage = Stage {
        options,
        programs,
        stop,
        sluss,
        services,
        loads: Vec::new(),
        history: History::default(),
        plan,
        begun: now(),
        begun_ms: wall_ms(),
        waited_us: clock::waited_us(),
        told_ends: Vec::new(),
    };
    stage.open()?;
    let fallen = stage.month()?;
    stage.close(fallen)
}

impl Stage<'_> {
    /// Brings the first release of each service to its customers, who begin to pay.
    fn open(&mut self) -> Result<(), String> {
        for place in 0..self.services.len() {
            self.release(place, Kind::Good, true)?;
        }
        self.until_answered()?;
        let cut = self.options.blows.iter().find(|(blow, _)| *blow == Blow::Cut);
        let cut = cut.map(|(_, gap)| *gap * self.services.len() as f64);
        let rate = self.options.rate / self.services.len() as f64;
        let ledgers = self.sluss.scratch("ledgers");
        for service in &self.services {
            let ledger = ledgers.join(format!("{}.jsonl", service.name));
            let load = Load::begin(&self.programs.load(), service.port, rate, cut, &ledger)?;
            self.loads.push(load);
        }
        let deadline = now() + PATIENCE;
        while self.loads.iter().any(|load| load.last().answered == 0) {
            self.look(deadline, "customers are answered")?;
        }
        // A first release is live once it has kept its objectives under their requests.
        let deadline = now() + PATIENCE;
        while (0..self.services.len()).any(|place| self.history.live(place).is_none()) {
            self.look(deadline, "every service has its first release")?;
        }
        (self.begun, self.begun_ms) = (now(), wall_ms());
        self.waited_us = clock::waited_us();
        let Options { rate, services, .. } = self.options;
        self.say(&format!("{services} services are live; customers pay {rate} times a second"));
        Ok(())
    }

    /// Releases and strikes until the time is over, and no release is on its way.
    fn month(&mut self) -> Result<Vec<Fallen>, String> {
        let Options { lasts, every, seed, blows, .. } = self.options;
        let mut chaos = Chaos::begin(Arc::clone(&self.sluss), blows, seed ^ 0x5eed);
        let tail = (*lasts / 3).min(Duration::from_secs(150));
        let (mut due, mut minute) = (Duration::ZERO, Duration::from_secs(60));
        let deadline = now() + *lasts + PATIENCE;
        loop {
            let passed = self.begun.elapsed();
            if passed > *lasts && !self.is_any_open() {
                break;
            }
            if passed >= due
                && passed + tail < *lasts
                && let Some(place) = self.plan.place(&self.history, self.services.len(), wall_ms())
            {
                let kind = self.plan.kind(&self.history, place, *lasts - passed);
                self.release(place, kind, false)?;
                // What could not be released in time is made up for, but for one at most.
                due = (due + *every).max(passed.saturating_sub(*every));
            }
            if passed >= minute {
                minute += Duration::from_secs(60);
                self.say(&self.summary(&chaos));
            }
            if now() > deadline {
                self.say("some releases are still on their way; they are left there");
                break;
            }
            self.look(deadline + PATIENCE, "the proof ends")?;
        }
        chaos.end();
        Ok(chaos.fallen())
    }

    /// Lets customers compare their ledgers with the books, and has the log verified.
    fn close(mut self, fallen: Vec<Fallen>) -> Result<Played, String> {
        self.until_answered()?;
        self.say("customers end, and compare their ledgers with the books");
        let (ended_ms, waited) = (wall_ms(), clock::waited_us().saturating_sub(self.waited_us));
        let busy = waited as f64 / 1e3 / (ended_ms - self.begun_ms).max(1) as f64;
        self.loads.iter().for_each(Load::stop);
        let told = self.loads.drain(..).map(Load::end).collect();
        self.history.follow(&self.sluss);
        let verified = self.sluss.run(&["log", "verify", "--full"]);
        Ok(Played {
            options: self.options.clone(),
            names: self.services.iter().map(|service| service.name.clone()).collect(),
            history: self.history,
            told,
            fallen,
            begun_ms: self.begun_ms,
            ended_ms,
            busy,
            state: self.sluss.data().parent().map(Path::to_owned).unwrap_or_default(),
            verified,
        })
    }

    /// Waits until Sluss and every service answer.
    fn until_answered(&mut self) -> Result<(), String> {
        let deadline = now() + PATIENCE;
        while self.sluss.get("/api/v1/status").is_none()
            || !self.services.iter().all(Service::answers)
        {
            self.look(deadline, "Sluss and every service answer")?;
        }
        Ok(())
    }

    /// Commits and pushes a release; tries again while Sluss is away.
    fn release(&mut self, place: usize, kind: Kind, first: bool) -> Result<(), String> {
        let pushed = self.services[place].commit(place, kind, self.programs)?;
        self.history.pushed(pushed, first);
        self.told_ends.push(None);
        let name = &self.services[place].name;
        self.say(&format!("{name}: release {} is {}", self.history.releases.len(), kind.word()));
        let deadline = now() + PATIENCE;
        while !self.services[place].push(&self.sluss) {
            self.look(deadline, "a push is taken")?;
        }
        Ok(())
    }

    /// Reads the log on, and tells what ended; an error when the deadline is over.
    fn look(&mut self, deadline: Instant, what: &str) -> Result<(), String> {
        std::thread::sleep(LOOK);
        if self.stop.load(Ordering::Relaxed) {
            return Err("stopped by a signal".to_owned());
        }
        if now() > deadline {
            return Err(format!("this did not happen in time: {what}"));
        }
        self.history.follow(&self.sluss);
        for (release, told) in self.history.releases.iter().zip(&mut self.told_ends) {
            if *told != release.end
                && let Some(end) = &release.end
            {
                *told = Some(end.clone());
                let name = &self.services[release.pushed.service].name;
                say(self.begun, &format!("{name}: {}", sentence(release, end)));
            }
        }
        self.take_back_held();
        Ok(())
    }

    /// A release that is held for want of proof waits for a person; here nobody lets it go on.
    fn take_back_held(&self) {
        let open = self.history.releases.iter().filter(|release| release.end.is_none());
        for release in open.filter(|release| release.held) {
            self.sluss.run(&["rollback", &self.services[release.pushed.service].name]);
        }
    }

    fn is_any_open(&self) -> bool {
        (0..self.services.len()).any(|place| self.history.open(place).is_some())
    }

    fn summary(&self, chaos: &Chaos) -> String {
        let last: Vec<_> = self.loads.iter().map(Load::last).collect();
        let sent: u64 = last.iter().map(|seen| seen.sent).sum();
        let failed: u64 = last.iter().map(|seen| seen.failed).sum();
        let attempts: u64 = last.iter().map(|seen| seen.failed_attempts).sum();
        format!(
            "{sent} payments, {failed} failed ({attempts} attempts did); {} releases, {} blows, \
             {} events",
            self.history.releases.len(),
            chaos.fallen().len(),
            self.history.events
        )
    }

    fn say(&self, sentence: &str) {
        say(self.begun, sentence);
    }
}

fn say(begun: Instant, sentence: &str) {
    let seconds = begun.elapsed().as_secs();
    eprintln!("{:>3}:{:02}  {sentence}", seconds / 60, seconds % 60);
}

fn sentence(release: &Release, end: &End) -> String {
    let kind = release.pushed.kind.word();
    match end {
        End::Live => format!("the {kind} release is live"),
        End::TakenBack(cause) => {
            let after = release.detected_ms().map_or(String::new(), |ms| {
                format!(" {}.{} s after its first share", ms / 1000, ms % 1000 / 100)
            });
            format!("the {kind} release is taken back ({cause}){after}")
        }
        End::Stopped(why) => format!("the {kind} release never came to customers: {why}"),
    }
}
