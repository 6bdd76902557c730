//! `swarm governor list`

use std::num::NonZeroU32;

use clap::Args;
use serde::Serialize;
use swarm_pipeline::{GovernorFolders, Governors as _, Listed};

use super::super::Context;
use crate::{
    error::CliError,
    exit_code::Exit,
    output::{first_line, printable, table::table},
};

/// How many characters of what it decides by are shown.
const PREVIEW: usize = 120;

#[derive(Debug, Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct Saved {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beam_width: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec_preview: Option<String>,
    /// What is wrong with its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    source: String,
}

impl List {
    pub(crate) fn execute(context: &Context) -> Result<Exit, CliError> {
        let files = GovernorFolders::new(context.config()?.shelves_of("governors")?.all());
        let listed = files.list().into_iter();
        let saved: Vec<Saved> = listed.map(|listed| saved(listed, &files)).collect();
        context.out.list(&saved, || human(&saved))?;
        Ok(Exit::Ok)
    }
}

fn saved(listed: Listed, files: &GovernorFolders) -> Saved {
    let text = files.governor(&listed.name).ok();
    let spec = text.as_ref().map(|text| text.spec.trim());
    Saved {
        error: listed.description.err(),
        source: listed.path.display().to_string(),
        name: listed.name,
        spec_preview: spec.map(|spec| spec.chars().take(PREVIEW).collect()),
        description: text.as_ref().and_then(|text| text.description.clone()),
        model: text.as_ref().and_then(|text| text.model.clone()),
        beam_width: text.and_then(|text| text.beam_width),
    }
}

fn human(saved: &[Saved]) -> String {
    if saved.is_empty() {
        return "no governors yet; `swarm governor save NAME SPEC` makes one".to_owned();
    }
    let rows = saved.iter().map(|saved| {
        let about = saved.error.as_ref().or(saved.description.as_ref());
        let about = about.or(saved.spec_preview.as_ref());
        [
            saved.name.clone(),
            about
                .map(|about| printable(&first_line(about, 60)))
                .unwrap_or_default(),
            saved.model.clone().unwrap_or_default(),
            saved.source.clone(),
        ]
    });
    table(["name", "about", "model", "file"], rows)
}
