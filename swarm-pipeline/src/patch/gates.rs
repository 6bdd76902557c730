//! Steps that check something or ask a person: what is behind them stays behind them.

use std::collections::BTreeSet;

use swarm_core::plan::{OnFail, Plan, Program, Step};

/// The gates of a program.
pub(super) struct Gates<'p> {
    program: &'p Program,
    /// Their names, in their order.
    pub(super) names: Vec<&'p str>,
}

impl<'p> Gates<'p> {
    pub(super) fn of(program: &'p Program) -> Self {
        let steps = program.steps.iter();
        let names = steps.filter(|step| has_gate(&step.work));
        Self {
            program,
            names: names.map(|step| step.id.as_str()).collect(),
        }
    }

    /// The gates that come before a step of `program`, which may be a changed one.
    pub(super) fn before(&self, program: &'p Program, step: usize) -> BTreeSet<&'p str> {
        let before = program.steps.iter().take(step).map(|step| step.id.as_str());
        before.filter(|id| self.names.contains(id)).collect()
    }

    /// What a change does to the gates.
    pub(super) fn objections(&self, changed: &Program) -> Vec<String> {
        let mut objections = Vec::new();
        let mut last = None;
        for name in &self.names {
            let place =
                |program: &Program| program.steps.iter().position(|s| s.id.as_str() == *name);
            let (Some(was), Some(is)) = (place(self.program), place(changed)) else {
                objections.push(format!(
                    "the step `{name}`, which checks or asks, would be gone"
                ));
                continue;
            };
            if last.is_some_and(|last| last > is) {
                objections.push(format!(
                    "the step `{name}`, which checks or asks, would be moved"
                ));
            }
            last = Some(is);
            let told = |program, at| Told::of(program, at);
            if told(self.program, was) != told(changed, is) {
                objections.push(format!(
                    "the step `{name}`, which checks or asks, would be changed"
                ));
            }
            objections.extend(self.leaps(changed, name, is));
        }
        objections
    }

    /// New jumps over a gate.
    fn leaps(&self, changed: &Program, gate: &str, at: usize) -> Vec<String> {
        let steps = changed.steps.iter().take(at);
        let new = steps.flat_map(|step| {
            let from = step.id.as_str();
            let known = self.program.steps.iter().find(|old| old.id == step.id);
            let known: Vec<&str> = known
                .map(|old| targets(self.program, old))
                .unwrap_or_default();
            let over = targets(changed, step).into_iter().filter(move |target| {
                let place = changed.steps.iter().position(|s| s.id.as_str() == *target);
                place.is_some_and(|place| place > at) && !known.contains(target)
            });
            over.map(move |target| (from, target))
        });
        new.map(|(from, to)| {
            format!("`{from}` would lead to `{to}`, past the step `{gate}`, which checks or asks")
        })
        .collect()
    }
}

/// A step, with names in place of numbers.
#[derive(PartialEq)]
struct Told<'p> {
    work: &'p Plan,
    only_after_error: bool,
    on_success: Option<&'p swarm_core::plan::Ask>,
    asks: Option<&'p swarm_core::plan::Ask>,
    targets: Vec<&'p str>,
    words: Vec<&'p str>,
}

impl<'p> Told<'p> {
    fn of(program: &'p Program, at: usize) -> Option<Self> {
        let step = program.steps.get(at)?;
        Some(Self {
            work: &step.work,
            only_after_error: step.only_after_error,
            on_success: step.on_success.as_ref(),
            asks: match &step.on_fail {
                Some(OnFail::Ask(ask)) => Some(ask),
                _ => None,
            },
            targets: targets(program, step),
            words: step
                .retry_if
                .iter()
                .map(|word| word.keyword.as_str())
                .collect(),
        })
    }
}

/// Where a step leads by jumps.
fn targets<'p>(program: &'p Program, step: &'p Step) -> Vec<&'p str> {
    let on_fail = match step.on_fail {
        Some(OnFail::Goto(step)) => Some(step),
        _ => None,
    };
    let words = step.retry_if.iter().map(|word| word.step);
    let all = on_fail.into_iter().chain(step.next).chain(words);
    all.filter_map(|at| {
        let step = program.steps.get(usize::try_from(at).ok()?)?;
        Some(step.id.as_str())
    })
    .collect()
}

fn has_gate(plan: &Plan) -> bool {
    match plan {
        Plan::Seq { stages: plans }
        | Plan::Par {
            branches: plans, ..
        }
        | Plan::Race { branches: plans } => plans.iter().any(has_gate),
        Plan::Map { template: body, .. }
        | Plan::Retry { body, .. }
        | Plan::Limit { body, .. }
        | Plan::Iterate { body, .. }
        | Plan::FanOut { template: body, .. } => has_gate(body),
        Plan::Reduce { body, reducer, .. } => {
            has_gate(reducer) || body.as_ref().is_some_and(|body| has_gate(body))
        }
        Plan::Judge { body, .. } => body.as_ref().is_some_and(|body| has_gate(body)),
        Plan::Hunt { strategies, .. } => strategies.iter().any(|way| has_gate(&way.template)),
        Plan::Pipeline { program } => program.steps.iter().any(|step| has_gate(&step.work)),
        Plan::Run { .. } => false,
        // A guard, an approval, and what is not known here.
        _ => true,
    }
}
