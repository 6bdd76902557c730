//! What an agent of a plan can reach and spend.

use std::{collections::BTreeSet, time::Duration};

use swarm_core::{
    agents::kind_of,
    ids::RefId,
    machine::ScopeLimits,
    money::Usd,
    plan::{Plan, Program, Seeds},
    prompt::Input,
    refs::Classification,
    spec::{Agent, AgentSpec},
};

use super::sandbox;

/// One agent, and what holds for it where it stands.
#[derive(Clone, Debug)]
pub(super) struct Power<'p> {
    pub(super) agent: &'p AgentSpec,
    /// What may be put in place of `{input}`, from the innermost template out.
    inputs: Vec<Inputs<'p>>,
    limits: Limits,
}

/// What may be put in place of `{input}`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Inputs<'p> {
    Listed(BTreeSet<&'p str>),
    /// Whatever an agent lists.
    Found,
}

/// The tightest limits around an agent.
#[derive(Clone, Debug, Default)]
struct Limits {
    budget: Option<Usd>,
    wall_time: Option<Duration>,
    classification: Classification,
}

/// Everything that a plan can do.
#[derive(Debug, Default)]
pub(super) struct Powers<'p> {
    pub(super) agents: Vec<Power<'p>>,
    /// Results that exist already and are read.
    pub(super) refs: BTreeSet<&'p RefId>,
    /// Governors of pipelines within.
    pub(super) governors: Vec<&'p AgentSpec>,
    /// Whether there is something in it of which nothing is known here.
    pub(super) is_unknown: bool,
}

#[derive(Clone, Debug, Default)]
struct Around<'p> {
    inputs: Vec<Inputs<'p>>,
    limits: Limits,
}

impl<'p> Powers<'p> {
    /// What the work of a step can do in a program with these limits.
    pub(super) fn of(work: &'p Plan, limits: &ScopeLimits) -> Self {
        let mut powers = Self::default();
        powers.collect(work, &Around::default().limited(limits));
        powers
    }

    fn collect(&mut self, plan: &'p Plan, around: &Around<'p>) {
        match plan {
            Plan::Run { agent } => self.agent(agent, around),
            Plan::Seq { stages: plans }
            | Plan::Par {
                branches: plans, ..
            }
            | Plan::Race { branches: plans } => {
                for plan in plans {
                    self.collect(plan, around);
                }
            }
            Plan::Map {
                template, inputs, ..
            } => {
                let listed = inputs.iter().map(String::as_str).collect();
                self.collect(template, &around.with(Inputs::Listed(listed)));
            }
            Plan::Retry { body, .. } => self.collect(body, around),
            Plan::Limit { body, limits } => self.collect(body, &around.limited(limits)),
            Plan::Reduce {
                inputs,
                body,
                reducer,
            } => {
                self.inputs(inputs);
                if let Some(body) = body {
                    self.collect(body, around);
                }
                self.collect(reducer, around);
            }
            Plan::Judge {
                given,
                body,
                evaluator,
                ..
            } => {
                self.inputs(given);
                if let Some(body) = body {
                    self.collect(body, around);
                }
                self.agent(&evaluator.agent, around);
            }
            Plan::Iterate {
                body, evaluator, ..
            } => {
                self.collect(body, around);
                self.agent(&evaluator.agent, around);
            }
            Plan::FanOut {
                source, template, ..
            } => {
                self.agent(source, around);
                self.collect(template, &around.with(Inputs::Found));
            }
            Plan::Hunt { strategies, .. } => {
                for strategy in strategies {
                    let inputs = match &strategy.seeds {
                        Seeds::Listed(seeds) => {
                            Inputs::Listed(seeds.iter().map(String::as_str).collect())
                        }
                        Seeds::Fetched(source) => {
                            self.agent(source, around);
                            Inputs::Found
                        }
                    };
                    // A command that judges is told the seed, too.
                    let within = around.with(inputs);
                    self.collect(&strategy.template, &within);
                    self.agent(&strategy.evaluator.agent, &within);
                }
            }
            Plan::Guard { refs, .. } => self.refs.extend(refs),
            Plan::Approve { .. } => {}
            Plan::Pipeline { program } => self.program(program, around),
            _ => self.is_unknown = true,
        }
    }

    fn program(&mut self, program: &'p Program, around: &Around<'p>) {
        let around = around.limited(&program.limits);
        self.refs.extend(&program.given);
        for step in &program.steps {
            self.collect(&step.work, &around);
        }
        let governors = program.governors.values();
        self.governors
            .extend(governors.map(|governor| &*governor.agent));
    }

