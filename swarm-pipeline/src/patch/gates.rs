//! Steps that check something or ask a person: what is behind them stays behind them.

use std::collections::{HashMap, HashSet};

use swarm_core::plan::{OnFail, Plan, Program, Step};

use super::{envelope::MAX_TOLD, parts::parts_of};

/// The gates of a program.
pub(super) struct Gates<'p> {
    program: &'p Program,
    /// Their names, in their order.
    pub(super) names: Vec<&'p str>,
    known: HashSet<&'p str>,
}

impl<'p> Gates<'p> {
    pub(super) fn of(program: &'p Program) -> Self {
        let steps = program.steps.iter();
        let gates = steps.filter(|step| has_gate(&step.work));
        let names: Vec<&str> = gates.map(|step| step.id.as_str()).collect();
        Self {
            program,
            known: names.iter().copied().collect(),
            names,
        }
    }

    /// Where each step of `program` stands, which may be a changed one that leaves the gates in their order: so a number of gates says
    /// which ones they are.
    pub(super) fn places(&self, program: &Program) -> Vec<Place> {
        let (mut before, mut passed) = (0, 0);
        let steps = program.steps.iter().enumerate();
        steps
            .map(|(at, step)| {
                if step.max_retries > 0 || usize::try_from(program.entry) == Ok(at) {
                    passed = before;
                }
                let here = Place { before, passed };
                before += usize::from(self.is_one(step));
                here
            })
            .collect()
    }

    /// Where the work of a step stands that stands there.
    pub(super) fn place_of_work(&self, step: &Step, place: Place) -> Place {
        if self.is_one(step) {
            place.within_gate()
        } else {
            place
        }
    }

    /// Whether this is one of them.
    pub(super) fn is_one(&self, step: &Step) -> bool {
        self.known.contains(step.id.as_str())
    }

    /// What a change does to the gates.
    pub(super) fn objections(&self, changed: &Program) -> Vec<String> {
        let mut objections = Vec::new();
        let mut last = None;
        let (were, are) = (places(self.program), places(changed));
        for name in &self.names {
            let (Some(&was), Some(&is)) = (were.get(name), are.get(name)) else {
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
        }
        objections.extend(self.leaps(changed, &were, &are));
        objections
    }

    /// New jumps over gates, the first few of them.
    fn leaps(&self, changed: &Program, were: &Places<'_>, are: &Places<'_>) -> Vec<String> {
        let mut gates: Vec<(usize, &str)> = self
            .names
            .iter()
            .filter_map(|name| Some((*are.get(name)?, *name)))
            .collect();
        gates.sort_unstable();
        let mut leaps = Vec::new();
        for (at, step) in changed.steps.iter().enumerate() {
            let from = step.id.as_str();
            let known = were.get(from).and_then(|at| self.program.steps.get(*at));
            let known: HashSet<&str> = known
                .map(|old| targets(self.program, old).into_iter().collect())
                .unwrap_or_default();
            for to in targets(changed, step) {
                let Some(&place) = are.get(to).filter(|_| !known.contains(to)) else {
                    continue;
                };
                let first = gates.partition_point(|(gate, _)| *gate <= at);
                let over = gates
                    .iter()
                    .skip(first)
                    .take_while(|(gate, _)| *gate < place);
                leaps.extend(over.take(MAX_TOLD).map(|(_, gate)| {
                    format!("`{from}` would lead to `{to}`, past the step `{gate}`, which checks or asks")
                }));
                if leaps.len() >= MAX_TOLD {
                    return leaps;
                }
            }
        }
        leaps
    }
}

/// Where a step stands among the gates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// How many of them are before it.
    pub(super) before: usize,
    /// How many of these are left out by whoever jumps to it, or to a step from which it is come to in order. Any step that may be
    /// entered by a jump may be the target of a governor.
    pub(super) passed: usize,
}

impl Place {
    /// Where what is within a gate stands: perhaps behind it.
    const fn within_gate(self) -> Self {
        Self {
            before: self.before + 1,
            ..self
        }
    }

    /// Whether each gate that has to be passed before whoever stands there has to be passed before whoever stands here.
    pub(super) const fn is_behind_gates_of(self, other: Self) -> bool {
        self.is_after(other) && (other.passed == other.before || self.passed <= other.passed)
    }

    pub(super) const fn is_after(self, other: Self) -> bool {
        other.before <= self.before
    }
}

/// Where each step is, by its name.
type Places<'p> = HashMap<&'p str, usize>;

fn places(program: &Program) -> Places<'_> {
    let steps = program.steps.iter().enumerate();
    steps.map(|(at, step)| (step.id.as_str(), at)).collect()
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
        Plan::Run { .. } => false,
        Plan::Guard { .. } | Plan::Approve { .. } => true,
        // What is not known here may have one.
        plan => parts_of(plan).is_none_or(|parts| parts.into_iter().any(has_gate)),
    }
}
