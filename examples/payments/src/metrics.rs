//! What the service counts about itself, as Prometheus text.

use books::Answer;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Counters since the start of the process.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<u16, u64>,
    instructions: BTreeMap<(&'static str, &'static str), u64>,
    latency: [u64; BOUNDS_SECONDS.len() + 1],
    latency_sum: f64,
    batches: u64,
    batched: u64,
}

const BOUNDS_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn request(&self, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let bin = BOUNDS_SECONDS.iter().position(|bound| seconds <= *bound);
        let mut counts = self.counts();
        *counts.requests.entry(status).or_default() += 1;
        counts.latency[bin.unwrap_or(BOUNDS_SECONDS.len())] += 1;
        counts.latency_sum += seconds;
    }

    /// Counts what became of an instruction.
    pub(crate) fn instruction(&self, kind: &'static str, answer: &Answer) {
        let result = if answer.replayed { "replayed" } else { answer.outcome.as_str() };
        *self.counts().instructions.entry((kind, result)).or_default() += 1;
    }

    /// Counts an instruction that failed through a fault of ours.
    pub(crate) fn fault(&self, kind: &'static str) {
        *self.counts().instructions.entry((kind, "fault")).or_default() += 1;
    }

    /// Counts a transaction of `size` instructions.
    pub(crate) fn batch(&self, size: usize) {
        let mut counts = self.counts();
        counts.batches += 1;
        counts.batched += size as u64;
    }

    /// Returns everything in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match self.write(&mut text) {
            Ok(()) => text,
            Err(std::fmt::Error) => String::new(),
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let counts = self.counts();
        writeln!(text, "# TYPE payments_requests_total counter")?;
        for (status, count) in &counts.requests {
            writeln!(text, "payments_requests_total{{status=\"{status}\"}} {count}")?;
        }
        writeln!(text, "# TYPE payments_instructions_total counter")?;
        for ((kind, result), count) in &counts.instructions {
            writeln!(
                text,
                "payments_instructions_total{{kind=\"{kind}\",result=\"{result}\"}} {count}"
            )?;
        }
        writeln!(text, "# TYPE payments_request_seconds histogram")?;
        let mut total = 0;
        for (bound, count) in BOUNDS_SECONDS.iter().zip(counts.latency) {
            total += count;
            writeln!(text, "payments_request_seconds_bucket{{le=\"{bound}\"}} {total}")?;
        }
        total += counts.latency[BOUNDS_SECONDS.len()];
        writeln!(text, "payments_request_seconds_bucket{{le=\"+Inf\"}} {total}")?;
        writeln!(text, "payments_request_seconds_sum {}", counts.latency_sum)?;
        writeln!(text, "payments_request_seconds_count {total}")?;
        writeln!(text, "# TYPE payments_batches_total counter")?;
        writeln!(text, "payments_batches_total {}", counts.batches)?;
        writeln!(text, "# TYPE payments_batched_instructions_total counter")?;
        writeln!(text, "payments_batched_instructions_total {}", counts.batched)?;
        if let Some(bytes) = resident_bytes() {
            writeln!(text, "# TYPE process_resident_memory_bytes gauge")?;
            writeln!(text, "process_resident_memory_bytes {bytes}")?;
        }
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for ms in [1, 4, 9_000] {
            metrics.request(201, Duration::from_millis(ms));
        }
        let text = metrics.text();
        for line in [
            "payments_requests_total{status=\"201\"} 3",
            "payments_request_seconds_bucket{le=\"0.001\"} 1",
            "payments_request_seconds_bucket{le=\"5\"} 2",
            "payments_request_seconds_bucket{le=\"+Inf\"} 3",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in {text}");
        }
    }
}
