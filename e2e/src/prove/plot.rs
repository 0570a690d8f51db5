//! Plots as SVG, by hand: axes, lines, bars and marks, in colours that the page gives.

use std::fmt::Write as _;

/// How wide a plot is, in its own units.
pub const WIDE: f64 = 960.0;
/// Left of the vertical axis: numbers, or names of rows.
const LEFT: f64 = 64.0;
const LEFT_OF_ROWS: f64 = 132.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;

/// A plot that grows.
pub struct Plot {
    svg: String,
    high: f64,
    left: f64,
    /// What the horizontal axis goes to.
    to_x: f64,
    /// What the vertical axis goes to.
    to_y: f64,
}

impl Plot {
    /// Begins a plot of this height whose axes go from zero to these; `unit` ends each number of
    /// the vertical one.
    pub fn begin(title: &str, high: f64, to_x: f64, to_y: f64, unit: &str) -> Self {
        let (to_x, to_y) = (to_x.max(1e-9), to_y.max(1e-9));
        let mut plot = Self { svg: String::new(), high, left: LEFT, to_x, to_y };
        let title = escape(title);
        plot.put(&format!(
            "<svg viewBox=\"0 0 {WIDE} {high}\" role=\"img\" aria-label=\"{title}\">"
        ));
        for step in 0..=4 {
            let value = to_y * f64::from(step) / 4.0;
            let y = plot.y(value);
            let (right, text) = (WIDE - RIGHT, short(value));
            plot.put(&format!(
                "<line class=grid x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=scale x=\"{:.1}\" y=\"{:.1}\" text-anchor=end>{text}{unit}</text>",
                LEFT - 6.0,
                y + 4.0
            ));
        }
        plot
    }

    /// Begins a plot of rows, each with its name.
    pub fn rows(title: &str, names: &[String], to_x: f64) -> Self {
        let high = TOP + BOTTOM + 34.0 * names.len() as f64;
        let to_y = names.len() as f64;
        let (left, to_x) = (LEFT_OF_ROWS, to_x.max(1e-9));
        let mut plot = Self { svg: String::new(), high, left, to_x, to_y };
        let title = escape(title);
        plot.put(&format!(
            "<svg viewBox=\"0 0 {WIDE} {high}\" role=\"img\" aria-label=\"{title}\">"
        ));
        for (row, name) in names.iter().enumerate() {
            let y = plot.row(row) + 4.0;
            let name = escape(name);
            plot.put(&format!(
                "<text class=scale x=\"{:.1}\" y=\"{y:.1}\" text-anchor=end>{name}</text>",
                left - 6.0
            ));
        }
        plot
    }

    /// Writes minutes below the horizontal axis.
    pub fn minutes(&mut self) {
        let minutes = self.to_x / 60.0;
        let step = [1.0, 2.0, 5.0, 10.0, 20.0].into_iter().find(|step| minutes / step <= 12.0);
        let step = step.unwrap_or(60.0);
        let mut minute = 0.0;
        while minute <= minutes {
            let (x, y) = (self.x(minute * 60.0), self.high - 5.0);
            let text = format!(
                "<text class=scale x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=middle>{minute} min</text>"
            );
            self.put(&text);
            minute += step;
        }
    }

    /// Draws a line through these points.
    pub fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (self.x(x), self.y(y.min(self.to_y)));
            write!(path, "{letter}{x:.1} {y:.1}").expect("a text can be written to");
        }
        self.put(&format!("<path class=\"line {class}\" d=\"{path}\"/>"));
    }

    /// Draws a bar in a row, with what it says when pointed at.
    pub fn bar(&mut self, row: usize, class: &str, from: f64, to: f64, says: &str) {
        let (x, y, says) = (self.x(from), self.row(row) - 9.0, escape(says));
        let wide = (self.x(to) - x).max(1.5);
        self.put(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"18\" \
             rx=\"2\"><title>{says}</title></rect>"
        ));
    }

    /// Marks an instant in a row.
    pub fn mark(&mut self, row: usize, class: &str, at: f64, says: &str) {
        let (x, y, says) = (self.x(at), self.row(row), escape(says));
        self.put(&format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{says}</title>\
             </circle>"
        ));
    }

    /// Writes a few words in a row.
    pub fn note(&mut self, row: usize, at: f64, words: &str) {
        let (x, y, words) = (self.x(at) + 6.0, self.row(row) + 4.0, escape(words));
        self.put(&format!("<text class=scale x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"));
    }

    /// Ends it.
    pub fn end(mut self) -> String {
        self.put("</svg>");
        self.svg
    }

    fn x(&self, value: f64) -> f64 {
        self.left + (WIDE - self.left - RIGHT) * (value / self.to_x).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (self.high - TOP - BOTTOM) * (1.0 - (value / self.to_y).clamp(0.0, 1.0))
    }

    fn row(&self, row: usize) -> f64 {
        TOP + (self.high - TOP - BOTTOM) * (row as f64 + 0.5) / self.to_y
    }

    fn put(&mut self, text: &str) {
        self.svg.push_str(text);
    }
}

/// Returns a text as it may stand in a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn short(value: f64) -> String {
    match value {
        value if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_an_axis_stays_inside() {
        let mut plot = Plot::begin("t", 100.0, 10.0, 5.0, "");
        plot.line("a", [(0.0, 0.0), (10.0, 50.0)].into_iter());
        let svg = plot.end();
        assert!(svg.contains("M64.0 78.0L948.0 10.0"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
    }

    #[test]
    fn texts_cannot_become_elements() {
        let mut plot = Plot::rows("<b>", &["a&b".to_owned()], 5.0);
        plot.bar(0, "good", 1.0, 2.0, "\"<i>");
        let svg = plot.end();
        assert!(!svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
        assert!(svg.contains("a&amp;b"));
    }
}
