//! Looks at a repository and proposes its `sluss.yaml`, for `sluss init`.
//!
//! # Invariants
//!
//! - A proposal resolves: its template is built in, and no input that it needs is missing.

mod languages;
mod listing;
mod others;
#[cfg(test)]
mod tests;

pub use listing::Listing;

use serde::Serialize;

/// A `sluss.yaml` for a repository, and what it was guessed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The text of the file.
    pub sluss_yaml: String,
    /// What each part was guessed from, and what the reader should look at, as sentences.
    pub why: Vec<String>,
    /// Other templates that would fit, the likeliest first.
    pub alternatives: Vec<Alternative>,
}

/// Another template that would fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alternative {
    /// The template.
    pub template: String,
    /// The whole file, with it.
    pub sluss_yaml: String,
    /// Why it would fit.
    pub why: Vec<String>,
}

/// A template that fits, with the values of its inputs in order.
struct Candidate {
    template: &'static str,
    name: Option<String>,
    with: Vec<(&'static str, String)>,
    why: Vec<String>,
}

/// Proposes a `sluss.yaml` for what is in `listing`.
pub fn detect(listing: &Listing) -> Proposal {
    let found = [
        languages::rust(listing),
        languages::go(listing),
        languages::node(listing),
        languages::python(listing),
        others::procfile(listing),
        others::makefile(listing),
        others::dockerfile(listing),
        others::index_page(listing),
    ];
    let mut candidates = found.into_iter().flatten();
    let best = candidates.next().unwrap_or_else(others::anything);
    let alternatives = candidates
        .map(|other| Alternative {
            template: other.template.to_owned(),
            sluss_yaml: file(listing, &other),
            why: other.why,
        })
        .collect();
    Proposal { sluss_yaml: file(listing, &best), why: best.why, alternatives }
}

fn file(listing: &Listing, candidate: &Candidate) -> String {
    let named = candidate.name.as_deref().and_then(slug);
    let name = named.or_else(|| slug(listing.name())).unwrap_or_else(|| "service".to_owned());
    let mut text = format!("service: {name}\ntemplate: {}\n", candidate.template);
    text.push_str("with:\n");
    for (key, value) in &candidate.with {
        text.push_str(&format!("  {key}: {}\n", scalar(value)));
    }
    text
}

/// Returns the nearest name of a service.
fn slug(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mut name = String::new();
    for c in lower.chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let short: String = name.chars().take(40).collect();
    let name = short.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns a text as a YAML scalar on one line.
fn scalar(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t', '\0'], " ");
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_ ./-=$@".contains(c))
        && !text.ends_with(' ')
        && !matches!(text.as_str(), "null" | "~");
    if plain { text } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Returns the path that looks as if it told whether a service is ready.
fn ready_path(sources: &[&str]) -> Option<&'static str> {
    const PATHS: [&str; 6] = ["/ready", "/readyz", "/healthz", "/health", "/livez", "/ping"];
    PATHS.into_iter().find(|path| {
        let quoted = ['"', '\'', '`'].map(|quote| format!("{quote}{path}{quote}"));
        let routed = format!(" {path}\"");
        sources
            .iter()
            .any(|text| quoted.iter().any(|quoted| text.contains(quoted)) || text.contains(&routed))
    })
}

/// Returns the port that a service seems to be known under.
fn port(listing: &Listing, sources: &[&str]) -> (String, Option<String>) {
    let exposed = listing.read("Dockerfile").and_then(|text| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("EXPOSE "))?;
        port_number(line)
    });
    if let Some(port) = exposed {
        return (port.to_string(), Some(format!("port {port}: `EXPOSE` in the Dockerfile")));
    }
    for mark in ["PORT", "port", "listen(", "Listen", "bind("] {
        for line in sources.iter().flat_map(|text| text.lines()) {
            let after = line.find(mark).map(|at| &line[at + mark.len()..]);
            if let Some(port) = after.and_then(port_number) {
                let line: String = line.trim().chars().take(60).collect();
                return (port.to_string(), Some(format!("port {port}: `{line}`")));
            }
        }
    }
    ("8080".to_owned(), None)
}

/// Returns the first number in `text` that is a port for services.
fn port_number(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| (4..=5).contains(&digits.len()))
        .find_map(|digits| digits.parse().ok().filter(|port| *port >= 1024))
}

impl Candidate {
    fn of(template: &'static str) -> Self {
        Self { template, name: None, with: Vec::new(), why: Vec::new() }
    }

    fn because(&mut self, why: impl Into<String>) {
        self.why.push(why.into());
    }

    fn with(&mut self, input: &'static str, value: impl Into<String>) {
        self.with.push((input, value.into()));
    }

    /// Says port and readiness from what the service's sources say.
    fn network(&mut self, listing: &Listing, sources: &[&str], ready_by_default: Option<&str>) {
        let (port, why) = port(listing, sources);
        self.with.insert(0, ("port", port));
        self.why.extend(why);
        let ready = ready_path(sources);
        match ready {
            Some(path) => {
                self.because(format!("ready when `{path}` answers 200: it is in the code"))
            }
            None => self.because("ready when it accepts a connection: no readiness path was found"),
        }
        if ready != ready_by_default {
            self.with("ready", ready.unwrap_or_default());
        }
        // gunicorn listens on $PORT by itself.
        let listens = |text: &&str| text.contains("PORT") || text.contains("gunicorn");
        if !sources.is_empty() && !sources.iter().any(listens) {
            self.because(
                "nothing here mentions PORT: the service must listen on the port in $PORT",
            );
        }
    }
}
