//! The commands that people type, one module each.
//!
//! A command reads its arguments, asks the API, the data folder or the working tree, and prints
//! what came of it. What is allowed is decided elsewhere.
//!
//! # Invariants
//!
//! - Standard output is data, and only [`print`] writes to it; everything else is on standard
//!   error.
//! - No password and no token is taken as a positional argument or printed, but a new one once.

mod access;
mod account;
mod act;
mod agent;
mod analyze;
mod change;
mod check;
mod connection;
mod contracts;
mod controls;
mod decide;
mod doctor;
mod dossier;
mod exception;
mod findings;
mod freeze;
mod git_credential;
mod inbox;
mod incident;
mod init;
mod keys;
mod log;
mod login;
mod policy;
mod population;
mod preview;
mod print;
mod proposed;
mod reporting;
mod retention;
mod review;
mod rollout;
mod run;
mod secret;
mod shape;
mod status;
mod stop;
mod terminal;
mod times;
mod token;
mod whereabouts;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use sluss_engine::executor::junit::junit_main;
use sluss_engine::executor::measure::measure_main;
use sluss_engine::failure::Failure;

pub use print::print;
pub use shape::plain;

/// How results are printed: for people, or for programs as one JSON value.
// Its variants have no documentation of their own, so that help stays one line in each command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

/// What people type.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Propose a `sluss.yaml` for this repository, and connect it
    Init(init::Arguments),
    /// Say everything that is wrong with `sluss.yaml` and templates
    Check(check::Arguments),
    /// Run the steps of the pipeline here, without a server
    Run(run::Arguments),
    /// Show what is live, on its way, and waiting for whom
    Status(status::Arguments),
    /// Show where a change, a commit or a service is
    Where(whereabouts::Arguments),
    /// Show what live services provide to each other and need of each other
    Contracts(contracts::Arguments),
    /// Show what waits for you, with all that a decision takes
    Inbox(inbox::Arguments),
    /// Vouch that a key is that of the person who registered it
    Vouch(inbox::Vouch),
    /// Review the code of a change that is not yours
    Review(review::Arguments),
    /// Mark and confirm significant changes, and say what tests left
    #[command(subcommand)]
    Change(change::Command),
    /// Approve what waits for a second person
    Approve(decide::Approve),
    /// Refuse what waits for a second person
    Refuse(decide::Refuse),
    /// Take back that you agreed, before it begins
    Revoke(decide::Revoke),
    /// Ask for a release to be live in the next environment
    Promote(act::Promote),
    /// Take back what is rolling out or live
    Rollback(act::Rollback),
    /// Hold a rollout at its share
    Hold(act::OfDeployment),
    /// Let a held rollout go on
    Resume(act::Resume),
    /// Steer a rollout, and ask what other settings would have made of it
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Show what scanners found in a release, and until when it has to be mended
    Findings(findings::Arguments),
    /// Keep releases out for a time
    #[command(subcommand)]
    Freeze(freeze::Command),
    /// Stop the line: at once nothing in a scope starts or grows
    StopLine(stop::Stop),
    /// Agree that the line runs again: two others must
    LiftLine(stop::Lift),
    /// Say what is kept for how long, hold it, and dispose of it by two people
    #[command(subcommand)]
    Retention(retention::Command),
    /// Check, test and compare policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Ask for exceptions from gates, grant, end and review them
    #[command(subcommand)]
    Exception(exception::Command),
    /// Let another person who may decide do so for you
    Delegate(exception::Delegate),
    /// Report incidents, name their cause, close them
    #[command(subcommand)]
    Incident(incident::Command),
    /// Cancel a run
    Cancel(act::Cancel),
    /// Judge a recorded trace as a rollout would have been judged
    Analyze(analyze::Arguments),
    /// Read the log, and verify it
    #[command(subcommand)]
    Log(log::Command),
    /// Say what the log has to show for each control
    #[command(subcommand)]
    Controls(controls::Command),
    /// List the keys that sign, and hand over from one to another
    #[command(subcommand)]
    Keys(keys::Command),
    /// Take the evidence of a release out
    #[command(subcommand)]
    Dossier(dossier::Command),
    /// Say who may decide and deploy, review that, and record rehearsals
    #[command(subcommand)]
    Access(access::Command),
    /// Record what agents did, for whom they acted
    #[command(subcommand)]
    Agent(agent::Command),
    /// Name what is wrong with this installation, and how to mend it
    Doctor(doctor::Arguments),
    /// Make accounts, and set their passwords
    #[command(subcommand)]
    Account(account::Command),
    /// Make and revoke tokens for programs
    #[command(subcommand)]
    Token(token::Command),
    /// Set what steps and services get in secret
    #[command(subcommand)]
    Secret(secret::Command),
    /// Sign in, so that commands find Sluss
    Login(login::Arguments),
    /// Answer `git` that asks for login and token
    #[command(hide = true)]
    GitCredential(git_credential::Arguments),
}

