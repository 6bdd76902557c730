//! The functions that build plans. Their meaning is in [`machine`](crate::machine).

use std::num::{NonZeroU32, NonZeroUsize};

use super::Plan;
use crate::{ids::RefId, machine::ScopeLimits, prompt::Input, refs::Check, spec::AgentSpec};

/// One agent.
pub fn run(agent: AgentSpec) -> Plan {
    Plan::Run {
        agent: Box::new(agent),
    }
}

/// Branches side by side; all run to their end.
///
/// Whatever takes a plan takes an agent as well:
///
/// ```
/// use swarm_core::{plan, spec::AgentSpec};
///
/// let draft = AgentSpec::command("Draft it.", ["cat"])?;
/// let check = AgentSpec::command("Check it.", ["cat"])?;
/// let publish = AgentSpec::command("Publish it.", ["cat"])?;
/// let both = plan::par([draft, check]);
/// let work = plan::chain([both, publish.into()]);
/// assert_eq!(work.agents().len(), 3);
/// # Ok::<(), swarm_core::spec::SpecError>(())
/// ```
pub fn par(branches: impl IntoIterator<Item: Into<Plan>>) -> Plan {
    Plan::Par {
        branches: plans(branches),
        limit: None,
    }
}

/// One agent, or one plan, over many inputs: `{input}` in its prompts and commands is replaced by each.
///
/// ```
/// use swarm_core::{plan, spec::AgentSpec};
///
/// let read = AgentSpec::command("Read {input}.", ["cat", "{input}"])?;
/// let count = AgentSpec::command("Count.", ["wc", "-l"])?;
/// // The same two stages for each file.
/// let work = plan::map(plan::chain([read, count]), ["a.txt", "b.txt"]);
/// assert_eq!(work.agent_count(), 4);
/// # Ok::<(), swarm_core::spec::SpecError>(())
/// ```
pub fn map<'i>(template: impl Into<Plan>, inputs: impl IntoIterator<Item = &'i str>) -> Plan {
    Plan::Map {
        template: Box::new(template.into()),
        inputs: inputs.into_iter().map(str::to_owned).collect(),
        limit: None,
    }
}

/// Stages in order, each seeing the result of the one before.
pub fn chain(stages: impl IntoIterator<Item: Into<Plan>>) -> Plan {
    Plan::Seq {
        stages: plans(stages),
    }
}

/// One agent, or one plan, that brings results and texts together.
pub fn reduce(inputs: impl IntoIterator<Item = Input>, synthesis: impl Into<Plan>) -> Plan {
    Plan::Reduce {
        inputs: inputs.into_iter().collect(),
        body: None,
        reducer: Box::new(synthesis.into()),
    }
}

/// [`map`], then one agent, or one plan, that brings together whatever of it succeeded.
pub fn map_reduce<'i>(
    template: impl Into<Plan>,
    inputs: impl IntoIterator<Item = &'i str>,
    synthesis: impl Into<Plan>,
) -> Plan {
    Plan::Reduce {
        inputs: Vec::new(),
        body: Some(Box::new(map(template, inputs))),
        reducer: Box::new(synthesis.into()),
    }
}

/// Branches side by side; the first to succeed wins, the others are cancelled.
pub fn race(branches: impl IntoIterator<Item: Into<Plan>>) -> Plan {
    Plan::Race {
        branches: plans(branches),
    }
}

/// `body`, up to `attempts` times, each attempt seeing what went wrong before.
pub fn retry(body: impl Into<Plan>, attempts: NonZeroU32) -> Plan {
    Plan::Retry {
        body: Box::new(body.into()),
        attempts,
    }
}

/// `body` within limits of its own. Without any it is `body` itself.
///
/// ```
/// use swarm_core::{machine::ScopeLimits, plan, spec::AgentSpec};
///
/// let draft = AgentSpec::command("Draft it.", ["cat"])?;
/// let limits = ScopeLimits {
///     budget: Some("0.50".parse()?),
///     ..ScopeLimits::default()
/// };
/// let work = plan::limit(draft, limits);
/// assert_eq!(work.op(), "run");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn limit(body: impl Into<Plan>, limits: ScopeLimits) -> Plan {
    let body = body.into();
    if limits.is_empty() {
        return body;
    }
    Plan::Limit {
        body: Box::new(body),
        limits,
    }
}

/// One agent lists things, and `template` is done for each: `{input}` in its prompts and commands is replaced.
pub fn fan_out(source: AgentSpec, template: impl Into<Plan>) -> Plan {
    Plan::FanOut {
        source: Box::new(source),
        template: Box::new(template.into()),
        limit: None,
    }
}

