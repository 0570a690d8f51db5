//! Repositories that only say how they are run: `command@1` takes them.

use super::languages::procfile_web;
use super::{Candidate, Listing};

const TEMPLATE: &str = "command@1";

/// Proposes what the process `web` of a Procfile runs.
pub(super) fn procfile(listing: &Listing) -> Option<Candidate> {
    let web = procfile_web(listing)?;
    let mut found = Candidate::of(TEMPLATE);
    found.because("command@1: the Procfile says how `web` is started");
    found.with("start", web);
    make_targets(listing, &mut found);
    found.network(listing, &[web], None);
    Some(found)
}

/// Proposes the target that runs the service, with those that build and test it.
pub(super) fn makefile(listing: &Listing) -> Option<Candidate> {
    let target = ["run", "serve", "start"].into_iter().find(|name| has_target(listing, name))?;
    let mut found = Candidate::of(TEMPLATE);
    found.because(format!("command@1: the Makefile has a target `{target}`"));
    found.with("start", format!("make {target}"));
    make_targets(listing, &mut found);
    let text = listing.read("Makefile").unwrap_or_default();
    found.network(listing, &[text], None);
    Some(found)
}

/// Proposes the command that a Dockerfile would start; the image itself is not built.
pub(super) fn dockerfile(listing: &Listing) -> Option<Candidate> {
    let text = listing.read("Dockerfile")?;
    let line = text.lines().rev().find_map(|line| {
        let line = line.trim();
        line.strip_prefix("CMD ").or_else(|| line.strip_prefix("ENTRYPOINT "))
    })?;
    let words: Option<Vec<String>> = serde_json::from_str(line.trim()).ok();
    let start = words.map_or_else(|| line.trim().to_owned(), |words| quoted(&words));
    let mut found = Candidate::of(TEMPLATE);
    found.because("command@1: the Dockerfile says what is started; no image is built");
    found.with("start", start);
    make_targets(listing, &mut found);
    found.network(listing, &[text], None);
    Some(found)
}

/// Proposes to serve the files of a folder with a page in it.
pub(super) fn index_page(listing: &Listing) -> Option<Candidate> {
    let page = ["index.html", "public/index.html", "site/index.html", "docs/index.html"]
        .into_iter()
        .find(|path| listing.has(path))?;
    let folder = page.rsplit_once('/').map(|(folder, _)| folder);
    let mut found = Candidate::of(TEMPLATE);
    found.because(format!("command@1: {page} makes this a site of files"));
    found.with("port", "8080");
    let root = folder.map(|folder| format!(" --directory {folder}")).unwrap_or_default();
    found.with("start", format!("python3 -m http.server{root} $PORT"));
    found.with("ready", "/");
    found.because("ready when `/` answers 200");
    Some(found)
}

/// Proposes to serve the folder's files, where nothing says what is run.
pub(super) fn anything() -> Candidate {
    let mut found = Candidate::of(TEMPLATE);
    found.because("command@1: nothing here says how a service is started");
    found.because("as it stands, this serves the folder's files: put your own command in `start`");
    found.with("port", "8080");
    found.with("start", "python3 -m http.server $PORT");
    found
}

fn make_targets(listing: &Listing, found: &mut Candidate) {
    if has_target(listing, "build") {
        found.with("build", "make build");
        found.because("built by `make build`");
    }
    if has_target(listing, "test") {
        found.with("test", "make test");
        found.because("tested by `make test`");
    } else {
        found.because("no tests were found: nothing is asked of them until `test` says how");
    }
}

fn has_target(listing: &Listing, name: &str) -> bool {
    let text = listing.read("Makefile").unwrap_or_default();
    text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
}

/// Returns the words as a line of shell.
fn quoted(words: &[String]) -> String {
    let quote = |word: &String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=,@%+-$".contains(&b);
        if !word.is_empty() && word.bytes().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
