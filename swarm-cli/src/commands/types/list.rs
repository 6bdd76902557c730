//! `swarm type list`

use clap::Args;
use serde::Serialize;
use swarm_core::types::TypeEntry;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, output::table::table};

#[derive(Debug, Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct Listed {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    source: String,
}

impl List {
    pub(crate) fn execute(context: &Context) -> Result<Exit, CliError> {
        let types = context.config()?.types()?.list();
        let listed: Vec<Listed> = types.into_iter().map(Listed::from).collect();
        context.out.list(&listed, || human(&listed))?;
        Ok(Exit::Ok)
    }
}

impl From<TypeEntry> for Listed {
    fn from(entry: TypeEntry) -> Self {
        let (summary, error) = match entry.summary {
            Ok(summary) => (Some(summary), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            name: entry.name,
            summary,
            error,
            source: entry
                .path
                .map_or_else(|| "built in".to_owned(), |path| path.display().to_string()),
        }
    }
}

fn human(listed: &[Listed]) -> String {
    let rows = listed.iter().map(|entry| {
        [
            entry.name.clone(),
            entry.summary.clone().unwrap_or_default(),
            entry.error.clone().unwrap_or_default(),
            entry.source.clone(),
        ]
    });
    table(["name", "summary", "error", "source"], rows)
}
