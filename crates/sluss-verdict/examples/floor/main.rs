//! Measures the statistics against the floor of the verdict specification, on simulated traffic
//! from fixed seeds, and prints tables.
//!
//! `cargo run --release -p sluss-verdict --example floor -- [RUNS] [NAME]`: NAME chooses the scenes
//! whose name contains it; `first` is first releases alone, `tolerance` what passes just beyond
//! its tolerance, `probes` what probes add at little traffic, `costs` what a row costs.

mod cost;
mod first;
mod live;
mod noisy;
mod play;
mod probes;
mod scenes;
mod world;

use std::io::{self, Write};

use play::{Found, count_promoted, find};
use scenes::Scene;

fn main() -> io::Result<()> {
    let asked = std::env::args().nth(1).and_then(|runs| runs.parse().ok());
    let runs: u64 = asked.unwrap_or(1_000);
    let only = std::env::args().nth(2).unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(out, "{runs} runs each")?;
    let chosen = |scene: &Scene| scene.world.name.contains(&only);
    let all = scenes::harmless().into_iter().chain(noisy::harmless()).chain(live::harmless());
    write_harmless(&mut out, &all.filter(chosen).collect::<Vec<_>>(), runs)?;
    let all = scenes::bad().into_iter().chain(noisy::bad());
    write_bad(&mut out, &all.filter(chosen).collect::<Vec<_>>(), runs)?;
    let is_chosen = |name| only.is_empty() || only == name;
    if is_chosen("tolerance") {
        write_promoted(&mut out, runs)?;
    }
    if is_chosen("first") {
        first::measure(&mut out, runs)?;
    }
    if is_chosen("probes") {
        probes::measure(&mut out, runs)?;
    }
    if is_chosen("costs") {
        cost::measure(&mut out)?;
    }
    Ok(())
}

fn write_harmless(out: &mut impl Write, scenes: &[Scene], runs: u64) -> io::Result<()> {
    if !scenes.is_empty() {
        writeln!(out, "\n| harmless | taken back | asked |\n| --- | --- | --- |")?;
    }
    for scene in scenes {
        let taken_back = find(scene, runs, 1 << 32).delays.len();
        let percent = 100.0 * taken_back as f64 / runs as f64;
        writeln!(out, "| {} | {percent:.1} % | {} |", scene.world.name, scene.asked)?;
        out.flush()?;
    }
    Ok(())
}

fn write_bad(out: &mut impl Write, scenes: &[Scene], runs: u64) -> io::Result<()> {
    if !scenes.is_empty() {
        writeln!(
            out,
            "\n| bad | p50 | p95 | failed | found | bound | p50 / bound | asked |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |",
        )?;
    }
    for scene in scenes {
        let Found { delays, failed, .. } = find(scene, runs, 2 << 32);
        let at = |percent: usize| delays.get((delays.len() * percent / 100).min(delays.len() - 1));
        let seconds = |percent| at(percent).copied().unwrap_or(0) as f64 / 1e3;
        let (p50, p95) = (seconds(50), seconds(95));
        let found = 100.0 * delays.len() as f64 / runs as f64;
        let (bound, ratio) = match scene.bound {
            Some(bound) => (format!("{bound:.1} s"), format!("{:.1}", p50 / bound)),
            None => ("-".into(), "-".into()),
        };
        writeln!(
            out,
            "| {} | {p50} s | {p95} s | {failed} | {found:.1} % | {bound} | {ratio} | {} |",
            scene.world.name, scene.asked,
        )?;
        out.flush()?;
    }
    Ok(())
}

fn write_promoted(out: &mut impl Write, runs: u64) -> io::Result<()> {
    writeln!(out, "\n| just beyond the tolerance | promoted | asked |\n| --- | --- | --- |")?;
    for (name, tolerance_ppm, share) in [
        ("0.1 % + 0.2 points, 10 %", 2_000, 0.1),
        ("0.5 % + 0.5 points, 10 %", 5_000, 0.1),
        ("0.5 % + 0.5 points, 50 %", 5_000, 0.5),
    ] {
        let base = if tolerance_ppm == 2_000 { 0.001 } else { 0.005 };
        let promoted = count_promoted(base, tolerance_ppm, share, runs);
        let percent = 100.0 * promoted as f64 / runs as f64;
        writeln!(out, "| {name} | {percent:.1} % | <= 5 % |")?;
        out.flush()?;
    }
    Ok(())
}
