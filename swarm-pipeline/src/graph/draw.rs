//! From a plan to nodes, boxes and arrows.

use std::collections::BTreeMap;

use swarm_core::{
    Plan,
    agents::kind_of,
    machine::ScopeLimits,
    plan::{Ask, Evaluator, OnFail, Program, Seeds, Step, Strategy},
    prompt::Input,
    spec::{Agent, AgentSpec},
};

use super::{
    model::{Arrow, ArrowLine, Box_, Graph, Node, Part, Shape},
    text::{first_line, line},
};

/// How many branches are drawn.
const MOST_BRANCHES: usize = 20;

pub(super) fn drawn(plan: &Plan) -> Graph {
    let mut drawing = Drawing {
        graph: Graph {
            nodes: Vec::new(),
            boxes: Vec::new(),
            arrows: Vec::new(),
            roots: Vec::new(),
            steps: Vec::new(),
        },
    };
    let root = match plan {
        Plan::Pipeline { program } => {
            let (part, steps) = drawing.program(program);
            let ids = program.steps.iter().map(|step| step.id.clone());
            drawing.graph.steps = ids.zip(steps).collect();
            part
        }
        other => drawing.plan(other, None),
    };
    drawing.graph.roots.push(root);
    drawing.graph
}

struct Drawing {
    graph: Graph,
}

impl Drawing {
    fn node(&mut self, shape: Shape, lines: Vec<String>) -> Part {
        self.graph.nodes.push(Node {
            shape,
            lines,
            progress: None,
        });
        Part::Node(self.graph.nodes.len() - 1)
    }

    /// What is in a box, which must not be empty, or DOT would not draw it.
    fn boxed(&mut self, title: String, step: Option<&Step>, mut parts: Vec<Part>) -> Part {
        if parts.is_empty() {
            parts.push(self.node(Shape::Note, vec!["nothing".to_owned()]));
        }
        let mut lines = titles(step);
        lines.push(title);
        self.graph.boxes.push(Box_ {
            lines,
            parts,
            progress: None,
        });
        Part::Box(self.graph.boxes.len() - 1)
    }

    fn arrow(&mut self, from: Part, to: Part, arrow: Arrow, label: impl Into<String>) {
        self.graph.arrows.push(ArrowLine {
            from,
            to,
            arrow,
            label: label.into(),
        });
    }

    /// One after the other.
    fn linked(&mut self, parts: &[Part]) {
        for (from, to) in parts.iter().zip(parts.iter().skip(1)) {
            self.arrow(*from, *to, Arrow::Flow, "");
        }
    }

    fn agent(&mut self, spec: &AgentSpec, shape: Shape, mut lines: Vec<String>) -> Part {
        let prompt = first_line(&spec.prompt);
        if !prompt.is_empty() {
            lines.push(prompt);
        }
        lines.push(described(spec));
        self.node(shape, lines)
    }

    fn evaluator(&mut self, evaluator: &Evaluator) -> Part {
        let lines = vec![line(&evaluator.name), described(&evaluator.agent)];
        self.node(Shape::Evaluator, lines)
    }

    fn branches(&mut self, plans: &[Plan]) -> Vec<Part> {
        let shown = plans.iter().take(MOST_BRANCHES);
        let mut parts: Vec<Part> = shown.map(|plan| self.plan(plan, None)).collect();
        let more = plans.len().saturating_sub(MOST_BRANCHES);
        if more > 0 {
            parts.push(self.node(Shape::Note, vec![format!("… and {more} more")]));
        }
        parts
    }

    /// What is given to something, if anything is.
    fn given(&mut self, given: &[Input]) -> Option<Part> {
        let count = given.len();
        (count > 0).then(|| self.node(Shape::Note, vec![format!("{count} given")]))
    }

