//! The evidence of a trace over time, drawn on a log scale against both lines.
//!
//! It names each curve in words beside it, so nothing is said by colour alone, and follows the
//! reader's light or dark scheme.

use std::fmt::Write as _;

use sluss_verdict::{Step, odds};

use super::Analysis;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 44.0;
/// Evidence below this many nats is drawn at the bottom.
const LEAST: f64 = -4.605_170_185_988_092;
/// Points that a curve has at most.
const POINTS_MOST: usize = 1_200;

const STYLE: &str = "\
  svg { color: #1b1f24; background: #ffffff; font: 13px system-ui, sans-serif; }
  text { fill: currentColor; }
  .grid { stroke: currentColor; stroke-opacity: 0.15; }
  .share { stroke: currentColor; stroke-opacity: 0.5; stroke-dasharray: 2 4; }
  .against { stroke: #b3261e; } .favour { stroke: #1a5fb4; }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .line { stroke-width: 1.5; stroke-dasharray: 8 4; }
  .decision { stroke: currentColor; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    svg { color: #e6e8eb; background: #16191d; }
    .against { stroke: #ff8a80; } .favour { stroke: #8ab4f8; }
  }
";

/// Where a time and an amount of evidence are drawn.
struct Scale {
    from: f64,
    to: f64,
    most: f64,
}

impl Scale {
    fn x(&self, second: f64) -> f64 {
        LEFT + (second - self.from) / (self.to - self.from) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, nats: f64) -> f64 {
        let part = (nats.clamp(LEAST, self.most) - LEAST) / (self.most - LEAST);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    }
}

/// Returns the drawing.
pub(super) fn draw(analysis: &Analysis) -> String {
    let header = &analysis.header;
    let against_at = -header.alpha.ln();
    let favour_at = header.alpha_p.filter(|_| !header.tolerance.is_empty()).map(|a| -a.ln());
    let ends = analysis.steps.first().zip(analysis.steps.last());
    let (from, to) = ends.map_or((0, 1), |(first, last)| (first.t, last.t + 1));
    let scale = Scale {
        from: from as f64,
        to: to as f64,
        most: 1.6 * against_at.max(favour_at.unwrap_or(0.0)),
    };
    let title = escaped(if header.trace.is_empty() { "trace" } else { &header.trace });
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>Evidence over time: {title}</title>\n<style>\n{STYLE}</style>\n\
         <text x=\"{LEFT}\" y=\"24\">Evidence over time: {title}</text>\n",
    );
    add_grid(&mut svg, &scale);
    add_shares(&mut svg, &scale, &analysis.steps);
    add_line(&mut svg, &scale, against_at, "against", "rolls back at");
    add_curve(&mut svg, &scale, &analysis.steps, "against", |step| Some(step.log_e));
    if let Some(favour_at) = favour_at {
        add_line(&mut svg, &scale, favour_at, "favour", "passes at");
        add_curve(&mut svg, &scale, &analysis.steps, "favour", |step| {
            step.parts.iter().filter_map(|part| part.favour).reduce(f64::min)
        });
    }
    if let Some(time) = analysis.outcome.time_s {
        let x = scale.x(time as f64);
        add(
            &mut svg,
            format_args!(
                "<line class=\"decision\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">decided at {time} s</text>\n",
                HEIGHT - BOTTOM,
                x - 6.0,
                HEIGHT - BOTTOM - 8.0,
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn add(svg: &mut String, part: std::fmt::Arguments<'_>) {
    svg.write_fmt(part).expect("a string takes all that is written");
}

fn add_grid(svg: &mut String, scale: &Scale) {
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let mut power = -2_i32;
    while f64::from(power) * std::f64::consts::LN_10 <= scale.most {
        let y = scale.y(f64::from(power) * std::f64::consts::LN_10);
        add(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                left - 8.0,
                y + 4.0,
                10_f64.powi(power),
            ),
        );
        power += 1;
    }
    for part in 0..=4 {
        let second = scale.from + f64::from(part) / 4.0 * (scale.to - scale.from);
        let (x, y) = (scale.x(second), HEIGHT - BOTTOM + 20.0);
        add(
            svg,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{second:.0} s</text>\n",
            ),
        );
    }
}

fn add_shares(svg: &mut String, scale: &Scale, steps: &[Step]) {
    let mut share = None;
    for step in steps {
        if share != Some(step.share) {
            share = Some(step.share);
            let (x, bottom) = (scale.x(step.t as f64), HEIGHT - BOTTOM);
            add(
                svg,
                format_args!(
                    "<line class=\"share\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\">{} %</text>\n",
                    x + 4.0,
                    TOP + 12.0,
                    (step.share * 1e4).round() / 1e2,
                ),
            );
        }
    }
}

fn add_line(svg: &mut String, scale: &Scale, nats: f64, class: &str, words: &str) {
    let (y, right) = (scale.y(nats), WIDTH - RIGHT);
    add(
        svg,
        format_args!(
            "<line class=\"line {class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n\
         <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{words} {}</text>\n",
            y - 6.0,
            odds(nats),
        ),
    );
}

fn add_curve(
    svg: &mut String,
    scale: &Scale,
    steps: &[Step],
    class: &str,
    evidence: impl Fn(&Step) -> Option<f64>,
) {
    let every = steps.len().div_ceil(POINTS_MOST).max(1);
    let mut path = String::new();
    let mut last = None;
    for (index, step) in steps.iter().enumerate() {
        let Some(nats) = evidence(step) else { continue };
        if index % every != 0 && index + 1 != steps.len() {
            continue;
        }
        let (x, y) = (scale.x(step.t as f64 + 1.0), scale.y(nats));
        let verb = if path.is_empty() { 'M' } else { 'L' };
        add(&mut path, format_args!("{verb}{x:.1} {y:.1}"));
        last = Some((x, y));
    }
    add(svg, format_args!("<path class=\"curve {class}\" d=\"{path}\"/>\n"));
    if let Some((x, y)) = last {
        let words = if class == "against" { "against the candidate" } else { "in its favour" };
        add(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>\n",
                x - 4.0,
                (y + 16.0).min(HEIGHT - BOTTOM - 24.0),
            ),
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
