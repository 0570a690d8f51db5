//! `sluss policy`: policies held to the rules of the house, tested, and compared over the past.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use serde_json::{Value, json};
use sluss_core::ids::Digest;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::texts;
use sluss_policy::{
    Bundle, Change, DiffReport, DiffResult, Flip, Limits, NO_DATA, Recorded, Side, TestOutcome,
    TestReport, diff, test_bundle,
};

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json, say};
use super::shape::{counted, list, part, word};
use super::times::{now_ms, read_length, rfc3339};
use crate::client::Client;

/// Entries of the log that are asked for at once.
const PAGE: usize = 1_000;

/// Check, test and compare policies
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run the policies' own tests, and say what they reached
    Test(Test),
    /// Say everything that is wrong with policies
    Check(Folder),
    /// Show the policies in force: who answers for them, and when they are looked at again
    Show(Show),
    /// Say which decisions of the past other policies would have made otherwise
    Diff(Diff),
}

/// A folder of policies.
#[derive(Debug, clap::Args)]
pub struct Folder {
    /// The folder that holds `.rego` files and `data.json`
    #[arg(default_value = "policies")]
    folder: PathBuf,
}

/// Run the policies' own tests
///
/// Exit code 1 when a test does not pass, when there are none, or when they reach too little.
#[derive(Debug, clap::Args)]
pub struct Test {
    #[command(flatten)]
    of: Folder,
    /// The least share of lines that the tests must reach, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 0,
          value_parser = clap::value_parser!(u16).range(0..=100))]
    coverage: u16,
}

/// Show the policies in force
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    of: Where,
}

/// Compare policies over what was decided
///
/// OLD and NEW are each a folder, a revision of the Git repository here (its `policies/`), or
/// `active`: what is in force. A decision of which no input was kept is not checked. Exit code 1
/// when something that was refused would pass.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The policies that decided
    old: String,
    /// The policies that would
    new: String,
    /// How far back: `12h`, `90d`
    #[arg(long, default_value = "90d")]
    since: String,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Test(arguments) => test(&arguments, output),
        Command::Check(Folder { folder }) => check(&folder, output),
        Command::Diff(arguments) => compare(arguments, output).await,
        Command::Show(Show { of }) => show(&of.client()?, output).await,
    }
}

async fn show(client: &Client, output: Output) -> Result<(), Failure> {
    let found = client.get("/api/v1/policies").await?;
    let Some(_there) = found["version"].as_object() else {
        match output {
            Output::Json => print_json(&found),
            Output::Text => print("No policy is in force."),
        }
        return Ok(());
    };
    match output {
        Output::Json => print_json(&found["version"]),
        Output::Text => lines_of(&found["version"]).iter().for_each(|line| print(line)),
    }
    Ok(())
}

/// Returns what is told of the policies in force, a line each.
fn lines_of(version: &Value) -> Vec<String> {
    let at = |key: &str| rfc3339(version[key].as_i64().unwrap_or_default());
    let warn: Vec<&str> = list(version, "warn").iter().filter_map(Value::as_str).collect();
    let mode = match (word(version, "mode"), warn.is_empty()) {
        ("warn", _) => "they only warn: what they would refuse is recorded, and goes".to_owned(),
        (_, true) => "enforced".to_owned(),
        (_, false) => format!("enforced, but these rules only warn: {}", warn.join(", ")),
    };
    let owner = version["owner"].as_str().unwrap_or("nobody: say `policies: {owner: TEAM}`");
    let approved = match version["approved_leaf"].as_u64() {
        Some(leaf) => format!("approved in entry {leaf}"),
        None => "without a second person".to_owned(),
    };
    let due = if version["review_overdue"] == true { "OVERDUE since" } else { "due" };
    let report = version["report"].as_str().unwrap_or("not checked against the past");
    vec![
        format!("policies  {}", word(version, "policies")),
        format!("denials   {mode}"),
        format!("owner     {owner}"),
        format!("review    {due} {}", at("review_due_ms")),
        format!(
            "in force  since {} by {}, {approved}",
            at("activated_ms"),
            word(version, "configuration")
        ),
        format!("report    {report}"),
    ]
}

