//! `sluss controls`: what the log has to show for each control over a period.

use clap::ValueEnum;
use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{list, part, table, word};

/// Say what the log has to show for each control
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the controls of a catalogue over a period
    Show(Period),
    /// Print them as CycloneDX 1.6 declarations
    Export(Period),
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Catalogue {
    Finos,
    Dora,
    Rts,
    Pci,
    Sox,
    Iso27001,
    Ssdf,
    Eba,
}

/// A catalogue over a period
#[derive(Debug, clap::Args)]
pub struct Period {
    /// The first day, of UTC: `2026-01-01`
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The last day, included
    #[arg(long, value_name = "DATE")]
    to: String,
    /// Whose controls
    #[arg(long, value_enum, default_value = "finos")]
    catalogue: Catalogue,
    #[command(flatten)]
    at: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Show(period) => {
            let found = get(&period, "/api/v1/controls").await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => {
                    let told: Vec<String> = list(&found, "controls").iter().map(lines).collect();
                    print(&told.join("\n"));
                }
            }
        }
        Command::Export(period) => print_json(&get(&period, "/api/v1/controls/cyclonedx").await?),
    }
    Ok(())
}

async fn get(period: &Period, path: &str) -> Result<Value, Failure> {
    let Period { from, to, catalogue, at } = period;
    let catalogue = match catalogue {
        Catalogue::Finos => "finos",
        Catalogue::Dora => "dora",
        Catalogue::Rts => "rts",
        Catalogue::Pci => "pci",
        Catalogue::Sox => "sox",
        Catalogue::Iso27001 => "iso27001",
        Catalogue::Ssdf => "ssdf",
        Catalogue::Eba => "eba",
    };
    let query = format!("catalogue={catalogue}&from={}&to={}", part(from), part(to));
    at.client()?.get(&format!("{path}?{query}")).await
}

/// How many items are named of those that lack one thing; `--json` names all.
const NAMED: usize = 5;

/// Returns a control as lines: how it stands, what it asks, how many have it, and who has not.
fn lines(control: &Value) -> String {
    let mut told = format!(
        "{} {}: {}, worth {} %\n",
        word(control, "id"),
        word(control, "standing").replace('_', " "),
        word(control, "title"),
        control["confidence"]
    );
    if let Some(reason) = control["not_applicable"]["reason"].as_str() {
        told += &format!("  does not apply: {reason}\n");
    }
    let rows: Vec<Vec<String>> = list(control, "asks").iter().map(ask).collect();
    told += &table(2, &rows);
    for seen in list(control, "exceptions") {
        let first = &seen["first"];
        told += &format!("  against: {} × {}, entry {first}\n", seen["count"], word(seen, "what"));
    }
    for what in list(control, "unrecorded").iter().filter_map(Value::as_str) {
        told += &format!("  nothing here records: {what}\n");
    }
    told
}

fn ask(asked: &Value) -> Vec<String> {
    let missing = list(asked, "missing");
    let mut named: Vec<&str> = missing.iter().take(NAMED).map(|one| word(one, "id")).collect();
    let more = format!("and {} more", missing.len().saturating_sub(NAMED));
    if missing.len() > NAMED {
        named.push(&more);
    }
    let lacks = if named.is_empty() { String::new() } else { format!("not {}", named.join(", ")) };
    let of = match asked["each"].as_str() {
        Some(_) => format!("{} of {}", asked["have"], asked["of"]),
        None => format!("{} ×", asked["have"]),
    };
    vec![of, word(asked, "what").to_owned(), lacks]
}
