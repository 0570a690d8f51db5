//! The proof: a bank's month in an hour. Real payments, a release every half minute, one in five of
//! them bad in a known way, kills at random instants; at the end the books, and a page.
//!
//! Run by `cargo xtask prove`; described in `docs/proof.md`.

mod bank;
mod bound;
mod chaos;
mod clock;
mod figures;
mod history;
mod load;
mod options;
mod page;
mod plan;
mod play;
mod plot;
mod rules;
mod table;
mod variants;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use chaos::Blow;
pub use figures::Figures;
pub use options::{Options, USAGE};
pub use play::Played;
pub use variants::Kind;

/// Plays a proof to its end, writes its page and its JSON, and returns its figures with what to
/// print.
///
/// # Errors
///
/// When it can't be played to its end, or was asked to stop.
pub fn run(options: &Options) -> Result<(Figures, String), String> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| format!("signals can't be heard: {error}"))?;
    }
    let programs = variants::Programs::build()?;
    let played = play::play(options, &programs, &stop)?;
    let figures = Figures::of(&played);
    match (options.keep, figures.succeeded()) {
        (true, true) => drop(std::fs::remove_dir_all(&played.state)),
        (true, false) => eprintln!("its state is kept: {}", played.state.display()),
        (false, _) => {}
    }
    let json = figures.json(&played);
    let written = |error: std::io::Error| format!("{}: {error}", options.out.display());
    std::fs::create_dir_all(&options.out).map_err(written)?;
    std::fs::write(options.out.join("prove.json"), format!("{json:#}\n")).map_err(written)?;
    let page = options.out.join("prove.html");
    std::fs::write(&page, page::page(&figures, &played)).map_err(written)?;
    eprintln!("a page: {}", page.display());
    let said = if options.json { format!("{json:#}\n") } else { table::table(&figures, &played) };
    Ok((figures, said))
}
