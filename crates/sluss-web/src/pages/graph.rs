//! The graph of a run: steps in layers by what they need, as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::html::{Html, Tone, text};

const WIDTH: usize = 168;
const HEIGHT: usize = 46;
const GAP_X: usize = 44;
const GAP_Y: usize = 14;

/// A step to draw.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) word: String,
    pub(super) tone: Tone,
    pub(super) needs: Vec<String>,
    pub(super) address: String,
    pub(super) here: bool,
}

/// Draws steps that stand in an order in which each comes after what it needs.
pub(super) fn graph(nodes: &[Node]) -> Html {
    let mut at: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut layers: Vec<usize> = Vec::new();
    for node in nodes {
        let layer = node.needs.iter().filter_map(|need| at.get(need.as_str()));
        let layer = layer.map(|(layer, _)| layer + 1).max().unwrap_or(0);
        if layers.len() <= layer {
            layers.resize(layer + 1, 0);
        }
        at.insert(&node.name, (layer, layers[layer]));
        layers[layer] += 1;
    }
    let rows = layers.iter().copied().max().unwrap_or(0);
    let width = layers.len() * (WIDTH + GAP_X) + 4;
    let height = rows * (HEIGHT + GAP_Y) + 4;
    let place = |name: &str| {
        let (layer, row) = at.get(name).copied().unwrap_or((0, 0));
        // Shorter layers stand in the middle.
        let free = (rows - layers.get(layer).copied().unwrap_or(rows)) * (HEIGHT + GAP_Y) / 2;
        (2 + layer * (WIDTH + GAP_X), 2 + row * (HEIGHT + GAP_Y) + free)
    };
    let mut svg = String::new();
    for node in nodes {
        let (x, y) = place(&node.name);
        for need in &node.needs {
            let (from_x, from_y) = place(need);
            let (x1, y1, y2) = (from_x + WIDTH, from_y + HEIGHT / 2, y + HEIGHT / 2);
            let middle = (x1 + x) / 2;
            write!(
                svg,
                "<path class=\"edge\" d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x} {y2}\"/>"
            )
            .expect("BUG: a text takes every text");
        }
    }
    for node in nodes {
        draw(&mut svg, node, place(&node.name));
    }
    Html(format!(
        "<div class=\"graph\" data-keep=\"graph\"><svg width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"group\" aria-label=\"Steps, by what they \
         need\">{svg}</svg></div>"
    ))
}

fn draw(svg: &mut String, node: &Node, (x, y): (usize, usize)) {
    let class = node.tone.class();
    let here = if node.here { " here" } else { "" };
    let mut shown: String = node.name.chars().take(17).collect();
    if shown.len() < node.name.len() {
        shown.push('…');
    }
    let (name, word) = (text(&node.name), text(&node.word));
    let drawn = write!(
        svg,
        "<a class=\"{class}{here}\" href=\"{}\"><title>{name}: {word}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\
         <use class=\"i\" href=\"#{class}\" x=\"{}\" y=\"{}\" width=\"14\" height=\"14\"/>\
         <text x=\"{}\" y=\"{}\">{}</text><text class=\"word\" x=\"{}\" y=\"{}\">{word}</text></a>",
        text(&node.address),
        x + 10,
        y + 16,
        x + 32,
        y + 20,
        text(&shown),
        x + 32,
        y + 36,
    );
    drawn.expect("BUG: a text takes every text");
}
