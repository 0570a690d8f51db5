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
    Pci,
    Sox,
    Iso27001,
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
                    let rows: Vec<Vec<String>> = list(&found, "controls").iter().map(row).collect();
                    print(&table(0, &rows));
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
        Catalogue::Pci => "pci",
        Catalogue::Sox => "sox",
        Catalogue::Iso27001 => "iso27001",
    };
    let query = format!("catalogue={catalogue}&from={}&to={}", part(from), part(to));
    at.client()?.get(&format!("{path}?{query}")).await
}

fn row(control: &Value) -> Vec<String> {
    let count = |key: &str| {
        let counts = list(control, key).iter().filter_map(|seen| seen["count"].as_u64());
        counts.sum::<u64>()
    };
    let gaps = list(control, "gaps").iter().filter_map(Value::as_str);
    vec![
        word(control, "id").to_owned(),
        word(control, "standing").to_owned(),
        format!("{} evidence", count("evidence")),
        format!("{} against", count("exceptions")),
        gaps.collect::<Vec<_>>().join("; "),
    ]
}
