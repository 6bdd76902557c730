//! The functions that build plans. Their meaning is in [`machine`](crate::machine).

use std::num::{NonZeroU32, NonZeroUsize};

use super::Plan;
use crate::{prompt::Input, spec::AgentSpec};

/// One agent.
pub fn run(agent: AgentSpec) -> Plan {
    Plan::Run {
        agent: Box::new(agent),
    }
}

/// Branches side by side; all run to their end.
pub fn par(branches: impl IntoIterator<Item = Plan>) -> Plan {
    Plan::Par {
        branches: branches.into_iter().collect(),
        limit: None,
    }
}

/// One agent over many inputs: `{input}` in its prompt and its command is replaced by each.
pub fn map<'i>(template: &AgentSpec, inputs: impl IntoIterator<Item = &'i str>) -> Plan {
    par(inputs
        .into_iter()
        .map(|input| run(template.with_input(input))))
}

/// Stages in order, each seeing the result of the one before.
pub fn chain(stages: impl IntoIterator<Item = Plan>) -> Plan {
    Plan::Seq {
        stages: stages.into_iter().collect(),
    }
}

/// One agent that brings results and texts together.
pub fn reduce(inputs: impl IntoIterator<Item = Input>, synthesis: AgentSpec) -> Plan {
    Plan::Reduce {
        inputs: inputs.into_iter().collect(),
        body: None,
        reducer: Box::new(run(synthesis)),
    }
}

/// [`map`], then one agent that brings together whatever of it succeeded.
pub fn map_reduce<'i>(
    template: &AgentSpec,
    inputs: impl IntoIterator<Item = &'i str>,
    synthesis: AgentSpec,
) -> Plan {
    Plan::Reduce {
        inputs: Vec::new(),
        body: Some(Box::new(map(template, inputs))),
        reducer: Box::new(run(synthesis)),
    }
}

/// Branches side by side; the first to succeed wins, the others are cancelled.
pub fn race(branches: impl IntoIterator<Item = Plan>) -> Plan {
    Plan::Race {
        branches: branches.into_iter().collect(),
    }
}

/// `body`, up to `attempts` times, each attempt seeing what went wrong before.
pub fn retry(body: Plan, attempts: NonZeroU32) -> Plan {
    Plan::Retry {
        body: Box::new(body),
        attempts,
    }
}

impl Plan {
    /// The same with at most `limit` branches under way at once, where a par is the work itself: at the
    /// root, or as the body of a reduction.
    #[must_use]
    pub fn with_limit(self, limit: NonZeroUsize) -> Self {
        match self {
            Self::Par { branches, .. } => Self::Par {
                branches,
                limit: Some(limit),
            },
            Self::Reduce {
                inputs,
                body,
                reducer,
            } => Self::Reduce {
                inputs,
                body: body.map(|body| Box::new(body.with_limit(limit))),
                reducer,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_a_par_of_filled_in_agents() {
        let template = AgentSpec::command("Count {input}", ["wc", "{input}"]).unwrap();
        let plan = map(&template, ["a", "b"]);
        let prompts: Vec<_> = plan.agents().iter().map(|a| a.prompt.clone()).collect();
        assert_eq!(prompts, ["Count a", "Count b"]);
    }

    #[test]
    fn a_plan_survives_json() {
        let agent = || AgentSpec::command("p", ["true"]).unwrap();
        let text = Input::Text("t".to_owned());
        let plan = chain([
            race([run(agent()), retry(run(agent()), NonZeroU32::MIN)]),
            map_reduce(&agent(), ["a", "b"], agent()).with_limit(NonZeroUsize::MIN),
            reduce([text, Input::Ref("r/agent-0".parse().unwrap())], agent()),
        ]);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
