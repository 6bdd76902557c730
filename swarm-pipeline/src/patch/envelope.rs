//! Whether a changed program can do more than the present one.

use std::collections::HashMap;

use swarm_core::{
    plan::{Program, Step},
    refs::Classification,
};

use super::{
    gates::{Gates, Place},
    jumps,
    power::{Power, Powers, is_guarded, is_within},
};

/// How many reasons are looked for. One is enough, and a program is compared to all others for each.
pub(super) const MAX_TOLD: usize = 20;

/// One step of the present program.
struct Had<'p> {
    step: &'p Step,
    /// Where what it can do may be done, too.
    place: Place,
    powers: Powers<'p>,
}

impl<'p> Had<'p> {
    fn all(present: &'p Program, gates: &Gates<'_>) -> Vec<Self> {
        let steps = present.steps.iter().zip(gates.places(present));
        steps
            .map(|(step, place)| Self {
                step,
                place: gates.place_of_work(step, place),
                powers: Powers::of(&step.work, &present.limits),
            })
            .collect()
    }
}

/// What speaks against a change.
pub(super) fn objections(present: &Program, changed: &Program) -> Vec<String> {
    let mut objections = limits(present, changed);
    let gates = Gates::of(present);
    let moved = gates.objections(changed);
    if !moved.is_empty() {
        objections.extend(moved);
        return objections;
    }
    objections.extend(jumps::raised(present, changed));
    let had = Had::all(present, &gates);
    let by_id: HashMap<&str, usize> = had
        .iter()
        .enumerate()
        .map(|(at, had)| (had.step.id.as_str(), at))
        .collect();
    for (step, place) in changed.steps.iter().zip(gates.places(changed)) {
        if objections.len() >= MAX_TOLD {
            break;
        }
        // These are as they were.
        if gates.is_one(step) && changed.limits == present.limits {
            continue;
        }
        let place = gates.place_of_work(step, place);
        // Most of a pipeline mostly stays as it is, so the step of the same name comes first.
        let at = by_id.get(step.id.as_str());
        let same = at.and_then(|at| had.get(*at)).into_iter();
        let ahead = || same.clone().chain(&had).filter(|h| place.is_after(h.place));
        let may = || ahead().filter(|had| place.is_behind_gates_of(had.place));
        if changed.limits == present.limits && may().any(|had| had.step.work == step.work) {
            continue;
        }
        let new = Powers::of(&step.work, &changed.limits);
        let leap = |had: &Had<'_>| {
            let gate = gates.names.get(had.place.passed).copied();
            format!(
                "a jump could lead to `{}` past the step `{}`, which checks or asks",
                step.id,
                gate.unwrap_or_default()
            )
        };
        for power in &new.agents {
            let known = may().flat_map(|had| &had.powers.agents);
            let Some(beyond) = least_beyond(power, known) else {
                continue;
            };
            let can = |had: &&Had<'_>| {
                let mut agents = had.powers.agents.iter();
                agents.any(|old| power.beyond(old).is_empty())
            };
            objections.push(ahead().find(can).map_or_else(
                || {
                    format!(
                        "an agent of the step `{}` {beyond}, and none that may stand there does",
                        step.id
                    )
                },
                leap,
            ));
        }
        if new.is_unknown {
            objections.push(format!("nobody knows what the step `{}` can do", step.id));
        }
        for id in &new.refs {
            let is_read = || may().any(|had| had.powers.refs.contains(id));
            if !present.given.contains(id) && !is_read() {
                objections.push(format!("the step `{}` reads {id}, and none does", step.id));
            }
        }
        let mut governors = new.governors.iter();
        let is_had = |new| had.iter().any(|had| had.powers.governors.contains(new));
        if governors.any(|new| !is_had(new)) {
            objections.push(format!("the step `{}` has another governor", step.id));
        }
    }
    objections
}

/// What an agent can do that the most similar of `known` cannot; nothing if there is one that can do all of it.
fn least_beyond<'k>(
    power: &Power<'_>,
    known: impl Iterator<Item = &'k Power<'k>>,
) -> Option<String> {
    let mut least: Option<Vec<String>> = None;
    for old in known {
        let beyond = power.beyond(old);
        if beyond.is_empty() {
            return None;
        }
        if least
            .as_ref()
            .is_none_or(|least| beyond.len() < least.len())
        {
            least = Some(beyond);
        }
    }
    Some(least.map_or_else(|| "runs".to_owned(), |beyond| beyond.join(" and ")))
}

/// The limits of the whole, and who governs it.
fn limits(present: &Program, changed: &Program) -> Vec<String> {
    let mut objections = Vec::new();
    let (old, new) = (&present.limits, &changed.limits);
    if !is_within(new.budget.as_ref(), old.budget.as_ref()) {
        objections.push("the budget would be raised or removed".to_owned());
    }
    if !is_within(new.wall_time.as_ref(), old.wall_time.as_ref()) {
        objections.push("the deadline would be put off or removed".to_owned());
    }
    let guarded =
        |classification: &Option<Classification>| classification.clone().unwrap_or_default();
    if !is_guarded(&guarded(&new.classification), &guarded(&old.classification)) {
        objections.push("the classification would be lowered".to_owned());
    }
    for (name, governor) in &changed.governors {
        if present.governors.get(name) != Some(governor) {
            objections.push(format!("the governor `{name}` would be new or changed"));
        }
    }
    objections
}
