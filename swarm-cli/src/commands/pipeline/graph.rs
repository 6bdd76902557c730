//! `swarm pipeline graph`

use clap::{Args, ValueEnum};
use swarm_core::{Plan, ids::RunId};
use swarm_pipeline::graph::{Graph, Progress};

use super::super::Context;
use crate::{
    error::CliError, execute::known, exit_code::Exit, output, pipeline_input::PipelineInput,
};

#[derive(Debug, Args)]
pub(crate) struct Drawn {
    /// The name of a saved pipeline, JSON, a file of JSON or TOML, or stdin for `-`
    #[arg(value_name = "DEFINITION", required_unless_present = "run")]
    definition: Option<String>,
    /// Draw the pipeline of a run, or any other run, and how far it got
    #[arg(long, value_name = "RUN", conflicts_with = "definition")]
    run: Option<RunId>,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

impl Drawn {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let graph = match (&self.run, &self.definition) {
            (Some(run), _) => {
                let view = known(&context.session()?, run).await?;
                Graph::of(&view.work()).painted(&Progress::of_run(&view))
            }
            (None, definition) => {
                let config = context.config()?;
                let definition = definition.as_deref().unwrap_or("-");
                let compiled = PipelineInput::new(&config)?.compiled(definition)?;
                Graph::of(&Plan::Pipeline {
                    program: compiled.program.into(),
                })
            }
        };
        let drawn = match self.format {
            Format::Mermaid => graph.mermaid(),
            Format::Dot => graph.dot(),
            Format::Svg => graph.svg(),
        };
        output::raw(&drawn.into_bytes().into())?;
        Ok(Exit::Ok)
    }
}
