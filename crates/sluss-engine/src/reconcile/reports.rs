//! Reads the reports that a step left: test results as JUnit XML, findings as SARIF.
//!
//! # Invariants
//!
//! - A report that was promised, or is left among the outputs, and can't be read is no success.
//! - Nothing outside the step's own tree is read, whatever links it planted, and no more than
//!   [`REPORT_BYTES_MOST`] of a report.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sluss_core::findings::{FindingKey, Found, Report, Severity};
use sluss_core::ids::{Digest, ReleaseId};
use sluss_core::performance::Measured;
use sluss_core::pipeline::{ReportKind, Step};
use sluss_core::steps::TestCounts;
use sluss_ledger::sarif::{Finding, Risk, sarif};
use sluss_store::FileBlobs;

use super::beside::Beside;
use crate::executor::{junit, measure};

/// The largest report that is read, in bytes.
const REPORT_BYTES_MOST: u64 = 32 * 1024 * 1024;
/// Reports of scanners that one step may leave.
const SCANS_MOST: usize = 16;

/// What the reports of a step say.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) tests: Option<TestCounts>,
    pub(super) scans: Vec<Report>,
    pub(super) measured: Vec<Measured>,
    /// Why one of them can't be read, with its path.
    pub(super) unreadable: Option<String>,
}

/// Reads all reports that `step` left in `tree`, and keeps those of scanners.
pub(super) async fn read(
    blobs: &FileBlobs,
    tree: PathBuf,
    step: &Step,
    beside: Option<Beside>,
) -> Reports {
    let (blobs, step) = (blobs.clone(), step.clone());
    let task = tokio::task::spawn_blocking(move || {
        let mut reports = Reports::default();
        reports.unreadable = reports.add(&blobs, &tree, &step, beside).err();
        reports
    });
    task.await.unwrap_or_else(|error| Reports {
        unreadable: Some(error.to_string()),
        ..Reports::default()
    })
}

impl Reports {
    fn add(
        &mut self,
        blobs: &FileBlobs,
        tree: &Path,
        step: &Step,
        beside: Option<Beside>,
    ) -> Result<(), String> {
        let told = |path: &str| {
            let path = path.to_owned();
            move |why: String| format!("{path}: {why}")
        };
        let promised = |kind| step.reports.iter().filter(move |report| report.kind == kind);
        for report in promised(ReportKind::Junit) {
            let found = test_results(tree, &report.path).map_err(told(&report.path))?;
            self.tests = Some(self.tests.unwrap_or_default().and(found));
        }
        let sarif = promised(ReportKind::Sarif).map(|report| report.path.clone());
        let paths: BTreeSet<String> = sarif.chain(left(tree, step)).collect();
        if paths.len() > SCANS_MOST {
            let found = paths.len();
            return Err(format!("{found} reports of scanners, and {SCANS_MOST} are read at most"));
        }
        for path in paths {
            self.scans.push(findings(blobs, tree, &path).map_err(told(&path))?);
        }
        for report in &step.reports {
            let ReportKind::Performance { tolerance_ppm } = report.kind else { continue };
            let unknown = || told(&report.path)("nobody knows what it was measured beside".into());
            let live = beside.as_ref().ok_or_else(unknown)?.live.as_ref();
            let held = (live.map(|(release, _)| *release), tolerance_ppm);
            let found = measurements(blobs, tree, &report.path, held);
            self.measured.push(found.map_err(told(&report.path))?);
        }
        Ok(())
    }
}

/// Returns the SARIF files among the outputs of a step: an output itself, or directly in one that
/// is a folder.
fn left(tree: &Path, step: &Step) -> Vec<String> {
    let is_sarif = |path: &str| path.ends_with(".sarif");
    let mut found = Vec::new();
    for output in &step.outputs {
        if is_sarif(&output.path) {
            found.push(output.path.clone());
        }
        // What is no folder, or can't be listed, is found missing when it is packed.
        let Ok(entries) = std::fs::read_dir(tree.join(&output.path)) else { continue };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let inside = names.filter(|name| is_sarif(name));
        found.extend(inside.map(|name| format!("{}/{name}", output.path)));
    }
    found
}

/// Opens a report, which must be a file in the step's own `tree`.
fn open(tree: &Path, path: &str) -> Result<std::fs::File, String> {
    let real = tree.join(path).canonicalize().map_err(|error| error.to_string())?;
    if !tree.canonicalize().is_ok_and(|tree| real.starts_with(tree)) || !real.is_file() {
        return Err("it is not a file of the work tree".to_owned());
    }
    let file = std::fs::File::open(real).map_err(|error| error.to_string())?;
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    if size > REPORT_BYTES_MOST {
        return Err(format!("it has {size} bytes, and {REPORT_BYTES_MOST} are read at most"));
    }
    Ok(file)
}

fn test_results(tree: &Path, path: &str) -> Result<TestCounts, String> {
    let file = open(tree, path)?;
    let results = junit::parse(std::io::BufReader::new(file)).map_err(|error| error.to_string())?;
    let totals = results.totals();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(TestCounts {
        passed: number(totals.passed),
        failed: number(totals.failed + totals.errored),
        skipped: number(totals.skipped),
    })
}

fn bytes(tree: &Path, path: &str) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let file = open(tree, path)?.take(REPORT_BYTES_MOST + 1);
    std::io::BufReader::new(file).read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn measurements(
    blobs: &FileBlobs,
    tree: &Path,
    path: &str,
    held: (Option<ReleaseId>, u32),
) -> Result<Measured, String> {
    let text = bytes(tree, path)?;
    let measured = measure::read(&text, Digest::of(&text), held)?;
    blobs.put_blocking(&text).map_err(|error| error.to_string())?;
    Ok(measured)
}

