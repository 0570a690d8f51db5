//! `sluss check`: everything that is wrong with configuration, each at its place.

use std::path::{Path, PathBuf};

use sluss_engine::failure::{Blame, Failure};
use sluss_engine::pipeline::{Catalogue, Defaults, Problems, Resolved, ServiceFile, Source};

use super::Output;
use super::print::{next, print, say};
use super::shape::counted;

/// The file that describes a service.
pub(super) const FILE: &str = "sluss.yaml";
const TEMPLATE: &str = "template.yaml";

/// Say everything that is wrong with `sluss.yaml` and templates
///
/// PATH is a `sluss.yaml`, a `template.yaml`, or a folder with either; of a platform repository,
/// every template under `templates/` is checked. Exit code 2 when something is wrong.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to check
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    templates: Templates,
}

/// Templates beside those that come with Sluss.
#[derive(Debug, clap::Args)]
pub struct Templates {
    /// A checkout of the platform repository, for templates that do not come with Sluss
    #[arg(long, value_name = "FOLDER")]
    platform: Option<PathBuf>,
}

impl Templates {
    /// Returns the templates that there are.
    pub(super) fn catalogue(&self) -> Result<Catalogue, Failure> {
        let mut catalogue = Catalogue::built_in();
        let Some(platform) = &self.platform else { return Ok(catalogue) };
        let files = templates_of(platform);
        if files.is_empty() {
            let what = format!("{} has no templates.", platform.display());
            let hint = "Give a folder that holds `templates/NAME@1/template.yaml`";
            return Err(Failure::new(Blame::Caller, what, hint));
        }
        for file in files {
            let added = read(&file)?.and_then(|source| catalogue.add(source));
            added.map_err(|problems| wrong(&problems, &file))?;
        }
        Ok(catalogue)
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let mut catalogue = arguments.templates.catalogue()?;
    let mut found = Found { problems: Vec::new(), right: Vec::new() };
    let (templates, service) = files(&arguments.path)?;
    for file in &templates {
        match read(file)?.and_then(|source| catalogue.add(source)) {
            Ok(name) => found.right.push(format!("{}: template {name}", file.display())),
            Err(problems) => found.problems.push(problems),
        }
    }
    if let Some(file) = service {
        match resolve(&file, &catalogue)? {
            Ok(resolved) => found.right.push(described(&file, &resolved)),
            Err(problems) => found.problems.push(problems),
        }
    }
    found.report(output)
}

struct Found {
    problems: Vec<Problems>,
    right: Vec<String>,
}

impl Found {
    fn report(self, output: Output) -> Result<(), Failure> {
        let all: Vec<_> = self.problems.iter().flat_map(Problems::iter).collect();
        match output {
            Output::Json => super::print::print_json(&all),
            Output::Text => {
                for line in &self.right {
                    print(line);
                }
                for problems in &self.problems {
                    print(&problems.to_string());
                }
            }
        }
        if all.is_empty() {
            say("Nothing is wrong.");
            next("`sluss run` runs the steps here, `git push sluss HEAD:main` delivers");
            return Ok(());
        }
        let what = format!("{} to mend.", counted(all.len() as u64, "problem", "problems"));
        Err(Failure::new(Blame::Caller, what, "Mend what stands above, and `sluss check` again"))
    }
}

/// Returns the templates to check and the service's file.
fn files(path: &Path) -> Result<(Vec<PathBuf>, Option<PathBuf>), Failure> {
    if path.is_file() {
        return Ok(match path.file_name().is_some_and(|name| name == TEMPLATE) {
            true => (vec![path.to_owned()], None),
            false => (Vec::new(), Some(path.to_owned())),
        });
    }
    let own = path.join(TEMPLATE);
    let mut templates = templates_of(path);
    templates.extend(own.is_file().then_some(own));
    let service = tidy(path).join(FILE);
    let service = service.is_file().then_some(service);
    if templates.is_empty() && service.is_none() {
        let what = match path.exists() {
            true => format!("There is no `{FILE}` in {}.", shown(path)),
            false => format!("There is no {}.", path.display()),
        };
        return Err(Failure::new(Blame::NotFound, what, "Propose one: `sluss init`"));
    }
    Ok((templates, service))
}

fn shown(path: &Path) -> String {
    if path == Path::new(".") { "this folder".to_owned() } else { path.display().to_string() }
}

/// Returns a folder such that files in it are called as people call them.
fn tidy(path: &Path) -> &Path {
    if path == Path::new(".") { Path::new("") } else { path }
}

fn templates_of(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(tidy(folder).join("templates"));
    let entries = listed.into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path().join(TEMPLATE)).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files
}

fn read(file: &Path) -> Result<Result<Source, Problems>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        let what = format!("{} can't be read: {error}", file.display());
        Failure::new(Blame::Caller, what, "Look at its name and permissions")
    })?;
    Ok(Source::new(file.display().to_string(), &bytes))
}

/// Makes the pipeline of a service file.
pub(super) fn resolve(
    file: &Path,
    catalogue: &Catalogue,
) -> Result<Result<Resolved, Problems>, Failure> {
    let defaults = Defaults::default();
    Ok(read(file)?.and_then(|source| catalogue.resolve(&source, &defaults)))
}

/// Reads the head of a service file.
pub(super) fn head(file: &Path) -> Result<ServiceFile, Failure> {
    if !file.is_file() {
        return Err(none_here());
    }
    let read = read(file)?.and_then(|source| ServiceFile::read(&source));
    read.map_err(|problems| wrong(&problems, file))
}

/// Returns the failure of a command that needs a service file and finds none.
pub(super) fn none_here() -> Failure {
    let what = format!("There is no `{FILE}` in this folder.");
    Failure::new(Blame::NotFound, what, "Propose one: `sluss init`")
}

/// Returns the failure of a command that needs a file to be right.
pub(super) fn wrong(problems: &Problems, file: &Path) -> Failure {
    say(&problems.to_string());
    let what = format!("{} is wrong.", file.display());
    Failure::new(Blame::Caller, what, "Mend what stands above, and look again: `sluss check`")
}

fn described(file: &Path, resolved: &Resolved) -> String {
    let Resolved { file: head, pipeline } = resolved;
    let steps: Vec<&str> = pipeline.steps().iter().map(|step| step.name.as_str()).collect();
    let stages: Vec<&str> = pipeline.deliver.iter().map(|s| s.environment.as_str()).collect();
    let delivers = match stages.is_empty() {
        true => "delivers nothing".to_owned(),
        false => format!("delivers to {}", stages.join(", ")),
    };
    format!(
        "{}: service {} with {}; steps {}; {delivers}",
        file.display(),
        head.service,
        head.template,
        steps.join(", ")
    )
}
