//! Whether every step can be come to, and whether the end can.
//!
//! A node is a step that is about to be entered, after a failure or not: that decides whether it is left out. What governors
//! decide nobody can know, so they may lead anywhere.

use swarm_core::error_code::ErrorCode;

use super::{
    Notes,
    exits::{AfterFailure, Exits, Ids, Target},
};
use crate::place::Place;

/// How many steps of a circle are named.
const MAX_SHOWN: usize = 10;

/// The ways through a pipeline.
struct Flow<'e> {
    steps: &'e [Exits],
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// The step is entered; whether the one before it had failed.
    Enter(usize, bool),
    /// Any step may be entered.
    Any(bool),
    /// The end, well.
    Done,
}

/// Says of each step that nothing leads to, and of each circle that nothing leads out of.
pub(super) fn check(steps: &[Exits], ids: &Ids, place: &Place<'_>, notes: &mut Notes<'_>) {
    let flow = Flow { steps };
    let seen = flow.reachable();
    let runs = |i: usize| {
        let skips = steps.get(i).is_some_and(|exits| exits.skips);
        i == 0
            || seen.contains(flow.number(Node::Enter(i, true)))
            || (!skips && seen.contains(flow.number(Node::Enter(i, false))))
    };
    for i in 0..steps.len() {
        if !runs(i) {
            let is_skipped = seen.contains(flow.number(Node::Enter(i, false)));
            let message = if is_skipped {
                "it is left out every time: its condition is `prev.error`, and no failure leads here; \
                 give a step an `on_fail` that does"
                    .to_owned()
            } else {
                format!(
                    "nothing leads to `{}`: no step before it goes on here, and no jump does",
                    ids.text(i)
                )
            };
            notes
                .mistakes
                .add(&place.index(i), ErrorCode::UnreachableStep, message);
        }
    }
    let ends = flow.ending();
    let can_end = |i: usize| flow.run(i).iter().any(|n| ends.contains(flow.number(*n)));
    for circle in flow.circles(|i| runs(i) && !can_end(i)) {
        let Some(&begin) = circle.first() else {
            continue;
        };
        let shown = circle.iter().take(MAX_SHOWN).map(|step| ids.text(*step));
        let mut names: Vec<&str> = shown.collect();
        if circle.len() > names.len() {
            names.push("\u{2026}");
        }
        names.push(ids.text(begin));
        let message = format!(
            "it goes round for ever, {}, until `max_retries` is spent, and that is a failure; lead one of these steps out",
            names.join(" \u{2192} ")
        );
        notes
            .mistakes
            .add(&place.index(begin), ErrorCode::EndlessCycle, message);
    }
}

/// A set of nodes.
struct Nodes(Vec<bool>);

impl Nodes {
    fn contains(&self, number: usize) -> bool {
        self.0.get(number).copied().unwrap_or(false)
    }

    fn insert(&mut self, number: usize) -> bool {
        match self.0.get_mut(number) {
            Some(is) => !std::mem::replace(is, true),
            None => false,
        }
    }
}

