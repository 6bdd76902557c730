//! `swarm pipeline check`

use clap::Args;
use serde::Serialize;
use swarm_core::Plan;
use swarm_pipeline::{Compiled, Diagnostic};

use super::super::Context;
use crate::{
    error::CliError,
    exit_code::Exit,
    pipeline_input::{PipelineInput, Unusable},
};

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The name of a saved pipeline, JSON, a file of JSON or TOML, or stdin for `-`
    #[arg(value_name = "DEFINITION")]
    definition: String,
}

#[derive(Serialize)]
struct Checked {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    steps: usize,
    agents: usize,
    digest: String,
    diagnostics: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Check {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let wrong = match PipelineInput::new(&config)?.compiled(&self.definition) {
            Ok(compiled) => {
                let checked = Checked::new(compiled);
                context.out.answer(&checked, || human(&checked))?;
                return Ok(Exit::Ok);
            }
            Err(Unusable::Error(error)) => return Err(error),
            Err(Unusable::Wrong(wrong)) => wrong,
        };
        if !context.out.is_json() {
            return Err(Unusable::Wrong(wrong).into());
        }
        let checked = Checked {
            valid: false,
            name: None,
            steps: 0,
            agents: 0,
            digest: String::new(),
            diagnostics: wrong.iter().cloned().collect(),
            warnings: Vec::new(),
        };
        context.out.answer(&checked, String::new)?;
        Ok(Exit::Usage)
    }
}

impl Checked {
    fn new(compiled: Compiled) -> Self {
        let program = compiled.program;
        Self {
            valid: true,
            name: program.name.clone(),
            steps: program.steps.len(),
            digest: program.digest.clone(),
            diagnostics: Vec::new(),
            warnings: compiled.warnings,
            agents: Plan::Pipeline {
                program: program.into(),
            }
            .agents()
            .len(),
        }
    }
}

fn human(checked: &Checked) -> String {
    let name = checked.name.as_deref().unwrap_or("the pipeline");
    let warnings = checked.warnings.iter();
    let warnings: Vec<String> = warnings
        .map(|warning| format!("warning: {warning}\n"))
        .collect();
    let warnings = warnings.concat();
    format!(
        "{warnings}{name} is in order: {} steps, {} agents",
        checked.steps, checked.agents
    )
}
