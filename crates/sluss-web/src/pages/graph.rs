//! The graph of a run: steps in layers by what they need, as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::html::{Html, Tone, text};

const WIDTH: usize = 184;
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

/// Where everything is: each step's layer and row, and the rows in which lines pass a layer.
struct Places<'a> {
    nodes: BTreeMap<&'a str, (usize, usize)>,
    passing: BTreeMap<(&'a str, usize), usize>,
    layers: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(nodes: &'a [Node]) -> Self {
        let mut places =
            Self { nodes: BTreeMap::new(), passing: BTreeMap::new(), layers: Vec::new() };
        for node in nodes {
            let needs = node.needs.iter().filter_map(|need| places.nodes.get(need.as_str()));
            let layer = needs.map(|(layer, _)| layer + 1).max().unwrap_or(0);
            let row = places.take(layer);
            places.nodes.insert(&node.name, (layer, row));
        }
        for node in nodes {
            let Some((layer, _)) = places.nodes.get(node.name.as_str()).copied() else { continue };
            for need in &node.needs {
                let Some((from, _)) = places.nodes.get(need.as_str()).copied() else { continue };
                for between in from + 1..layer {
                    if !places.passing.contains_key(&(need.as_str(), between)) {
                        let row = places.take(between);
                        places.passing.insert((need, between), row);
                    }
                }
            }
        }
        places
    }

    /// Takes the next row of a layer.
    fn take(&mut self, layer: usize) -> usize {
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, 0);
        }
        self.layers[layer] += 1;
        self.layers[layer] - 1
    }

    fn rows(&self) -> usize {
        self.layers.iter().copied().max().unwrap_or(0)
    }

    /// Returns the corner of a place; shorter layers stand in the middle.
    fn at(&self, layer: usize, row: usize) -> (usize, usize) {
        let free = self.rows() - self.layers.get(layer).copied().unwrap_or(0);
        let y = 2 + row * (HEIGHT + GAP_Y) + free * (HEIGHT + GAP_Y) / 2;
        (2 + layer * (WIDTH + GAP_X), y)
    }

    fn node(&self, name: &str) -> (usize, usize) {
        let (layer, row) = self.nodes.get(name).copied().unwrap_or((0, 0));
        self.at(layer, row)
    }

    /// Draws the line from `need` to `name`.
    fn line(&self, need: &str, name: &str) -> String {
        let layer_of = |name| self.nodes.get(name).map_or(0, |(layer, _)| *layer);
        let (x, y) = self.node(need);
        let mut path = format!("M{} {}", x + WIDTH, y + HEIGHT / 2);
        let mut last = (x + WIDTH, y + HEIGHT / 2);
        let mut to = |(x, y): (usize, usize), path: &mut String| {
            let (middle, y) = ((last.0 + x) / 2, y + HEIGHT / 2);
            path.push_str(&format!("C{middle} {} {middle} {y} {x} {y}", last.1));
            last = (x, y);
        };
        for layer in layer_of(need) + 1..layer_of(name) {
            let row = self.passing.get(&(need, layer)).copied().unwrap_or(0);
            let (x, y) = self.at(layer, row);
            to((x, y), &mut path);
            to((x + WIDTH, y), &mut path);
        }
        to(self.node(name), &mut path);
        path
    }
}

/// Draws steps that stand in an order in which each comes after what it needs.
pub(super) fn graph(nodes: &[Node]) -> Html {
    let places = Places::of(nodes);
    let width = (places.layers.len() * (WIDTH + GAP_X) + 4).saturating_sub(GAP_X);
    let height = places.rows() * (HEIGHT + GAP_Y) + 4;
    let mut svg = String::new();
    for node in nodes {
        for need in &node.needs {
            let path = places.line(need, &node.name);
            svg.push_str(&format!("<path class=\"edge\" d=\"{path}\"/>"));
        }
    }
    for node in nodes {
        draw(&mut svg, node, places.node(&node.name));
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
    let mut shown: String = node.name.chars().take(16).collect();
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
