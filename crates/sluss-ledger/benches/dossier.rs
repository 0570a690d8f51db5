//! How long it takes to write and to verify the dossier of a release with 500 events:
//! `cargo bench -p sluss-ledger --bench dossier`.

use std::time::{Duration, Instant};

use sluss_ledger::dossier::{Options, Trust, TrustSource, archive, build, verify};
use sluss_ledger::sample::{Story, attestation_key, log_key, story};

type Problem = Box<dyn std::error::Error>;

/// Rounds, of which the middle one is told.
const ROUNDS: usize = 11;

fn main() -> Result<(), Problem> {
    let told = Story { observations: 484, ..Story::default() };
    let ledger = story(&told)?;
    let parts = ledger.parts("rel-1", &log_key(1))?;
    let key = attestation_key(1);
    let zip = archive::write(&build(&parts, &key)?)?;
    let files = archive::read(&zip)?;
    let inside = files.iter().filter_map(|(path, content)| {
        Some((path.strip_prefix("trust/")?.to_owned(), content.clone()))
    });
    let trust = Trust::read(&inside.collect(), TrustSource::Independent)?;
    let export = middle(|| {
        archive::write(&build(&parts, &key)?)?;
        Ok(())
    })?;
    let check = middle(|| {
        let report = verify(&archive::read(&zip)?, &trust, &Options::default());
        if report.exit_code() == 0 { Ok(()) } else { Err(report.to_string().into()) }
    })?;
    let (events, attestations) = (parts.events.len(), parts.attestations.len());
    let line = format!(
        "{events} events, {attestations} attestations, {} bytes: \
         written in {export:?} (at most 1 s), verified in {check:?} (at most 0.5 s)\n",
        zip.len()
    );
    std::io::Write::write_all(&mut std::io::stdout().lock(), line.as_bytes())?;
    let slow = export > Duration::from_secs(1) || check > Duration::from_millis(500);
    if slow { Err("slower than promised".into()) } else { Ok(()) }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn middle(mut work: impl FnMut() -> Result<(), Problem>) -> Result<Duration, Problem> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}
