//! Charts as SVG, drawn by our own hand: shares of traffic, and evidence over time.

use std::fmt::Write as _;

use sluss_core::units::Share;

use super::html::{Html, text};

/// Points that a curve has at most.
const POINTS_MOST: usize = 220;
const WIDTH: f64 = 1_100.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 30.0;
/// How many times likelier, where a line helps the eye.
const TICKS: [(f64, &str); 7] = [
    (0.01, "1/100"),
    (0.1, "1/10"),
    (1.0, "1"),
    (10.0, "10"),
    (100.0, "100"),
    (1_000.0, "1 000"),
    (10_000.0, "10 000"),
];

/// One second of evidence, in natural logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Seconds since the first.
    pub(super) second: i64,
    pub(super) against: f64,
    pub(super) favour: f64,
}

/// The evidence of a rollout.
pub(super) struct Evidence {
    pub(super) readings: Vec<Reading>,
    /// Where the evidence against takes it back.
    pub(super) against_at: f64,
    /// Where the evidence in favour lets it go on.
    pub(super) favour_at: f64,
    /// At which seconds it got which share.
    pub(super) legs: Vec<(i64, Share)>,
}

/// Draws the evidence on a logarithmic scale, with the two lines that decide.
pub(super) fn evidence(of: &Evidence) -> Html {
    let last = of.readings.last().map_or(1, |reading| reading.second).max(10);
    let values = of.readings.iter().flat_map(|reading| [reading.against, reading.favour]);
    let (low, high) = values
        .fold((-0.5_f64, of.against_at.max(of.favour_at)), |(low, high), value| {
            (low.min(value.max(-4.7)), high.max(value.min(12.0)))
        });
    let (low, high) = (low - 0.2, high + 0.5);
    let x = |second: i64| LEFT + second as f64 / last as f64 * (WIDTH - LEFT - RIGHT);
    let y =
        |value: f64| TOP + (high - value.clamp(low, high)) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut svg = String::new();
    for (tick, label) in TICKS {
        if (low..=high).contains(&tick.ln()) {
            grid(&mut svg, y(tick.ln()), label);
        }
    }
    times(&mut svg, last, &x);
    for (second, share) in &of.legs {
        leg(&mut svg, x((*second).clamp(0, last)), *share);
    }
    edge(&mut svg, "bad", y(of.against_at), "takes it back");
    edge(&mut svg, "good", y(of.favour_at), "lets it go on");
    // What speaks for it is counted anew with each share.
    let leg_of = |second: i64| of.legs.iter().filter(|(began, _)| *began < second).count();
    curve(&mut svg, "bad-line", of.readings.iter().map(|r| (x(r.second), y(r.against), 0)));
    let favour = of.readings.iter().map(|r| (x(r.second), y(r.favour), leg_of(r.second)));
    curve(&mut svg, "good-line", favour);
    Html(format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH:.0} {HEIGHT:.0}\" role=\"img\" \
         aria-label=\"Evidence over time, on a logarithmic scale; the same numbers are in the \
         table below\">{svg}</svg>"
    ))
}

fn grid(svg: &mut String, y: f64, label: &str) {
    let (end, text_x, text_y) = (WIDTH - RIGHT, LEFT - 6.0, y + 4.0);
    push(svg, format_args!("<path class=\"axis\" d=\"M{LEFT} {y:.1}H{end:.0}\"/>"));
    push(
        svg,
        format_args!(
            "<text x=\"{text_x:.0}\" y=\"{text_y:.1}\" \
             text-anchor=\"end\">{label}×</text>"
        ),
    );
}

fn leg(svg: &mut String, x: f64, share: Share) {
    let (top, bottom, text_y) = (TOP - 6.0, HEIGHT - BOTTOM, TOP - 10.0);
    push(svg, format_args!("<path class=\"leg\" d=\"M{x:.1} {top}V{bottom:.0}\"/>"));
    push(svg, format_args!("<text x=\"{x:.1}\" y=\"{text_y:.0}\">{share} of the traffic</text>"));
}

fn push(svg: &mut String, what: std::fmt::Arguments<'_>) {
    svg.write_fmt(what).expect("BUG: a text takes every text");
}

fn times(svg: &mut String, last: i64, x: &impl Fn(i64) -> f64) {
    let steps = [5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400];
    let step = steps.into_iter().find(|step| last / step <= 8).unwrap_or(last.max(1));
    let mut second = 0;
    while second <= last {
        let label = if step < 60 { format!("{second} s") } else { format!("{} min", second / 60) };
        push(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
                x(second),
                HEIGHT - 10.0,
            ),
        );
        second += step;
    }
}

fn edge(svg: &mut String, class: &str, y: f64, label: &str) {
    push(
        svg,
        format_args!(
            "<path class=\"edge {class}-line\" d=\"M{LEFT} {y:.1}H{:.0}\"/>\
             <text class=\"{class}-text\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            WIDTH - RIGHT - 4.0,
            y - 4.0,
            text(label),
        ),
    );
}

/// Draws a line through points; it is interrupted where their last part changes.
fn curve(svg: &mut String, class: &str, points: impl ExactSizeIterator<Item = (f64, f64, usize)>) {
    let count = points.len();
    if count == 0 {
        return;
    }
    let every = count.div_ceil(POINTS_MOST).max(1);
    let mut path = String::new();
    let mut before = None;
    for (index, (x, y, part)) in points.enumerate() {
        if index % every == 0 || index + 1 == count {
            let letter = if before == Some(part) { 'L' } else { 'M' };
            push(&mut path, format_args!("{letter}{x:.1} {y:.1}"));
            before = Some(part);
        }
    }
    push(svg, format_args!("<path class=\"curve {class}\" d=\"{path}\"/>"));
}

/// Draws how the traffic is shared.
pub(super) fn shares(candidate: Share) -> Html {
    let basis_points = u32::from(candidate.basis_points());
    let rest = 10_000 - basis_points;
    Html(format!(
        "<svg class=\"shares\" viewBox=\"0 0 10000 200\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{candidate} of the traffic goes to the candidate\"><rect class=\"a\" \
         width=\"{rest}\" height=\"200\"/><rect class=\"b\" x=\"{rest}\" width=\"{basis_points}\" \
         height=\"200\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_rollout_stays_small_and_an_empty_one_is_drawn() {
        let reading =
            |second: i64| Reading { second, against: -1.0, favour: second as f64 / 900.0 };
        let mut of = Evidence {
            readings: (0..2_700).map(reading).collect(),
            against_at: 4.6,
            favour_at: 3.0,
            legs: vec![(0, Share::ALL)],
        };
        assert!(evidence(&of).0.len() < 12_000);
        assert!(!evidence(&of).0.contains("NaN"));
        of.readings.clear();
        assert!(!evidence(&of).0.contains("NaN"));
    }
}
