//! `swarm hunt`

use std::num::NonZeroUsize;

use clap::Args;
use serde_json::Value;
use swarm_core::plan::{self, Judges, Strategies, StrategyAgent};

use super::Context;
use crate::{
    agent_input::{AgentInput, Judging},
    args::{AgentArgs, JudgeArgs, RunArgs, at_least_one},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Hunt {
    /// JSON list of strategies (`name`, `planner_template`, `rubric`, and `seeds` or `fetcher_prompt`): the JSON itself, @FILE, or -
    /// for stdin
    strategies: String,
    /// How many of all results to keep; 0 keeps all
    #[arg(long, value_name = "N", default_value = "10")]
    top_k_global: u32,
    /// The most strategies at once
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one::<NonZeroUsize>)]
    max_parallel_strategies: NonZeroUsize,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Hunt {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let input = AgentInput::new(&self.agent, &config)?;
        let judging = Judging::new(&self.judge, &config)?;
        let judges: Judges<'_> = judging.judges();
        let source = self.strategies.strip_prefix('@');
        let text = input.text(source.unwrap_or(&self.strategies))?;
        let strategies = Strategies {
            agent: |prompt: &str, own: StrategyAgent| {
                let place = own.place.clone();
                let agent = input.strategy_agent(prompt, own);
                agent.map_err(|error| error.at(&place))
            },
            evaluator: |rubric: &str| judges.evaluator(rubric),
        };
        let strategies = strategies.parse(&text);
        let strategies = strategies.map_err(|wrong| CliError::all("the strategies", wrong))?;
        for place in with_idle_fetcher(&text) {
            let message =
                "it has `seeds`, so its `fetcher_prompt` is not asked; take one of them out";
            context.out.warn(&format!("{place}: {message}"));
        }
        for strategy in &strategies {
            judging.check(&strategy.evaluator)?;
        }
        // What is limited in a hunt is its strategies; the slots limit the rest.
        let parallel = Some(self.max_parallel_strategies);
        let plan = plan::hunt(strategies, self.top_k_global, parallel);
        execute(context, &self.run, plan).await
    }
}

/// The strategies in `text` that have two sources of seeds, of which those that are listed count.
fn with_idle_fetcher(text: &str) -> Vec<String> {
    let Ok(Value::Array(strategies)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let has = |one: &Value, field: &str| one.get(field).is_some_and(|value| !value.is_null());
    let strategies = strategies.iter().enumerate();
    let idle = strategies.filter(|(_, one)| has(one, "seeds") && has(one, "fetcher_prompt"));
    idle.map(|(i, _)| format!("strategies[{i}]")).collect()
}
