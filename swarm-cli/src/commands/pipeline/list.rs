//! `swarm pipeline list`

use clap::Args;
use serde::Serialize;

use super::super::Context;
use crate::{
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
    trusted::TrustedPipelines,
};

#[derive(Debug, Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct Saved {
    name: String,
    description: Option<String>,
    /// What is wrong with its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    source: String,
}

impl List {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let Self {} = self;
        let config = context.config()?;
        let listed = TrustedPipelines::new(config.shelves_of("pipelines")?).list();
        let saved = listed.into_iter().map(|listed| {
            let (description, error) = match listed.description {
                Ok(description) => (description, None),
                Err(error) => (None, Some(error)),
            };
            Saved {
                name: listed.name,
                description,
                error,
                source: listed.path.display().to_string(),
            }
        });
        let saved: Vec<Saved> = saved.collect();
        context.out.list(&saved, || {
            let rows = saved.iter().map(|saved| {
                let about = saved.error.as_ref().or(saved.description.as_ref());
                let about = about.map(|about| first_line(about, 60));
                [
                    saved.name.clone(),
                    about.unwrap_or_default(),
                    saved.source.clone(),
                ]
            });
            table(["name", "about", "file"], rows)
        })?;
        Ok(Exit::Ok)
    }
}
