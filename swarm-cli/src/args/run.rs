//! What every command that runs agents understands.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, value_parser};
use swarm_core::money::Usd;

use super::at_least_one;
use crate::{config::RuntimeChoice, duration};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Where agents run [default: docker if an engine answers, else process]
    #[arg(long, value_enum)]
    pub(crate) runtime: Option<RuntimeChoice>,
    /// The most agents of this run at once
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>)]
    pub(crate) max_concurrency: Option<NonZeroUsize>,
    /// The most that all agents together may spend, in dollars
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<Usd>,
    /// When everything must be done, from now: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) deadline: Option<Duration>,
    /// How many containers to start ahead of agents of a program, without mounts or input files
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=64))]
    pub(crate) warm: Option<u8>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
    /// Print the text of the results instead of refs
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
}

/// Who drives a run.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct PlaceArgs {
    /// Drive the run in this process, and not in the daemon: it stops with this command
    #[arg(long)]
    pub(crate) local: bool,
    /// Do not wait for the run: print its id, and leave it to the daemon
    #[arg(long, conflicts_with = "local")]
    pub(crate) detach: bool,
}

/// Keeping what agents print, and telling it again.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaybackArgs {
    /// Keep what the agents print in this folder, which is made if it is not there
    #[arg(long, value_name = "FOLDER", conflicts_with = "replay")]
    pub(crate) record: Option<PathBuf>,
    /// Run nothing: take what the agents print from a folder that --record has made
    #[arg(long, value_name = "FOLDER", conflicts_with = "warm")]
    pub(crate) replay: Option<PathBuf>,
}