/// Results are checked and handed on, those of the stage before as well.
///
/// ```
/// use swarm_core::{plan, refs::Check, spec::AgentSpec};
///
/// let publish = AgentSpec::command("Publish it.", ["cat"])?;
/// let draft = "run/agent-0".parse()?;
/// let checks = [Check::parse("validated", Some("research-notes"))?];
/// let work = plan::chain([plan::guard([draft], checks), publish.into()]);
/// assert_eq!(work.op(), "chain");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn guard(
    refs: impl IntoIterator<Item = RefId>,
    checks: impl IntoIterator<Item = Check>,
) -> Plan {
    Plan::Guard {
        refs: refs.into_iter().collect(),
        checks: checks.into_iter().collect(),
    }
}

/// A person is asked; what the stage before made is handed on if they agree.
pub fn approve(question: impl Into<String>) -> Plan {
    Plan::Approve {
        question: question.into(),
    }
}

fn plans(plans: impl IntoIterator<Item: Into<Plan>>) -> Vec<Plan> {
    plans.into_iter().map(Into::into).collect()
}

impl Plan {
    /// The same with at most `limit` branches under way at once, where there are branches: at the root, or in the body of a reduction,
    /// of a judgement or of a limit. As many are judged at once.
    #[must_use]
    pub fn with_limit(self, limit: NonZeroUsize) -> Self {
        match self {
            Self::Par { branches, .. } => Self::Par {
                branches,
                limit: Some(limit),
            },
            Self::Map {
                template, inputs, ..
            } => Self::Map {
                template,
                inputs,
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
            Self::Judge {
                given,
                body,
                evaluator,
                select,
                ..
            } => Self::Judge {
                given,
                body: body.map(|body| Box::new(body.with_limit(limit))),
                evaluator,
                select,
                limit: Some(limit),
            },
            Self::FanOut {
                source, template, ..
            } => Self::FanOut {
                source,
                template,
                limit: Some(limit),
            },
            Self::Hunt {
                strategies,
                top,
                limit: own,
            } => Self::Hunt {
                strategies,
                top,
                limit: Some(own.map_or(limit, |own| own.min(limit))),
            },
            Self::Limit { body, limits } => Self::Limit {
                body: Box::new(body.with_limit(limit)),
                limits,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SandboxSpec;

    #[test]
    fn a_map_keeps_its_template_once_however_many_inputs_there_are() {
        let file = "x".repeat(10_000);
        let sandbox = serde_json::json!({"input_files": {"a.txt": file}});
        let mut template = AgentSpec::command("Count {input}", ["wc", "{input}"]).unwrap();
        template.sandbox = SandboxSpec::from_json(sandbox, "sandbox")
            .unwrap()
            .resolve()
            .unwrap();
        let inputs: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let plan = map(template, inputs.iter().map(String::as_str));
        assert_eq!(plan.agent_count(), 1000);
        let written = serde_json::to_string(&plan).unwrap();
        assert!(written.len() < 20_000, "{} bytes", written.len());
    }

    #[test]
    fn a_plan_is_called_what_the_function_is_called_that_made_it() {
        let agent = || AgentSpec::command("p", ["true"]).unwrap();
        let limit = NonZeroUsize::MIN;
        for (name, plan) in [
            ("run", run(agent())),
            ("par", par([agent()])),
            ("par", par([agent()]).with_limit(limit)),
            ("map", map(agent(), ["a"])),
            ("map", map(agent(), []).with_limit(limit).with_input("x")),
            ("chain", chain([agent()])),
            ("reduce", reduce([], agent())),
            ("map_reduce", map_reduce(agent(), ["a"], agent())),
            ("race", race([agent()])),
            ("retry", retry(agent(), NonZeroU32::MIN)),
        ] {
            assert_eq!(plan.op(), name);
            let json = serde_json::to_string(&plan).unwrap();
            let read: Plan = serde_json::from_str(&json).unwrap();
            assert_eq!(read.op(), name, "after {json}");
        }
    }

    #[test]
    fn an_input_reaches_every_agent_of_a_template() {
        let agent = |prompt: &str| AgentSpec::command(prompt, ["cat", "{input}"]).unwrap();
        let template = race([
            chain([agent("1 {input}"), agent("2 {input}")]),
            retry(agent("3 {input}"), NonZeroU32::MIN),
            map_reduce(agent("4 {input}"), ["of {input}"], agent("5 {input}")),
            reduce([], par([agent("6 {input}")])),
        ]);
        let filled = template.with_input("x");
        let prompts: Vec<_> = filled.agents().iter().map(|a| a.prompt.clone()).collect();
        // The template of a map within is filled in by its own inputs.
        assert_eq!(prompts, ["1 x", "2 x", "3 x", "4 {input}", "5 x", "6 x"]);
        assert!(format!("{filled:?}").contains("of x"));
    }

    #[test]
    fn a_plan_survives_json() {
        let agent = || AgentSpec::command("p", ["true"]).unwrap();
        let text = Input::Text("t".to_owned());
        let plan = chain([
            race([run(agent()), retry(run(agent()), NonZeroU32::MIN)]),
            map_reduce(agent(), ["a", "b"], agent()).with_limit(NonZeroUsize::MIN),
            reduce([text, Input::Ref("r/agent-0".parse().unwrap())], agent()),
        ]);
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
