//! `swarm runs resume`

use std::{path::PathBuf, time::Duration};

use clap::Args;
use swarm_core::{Restart, ids::RunId, money::Usd};

use super::{super::Context, run_step::RunStep};
use crate::{
    args::{PlaceArgs, PlaybackArgs, RunArgs},
    duration,
    error::CliError,
    execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The run; of a pipeline, perhaps with the step to go on from
    #[arg(value_name = "RUN[/STEP]")]
    from: RunStep,
    /// The most that all agents together may spend from now on, with what was spent before, in dollars
    #[arg(long, value_name = "USD")]
    budget: Option<Usd>,
    /// When everything must be done, from now, in place of the deadline that it began with: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    deadline: Option<Duration>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Where the recording is that the run began with, if it was moved
    #[arg(long, value_name = "FOLDER", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// The recording from which the run began
    #[arg(long, value_name = "FOLDER")]
    replay: Option<PathBuf>,
    /// Print the text of the results instead of refs
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

impl Resume {
    /// For a run that is only to be wound up.
    pub(super) const fn silent(run: RunId) -> Self {
        Self {
            from: RunStep { run, step: None },
            budget: None,
            deadline: None,
            place: PlaceArgs {
                local: true,
                detach: false,
            },
            record: None,
            replay: None,
            text: false,
        }
    }

    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        // Its plan, its runtime and its other limits are those that it was started with.
        let args = RunArgs {
            runtime: None,
            max_concurrency: None,
            budget: self.budget,
            deadline: self.deadline,
            warm: None,
            place: self.place,
            playback: PlaybackArgs {
                record: self.record,
                replay: self.replay,
            },
            text: self.text,
        };
        let restart = Restart {
            step: self.from.step,
            ..Restart::default()
        };
        execute::resume(context, &args, &self.from.run, restart).await
    }
}