fn findings(blobs: &FileBlobs, tree: &Path, path: &str) -> Result<Report, String> {
    let text = bytes(tree, path)?;
    let scans = sarif(&text).map_err(|error| error.to_string())?;
    let report = blobs.put_blocking(&text).map_err(|error| error.to_string())?;
    Ok(Report::of(report, scans.iter().flat_map(|scan| &scan.findings).filter_map(found)))
}

/// Returns a finding as the log knows it; nothing where it is no problem at all.
pub(crate) fn found(finding: &Finding) -> Option<Found> {
    let severity = match finding.risk()? {
        Risk::Critical => Severity::Critical,
        Risk::High => Severity::High,
        Risk::Medium => Severity::Medium,
        Risk::Low => Severity::Low,
    };
    let key = FindingKey::from_bytes(*finding.key.as_bytes());
    Some(Found { key, severity, suppressed: finding.suppressed })
}

#[cfg(test)]
mod tests {
    use sluss_core::findings::FindingCounts;
    use sluss_core::pipeline::{Output, Report as Promised, StepKind};

    use super::*;

    const FOUND: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner",
        "rules":[{"id":"CVE-1","properties":{"security-severity":"9.8"}},{"id":"CVE-2"}]}},
        "results":[{"ruleId":"CVE-1","message":{"text":"x"}},
        {"ruleId":"CVE-2","level":"note","message":{"text":"y"}},
        {"ruleId":"CVE-1","message":{"text":"z"},"suppressions":[{"kind":"external"}]}]}]}"#;

    fn step(reports: &[&str], outputs: &[&str]) -> Step {
        let report = |path: &&str| Promised { kind: ReportKind::Sarif, path: (*path).to_owned() };
        let output = |path: &&str| Output {
            artifact: "app".parse().unwrap(),
            path: (*path).to_owned(),
            name: ".".to_owned(),
        };
        Step {
            name: "scan".parse().unwrap(),
            kind: StepKind::Run,
            command: vec!["true".to_owned()],
            needs: vec![],
            timeout_seconds: 60,
            retries: 0,
            when: Default::default(),
            environment: Default::default(),
            secrets: Default::default(),
            reports: reports.iter().map(report).collect(),
            outputs: outputs.iter().map(output).collect(),
        }
    }

    struct World {
        folder: tempfile::TempDir,
        blobs: FileBlobs,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(folder.path().join("tree/out/deep")).unwrap();
            let blobs = FileBlobs::open(&folder.path().join("blobs")).unwrap();
            Self { folder, blobs }
        }

        fn write(&self, path: &str, text: &str) {
            std::fs::write(self.folder.path().join("tree").join(path), text).unwrap();
        }

        async fn read(&self, step: &Step) -> Reports {
            read(&self.blobs, self.folder.path().join("tree"), step, None).await
        }
    }

    #[tokio::test]
    async fn reports_among_the_outputs_are_read_and_kept() {
        let world = World::new();
        world.write("out/scan.sarif", FOUND);
        world.write("out/deep/other.sarif", "{}");
        world.write("alone.sarif", FOUND);
        let read = world.read(&step(&["alone.sarif"], &["out", "alone.sarif"])).await;
        assert_eq!(read.unreadable, None);
        assert_eq!(read.scans.len(), 2, "one promised and left, one left in a folder");
        let Report { report, findings, named } = &read.scans[0];
        let FindingCounts { critical, low, suppressed, .. } = *findings;
        assert_eq!((critical, low, suppressed, findings.open()), (1, 1, 1, 2));
        assert_eq!(world.blobs.get_blocking(report).unwrap(), FOUND.as_bytes());
        assert_eq!((named.all().count(), named.unnamed.len()), (3, 0));
        assert_eq!(read.scans[0], read.scans[1], "the same findings have the same keys");
    }

    #[tokio::test]
    async fn a_report_that_is_missing_hostile_or_huge_is_refused_with_its_reason() {
        let world = World::new();
        let of = |path: &str| step(&[path], &[]);
        let why = |reports: Reports| reports.unreadable.unwrap_or_default();
        assert!(why(world.read(&of("none.sarif")).await).contains("No such file"));
        world.write("deep.sarif", &"[".repeat(100_000));
        assert!(why(world.read(&of("deep.sarif")).await).contains("not a SARIF report"));
        world.write(
            "silent.sarif",
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}}}]}"#,
        );
        assert!(why(world.read(&of("silent.sarif")).await).contains("`results` is missing"));
        std::os::unix::fs::symlink("/etc/passwd", world.folder.path().join("tree/link.sarif"))
            .unwrap();
        let link = why(world.read(&of("link.sarif")).await);
        assert_eq!(link, "link.sarif: it is not a file of the work tree");
        let huge = std::fs::File::create(world.folder.path().join("tree/huge.sarif")).unwrap();
        huge.set_len(REPORT_BYTES_MOST + 1).unwrap();
        assert!(why(world.read(&of("huge.sarif")).await).contains("are read at most"));
        for number in 0..=SCANS_MOST {
            world.write(&format!("out/{number}.sarif"), FOUND);
        }
        let many = world.read(&step(&[], &["out"])).await;
        assert_eq!((many.scans.len(), why(many).starts_with("17 reports")), (0, true));
    }
}
