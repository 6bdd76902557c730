//! `swarm project wrap`

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use serde::Serialize;
use swarm_core::projects::Brought;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Wrap {
    /// Its folder, which has governors/, pipelines/, sandboxes/ or types/
    #[arg(default_value = ".")]
    project_dir: PathBuf,
}

#[derive(Serialize)]
struct Wrapped {
    project: PathBuf,
    registered: BTreeMap<&'static str, Brought>,
}

impl Wrap {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        // Makes the home folder if there is none.
        drop(Session::results(&config)?);
        let folder = config.folders.absolute(&self.project_dir);
        let (project, brought) = config.projects().wrap(&folder)?;
        let wrapped = Wrapped {
            project: project.path,
            registered: brought,
        };
        context.out.answer(&wrapped, || human(&wrapped))?;
        Ok(Exit::Ok)
    }
}

fn human(wrapped: &Wrapped) -> String {
    let brought = wrapped.registered.iter();
    let lines = brought.map(|(kind, brought)| {
        let path = brought.path.display();
        format!("{} {kind} in {path}", brought.count)
    });
    lines.collect::<Vec<_>>().join("\n")
}