fn check(folder: &Path, output: Output) -> Result<(), Failure> {
    let files = files_of(folder)?;
    let loaded = texts::load_in(&folder.display().to_string(), files);
    let problems = loaded.as_ref().err().cloned().unwrap_or_default();
    match output {
        Output::Json => print_json(&json!({
            "sha256": loaded.as_ref().ok().map(Bundle::sha256), "problems": problems,
        })),
        Output::Text => problems.iter().for_each(|line| print(line)),
    }
    match loaded {
        Ok(_) => {
            say("Nothing is wrong.");
            next(&format!("sluss policy test {}", folder.display()));
            Ok(())
        }
        Err(lines) => Err(wrong(&lines)),
    }
}

fn wrong(lines: &[String]) -> Failure {
    let what = format!("{} to mend.", counted(lines.len() as u64, "problem", "problems"));
    Failure::new(Blame::Upstream, what, "Mend what stands above, and `sluss policy check` again")
}

/// Loads policies, and prints what is wrong with them.
fn load(name: &str, files: BTreeMap<String, String>) -> Result<Bundle, Failure> {
    texts::load_in(name, files).map_err(|lines| {
        lines.iter().for_each(|line| say(line));
        wrong(&lines)
    })
}

fn test(arguments: &Test, output: Output) -> Result<(), Failure> {
    let folder = &arguments.of.folder;
    let bundle = load(&folder.display().to_string(), files_of(folder)?)?;
    let report = test_bundle(&bundle);
    match output {
        Output::Json => print_json(&report),
        Output::Text => tell(folder, &report),
    }
    if report.passes(arguments.coverage * 10) {
        return Ok(());
    }
    let failed = report.failures().count();
    let (what, hint) = if report.cases.is_empty() {
        ("There are no tests.".to_owned(), "Write `test_` rules in a `*_test.rego` beside them")
    } else if failed > 0 {
        let failed = counted(failed as u64, "test does", "tests do");
        (format!("{failed} not pass."), "Mend the policy or its tests")
    } else {
        let reached = percent(report.coverage_permille());
        let what = format!("The tests reach {reached}, less than {} %.", arguments.coverage);
        (what, "Test the lines that are named above")
    };
    Err(Failure::new(Blame::Upstream, what, hint))
}

fn percent(permille: u16) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn tell(folder: &Path, report: &TestReport) {
    let folder = folder.display();
    for case in &report.cases {
        let name = case.rule.rsplit('.').next().unwrap_or(&case.rule);
        match &case.outcome {
            TestOutcome::Passed => {}
            TestOutcome::Failed { why } => {
                print(&format!("{folder}/{}:{}: {name} failed: {why}", case.file, case.line));
            }
            TestOutcome::Errored { at, why } => {
                print(&format!("{folder}/{at}: {name} could not be run: {why}"));
            }
        }
    }
    for file in report.files.iter().filter(|file| !file.uncovered.is_empty()) {
        let lines: Vec<String> = file.uncovered.iter().map(ToString::to_string).collect();
        print(&format!("{folder}/{}: no test reaches line {}", file.file, lines.join(", ")));
    }
    let passed = report.cases.len() - report.failures().count();
    print(&format!(
        "{passed} of {} passed; {} of the lines reached",
        counted(report.cases.len() as u64, "test", "tests"),
        percent(report.coverage_permille())
    ));
}

