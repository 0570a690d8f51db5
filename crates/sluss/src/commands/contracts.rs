//! `sluss contracts`: what services provide to each other, and what waits for others.

use serde_json::Value;
use sluss_engine::failure::Failure;

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json};
use super::shape::{list, plain, table, word};

/// Show what live services provide to each other and need of each other
///
/// Who provides which version of a contract in which environment, who needs it there, what would
/// break, and which releases wait for others.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let contracts = arguments.of.client()?.get("/api/v1/contracts").await?;
    match output {
        Output::Json => print_json(&contracts),
        Output::Text => show(&contracts),
    }
    Ok(())
}

fn show(view: &Value) {
    let (contracts, waiting) = (list(view, "contracts"), list(view, "waiting"));
    if contracts.is_empty() {
        print("Nothing that is live provides anything to others, or needs anything of them.");
        next("`provides` and `needs` in `sluss.yaml`");
    }
    print(&table(0, &contracts.iter().map(row).collect::<Vec<_>>()));
    for breaks in contracts.iter().filter_map(|one| Some((one, one["breaks"].as_str()?))) {
        let (one, said) = breaks;
        print(&format!("{} in {}: {said}", named(one), word(one, "environment")));
    }
    for one in waiting {
        let (deployment, service) = (word(one, "deployment"), word(one, "service"));
        let said = plain(word(one, "sentence"));
        print(&format!("{deployment} of {service} in {} waits: {said}", word(one, "environment")));
    }
}

fn named(one: &Value) -> String {
    format!("{} {}", word(one, "contract"), one["version"])
}

fn row(one: &Value) -> Vec<String> {
    let ends = |key: &str, none: &str| {
        let end = |end: &Value| format!("{} {}", word(end, "service"), word(end, "release"));
        let all: Vec<String> = list(one, key).iter().map(end).collect();
        if all.is_empty() { none.to_owned() } else { all.join(", ") }
    };
    vec![
        word(one, "environment").to_owned(),
        named(one),
        word(one, "stands").to_owned(),
        format!("from {}", ends("provided", "nothing live")),
        format!("to {}", ends("needed", "nobody")),
    ]
}