/// Run a test command and write what it reports as JUnit XML
#[derive(Debug, clap::Args)]
pub struct JunitArguments {
    /// Where the report is written
    #[arg(long)]
    out: PathBuf,
    /// The test command
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Measure a release beside the live one, by turns
#[derive(Debug, clap::Args)]
pub struct MeasureArguments {
    /// Where the report is written
    #[arg(long)]
    out: PathBuf,
    /// How often both are measured at most
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// What measures the release that lies in $SLUSS_MEASURED, and prints results in Go's benchmark
    /// format
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Measures; fails if it could not.
pub fn measure(arguments: &MeasureArguments) -> ExitCode {
    measure_main(&arguments.out, arguments.rounds, &arguments.command)
}

/// Runs a test command; returns its own exit code.
pub fn junit(arguments: JunitArguments) -> ExitCode {
    junit_main(&arguments.out, &arguments.command)
}

/// Runs a command.
///
/// # Errors
///
/// What it could not do, and what to do next.
pub async fn run(command: ClientCommand, output: Output) -> Result<(), Failure> {
    match command {
        ClientCommand::Init(arguments) => init::run(&arguments),
        ClientCommand::Check(arguments) => check::run(&arguments, output),
        ClientCommand::Run(arguments) => run::run(arguments, output).await,
        ClientCommand::Status(arguments) => status::run(arguments, output).await,
        ClientCommand::Vouch(arguments) => inbox::vouch(arguments, output).await,
        ClientCommand::Contracts(arguments) => contracts::run(arguments, output).await,
        ClientCommand::Inbox(arguments) => inbox::run(arguments, output).await,
        ClientCommand::Where(arguments) => whereabouts::run(arguments, output).await,
        ClientCommand::Review(arguments) => review::run(arguments, output).await,
        ClientCommand::Change(command) => change::run(command, output).await,
        ClientCommand::Approve(arguments) => decide::approve(arguments, output).await,
        ClientCommand::Refuse(arguments) => decide::refuse(arguments, output).await,
        ClientCommand::Revoke(arguments) => decide::revoke(arguments, output).await,
        ClientCommand::Promote(arguments) => act::promote(arguments, output).await,
        ClientCommand::Rollback(arguments) => act::rollback(arguments, output).await,
        ClientCommand::Hold(arguments) => act::hold(arguments, output).await,
        ClientCommand::Resume(arguments) => act::resume(arguments, output).await,
        ClientCommand::Rollout(command) => rollout::run(command, output).await,
        ClientCommand::Findings(arguments) => findings::run(arguments, output).await,
        ClientCommand::Freeze(command) => freeze::run(command, output).await,
        ClientCommand::StopLine(arguments) => stop::stop(arguments, output).await,
        ClientCommand::LiftLine(arguments) => stop::lift(arguments, output).await,
        ClientCommand::Retention(command) => retention::run(command, output).await,
        ClientCommand::Policy(command) => policy::run(command, output).await,
        ClientCommand::Exception(command) => exception::run(command, output).await,
        ClientCommand::Delegate(arguments) => exception::delegate(arguments, output).await,
        ClientCommand::Incident(command) => incident::run(command, output).await,
        ClientCommand::Cancel(arguments) => act::cancel(arguments, output).await,
        ClientCommand::Analyze(arguments) => analyze::run(&arguments, output),
        ClientCommand::Log(command) => log::run(command, output).await,
        ClientCommand::Keys(command) => keys::run(command, output).await,
        ClientCommand::Controls(command) => controls::run(command, output).await,
        ClientCommand::Dossier(command) => dossier::run(command, output).await,
        ClientCommand::Access(command) => access::run(command, output).await,
        ClientCommand::Agent(command) => agent::run(command, output).await,
        ClientCommand::Doctor(arguments) => doctor::run(arguments, output).await,
        ClientCommand::Account(command) => account::run(command, output).await,
        ClientCommand::Token(command) => token::run(command, output).await,
        ClientCommand::Secret(command) => secret::run(command).await,
        ClientCommand::Login(arguments) => login::run(arguments).await,
        ClientCommand::GitCredential(arguments) => git_credential::run(&arguments),
    }
}
