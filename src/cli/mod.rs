//! The command line: a file per command; the only place that prints to a terminal.

mod ack;
mod agent;
mod agents;
mod approve;
mod beats;
mod bounce;
mod change;
mod check;
mod client;
mod drill;
mod enrol;
mod fixed;
mod hub;
mod import;
mod journal;
mod mute;
mod notices;
mod observations;
mod outbox;
mod probe;
mod reflector;
pub(crate) mod replay;
mod report;
mod run;
mod simulate;
mod status;
mod story;
mod why;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};

/// Watches the network lines of GP practices and names what failed.
#[derive(Debug, Parser)]
#[command(name = "linewatch", version, about, long_about = None)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the estate: workers, correlator, notices and the status page in one process
    Run(run::Args),
    /// Watch the estate as its agents at the practices report it: `run` without workers for the practices
    Hub(hub::Args),
    /// Watch one practice from within, and report to a hub
    Agent(agent::Args),
    /// Make a one-time code with which an agent enrols for a practice
    Enrol(enrol::Args),
    /// List the agents, revoke one, or ask one for a new key
    Agents(agents::Args),
    /// Show where the estate stands
    Status(status::Args),
    /// Explain an incident: what convicts, what acquits, what is missing
    Why(why::Args),
    /// Let practice managers be told about an incident (with `practices = "after-approval"`)
    Approve(approve::Args),
    /// Say who has an incident in hand, so that nobody else is asked to take it on
    Ack(ack::Args),
    /// Say what you did about an incident, and when: the report counts what changed after it
    Fixed(fixed::Args),
    /// Write to nobody about something for a while; it goes on being measured
    Mute(mute::Args),
    /// Show what people would get to read
    Notices(notices::Args),
    /// Show what became of every notice: by what it left, when, and what the mail server said
    Outbox(outbox::Args),
    /// Take from a mail server what came back (a bounce, on the standard input), and record it against its notice
    Bounce(bounce::Args),
    /// Print the addresses that work asks for when it is done (heartbeats)
    Beats(beats::Args),
    /// Validate a configuration, and summarise its estate
    Check(check::Args),
    /// Run one check now and show each phase
    Probe(probe::Args),
    /// Answer `egress` checks from the other side of the firewall
    Reflector(reflector::Args),
    /// Play a scenario on loopback sockets through the whole real pipeline
    Drill(drill::Args),
    /// Play a scenario in virtual time
    Simulate(simulate::Args),
    /// Print what the hub's archive has: every observation, as JSON lines
    Observations(observations::Args),
    /// Put recorded observations through the correlator
    Replay(replay::Args),
    /// What was measured of an incident or a period, as evidence: HTML, CSV or JSON
    Report(report::Args),
    /// Check the record behind the evidence, and print its signed head
    Journal(journal::Args),
    /// Make practices.csv from the NHS's list of practices
    Import(import::Args),
}

/// What a command's exit status tells a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine = 0,
    /// The answer is bad news.
    BadNews = 1,
    /// Wrong usage.
    Usage = 2,
    /// Could not ask.
    CouldNotAsk = 3,
    /// Not now: a mail server that called us keeps the message, and calls again (`EX_TEMPFAIL` of sysexits.h).
    TryAgain = 75,
    /// Cut short by Ctrl-C or SIGTERM, and ended in good order: what a shell reports for SIGINT.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses the command line and runs the command. An error that reaches this far is printed with its causes
/// and means "could not ask".
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    // Fails only when it is called twice; then the provider is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let done = match line.command {
        Command::Run(args) => run::run(args),
        Command::Hub(args) => hub::run(args),
        Command::Agent(args) => agent::run(args),
        Command::Enrol(args) => enrol::run(args),
        Command::Agents(args) => agents::run(args),
        Command::Status(args) => status::run(args),
        Command::Why(args) => why::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Ack(args) => ack::run(args),
        Command::Fixed(args) => fixed::run(args),
        Command::Mute(args) => mute::run(args),
        Command::Notices(args) => notices::run(args),
        Command::Outbox(args) => outbox::run(&args),
        Command::Bounce(args) => bounce::run(&args),
        Command::Beats(args) => beats::run(args),
        Command::Check(args) => check::run(args),
        Command::Probe(args) => probe::run(args),
        Command::Reflector(args) => reflector::run(&args),
        Command::Drill(args) => drill::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Observations(args) => observations::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Report(args) => report::run(args),
        Command::Journal(args) => journal::run(args),
        Command::Import(args) => import::run(args),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("linewatch: {error:#}");
            Exit::CouldNotAsk.into()
        }
    }
}

/// Reads a configuration; says what is wrong with it when it can't be used, and what to exit with.
fn config_or_say(path: &Path) -> Result<Config, Exit> {
    config::load(path).map_err(|errors| {
        eprintln!("{errors}");
        if errors.could_not_read() { Exit::CouldNotAsk } else { Exit::Usage }
    })
}