async fn compare(arguments: Diff, output: Output) -> Result<(), Failure> {
    let Diff { old, new, since, of } = arguments;
    let client = of.client()?;
    let since_ms = now_ms().saturating_sub(read_length(&since)?);
    let old = load(&old, named(&old, &client).await?)?;
    let new = load(&new, named(&new, &client).await?)?;
    let (recorded, not_checked, only_warned) = past(&client, since_ms).await?;
    let mut report = diff(&old, &new, recorded, Limits::default());
    report.not_checked.extend(not_checked);
    report.only_warned = only_warned;
    match output {
        Output::Json => {
            let mut found = json!(report);
            found["result"] = json!(report.result());
            found["report_sha256"] = json!(report.sha256());
            print_json(&found);
        }
        Output::Text => say_difference(&report, &since),
    }
    if report.result() != DiffResult::Weakened {
        return Ok(());
    }
    let weaker = counted(report.weakenings().count() as u64, "decision", "decisions");
    let what = format!("The new policies are weaker: {weaker} would let more pass.");
    Err(Failure::new(Blame::Upstream, what, "Look at each, or have them approved as weakenings"))
}

fn say_difference(report: &DiffReport, since: &str) {
    for flip in &report.flips {
        print(&told(flip));
    }
    for (id, why) in &report.not_checked {
        print(&format!("entry {id}: not checked: {why}"));
    }
    let checked = counted(report.checked as u64, "decision", "decisions");
    let result = match report.result() {
        DiffResult::NotChecked => "not checked",
        DiffResult::Same => "the same",
        DiffResult::Tightened => "tighter",
        DiffResult::Weakened => "WEAKER",
    };
    print(&format!(
        "{result}: {checked} of the last {since} decided again, {} otherwise",
        report.flips.len()
    ));
    if report.only_warned > 0 {
        let many = counted(report.only_warned as u64, "release", "releases");
        print(&format!("{many} went though policies would have refused: they only warned"));
    }
}

fn told(flip: &Flip) -> String {
    let mark = match flip.change {
        Change::Weakening => "WEAKENING",
        Change::Tightening => "tightening",
    };
    let (before, after) = (side(&flip.before), side(&flip.after));
    format!("entry {}: {mark}: {before}; it would be {after}", flip.id)
}

fn side(side: &Side) -> String {
    let asks: Vec<String> = side.require.iter().map(ToString::to_string).collect();
    let rules: Vec<&str> = side.deny.iter().map(|denial| denial.rule.as_str()).collect();
    match (side.open, &side.closed_because) {
        (true, _) if asks.is_empty() => "open".to_owned(),
        (true, _) => format!("open with {}", asks.join(" and ")),
        (false, _) if !rules.is_empty() => format!("closed by {}", rules.join(", ")),
        (false, Some(because)) => format!("closed: {because}"),
        (false, None) => "closed".to_owned(),
    }
}

/// Returns the files of the policies that OLD or NEW names.
async fn named(name: &str, client: &Client) -> Result<BTreeMap<String, String>, Failure> {
    if Path::new(name).is_dir() {
        return files_of(Path::new(name));
    }
    if name != "active" {
        return files_at(name);
    }
    let found = client.get("/api/v1/policies").await?;
    let files: BTreeMap<String, String> =
        serde_json::from_value(found["files"].clone()).unwrap_or_default();
    match files.is_empty() {
        true => Err(Failure::new(
            Blame::NotFound,
            "No policies are in force.",
            "Push `policies/` to the platform repository",
        )),
        false => Ok(files),
    }
}

/// Reads the policies in a folder.
fn files_of(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files).map_err(|(path, error)| {
        let what = format!("{} can't be read: {error}.", path.display());
        Failure::new(
            Blame::Caller,
            what,
            "Name the folder of the policies: `sluss policy check DIR`",
        )
    })?;
    Ok(files)
}

fn collect(
    folder: &Path,
    under: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| (path, error)
    };
    for entry in std::fs::read_dir(folder).map_err(of(folder))? {
        let entry = entry.map_err(of(folder))?;
        let path = entry.path();
        let name = format!("{under}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(of(&path))?.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if !texts::is_prose(&name) {
            files.insert(name, std::fs::read_to_string(&path).map_err(of(&path))?);
        }
    }
    Ok(())
}

