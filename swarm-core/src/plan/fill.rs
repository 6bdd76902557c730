//! A template filled in.

use std::sync::Arc;

use super::{Plan, Seeds, Strategy};
use crate::spec::AgentSpec;

impl Plan {
    /// The same with `{input}` replaced in the prompt and in the command of every agent.
    #[must_use]
    pub fn with_input(&self, input: &str) -> Self {
        let mut filled = self.clone();
        filled.fill(input);
        filled
    }

    pub(super) fn fill(&mut self, input: &str) {
        let each = |plans: &mut Vec<Self>| plans.iter_mut().for_each(|plan| plan.fill(input));
        match self {
            Self::Run { agent } => fill(agent, input),
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => each(plans),
            // Its template has inputs of its own.
            Self::Map { inputs, .. } => fill_all(inputs, input),
            Self::Retry { body, .. } | Self::Limit { body, .. } => body.fill(input),
            Self::Reduce { body, reducer, .. } => {
                if let Some(body) = body {
                    body.fill(input);
                }
                reducer.fill(input);
            }
            Self::Judge {
                body, evaluator, ..
            } => {
                if let Some(body) = body {
                    body.fill(input);
                }
                fill(&mut evaluator.agent, input);
            }
            Self::Iterate {
                body, evaluator, ..
            } => {
                body.fill(input);
                fill(&mut evaluator.agent, input);
            }
            // So has this one.
            Self::FanOut { source, .. } => fill(source, input),
            Self::Hunt { strategies, .. } => {
                let strategies = strategies.iter_mut();
                strategies.for_each(|strategy| strategy.fill(input));
            }
            Self::Guard { .. } => {}
            Self::Approve { question } => *question = question.replace("{input}", input),
            Self::Pipeline { program } => Arc::make_mut(program).fill(input),
        }
    }
}

impl Strategy {
    fn fill(&mut self, input: &str) {
        match &mut self.seeds {
            Seeds::Listed(seeds) => fill_all(seeds, input),
            Seeds::Fetched(source) => fill(source, input),
        }
    }
}

fn fill(agent: &mut AgentSpec, input: &str) {
    *agent = agent.with_input(input);
}

fn fill_all(texts: &mut [String], input: &str) {
    for text in texts {
        *text = text.replace("{input}", input);
    }
}