    /// Draws `plan`, which is the work of `step` if that is given.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each operation, as in the machine"
    )]
    fn plan(&mut self, plan: &Plan, step: Option<&Step>) -> Part {
        let op = plan.op();
        match plan {
            Plan::Run { agent } => self.agent(agent, Shape::Agent, titles(step)),
            Plan::Seq { stages } => {
                let parts = self.branches(stages);
                self.linked(&parts);
                self.boxed(op.to_owned(), step, parts)
            }
            Plan::Par { branches, limit } => {
                let parts = self.branches(branches);
                self.boxed(at_once(op, *limit), step, parts)
            }
            Plan::Map {
                template,
                inputs,
                limit,
            } => {
                let part = self.plan(template, None);
                let title = format!("{} × {}", at_once(op, *limit), inputs.len());
                self.boxed(title, step, vec![part])
            }
            Plan::Race { branches } => {
                let parts = self.branches(branches);
                self.boxed("race: the first to succeed wins".to_owned(), step, parts)
            }
            Plan::Retry { body, attempts } => {
                let part = self.plan(body, None);
                self.boxed(format!("retry, {attempts} attempts"), step, vec![part])
            }
            Plan::Reduce {
                inputs,
                body,
                reducer,
            } => {
                let mut parts: Vec<Part> = self.given(inputs).into_iter().collect();
                parts.extend(body.as_ref().map(|body| self.plan(body, None)));
                let reducer = self.plan(reducer, None);
                self.gathered(&parts, reducer);
                parts.push(reducer);
                self.boxed(op.to_owned(), step, parts)
            }
            Plan::Judge {
                given,
                body,
                evaluator,
                limit,
                ..
            } => {
                let mut parts: Vec<Part> = self.given(given).into_iter().collect();
                parts.extend(body.as_ref().map(|body| self.plan(body, None)));
                let judge = self.evaluator(evaluator);
                self.gathered(&parts, judge);
                parts.push(judge);
                self.boxed(at_once(op, *limit), step, parts)
            }
            Plan::Iterate {
                body,
                evaluator,
                max_iterations,
                ..
            } => {
                let body = self.plan(body, None);
                let judge = self.evaluator(evaluator);
                self.arrow(body, judge, Arrow::Flow, "");
                self.arrow(judge, body, Arrow::Again, "again");
                let title = format!("iterate, {max_iterations} times at most");
                self.boxed(title, step, vec![body, judge])
            }
            Plan::FanOut {
                source,
                template,
                limit,
            } => {
                let parts = self.fetched(source, template);
                self.boxed(at_once(op, *limit), step, parts)
            }
            Plan::Hunt {
                strategies, limit, ..
            } => {
                let parts: Vec<Part> = strategies.iter().map(|way| self.strategy(way)).collect();
                self.boxed(at_once(op, *limit), step, parts)
            }
            Plan::Limit { body, limits } => {
                let part = self.plan(body, None);
                let limits = limits_in_words(limits);
                self.boxed(format!("within {limits}"), step, vec![part])
            }
            Plan::Guard { checks, .. } => {
                let mut lines = titles(step);
                lines.push(format!("guard, {} checks", checks.len()));
                self.node(Shape::Guard, lines)
            }
            Plan::Approve { question } => {
                let mut lines = titles(step);
                lines.push(line(&format!("approve: {question}")));
                self.node(Shape::Person, lines)
            }
            Plan::Pipeline { program } => {
                let (part, _) = self.program(program);
                match (part, step) {
                    (Part::Box(at), Some(_)) => {
                        if let Some(found) = self.graph.boxes.get_mut(at) {
                            found.lines.splice(0..0, titles(step));
                        }
                        part
                    }
                    (part, _) => part,
                }
            }
            _ => self.boxed(op.to_owned(), step, Vec::new()),
        }
    }

    fn gathered(&mut self, parts: &[Part], into: Part) {
        for part in parts {
            self.arrow(*part, into, Arrow::Flow, "");
        }
    }

    fn fetched(&mut self, source: &AgentSpec, template: &Plan) -> Vec<Part> {
        let source = self.agent(source, Shape::Agent, Vec::new());
        let each = self.plan(template, None);
        self.arrow(source, each, Arrow::Flow, "for each");
        vec![source, each]
    }

    fn strategy(&mut self, strategy: &Strategy) -> Part {
        let mut parts = match &strategy.seeds {
            Seeds::Fetched(source) => self.fetched(source, &strategy.template),
            Seeds::Listed(seeds) => {
                let lines = vec![format!("{} seeds", seeds.len())];
                let seeds = self.node(Shape::Note, lines);
                let each = self.plan(&strategy.template, None);
                self.arrow(seeds, each, Arrow::Flow, "for each");
                vec![seeds, each]
            }
        };
        let judge = self.evaluator(&strategy.evaluator);
        if let Some(last) = parts.last() {
            self.arrow(*last, judge, Arrow::Flow, "");
        }
        parts.push(judge);
        self.boxed(line(strategy.name.as_str()), None, parts)
    }

    /// A pipeline and the parts that its steps are.
    fn program(&mut self, program: &Program) -> (Part, Vec<Part>) {
        let start = self.node(Shape::Start, vec!["start".to_owned()]);
        let steps = program.steps.iter();
        let steps: Vec<Part> = steps
            .map(|step| self.plan(&step.work, Some(step)))
            .collect();
        let governors: BTreeMap<&str, Part> = program
            .governors
            .iter()
            .filter(|(name, _)| program.steps.iter().any(|step| asks(step, name)))
            .map(|(name, governor)| {
                let lines = vec![line(name), described(&governor.agent)];
                (name.as_str(), self.node(Shape::Governor, lines))
            })
            .collect();
        let end = self.node(Shape::End, vec!["end".to_owned()]);
        let at = |index: u32| {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            // A jump that leads nowhere ends the pipeline.
            steps.get(index).copied().unwrap_or(end)
        };
        self.arrow(start, at(program.entry), Arrow::Flow, "");
        for (number, (step, part)) in (0_u32..).zip(program.steps.iter().zip(&steps)) {
            let after = at(number.saturating_add(1));
            match step.next {
                Some(next) => self.arrow(*part, at(next), Arrow::Next, "next"),
                None => self.arrow(*part, after, Arrow::Flow, ""),
            }
            if step.next.is_some() && step.only_after_error {
                self.arrow(*part, after, Arrow::Skip, "skipped");
            }
            for retry in &step.retry_if {
                let index = usize::try_from(retry.step).unwrap_or(usize::MAX);
                let most = program.steps.get(index).map_or(0, |step| step.max_retries);
                let label = line(&format!("retry_if \"{}\" ×{most}", retry.keyword));
                self.arrow(*part, at(retry.step), Arrow::RetryIf, label);
            }
            match &step.on_fail {
                Some(OnFail::Goto(target)) => {
                    self.arrow(*part, at(*target), Arrow::OnFail, "on_fail");
                }
                Some(OnFail::Ask(ask)) => self.ask(*part, ask, &governors, "on_fail"),
                None => {}
            }
            if let Some(ask) = &step.on_success {
                self.ask(*part, ask, &governors, "on_success");
            }
        }
        let mut parts = vec![start];
        parts.extend(&steps);
        parts.extend(governors.values());
        parts.push(end);
        let name = match &program.name {
            Some(name) => line(&format!("pipeline {name}")),
            None => "pipeline".to_owned(),
        };
        let title = if program.limits.is_empty() {
            name
        } else {
            format!("{name}, within {}", limits_in_words(&program.limits))
        };
        (self.boxed(title, None, parts), steps)
    }

    fn ask(&mut self, from: Part, ask: &Ask, governors: &BTreeMap<&str, Part>, when: &str) {
        if let Some(governor) = governors.get(ask.governor.as_str()) {
            let label = match ask.width {
                0 | 1 => when.to_owned(),
                width => format!("{when}, {width} vote"),
            };
            self.arrow(from, *governor, Arrow::Ask, label);
        }
    }
}

