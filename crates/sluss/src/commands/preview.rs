//! `sluss freeze preview`: the months to come, by the calendar in force or by a file.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluss_calendar::{Calendar, Scope, preview};
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::texts;

use super::Output;
use super::connection::Where;
use super::print::{print, print_json, say};
use super::shape::{list, part, plain, table, word};
use super::times::now_ms;

/// Show the months to come
///
/// Asks for the calendar in force and the freezes that were set, unless a file is given.
#[derive(Debug, clap::Args)]
pub struct Preview {
    /// How many months
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=120))]
    months: u32,
    /// A `calendar.yaml` that is not in force yet
    #[arg(long, value_name = "CALENDAR")]
    file: Option<PathBuf>,
    /// For which service; for all unless given
    #[arg(long)]
    service: Option<String>,
    /// For which environment; for all unless given
    #[arg(long)]
    environment: Option<String>,
    /// For which product, with a file; a service in force is known to belong to one
    #[arg(long, requires = "file")]
    product: Option<String>,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(arguments: Preview, output: Output) -> Result<(), Failure> {
    let found = match &arguments.file {
        Some(file) => of_file(file, &arguments)?,
        None => {
            let mut path = format!("/api/v1/calendar?months={}", arguments.months);
            let asked = [("service", &arguments.service), ("environment", &arguments.environment)];
            for (name, value) in asked {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={}", part(value)));
                }
            }
            arguments.of.client()?.get(&path).await?
        }
    };
    match output {
        Output::Json => print_json(&found),
        Output::Text => tell(&found),
    }
    Ok(())
}

fn of_file(file: &Path, arguments: &Preview) -> Result<Value, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        let what = format!("{} can't be read: {error}.", file.display());
        Failure::new(Blame::Caller, what, "Name a calendar: `--file calendar.yaml`")
    })?;
    let calendar: Calendar = texts::calendar_of(&bytes).map_err(|lines| {
        let hint = "Mend it, and `sluss freeze preview --file` again";
        Failure::new(Blame::Caller, lines.join("\n"), hint)
    })?;
    let scope = Scope {
        product: arguments.product.clone(),
        service: arguments.service.clone(),
        environment: arguments.environment.clone(),
        ..Scope::default()
    };
    let shown = preview(&calendar, &scope, now_ms(), arguments.months);
    let warnings: Vec<String> = shown.warnings.iter().map(ToString::to_string).collect();
    let mut found = json!(shown);
    found["warnings"] = json!(warnings);
    Ok(found)
}

fn tell(found: &Value) {
    let rows = list(found, "spans").iter().map(|span| {
        let kind = word(span, "kind").to_owned();
        let cells = [word(span, "text"), word(span, "window"), word(span, "reason")];
        let [text, window, reason] = cells.map(plain);
        vec![text, kind, window, reason]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    match rows.is_empty() {
        true => print("Nothing shuts or opens anything in these months."),
        false => print(&table(0, &rows)),
    }
    for kept in list(found, "waiting") {
        let (deployment, sentence) = (word(kept, "deployment"), word(kept, "sentence"));
        print(&format!("{deployment}: {}", plain(sentence)));
    }
    for warning in list(found, "warnings").iter().filter_map(Value::as_str) {
        say(&format!("warning: {}", plain(warning)));
    }
    if found["readable"] == json!(false) {
        say("warning: the calendar in force can't be read, so nothing goes");
    }
}
