//! `swarm governor save`

use std::num::NonZeroU32;

use clap::Args;
use serde_json::json;
use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    ids::SandboxName,
    spec::{Agent, NoSandboxes},
};
use swarm_pipeline::{Diagnostics, GovernorFolders, GovernorText, Source, Surroundings, compile};

use super::{
    super::{
        Context,
        saved::{self, Saved},
    },
    not_found,
};
use crate::{
    agent_input::read, args::at_least_one, config::Config, error::CliError, exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The name; one that exists is replaced
    name: SandboxName,
    /// By what it decides, in words: the text, @FILE, or - for stdin
    #[arg(required_unless_present = "from")]
    spec: Option<String>,
    /// Start from a file of JSON or TOML, or stdin for `-`
    #[arg(long, value_name = "FILE")]
    from: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Its model
    #[arg(long)]
    model: Option<String>,
    /// How many times at once it is asked; the answers vote
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>)]
    beam_width: Option<NonZeroU32>,
    /// Its kind, such as claude
    #[arg(long, value_name = "KIND", conflicts_with = "command")]
    agent: Option<String>,
    /// The program that decides instead: it reads how the pipeline stands on stdin, and answers on stdout
    #[arg(last = true, value_name = "PROGRAM")]
    command: Vec<String>,
}

impl Save {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let text = self.text(&config)?;
        check(&text, &config)?;
        let shelves = config.shelves_of("governors")?;
        let folder = saved::folder(&shelves, "governor")?;
        let other = folder.join(format!("{}.toml", self.name));
        if other.symlink_metadata().is_ok() {
            return Err(CliError::new(
                ErrorCode::InvalidInput,
                format!(
                    "{} is there already and would be hidden; edit that, or `swarm governor delete {}` first",
                    other.display(),
                    self.name
                ),
            ));
        }
        let path = folder.join(format!("{}.json", self.name));
        let replaced = path.symlink_metadata().is_ok();
        let written = serde_json::to_string_pretty(&text).unwrap_or_default();
        swarm_core::aside::write(&path, &format!("{written}\n"))
            .map_err(|error| CliError::file("write", &path, &error))?;
        let used = GovernorFolders::new(shelves.all()).locate(self.name.as_str());
        let used = used.map_err(|error| not_found(&error))?;
        Saved::new(self.name, path, replaced).tell(context, &used)
    }

    fn text(&self, config: &Config) -> Result<GovernorText, CliError> {
        let spec = self.spec.as_deref().map(|spec| match spec {
            "-" => read("-", &config.folders),
            spec => match spec.strip_prefix('@') {
                Some(file) => read(file, &config.folders),
                None => Ok(spec.to_owned()),
            },
        });
        let spec = spec.transpose()?;
        let mut text = match &self.from {
            None => GovernorText::new(""),
            Some(file) => {
                let read = read(file, &config.folders)?;
                let source = Source::text(&read).map_err(|error| wrong(&error))?;
                GovernorText::read(&source).map_err(|error| wrong(&error))?
            }
        };
        if let Some(spec) = spec {
            text.spec = spec;
        }
        if self.description.is_some() {
            text.description.clone_from(&self.description);
        }
        if self.model.is_some() {
            text.model.clone_from(&self.model);
        }
        text.beam_width = self.beam_width.or(text.beam_width);
        if !self.command.is_empty() {
            text.agent = Some(Agent::Command(self.command.clone()));
        } else if let Some(kind) = &self.agent {
            text.agent = Some(Agent::Named(kind.clone()));
        }
        Ok(text)
    }
}

/// Whether a pipeline could ask it. What would be wrong there is said where it is saved.
fn check(text: &GovernorText, config: &Config) -> Result<(), CliError> {
    // What is wrong with the words alone is said without a pipeline around it.
    GovernorText::read(&Source::value(&json!(text))).map_err(|error| wrong(&error))?;
    let pipeline = json!({
        "governors": {"governor": text},
        "steps": [{"prompt": "-", "agent": {"command": ["true"]}, "on_success": {"governor": "governor"}}],
    });
    let types = config.types()?;
    let around = Surroundings::new(&NoSandboxes, &types);
    compile(&Source::value(&pipeline), &around).map_err(|error| wrong(&error))?;
    Ok(())
}

fn wrong(wrong: &Diagnostics) -> CliError {
    CliError::new(wrong.code(), wrong.to_string())
}
