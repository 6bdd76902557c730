//! `swarm pipeline simulate`

use std::sync::Arc;

use clap::Args;
use swarm_core::Plan;
use swarm_pipeline::{
    PipelinePatcher,
    simulate::{Simulation, SimulationFile},
};

use super::super::Context;
use crate::{
    agent_input::read, error::CliError, exit_code::Exit, output::printable,
    pipeline_input::PipelineInput,
};

#[derive(Debug, Args)]
pub(crate) struct Simulated {
    /// The name of a saved pipeline, JSON, a file of JSON or TOML, or stdin for `-`
    #[arg(value_name = "DEFINITION")]
    definition: String,
    /// What agents do: JSON, or a file of JSON; without it they succeed at once
    #[arg(long, value_name = "FILE")]
    script: Option<String>,
    /// Let chance decide what is not said, beginning with this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Simulate so many runs, and say how they are distributed
    #[arg(long, value_name = "N", requires = "seed", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: Option<u32>,
}

impl Simulated {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let compiled = PipelineInput::new(&config)?.compiled(&self.definition)?;
        let plan = Plan::Pipeline {
            program: compiled.program.into(),
        };
        let mut simulation = Simulation::of(plan)
            .pools(config.settings.pool_limits())
            .patcher(Arc::new(PipelinePatcher::new(config.types()?)));
        if let Some(budget) = compiled.budget {
            simulation = simulation.budget(budget);
        }
        if let Some(deadline) = compiled.deadline {
            simulation = simulation.deadline(deadline);
        }
        if let Some(script) = &self.script {
            let text = if script.trim_start().starts_with('{') {
                script.clone()
            } else {
                read(script, &config.folders)?
            };
            let script = SimulationFile::from_json(&text);
            simulation = script
                .map_err(|error| CliError::from(error).at("--script"))?
                .tell(simulation);
        }
        if let Some(seed) = self.seed {
            simulation = simulation.dice(seed);
        }
        if let Some(runs) = self.runs {
            let distribution = simulation.runs(runs)?;
            context
                .out
                .answer(&distribution, || printable(&distribution.to_string()))?;
            return Ok(Exit::Ok);
        }
        let simulated = simulation.run()?;
        context
            .out
            .answer(&simulated, || printable(&simulated.to_string()))?;
        Ok(Exit::Ok)
    }
}