fn asks(step: &Step, governor: &str) -> bool {
    let is = |ask: &Ask| ask.governor == governor;
    step.on_success.as_ref().is_some_and(is)
        || matches!(&step.on_fail, Some(OnFail::Ask(ask)) if is(ask))
}

/// What stands above the work of a step.
fn titles(step: Option<&Step>) -> Vec<String> {
    let Some(step) = step else { return Vec::new() };
    let id = line(step.id.as_str());
    if step.only_after_error {
        vec![format!("{id} (only after an error)")]
    } else {
        vec![id]
    }
}

fn described(spec: &AgentSpec) -> String {
    match &spec.agent {
        Agent::Command(argv) => line(&format!("$ {}", argv.join(" "))),
        _ => {
            let kind = kind_of(&spec.agent).map_or("unknown", |kind| kind.name());
            match &spec.sandbox.model {
                Some(model) => line(&format!("{kind}, {model}")),
                None => kind.to_owned(),
            }
        }
    }
}

fn at_once(op: &str, limit: Option<std::num::NonZeroUsize>) -> String {
    match limit {
        Some(limit) => format!("{op}, {limit} at once"),
        None => op.to_owned(),
    }
}

fn limits_in_words(limits: &ScopeLimits) -> String {
    let budget = limits.budget.map(|budget| budget.to_string());
    let time = limits.wall_time;
    let time = time.map(|time| format!("{} s", time.as_secs_f64()));
    let level = limits.classification.as_ref().map(|_| "a classification");
    let words: Vec<String> = budget
        .into_iter()
        .chain(time)
        .chain(level.map(str::to_owned))
        .collect();
    if words.is_empty() {
        "no limits".to_owned()
    } else {
        words.join(", ")
    }
}
