//! `swarm sandbox list`

use clap::Args;
use serde::Serialize;
use swarm_core::catalog::Entry;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, output::table::table};

#[derive(Debug, Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct Listed {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcps: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    source: String,
}

impl List {
    pub(crate) fn execute(context: &Context) -> Result<Exit, CliError> {
        let catalog = context.config()?.shelves()?.catalog();
        let listed: Vec<Listed> = catalog.list().into_iter().map(Listed::from).collect();
        context.out.list(&listed, || human(&listed))?;
        Ok(Exit::Ok)
    }
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Self {
        let source = entry.path.display().to_string();
        let name = entry.name;
        match entry.spec {
            Ok(spec) => Self {
                name,
                model: spec.model,
                tools: spec.tools,
                mcps: spec.mcps,
                error: None,
                source,
            },
            Err(error) => Self {
                name,
                model: None,
                tools: None,
                mcps: None,
                error: Some(error.to_string()),
                source,
            },
        }
    }
}

fn human(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "no sandboxes yet; `swarm sandbox save NAME` makes one".to_owned();
    }
    let rows = listed.iter().map(|sandbox| {
        [
            sandbox.name.clone(),
            sandbox.model.clone().unwrap_or_default(),
            sandbox
                .tools
                .as_ref()
                .map(|tools| tools.join(","))
                .unwrap_or_default(),
            sandbox.error.clone().unwrap_or_default(),
            sandbox.source.clone(),
        ]
    });
    table(["name", "model", "tools", "error", "source"], rows)
}