impl Flow<'_> {
    fn number(&self, node: Node) -> usize {
        match node {
            Node::Enter(step, after_error) => 2 * step + usize::from(after_error),
            Node::Any(after_error) => 2 * self.steps.len() + usize::from(after_error),
            Node::Done => 2 * self.steps.len() + 2,
        }
    }

    fn nothing(&self) -> Nodes {
        Nodes(vec![false; 2 * self.steps.len() + 3])
    }

    fn in_order(&self, after: usize, after_error: bool) -> Node {
        if after + 1 < self.steps.len() {
            Node::Enter(after + 1, after_error)
        } else {
            Node::Done
        }
    }

    /// Where a jump leads; nowhere if the step may not be entered by one.
    fn jump(&self, target: Target, after_error: bool) -> Option<Node> {
        match target {
            Target::Unknown => Some(Node::Any(after_error)),
            Target::Step(step) => {
                let step = usize::try_from(step).ok()?;
                let exits = self.steps.get(step)?;
                (exits.max_retries > 0).then_some(Node::Enter(step, after_error))
            }
        }
    }

    /// What comes after the work of a step.
    fn run(&self, step: usize) -> Vec<Node> {
        let Some(exits) = self.steps.get(step) else {
            return Vec::new();
        };
        let mut next = self.after_success(step, exits);
        match exits.after_failure {
            AfterFailure::Ends => {}
            AfterFailure::Goes(target) => next.extend(self.jump(target, true)),
            AfterFailure::Asks => {
                next.extend([self.in_order(step, true), Node::Any(true), Node::Done]);
            }
        }
        next
    }

    fn after_success(&self, step: usize, exits: &Exits) -> Vec<Node> {
        let mut next = Vec::new();
        if exits.asks {
            next.extend([self.in_order(step, false), Node::Any(false), Node::Done]);
        }
        next.extend(
            exits
                .words
                .iter()
                .filter_map(|word| self.jump(*word, false)),
        );
        match exits.next {
            Some(target) => next.extend(self.jump(target, false)),
            None => next.push(self.in_order(step, false)),
        }
        next
    }

    /// What comes after a node.
    fn after(&self, node: Node) -> Vec<Node> {
        match node {
            Node::Done => Vec::new(),
            Node::Any(after_error) => {
                let steps = self.steps.iter().enumerate();
                steps
                    .filter(|(_, exits)| exits.max_retries > 0)
                    .map(|(step, _)| Node::Enter(step, after_error))
                    .collect()
            }
            Node::Enter(step, after_error) => {
                let skips = self.steps.get(step).is_some_and(|exits| exits.skips);
                if skips && !after_error {
                    vec![self.in_order(step, false)]
                } else {
                    self.run(step)
                }
            }
        }
    }

    /// The nodes that are come to from the first step, which runs whatever its condition is.
    fn reachable(&self) -> Nodes {
        let mut seen = self.nothing();
        let mut open = self.run(0);
        while let Some(node) = open.pop() {
            if seen.insert(self.number(node)) {
                open.extend(self.after(node));
            }
        }
        seen
    }

    /// The nodes from which it can end well.
    fn ending(&self) -> Nodes {
        let entries = (0..self.steps.len())
            .flat_map(|step| [Node::Enter(step, false), Node::Enter(step, true)]);
        let all: Vec<Node> = entries.chain([Node::Any(false), Node::Any(true)]).collect();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); all.len() + 1];
        for node in all {
            for next in self.after(node) {
                if let Some(before) = before.get_mut(self.number(next)) {
                    before.push(self.number(node));
                }
            }
        }
        let mut ends = self.nothing();
        let mut open = vec![self.number(Node::Done)];
        while let Some(number) = open.pop() {
            if ends.insert(number) {
                open.extend(before.get(number).into_iter().flatten());
            }
        }
        ends
    }

    /// The circles that it goes round in from those steps that are `lost`, which lead to others of them only. From each its first way is
    /// followed, and no step is looked at twice. Each begins with its first step, and they are in that order.
    fn circles(&self, lost: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        const NEVER: usize = usize::MAX;
        let landings = self.landings();
        // From which step it was come to first.
        let mut seen = vec![NEVER; self.steps.len()];
        let mut circles = Vec::new();
        for from in 0..self.steps.len() {
            let mut way = Vec::new();
            let mut here = lost(from).then_some(from);
            while let Some(step) = here {
                let Some(mark) = seen.get_mut(step) else {
                    break;
                };
                if *mark == NEVER {
                    *mark = from;
                    way.push(step);
                    here = self.first_way(step, &landings);
                    continue;
                }
                if *mark == from
                    && let Some(at) = way.iter().position(|known| *known == step)
                {
                    let mut circle = way.split_off(at);
                    let least = circle.iter().enumerate().min_by_key(|(_, step)| **step);
                    if let Some((first, _)) = least {
                        circle.rotate_left(first);
                    }
                    circles.push(circle);
                }
                break;
            }
        }
        circles.sort_unstable();
        circles
    }

    /// For each step, the one that runs if it is entered and nothing has failed; none if that is the end.
    fn landings(&self) -> Vec<Option<usize>> {
        let mut landing = None;
        let mut landings: Vec<Option<usize>> = self
            .steps
            .iter()
            .enumerate()
            .rev()
            .map(|(step, exits)| {
                if !exits.skips {
                    landing = Some(step);
                }
                landing
            })
            .collect();
        landings.reverse();
        landings
    }

    /// The step that runs next on the first of the ways from `step`.
    fn first_way(&self, step: usize, landings: &[Option<usize>]) -> Option<usize> {
        match *self.run(step).first()? {
            Node::Enter(step, true) => Some(step),
            Node::Enter(step, false) => landings.get(step).copied().flatten(),
            Node::Any(_) | Node::Done => None,
        }
    }
}
