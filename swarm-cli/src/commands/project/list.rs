//! `swarm project list`

use clap::Args;
use swarm_core::projects::Project;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, output::table::table};

#[derive(Debug, Args)]
pub(crate) struct List {}

impl List {
    pub(crate) fn execute(context: &Context) -> Result<Exit, CliError> {
        let projects = context.config()?.projects().list()?;
        context.out.list(&projects, || human(&projects))?;
        Ok(Exit::Ok)
    }
}

fn human(projects: &[Project]) -> String {
    if projects.is_empty() {
        return "no projects yet; `swarm project wrap FOLDER` makes its sandboxes usable from everywhere"
            .to_owned();
    }
    let yes = |is: bool| if is { "yes" } else { "" }.to_owned();
    let rows = projects.iter().map(|project| {
        [
            project.path.display().to_string(),
            yes(project.wrapped),
            yes(project.trusted),
        ]
    });
    table(["project", "wrapped", "trusted"], rows)
}
