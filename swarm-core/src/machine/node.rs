//! One operation of a plan under way.

use super::{
    Account, Demand, End, Event, around::Around, fan_out::FanOut, gate::Gate, hunt::Hunt,
    iterate::Iterate, judge::Judge, limit::Limit, par::Par, path::Path, pipeline::Pipeline,
    race::Race, reduce::Reduce, retry::Retry, run::Run, seq::Seq,
};
use crate::plan::Plan;

/// What every operation does. Adding one makes the `match` in [`Node::new`] complain.
pub(super) trait Operation {
    /// Asks for everything that may be started now and was not asked for.
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>);
    /// Asks for the end of everything under way. May be called again.
    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>);
    /// Takes note of what happened to the agent at `path` below this; `false` if none is awaited there.
    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool;
    /// How it ended, once it has.
    fn end(&self) -> Option<&End>;
    /// What there is to say of it besides how it ended.
    fn account(&self) -> Option<Account> {
        None
    }
}

/// Any operation.
#[derive(Debug)]
pub(super) enum Node {
    Run(Run),
    Seq(Seq),
    Par(Par),
    Race(Race),
    Retry(Retry),
    Reduce(Reduce),
    Judge(Box<Judge>),
    Iterate(Box<Iterate>),
    FanOut(FanOut),
    Hunt(Hunt),
    Limit(Limit),
    Gate(Gate),
    Pipeline(Box<Pipeline>),
}

impl Node {
    pub(super) fn new(plan: Plan) -> Self {
        match plan {
            Plan::Run { agent } => Self::Run(Run::new(*agent)),
            Plan::Seq { stages } => Self::Seq(Seq::new(stages)),
            Plan::Par { branches, limit } => Self::Par(Par::new(branches, limit)),
            Plan::Map {
                template,
                inputs,
                limit,
            } => {
                let branches = inputs.iter().map(|input| template.with_input(input));
                Self::Par(Par::new(branches.collect(), limit))
            }
            Plan::Race { branches } => Self::Race(Race::new(branches)),
            Plan::Retry { body, attempts } => Self::Retry(Retry::new(*body, attempts)),
            Plan::Reduce {
                inputs,
                body,
                reducer,
            } => Self::Reduce(Reduce::new(inputs, body.map(|body| *body), *reducer)),
            Plan::Judge {
                given,
                body,
                evaluator,
                select,
                limit,
            } => {
                let body = body.map(|body| Self::new(*body));
                Self::Judge(Box::new(Judge::new(given, body, evaluator, select, limit)))
            }
            Plan::Iterate {
                body,
                evaluator,
                max_iterations,
                success_threshold,
                patience,
            } => Self::Iterate(Box::new(Iterate::new(
                *body,
                evaluator,
                max_iterations,
                success_threshold,
                patience,
            ))),
            Plan::FanOut {
                source,
                template,
                limit,
            } => Self::FanOut(FanOut::new(*source, *template, limit)),
            Plan::Hunt {
                strategies,
                top,
                limit,
            } => Self::Hunt(Hunt::new(strategies, top, limit)),
            Plan::Limit { body, limits } => Self::Limit(Limit::new(Self::new(*body), limits)),
            Plan::Guard { refs, checks } => Self::Gate(Gate::guard(refs, checks)),
            Plan::Approve { question } => Self::Gate(Gate::approve(question)),
            Plan::Pipeline { program } => Self::Pipeline(Box::new(Pipeline::new(program))),
        }
    }

    /// Whether agents right below are called by what they are in: `agent-0`, `stage-1`, `iter-2`. Others could have the name of whoever
    /// judges or reduces them: steps and strategies are called as somebody likes.
    pub(super) const fn has_names_of_its_own(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Seq(_)
            | Self::Par(_)
            | Self::Race(_)
            | Self::Retry(_)
            | Self::Iterate(_)
            | Self::FanOut(_) => true,
            Self::Limit(limit) => limit.body().has_names_of_its_own(),
            Self::Reduce(_)
            | Self::Judge(_)
            | Self::Hunt(_)
            | Self::Gate(_)
            | Self::Pipeline(_) => false,
        }
    }

    fn operation(&self) -> &dyn Operation {
        match self {
            Self::Run(op) => op,
            Self::Seq(op) => op,
            Self::Par(op) => op,
            Self::Race(op) => op,
            Self::Retry(op) => op,
            Self::Reduce(op) => op,
            Self::Judge(op) => &**op,
            Self::Iterate(op) => &**op,
            Self::FanOut(op) => op,
            Self::Hunt(op) => op,
            Self::Limit(op) => op,
            Self::Gate(op) => op,
            Self::Pipeline(op) => &**op,
        }
    }

    fn operation_mut(&mut self) -> &mut dyn Operation {
        match self {
            Self::Run(op) => op,
            Self::Seq(op) => op,
            Self::Par(op) => op,
            Self::Race(op) => op,
            Self::Retry(op) => op,
            Self::Reduce(op) => op,
            Self::Judge(op) => &mut **op,
            Self::Iterate(op) => &mut **op,
            Self::FanOut(op) => op,
            Self::Hunt(op) => op,
            Self::Limit(op) => op,
            Self::Gate(op) => op,
            Self::Pipeline(op) => &mut **op,
        }
    }
}

impl Operation for Node {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        self.operation_mut().demands(path, around, out);
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        self.operation_mut().cancel(path, out);
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        self.operation_mut().apply(path, event)
    }

    fn end(&self) -> Option<&End> {
        self.operation().end()
    }

    fn account(&self) -> Option<Account> {
        self.operation().account()
    }
}
