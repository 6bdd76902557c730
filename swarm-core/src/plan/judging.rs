//! The functions that build plans in which results are judged.

use std::{
    collections::HashSet,
    num::{NonZeroU32, NonZeroUsize},
};

use super::{Evaluator, Plan, Selection, Strategy, par};
use crate::{evaluate::Score, prompt::Input};

/// Whatever was given and is valid, in its order. What is given twice is judged once.
///
/// ```
/// use swarm_core::{plan::{self, Judges}, prompt::Input, types::TypeRegistry};
///
/// let types = TypeRegistry::default();
/// let evaluator = Judges::new(&types).validator("code-review")?;
/// let reviews = ["run/agent-0".parse()?, "run/agent-1".parse()?].map(Input::Ref);
/// let work = plan::filter(reviews, evaluator);
/// // One agent judges each.
/// assert_eq!((work.op(), work.agent_count()), ("filter", 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn filter(given: impl IntoIterator<Item = Input>, evaluator: Evaluator) -> Plan {
    judge(once(given), None, evaluator, Selection::Valid)
}

/// Succeeds if all that was given is valid.
pub fn validate(given: impl IntoIterator<Item = Input>, evaluator: Evaluator) -> Plan {
    judge(given, None, evaluator, Selection::All)
}

/// `body`, which fails if anything that it makes is not valid.
///
/// In a [`retry`](super::retry) the next attempt is told what there is to mend:
///
/// ```
/// use std::num::NonZeroU32;
/// use swarm_core::{plan::{self, Judges}, spec::AgentSpec, types::TypeRegistry};
///
/// let types = TypeRegistry::default();
/// let evaluator = Judges::new(&types).validator("research-notes")?;
/// let notes = AgentSpec::command("Take notes.", ["cat"])?;
/// let work = plan::retry(plan::valid(notes, evaluator), NonZeroU32::MIN);
/// assert_eq!((work.op(), work.agent_count()), ("retry", 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn valid(body: impl Into<Plan>, evaluator: Evaluator) -> Plan {
    judge([], Some(body.into()), evaluator, Selection::All)
}

/// `width` times the same, and the one with the highest score wins. With `keep_losers`, the winner names the others. A budget is given
/// with [`limit`](super::limit).
///
/// ```
/// use std::num::NonZeroU32;
/// use swarm_core::{plan::{self, Judges}, spec::AgentSpec, types::TypeRegistry};
///
/// let types = TypeRegistry::default();
/// let evaluator = Judges::new(&types).evaluator("score:clarity")?;
/// let draft = AgentSpec::command("Draft it.", ["cat"])?;
/// let work = plan::beam(draft, NonZeroU32::new(3).unwrap(), evaluator, true);
/// assert_eq!((work.op(), work.agent_count()), ("beam", 6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn beam(
    body: impl Into<Plan>,
    width: NonZeroU32,
    evaluator: Evaluator,
    keep_losers: bool,
) -> Plan {
    let body: Plan = body.into();
    let candidates = par((0..width.get()).map(|_| body.clone()));
    judge(
        [],
        Some(candidates),
        evaluator,
        Selection::Best { keep_losers },
    )
}

/// What was given, the highest score first; the first `top` are kept, or all if that is zero. What is given twice is judged once.
pub fn score_list(given: impl IntoIterator<Item = Input>, evaluator: Evaluator, top: u32) -> Plan {
    judge(once(given), None, evaluator, Selection::Top { count: top })
}

/// Each but once, where it is first.
fn once(given: impl IntoIterator<Item = Input>) -> impl Iterator<Item = Input> {
    let mut seen = HashSet::new();
    given.into_iter().filter(move |input| match input {
        Input::Ref(id) => seen.insert(id.clone()),
        Input::Text(_) => true,
    })
}

fn judge(
    given: impl IntoIterator<Item = Input>,
    body: Option<Plan>,
    evaluator: Evaluator,
    select: Selection,
) -> Plan {
    Plan::Judge {
        given: given.into_iter().collect(),
        body: body.map(Box::new),
        evaluator,
        select,
        limit: None,
    }
}

/// When an iteration ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often at most.
    pub max_iterations: NonZeroU32,
    /// The score that is good enough.
    pub success_threshold: Score,
    /// How many iterations in a row may bring nothing better.
    pub patience: NonZeroU32,
}

/// At most ten iterations, until the score is 0.9, or three in a row brought nothing better.
impl Default for Patience {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            max_iterations: count(10),
            success_threshold: Score::from_millionths(900_000),
            patience: count(3),
        }
    }
}

/// `body` again and again, each time told what was wrong before, until it is good enough or no longer gets better; the best counts.
/// A budget and a time are given with [`limit`](super::limit).
///
/// ```
/// use swarm_core::{plan::{self, Judges, Patience}, spec::AgentSpec, types::TypeRegistry};
///
/// let types = TypeRegistry::default();
/// let evaluator = Judges::new(&types).evaluator("exec:sh -n {artifact}")?;
/// let script = AgentSpec::command("Write a script.", ["cat"])?;
/// let work = plan::iterate(script, evaluator, Patience::default());
/// assert_eq!(work.op(), "iterate");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn iterate(body: impl Into<Plan>, evaluator: Evaluator, until: Patience) -> Plan {
    Plan::Iterate {
        body: Box::new(body.into()),
        evaluator,
        max_iterations: until.max_iterations,
        success_threshold: until.success_threshold,
        patience: until.patience,
    }
}

/// Several ways to look for something, side by side, at most `parallel` of them at once; of all that they find, the `top` best are kept,
/// or all if that is zero. [`Strategies`](super::Strategies) reads the ways from JSON.
pub fn hunt(
    strategies: impl IntoIterator<Item = Strategy>,
    top: u32,
    parallel: Option<NonZeroUsize>,
) -> Plan {
    Plan::Hunt {
        strategies: strategies.into_iter().collect(),
        top,
        limit: parallel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::limit, spec::AgentSpec};

    fn agent() -> AgentSpec {
        AgentSpec::command("p", ["true"]).unwrap()
    }

    #[test]
    fn a_plan_is_called_what_the_function_is_called_that_made_it() {
        let by = || Evaluator::new("score:x", agent());
        let given = || [Input::Ref("r/agent-0".parse().unwrap())];
        let budget = crate::machine::ScopeLimits {
            budget: Some(crate::money::Usd::ZERO),
            ..Default::default()
        };
        for (name, plan) in [
            ("filter", filter(given(), by())),
            ("validate", validate(given(), by())),
            ("validate", valid(agent(), by())),
            ("beam", beam(agent(), NonZeroU32::MIN, by(), true)),
            (
                "beam",
                limit(beam(agent(), NonZeroU32::MIN, by(), true), budget),
            ),
            ("score_list", score_list(given(), by(), 0)),
            ("iterate", iterate(agent(), by(), Patience::default())),
            ("hunt", hunt([], 0, None)),
            ("fan_out", crate::plan::fan_out(agent(), agent())),
            ("guard", crate::plan::guard([], [])),
            ("approve", crate::plan::approve("Go on?")),
        ] {
            assert_eq!(plan.op(), name);
            let json = serde_json::to_string(&plan).unwrap();
            let read: Plan = serde_json::from_str(&json).unwrap();
            assert_eq!(read, plan, "after {json}");
        }
    }
}