    fn agent(&mut self, agent: &'p AgentSpec, around: &Around<'p>) {
        let inputs = match &agent.agent {
            Agent::Command(command) if command.iter().any(|arg| arg.contains("{input}")) => {
                around.inputs.clone()
            }
            _ => Vec::new(),
        };
        self.agents.push(Power {
            agent,
            inputs,
            limits: around.limits.clone(),
        });
    }

    fn inputs(&mut self, inputs: &'p [Input]) {
        self.refs
            .extend(inputs.iter().filter_map(|input| match input {
                Input::Ref(id) => Some(id),
                Input::Text(_) => None,
            }));
    }
}

impl<'p> Around<'p> {
    fn with(&self, inputs: Inputs<'p>) -> Self {
        let mut within = self.clone();
        within.inputs.insert(0, inputs);
        within
    }

    fn limited(&self, limits: &ScopeLimits) -> Self {
        let mut within = self.clone();
        let tighter = &mut within.limits;
        tighter.budget = least(tighter.budget, limits.budget);
        tighter.wall_time = least(tighter.wall_time, limits.wall_time);
        if let Some(classification) = &limits.classification {
            let before = std::mem::take(&mut tighter.classification);
            tighter.classification = before.combined(classification.clone());
        }
        within
    }
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether a limit allows no more than another. Without one there is none.
pub(super) fn is_within<T: PartialOrd>(new: Option<&T>, old: Option<&T>) -> bool {
    match (new, old) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new <= old,
    }
}

/// Whether a classification guards at least as much as another.
pub(super) fn is_guarded(new: &Classification, old: &Classification) -> bool {
    let is_allowed = match (&new.allowed_mcps, &old.allowed_mcps) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new.iter().all(|mcp| old.contains(mcp)),
    };
    let denied = &new.denied_mcps;
    new.level >= old.level && is_allowed && old.denied_mcps.iter().all(|mcp| denied.contains(mcp))
}

impl Power<'_> {
    /// What it can do that `old` cannot.
    pub(super) fn beyond(&self, old: &Power<'_>) -> Vec<String> {
        let mut beyond = sandbox::beyond(&self.agent.sandbox, &old.agent.sandbox);
        let mut object = |is_fine: bool, objection: String| {
            if !is_fine {
                beyond.push(objection);
            }
        };
        object(
            self.agent.agent == old.agent.agent && self.has_inputs_of(old),
            format!("runs {}", shown(&self.agent.agent)),
        );
        let worst = |agent: &AgentSpec| {
            kind_of(&agent.agent)
                .ok()
                .map(|kind| kind.worst_case(agent))
        };
        let (worst, before) = (worst(self.agent), worst(old.agent));
        object(
            worst.is_some() && before.is_some() && worst <= before,
            format!("may cost {}", worst.unwrap_or_default()),
        );
        // A program costs what its author says, whatever it does: said to be cheaper, it would escape the budget. A model is
        // stopped at its cap.
        let is_cheaper = matches!(self.agent.agent, Agent::Command(_)) && worst < before;
        object(
            !is_cheaper,
            format!(
                "counts as {} and not as {}",
                worst.unwrap_or_default(),
                before.unwrap_or_default()
            ),
        );
        let (limits, before) = (&self.limits, &old.limits);
        object(
            is_within(limits.budget.as_ref(), before.budget.as_ref()),
            "is outside of the budget that it had".to_owned(),
        );
        object(
            is_within(limits.wall_time.as_ref(), before.wall_time.as_ref()),
            "is outside of the time that it had".to_owned(),
        );
        object(
            is_guarded(&limits.classification, &before.classification),
            "makes results of a lower classification".to_owned(),
        );
        beyond
    }

    fn has_inputs_of(&self, old: &Power<'_>) -> bool {
        let pairs = || self.inputs.iter().zip(&old.inputs);
        self.inputs.len() == old.inputs.len()
            && pairs().all(|pair| match pair {
                (Inputs::Listed(new), Inputs::Listed(old)) => new.is_subset(old),
                (_, Inputs::Found) => true,
                (Inputs::Found, Inputs::Listed(_)) => false,
            })
    }
}

fn shown(agent: &Agent) -> String {
    match agent {
        Agent::Command(command) => {
            let command: String = command.join(" ").chars().take(80).collect();
            format!("the program `{command}`")
        }
        Agent::Named(name) => format!("`{name}`"),
        _ => "another kind of agent".to_owned(),
    }
}
