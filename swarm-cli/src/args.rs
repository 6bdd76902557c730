//! The command line.

mod agent;
mod count;
mod judge;
mod run;
mod scope;
mod tasks;

use std::path::PathBuf;

pub(crate) use agent::AgentArgs;
use clap::{Args, Parser, Subcommand};
pub(crate) use count::at_least_one;
pub(crate) use judge::{CriterionArgs, JudgeArgs, validate};
pub(crate) use run::{PlaceArgs, PlaybackArgs, RunArgs};
pub(crate) use scope::ScopeArg;
use serde::Serialize;
pub(crate) use tasks::TaskArgs;

use crate::{commands, config::RuntimeChoice};

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 something failed · 2 wrong usage · 3 timed out · 4 over budget · 5 denied by a \
control · 130 stopped from outside.";

/// Run coding agents isolated, compose them, keep their results.
#[derive(Debug, Parser)]
#[command(name = "swarm", version, propagate_version = true, after_help = EXIT_CODES)]
#[command(
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Answer in JSON: one object, or one per line for a list
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say nothing but the answer and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Where runs and results are kept [default: `$XDG_DATA_HOME/swarm`]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        help_heading = "Global options"
    )]
    pub(crate) home: Option<PathBuf>,
}

/// Settings given on the command line. Absent ones leave the other layers alone.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) runtime: Option<RuntimeChoice>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one agent
    Run(commands::run::Run),
    /// Run several agents side by side
    Par(commands::par::Par),
    /// Run one agent on each of many inputs
    Map(commands::map::Map),
    /// Run agents one after the other, each seeing the result before it
    Chain(commands::chain::Chain),
    /// Bring results and texts together with one agent
    Reduce(commands::reduce::Reduce),
    /// Run one agent on each of many inputs, then bring the results together
    MapReduce(commands::map_reduce::MapReduce),
    /// Run several agents side by side and keep the first that succeeds
    Race(commands::race::Race),
    /// Run one agent until it succeeds, telling it what went wrong before
    Retry(commands::retry::Retry),
    /// Judge results and keep those that are valid
    Filter(commands::filter::Filter),
    /// Run one agent several times and keep the best result
    Beam(commands::beam::Beam),
    /// Run one agent again and again until its result is good enough
    Iterate(commands::iterate::Iterate),
    /// Judge results and put the best first
    ScoreList(commands::score_list::ScoreList),
    /// Look for something in several ways and keep the best of all that is found
    Hunt(commands::hunt::Hunt),
    /// Judge a text or a result, and fail if it is not valid
    Validate(commands::validate::Validate),
    /// Check and run pipelines: steps that say themselves which one is next
    #[command(subcommand)]
    Pipeline(commands::pipeline::Pipeline),
    /// See, stop and resume runs
    #[command(subcommand)]
    Runs(commands::runs::Runs),
    /// List the results that are kept
    Refs(commands::refs::Refs),
    /// Write the full text of a result to a file, or print it
    Unwrap(commands::unwrap::Unwrap),
    /// Write down everything that is known about how a result came about
    Inspect(commands::inspect::Inspect),
    /// Bring a file or folder in as a result
    Wrap(commands::wrap::Wrap),
    /// Check a result, and fail if the check does
    Guard(commands::guard::Guard),
    /// Say how sensitive a result is, and which MCP servers may see it
    Classify(commands::classify::Classify),
    /// Encrypt a result and every prompt that quotes it
    Encrypt(commands::encrypt::Encrypt),
    /// Print an encrypted result, or write it to a file
    Decrypt(commands::decrypt::Decrypt),
    /// Remove old runs and what crashes left behind
    Gc(commands::gc::Gc),
    /// Save, list and show named sandboxes
    #[command(subcommand)]
    Sandbox(commands::sandbox::Sandbox),
    /// Save, list, show and delete governors, which decide how pipelines go on
    #[command(subcommand)]
    Governor(commands::governor::Governor),
    /// List and show types: what agents are given and have to produce
    #[command(subcommand)]
    Type(commands::types::Type),
    /// Use the sandboxes of other projects, and say which projects are trusted
    #[command(subcommand)]
    Project(commands::project::Project),
    /// Build and show the image that agents run in
    #[command(subcommand)]
    Image(commands::image::Image),
    /// Check that everything that swarm needs is there
    Doctor(commands::doctor::Doctor),
    /// Show what swarm does, on the files of the current folder
    Demo(commands::demo::Demo),
    /// Print the completions of a shell
    Completions(commands::completions::Completions),
    /// Be the daemon, in the foreground
    Serve(commands::serve::Serve),
    /// End the daemon; everything is kept
    Stop(commands::stop::Stop),
    /// End the daemon and start it anew
    Restart(commands::restart::Restart),
    /// See whether the daemon runs, and how it is
    Status(commands::status::Status),
    /// Show what the daemon said last
    Logs(commands::logs::Logs),
    /// Make this shell or script a peer
    Join(commands::join::Join),
    /// Say goodbye as a peer
    Leave(commands::leave::Leave),
    /// List who is here
    Peers(commands::peers::Peers),
    /// See as whom you speak
    Whoami(commands::whoami::Whoami),
    /// Say what you work on, and how busy you are
    Set(commands::set::Set),
    /// Tell one peer something
    Send(commands::send::Send),
    /// Tell everybody something
    Broadcast(commands::broadcast::Broadcast),
    /// Show what waits for you
    Inbox(commands::inbox::Inbox),
    /// See what became of messages
    #[command(subcommand)]
    Messages(commands::messages::Messages),
    /// Show what was sent, the newest first
    History(commands::history::History),
    /// Search what was sent
    Search(commands::search::Search),
    /// Hand work to peers, take it, and say what came of it
    #[command(subcommand)]
    Tasks(commands::tasks::Tasks),
    /// Share pieces of text
    #[command(subcommand)]
    Snippets(commands::snippets::Snippets),
    /// Share files
    #[command(subcommand)]
    Files(commands::files::Files),
    /// Alert peers, and see alerts
    #[command(subcommand)]
    Alerts(commands::alerts::Alerts),
    /// Pin texts where everybody finds them
    #[command(subcommand)]
    Pins(commands::pins::Pins),
    /// Ask a peer to review what you changed
    Review(commands::review::Review),
    /// Tell others how your work tree stands
    SyncStatus(commands::sync_status::SyncStatus),
    /// See what everybody has done so far
    Analytics(commands::analytics::Analytics),
    /// Bring in what is in a database of another system
    #[command(subcommand)]
    Import(commands::import::Import),
    /// Show what happened, and what happens
    Events(commands::events::Events),
    /// Kill a daemon again and again while messages are sent, and count what is lost
    Torture(commands::torture::Torture),
    /// Copy between an address and a socket
    #[command(hide = true)]
    EgressForward(commands::egress_forward::EgressForward),
    /// See the settings
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
}
