//! `swarm governor delete`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use swarm_core::error_code::ErrorCode;
use swarm_pipeline::GovernorFolders;

use super::{super::Context, not_found};
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The governor
    name: String,
}

#[derive(Serialize)]
struct Deleted {
    deleted: bool,
    name: String,
    path: PathBuf,
}

impl Delete {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let shelves = config.shelves_of("governors")?;
        let all = GovernorFolders::new(shelves.all());
        let path = all.locate(&self.name).map_err(|error| not_found(&error))?;
        let folders = shelves.to_save_in();
        if !folders.iter().any(|folder| path.parent() == Some(folder)) {
            return Err(CliError::new(
                ErrorCode::Refused,
                format!(
                    "the governor {} belongs to a project that is only wrapped; delete it there, or take the project out of \
                     the way with `swarm project forget`",
                    path.display()
                ),
            ));
        }
        std::fs::remove_file(&path).map_err(|error| CliError::file("remove", &path, &error))?;
        if let Ok(other) = all.locate(&self.name) {
            context.out.warn(&format!(
                "`{}` now means {}, which was behind it",
                self.name,
                other.display()
            ));
        }
        let deleted = Deleted {
            deleted: true,
            name: self.name,
            path,
        };
        context
            .out
            .answer(&deleted, || deleted.path.display().to_string())?;
        Ok(Exit::Ok)
    }
}
