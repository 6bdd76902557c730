//! From a definition to a program.

mod agent;
mod exits;
mod flow;
pub(crate) mod freeze;
mod governor;
mod scope;
mod work;

use std::{collections::HashMap, sync::Arc, time::Duration};

use exits::Ids;
use scope::Scope;
use swarm_core::{
    error_code::ErrorCode,
    machine::ScopeLimits,
    money::Usd,
    plan::{self, MAX_AT_ONCE, Program, Step},
};

use crate::{
    bounds::MAX_WORKS,
    definition::{self, Definition, OnFail},
    diagnostics::{Diagnostic, Diagnostics, Mistakes},
    digest,
    evaluator::Unfit,
    place::Place,
    source::Source,
    surroundings::Surroundings,
};

/// A pipeline that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// What is done.
    pub program: Program,
    /// What all of it may spend. The program says the same; a run that knows it, too, sets aside nothing beyond it.
    pub budget: Option<Usd>,
    /// How long all of it may take. The program says the same.
    pub deadline: Option<Duration>,
    /// What is no mistake, but worth a second look.
    pub warnings: Vec<Diagnostic>,
}

/// Makes a program of a definition, or says everything that is wrong with it.
///
/// Nothing but the lookups in `surroundings` reads a file. What a name stands for is in the program, so that it means the same for ever.
///
/// # Errors
///
/// Every mistake, each with its place.
pub fn compile(source: &Source, surroundings: &Surroundings<'_>) -> Result<Compiled, Diagnostics> {
    let mut compiler = Compiler::new(surroundings);
    compiler.within.extend(source.name().map(str::to_owned));
    let mut mistakes = Mistakes::default();
    let definition = Definition::read_from(source, &mut mistakes);
    let made = definition.and_then(|definition| {
        let mut notes = Notes {
            mistakes: &mut mistakes,
            warnings: Mistakes::default(),
        };
        let made = compiler.program(definition, None, &Place::ROOT, &mut notes);
        compiler
            .warnings
            .extend(notes.warnings.resolve(source, None));
        made
    });
    let mut all = mistakes.resolve(source, None);
    all.append(&mut compiler.mistakes);
    match made {
        Some(Made { program, .. }) if all.is_empty() => Ok(Compiled {
            budget: program.limits.budget,
            deadline: program.limits.wall_time,
            program,
            warnings: compiler.warnings,
        }),
        _ => Err(Diagnostics::new(all)),
    }
}

/// What is known of all definitions that belong together.
struct Compiler<'s> {
    around: &'s Surroundings<'s>,
    /// Types that were written out.
    types: HashMap<String, Result<String, Unfit>>,
    /// Pipelines by name; `None` if something is wrong with one, which was said.
    pipelines: HashMap<String, Option<Made>>,
    /// The names of the pipelines that the present one is in.
    within: Vec<String>,
    works: usize,
    /// What is wrong with pipelines that others name.
    mistakes: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// A program, and the definition that it was made from with everything in it that it names.
#[derive(Clone, Debug)]
struct Made {
    program: Program,
    definition: Definition,
    works: usize,
}

/// With so many mistakes it is not said of more of them what was probably meant. To find that out, a name is compared to all others.
const MAX_SUGGESTED: usize = 20;

/// What is wrong with one text.
struct Notes<'m> {
    mistakes: &'m mut Mistakes,
    warnings: Mistakes,
}

impl Notes<'_> {
    /// Whether it is worth while to look for what was probably meant.
    const fn suggests(&self) -> bool {
        self.mistakes.len() < MAX_SUGGESTED
    }

    fn unfit(&mut self, place: &Place<'_>, unfit: &Unfit) {
        self.mistakes.suggest(
            place,
            unfit.code,
            unfit.message.clone(),
            unfit.suggestion.as_deref(),
        );
    }
}

