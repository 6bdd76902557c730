//! Nodes, boxes and arrows.

use swarm_core::{Plan, ids::StepId};

use super::progress::{Progress, StepProgress};

/// A picture of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) boxes: Vec<Box_>,
    pub(super) arrows: Vec<ArrowLine>,
    /// What is in no box, in order.
    pub(super) roots: Vec<Part>,
    /// The steps of the pipeline that the plan is, in their order.
    pub(super) steps: Vec<(StepId, Part)>,
}

/// A node or a box, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Node(usize),
    Box(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// Each was [made fit](super::text::line).
    pub(super) lines: Vec<String>,
    pub(super) progress: Option<StepProgress>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Start,
    End,
    Agent,
    Evaluator,
    Governor,
    Person,
    Guard,
    /// Nothing, or more than is shown.
    Note,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Box_ {
    pub(super) lines: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) progress: Option<StepProgress>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArrowLine {
    pub(super) from: Part,
    pub(super) to: Part,
    pub(super) arrow: Arrow,
    pub(super) label: String,
}

/// Why a way leads from one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrow {
    /// One comes after the other.
    Flow,
    /// `next` says so.
    Next,
    /// `on_fail` says so.
    OnFail,
    /// A word in the result says so.
    RetryIf,
    /// A step that is only for errors is left out.
    Skip,
    /// A governor is asked.
    Ask,
    /// It is done again.
    Again,
}

impl Arrow {
    /// Whether it is not the usual way.
    pub(super) const fn is_dashed(self) -> bool {
        !matches!(self, Self::Flow | Self::Next)
    }
}

/// One way through the pipeline that the plan is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// Where it begins.
    pub from: Place,
    /// Where it leads.
    pub to: Place,
    /// Why.
    pub arrow: Arrow,
    /// The same for a person; empty if it is plain.
    pub label: String,
}

/// A place in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Before the first step.
    Start,
    /// A step.
    Step(StepId),
    /// A governor.
    Governor(String),
    /// After the last step.
    End,
}

impl Graph {
    /// A picture of `plan`.
    pub fn of(plan: &Plan) -> Self {
        super::draw::drawn(plan)
    }

    /// The same with how far a run got. Only steps of the pipeline that the plan is are painted.
    #[must_use]
    pub fn painted(mut self, progress: &Progress) -> Self {
        for (step, part) in self.steps.clone() {
            let state = Some(progress.of(&step));
            match part {
                Part::Node(node) => {
                    if let Some(node) = self.nodes.get_mut(node) {
                        node.progress = state;
                    }
                }
                Part::Box(at) => {
                    if let Some(found) = self.boxes.get_mut(at) {
                        found.progress = state;
                    }
                }
            }
        }
        self
    }

    /// The steps of the pipeline that the plan is.
    pub fn steps(&self) -> impl Iterator<Item = &StepId> {
        self.steps.iter().map(|(id, _)| id)
    }

    /// The ways between them.
    pub fn transitions(&self) -> Vec<Transition> {
        let place = |part: Part| {
            if let Some((id, _)) = self.steps.iter().find(|(_, step)| *step == part) {
                return Some(Place::Step(id.clone()));
            }
            let Part::Node(node) = part else { return None };
            let node = self.nodes.get(node)?;
            match node.shape {
                Shape::Start => Some(Place::Start),
                Shape::End => Some(Place::End),
                Shape::Governor => node.lines.first().cloned().map(Place::Governor),
                _ => None,
            }
        };
        // Those of a pipeline within a step are that step's own.
        let outermost: &[Part] = match self.roots.as_slice() {
            [Part::Box(root)] => self.boxes.get(*root).map_or(&[], |found| &found.parts),
            parts => parts,
        };
        let arrows = self.arrows.iter().filter(|a| outermost.contains(&a.from));
        let ways = arrows.filter_map(|arrow| {
            Some(Transition {
                from: place(arrow.from)?,
                to: place(arrow.to)?,
                arrow: arrow.arrow,
                label: arrow.label.clone(),
            })
        });
        ways.collect()
    }

    pub(super) fn progress(&self, part: Part) -> Option<&StepProgress> {
        match part {
            Part::Node(node) => self.nodes.get(node)?.progress.as_ref(),
            Part::Box(at) => self.boxes.get(at)?.progress.as_ref(),
        }
    }

    /// What is written there, with how far it got.
    pub(super) fn lines(&self, part: Part) -> Vec<String> {
        let lines = match part {
            Part::Node(node) => self.nodes.get(node).map(|node| &node.lines),
            Part::Box(at) => self.boxes.get(at).map(|found| &found.lines),
        };
        let mut lines = lines.cloned().unwrap_or_default();
        lines.extend(self.progress(part).map(ToString::to_string));
        lines
    }
}