/// Reads `policies/` as of a revision of the Git repository here.
fn files_at(revision: &str) -> Result<BTreeMap<String, String>, Failure> {
    let list =
        git(&["ls-tree", "-r", "-z", "--name-only", "--end-of-options", revision, "policies"])?;
    let mut files = BTreeMap::new();
    for path in list.split('\0') {
        let Some(inside) = path.strip_prefix("policies/") else { continue };
        if !texts::is_prose(inside) {
            let text = git(&["cat-file", "blob", &format!("{revision}:{path}")])?;
            files.insert(inside.to_owned(), text);
        }
    }
    match files.is_empty() {
        true => Err(Failure::new(
            Blame::NotFound,
            format!("`{revision}` is no folder, and as a revision it has no policies."),
            "Ask from a checkout of the platform repository, or name folders",
        )),
        false => Ok(files),
    }
}

fn git(arguments: &[&str]) -> Result<String, Failure> {
    let hint = "Name a folder, a revision of the Git repository here, or `active`";
    let done = Program::new("git").args(arguments).output();
    let done = done.map_err(|error| Failure::upstream("Git can't be started", &error))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(Failure::new(Blame::Caller, format!("Git: {said}"), hint));
    }
    String::from_utf8(done.stdout)
        .map_err(|_| Failure::new(Blame::Caller, "A policy is not UTF-8.", hint))
}

type NotChecked = Vec<(String, String)>;

/// Reads what policies were given, out of the log and by its digest.
async fn past(
    client: &Client,
    since_ms: i64,
) -> Result<(Vec<Recorded>, NotChecked, usize), Failure> {
    let (mut recorded, mut not_checked, mut only_warned) = (Vec::new(), Vec::new(), 0);
    let mut from = Some(0);
    while let Some(position) = from {
        let path = format!("/api/v1/log?type=gate.decided&from={position}&limit={PAGE}");
        let page = client.get(&path).await?;
        for event in list(&page, "events") {
            let late = event["time_ms"].as_i64().is_some_and(|at| at >= since_ms);
            if !late || word(&event["data"], "gate") != "policy" {
                continue;
            }
            let warned = event["data"]["outcome"]["why"]["would_refuse"].is_object();
            only_warned += usize::from(warned);
            let id = event["position"].to_string();
            match given(client, &event["data"]["outcome"]).await? {
                Given::Input(input) => {
                    recorded.push(Recorded { id, data: NO_DATA.to_vec(), input });
                }
                Given::Nobody => {}
                Given::Unknown(why) => not_checked.push((id, why)),
            }
        }
        from = page["next"].as_u64();
    }
    Ok((recorded, not_checked, only_warned))
}

/// What a recorded decision was made from.
enum Given {
    Input(Vec<u8>),
    /// No policy was asked.
    Nobody,
    Unknown(String),
}

async fn given(client: &Client, outcome: &Value) -> Result<Given, Failure> {
    let said = [&outcome["why"], &outcome["on"]].into_iter().find(|said| !said.is_null());
    let said = said.unwrap_or(&Value::Null);
    let digest = said.as_object().into_iter().flatten().find_map(|(_, of)| of["input"].as_str());
    let Some(digest) = digest else {
        let asked = *said != json!("no_policy") && said["exception"].is_null();
        let why = "no input was kept of it".to_owned();
        return Ok(if asked { Given::Unknown(why) } else { Given::Nobody });
    };
    let path = format!("/api/v1/policies/inputs/{}", part(digest));
    match client.get_text(&path).await {
        Ok(text) if Digest::of(text.as_bytes()).as_str() == digest => {
            Ok(Given::Input(text.into_bytes()))
        }
        Ok(_) => Ok(Given::Unknown("its input is not what was digested".to_owned())),
        Err(failure) if failure.blame == Blame::NotFound => Ok(Given::Unknown(failure.what)),
        Err(failure) => Err(failure),
    }
}