impl<'s> Compiler<'s> {
    fn new(around: &'s Surroundings<'s>) -> Self {
        Self {
            around,
            types: HashMap::new(),
            pipelines: HashMap::new(),
            within: Vec::new(),
            works: 0,
            mistakes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Makes a program of one definition; `None` if something is wrong, which was said.
    fn program(
        &mut self,
        mut definition: Definition,
        outer: Option<&Scope<'_>>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Made> {
        let before = (notes.mistakes.len(), self.mistakes.len());
        let works = self.works;
        definition.each_sandbox(&mut |spec| (self.around.localize)(spec));
        let mut scope = Scope::of(&mut definition, outer);
        Self::check_own(&scope, place, notes);
        let env = self.outermost(&definition, &mut scope, place, notes);
        let steps_place = place.key("steps");
        let ids = Ids::of(&definition.steps, &steps_place, notes);
        let mut steps = Vec::with_capacity(definition.steps.len());
        let mut exits = Vec::with_capacity(definition.steps.len());
        for (i, written) in definition.steps.iter_mut().enumerate() {
            let place = steps_place.index(i);
            let work = self.work(&mut written.work, &env, &mut scope, &place, notes);
            exits.push(ids.exits(written, &place, notes));
            let on_fail = match (&written.on_fail, exits.last()) {
                (Some(OnFail::Ask(ask)), _) => {
                    let place = place.key("on_fail");
                    Some(plan::OnFail::Ask(self.ask(ask, &mut scope, &place, notes)))
                }
                (Some(OnFail::Step(_)), Some(exits)) => exits.fails_to().map(plan::OnFail::Goto),
                _ => None,
            };
            warn_of_governed(written, &place, notes);
            let on_success = written.on_success.as_ref().map(|ask| {
                let place = place.key("on_success");
                self.ask(ask, &mut scope, &place, notes)
            });
            if work
                .as_ref()
                .is_some_and(|work| work.most_at_once() > MAX_AT_ONCE)
            {
                work::too_many(&place, notes);
            }
            if let (Some(work), Some(id), Some(exits)) = (work, ids.id(i), exits.last()) {
                steps.push(Step {
                    id,
                    work,
                    only_after_error: written.only_after_error,
                    on_fail,
                    on_success,
                    retry_if: exits.words(written),
                    next: exits.next(),
                    max_retries: written.max_retries,
                });
            }
        }
        flow::check(&exits, &ids, &steps_place, notes);
        let governors = Self::program_governors(&scope);
        scope.warn_of_unused(place, notes);
        scope.put_back(&mut definition);
        warn_of_limits(&definition, &steps, place, notes);
        if (notes.mistakes.len(), self.mistakes.len()) != before {
            return None;
        }
        let mut program = Program {
            name: definition.name.clone(),
            steps,
            entry: 0,
            given: Vec::new(),
            limits: ScopeLimits {
                budget: definition.budget,
                wall_time: definition.deadline_seconds.map(|seconds| seconds.0),
                classification: definition.classification.clone(),
            },
            governors,
            definition: Arc::default(),
            input: None,
            digest: String::new(),
        };
        program.digest = digest::digest(&program);
        // Only that of a pipeline within becomes part of another.
        let is_within = outer.is_some() || !self.within.is_empty();
        let kept = is_within.then(|| definition.clone());
        program.definition = Arc::new(freeze::written(definition, &program));
        Some(Made {
            program,
            definition: kept.unwrap_or_default(),
            works: self.works.saturating_sub(works),
        })
    }

    /// Counts more works; false if there are too many.
    fn count(&mut self, more: usize, place: &Place<'_>, notes: &mut Notes<'_>) -> bool {
        let before = self.works;
        self.works = self.works.saturating_add(more);
        if self.works > MAX_WORKS && before <= MAX_WORKS {
            let message = format!("with all pipelines within, it has more than {MAX_WORKS} works");
            notes.mistakes.add(place, ErrorCode::InvalidInput, message);
        }
        self.works <= MAX_WORKS
    }
}

/// Where a governor is asked, `next` and `retry_if` count only if it does not decide.
fn warn_of_governed(step: &definition::Step, place: &Place<'_>, notes: &mut Notes<'_>) {
    if step.on_success.is_none() {
        return;
    }
    let fields = [
        ("next", step.next.is_some()),
        ("retry_if", !step.retry_if.is_empty()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, is_there)| *is_there) {
        let message = format!(
            "`{field}` counts only if the governor of `on_success` does not decide: its `next` leads to the step behind, its `jump` elsewhere"
        );
        notes
            .warnings
            .add(&place.key(field), ErrorCode::InvalidInput, message);
    }
}

/// An agent whose worst case is more than everything may cost never starts.
fn warn_of_limits(
    definition: &Definition,
    steps: &[Step],
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) {
    let Some(budget) = definition.budget else {
        return;
    };
    let place = place.key("steps");
    for (i, step) in steps.iter().enumerate() {
        let agents = step.work.agents().into_iter();
        let worst = agents.filter_map(|agent| {
            let kind = swarm_core::agents::kind_of(&agent.agent).ok()?;
            Some(kind.worst_case(agent))
        });
        if let Some(worst) = worst.max().filter(|worst| *worst > budget) {
            let message = format!(
                "an agent of this step may cost {worst}, which is more than the budget of {budget}, so it will not start; \
                 give it a `max_budget`, or a shorter `timeout`"
            );
            let place = place.index(i);
            notes
                .warnings
                .add(&place, ErrorCode::BudgetExhausted, message);
        }
    }
}
