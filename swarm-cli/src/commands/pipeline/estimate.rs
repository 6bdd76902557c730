//! `swarm pipeline estimate`

use clap::Args;
use swarm_core::Plan;
use swarm_pipeline::estimate::{Assumptions, Estimate, estimate};

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, output::printable, pipeline_input::PipelineInput};

#[derive(Debug, Args)]
pub(crate) struct Estimated {
    /// The name of a saved pipeline, JSON, a file of JSON or TOML, or stdin for `-`
    #[arg(value_name = "DEFINITION")]
    definition: String,
    /// The most that all agents together may spend, in dollars
    #[arg(long, value_name = "USD")]
    budget: Option<swarm_core::money::Usd>,
}

impl Estimated {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let compiled = PipelineInput::new(&config)?.compiled(&self.definition)?;
        let assumptions = Assumptions {
            budget: self.budget.or(compiled.budget),
            deadline: compiled.deadline,
            pools: config.settings.pool_limits(),
            ..Assumptions::default()
        };
        let plan = Plan::Pipeline {
            program: compiled.program.into(),
        };
        let estimate = estimate(&plan, &assumptions)?;
        context.out.answer(&estimate, || human(&estimate))?;
        Ok(Exit::Ok)
    }
}

/// The sentences of an estimate already say what they need for a person.
fn human(estimate: &Estimate) -> String {
    printable(&estimate.to_string())
}
