//! From a work to a plan.

use std::{num::NonZeroUsize, time::Duration};

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    ids::{RefId, StepId},
    machine::ScopeLimits,
    plan::{self, Evaluator, MAX_AT_ONCE, Plan, Seeds, Selection, Strategy},
    prompt::Input,
    refs::Check,
    spec::SandboxSpec,
};

use super::{Compiler, Made, Notes, Scope, agent::Env};
use crate::{
    definition::{
        Beam, Definition, Filter, Guard, Hunt, InputText, Iterate, PipelineRef, Reduce,
        SandboxChoice, ScoreList, StrategyText, Validate, Work, WorkKind,
    },
    diagnostics::Mistakes,
    evaluator::evaluator,
    place::Place,
};

/// How long somebody who lists seeds may take if nobody says otherwise.
const FETCH: Duration = Duration::from_mins(2);
/// How long somebody who works with a seed may take if nobody says otherwise.
const PLAN: Duration = Duration::from_mins(3);
/// By what a beam judges if nobody says so.
const OVERALL: &str = "score:overall quality, rigour, and correctness";

/// Where the parts of a work are looked for and what is wrong with them goes.
struct In<'i, 'o, 'm> {
    env: &'i Env,
    scope: &'i mut Scope<'o>,
    notes: &'i mut Notes<'m>,
}

/// Something is wrong, which was said.
struct Said;

impl Compiler<'_> {
    /// The plan for a work; `None` if something is wrong with it, which was said.
    pub(super) fn work(
        &mut self,
        work: &mut Work,
        outer: &Env,
        scope: &mut Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Plan> {
        if !self.count(1, place, notes) {
            return None;
        }
        let is_agent = matches!(work.kind, WorkKind::Prompt(_));
        let env = self.env((&work.setting, is_agent), outer, scope, place, notes);
        let mut within = In {
            env: &env,
            scope,
            notes,
        };
        self.kind(&mut work.kind, &mut within, place)
    }

    fn kind(
        &mut self,
        kind: &mut WorkKind,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let place = &match &*kind {
            WorkKind::Prompt(_) | WorkKind::Unreadable => *place,
            kind => place.key(kind.name()),
        };
        Some(match kind {
            WorkKind::Unreadable => return None,
            WorkKind::Prompt(prompt) => {
                plan::run(self.agent(prompt, w.env, w.scope, place, w.notes)?)
            }
            WorkKind::Chain(works) => plan::chain(self.all(works, w, place)?),
            WorkKind::Race(works) => plan::race(self.all(works, w, place)?),
            WorkKind::Par(par) => {
                let tasks = self.all(&mut par.tasks, w, place)?;
                limited(plan::par(tasks), par.max_concurrency)
            }
            WorkKind::Map(map) => {
                let template = self.part(&mut map.template, w, &place.key("template"))?;
                let inputs = map.inputs.iter().map(String::as_str);
                limited(plan::map(template, inputs), map.max_concurrency)
            }
            WorkKind::MapReduce(both) => {
                let template = self.part(&mut both.template, w, &place.key("template"));
                let synthesis = self.part(&mut both.synthesis, w, &place.key("synthesis"));
                let inputs = both.inputs.iter().map(String::as_str);
                let plan = plan::map_reduce(template?, inputs, synthesis?);
                limited(plan, both.max_concurrency)
            }
            WorkKind::Reduce(reduce) => self.reduce(reduce, w, place)?,
            WorkKind::Retry(retry) => {
                let body = self.part(&mut retry.of, w, &place.key("of"));
                let declared = retry.declared_type.as_deref();
                let evaluator = declared.map(|declared| {
                    let text = format!("validate:{declared}");
                    let at = place.key("declared_type");
                    self.evaluator(&text, retry.judge.as_ref(), w, (place, &at))
                });
                let body = match evaluator {
                    None => body?,
                    Some(evaluator) => judged(body, Vec::new(), evaluator?, Selection::All, None)?,
                };
                plan::retry(body, retry.max_attempts)
            }
            WorkKind::Filter(filter) => self.filter(filter, w, place)?,
            WorkKind::Validate(validate) => self.validate(validate, w, place)?,
            WorkKind::Beam(beam) => self.beam(beam, w, place)?,
            WorkKind::Iterate(iterate) => self.iterate(iterate, w, place)?,
            WorkKind::ScoreList(list) => self.score_list(list, w, place)?,
            WorkKind::Hunt(hunt) => self.hunt(hunt, w, place)?,
            WorkKind::Guard(guard) => checks(guard, place, w.notes)?,
            WorkKind::Approve(question) => Plan::Approve {
                question: question.clone(),
            },
            WorkKind::Pipeline(pipeline) => {
                let program = self.pipeline(pipeline, w, place)?.program.into();
                Plan::Pipeline { program }
            }
        })
    }

    /// Every one of several works, or none if something is wrong with one.
    fn all(
        &mut self,
        works: &mut [Work],
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Vec<Plan>> {
        let works = works.iter_mut().enumerate();
        let plans: Vec<Option<Plan>> = works
            .map(|(i, work)| self.part(work, w, &place.index(i)))
            .collect();
        plans.into_iter().collect()
    }

    fn part(&mut self, work: &mut Work, w: &mut In<'_, '_, '_>, place: &Place<'_>) -> Option<Plan> {
        self.work(work, w.env, w.scope, place, w.notes)
    }

    /// What makes results, if something does; `Err` if something is wrong with it, which was said.
    fn body(
        &mut self,
        of: Option<&mut Box<Work>>,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Result<Option<Plan>, Said> {
        match of {
            None => Ok(None),
            Some(work) => self.part(work, w, &place.key("of")).map(Some).ok_or(Said),
        }
    }

    fn reduce(
        &mut self,
        reduce: &mut Reduce,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let body = self.body(reduce.of.as_mut(), w, place);
        let reducer = self.part(&mut reduce.synthesis, w, &place.key("synthesis"));
        let inputs = reduce.inputs.iter().map(|input| match input {
            InputText::Text(text) => Input::Text(text.clone()),
            InputText::Ref { id } => Input::Ref(id.clone()),
        });
        Some(Plan::Reduce {
            inputs: inputs.collect(),
            body: body.ok()?.map(Box::new),
            reducer: Box::new(reducer?),
        })
    }

    /// Who judges. `at` is where the text stands.
    fn evaluator(
        &mut self,
        text: &str,
        judge: Option<&SandboxChoice>,
        w: &mut In<'_, '_, '_>,
        (place, at): (&Place<'_>, &Place<'_>),
    ) -> Option<Evaluator> {
        let judge = self.judge(judge, w.scope, place, w.notes)?;
        match evaluator(text, self.around.types, judge, w.env.spec.clone()) {
            Ok(evaluator) => Some(evaluator),
            Err(error) => {
                w.notes.unfit(at, &error);
                None
            }
        }
    }

    /// Who judges, by an evaluator or by a type, of which the first counts.
    fn by(
        &mut self,
        evaluator: Option<&str>,
        (declared, field): (Option<&str>, &'static str),
        judge: Option<&SandboxChoice>,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Evaluator> {
        match (evaluator, declared) {
            (Some(text), _) => self.evaluator(text, judge, w, (place, &place.key("evaluator"))),
            (None, Some(declared)) => {
                let text = format!("validate:{declared}");
                self.evaluator(&text, judge, w, (place, &place.key(field)))
            }
            // That nobody says so was said.
            (None, None) => None,
        }
    }

    fn filter(
        &mut self,
        filter: &mut Filter,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let body = self.body(filter.of.as_mut(), w, place);
        let declared = (filter.declared_type.as_deref(), "declared_type");
        let judge = &filter.judge;
        let evaluator = self.by(
            judge.evaluator.as_deref(),
            declared,
            judge.judge.as_ref(),
            w,
            place,
        );
        let given = given(&filter.refs);
        let (body, evaluator) = (body.ok()?, evaluator?);
        Some(judge_of(
            body,
            given,
            evaluator,
            Selection::Valid,
            filter.max_concurrency,
        ))
    }

    fn validate(
        &mut self,
        validate: &mut Validate,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let body = self.body(validate.of.as_mut(), w, place);
        let declared = (Some(validate.declared_type.as_str()), "declared_type");
        let evaluator = self.by(None, declared, validate.judge.as_ref(), w, place);
        let given = given(&validate.refs);
        let (body, evaluator) = (body.ok()?, evaluator?);
        Some(judge_of(body, given, evaluator, Selection::All, None))
    }

    fn score_list(
        &mut self,
        list: &mut ScoreList,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let body = self.body(list.of.as_mut(), w, place);
        let judge = &list.judge;
        let none = (None, "evaluator");
        let evaluator = self.by(
            judge.evaluator.as_deref(),
            none,
            judge.judge.as_ref(),
            w,
            place,
        );
        let select = Selection::Top { count: list.top_k };
        let given = given(&list.refs);
        let (body, evaluator) = (body.ok()?, evaluator?);
        Some(judge_of(
            body,
            given,
            evaluator,
            select,
            list.max_concurrency,
        ))
    }

    fn beam(&mut self, beam: &mut Beam, w: &mut In<'_, '_, '_>, place: &Place<'_>) -> Option<Plan> {
        let width = usize::try_from(beam.width.get()).unwrap_or(usize::MAX);
        let is_fine = self.count(width, &place.key("width"), w.notes);
        let body = self.part(&mut beam.of, w, &place.key("of"));
        let judge = &beam.judge;
        let text = judge.evaluator.as_deref().unwrap_or(OVERALL);
        let none = (None, "evaluator");
        let evaluator = self.by(Some(text), none, judge.judge.as_ref(), w, place);
        if !is_fine {
            return None;
        }
        let body = body?;
        // Before it is made: beams within beams multiply.
        if body.most_at_once().saturating_mul(width) > MAX_AT_ONCE {
            too_many(&place.key("width"), w.notes);
            return None;
        }
        let branches = plan::par(std::iter::repeat_n(body, width));
        let select = Selection::Best {
            keep_losers: beam.keep_losers,
        };
        let body = limited(branches, beam.max_concurrency);
        let plan = judge_of(
            Some(body),
            Vec::new(),
            evaluator?,
            select,
            beam.max_concurrency,
        );
        Some(within_limits(
            plan,
            ScopeLimits {
                budget: beam.budget,
                ..ScopeLimits::default()
            },
        ))
    }

    fn iterate(
        &mut self,
        iterate: &mut Iterate,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Plan> {
        let body = self.part(&mut iterate.of, w, &place.key("of"));
        let declared = (iterate.target_type.as_deref(), "target_type");
        let judge = &iterate.judge;
        let evaluator = self.by(
            judge.evaluator.as_deref(),
            declared,
            judge.judge.as_ref(),
            w,
            place,
        );
        let plan = Plan::Iterate {
            body: Box::new(body?),
            evaluator: evaluator?,
            max_iterations: iterate.max_iterations,
            success_threshold: iterate.success_threshold,
            patience: iterate.patience,
        };
        Some(within_limits(
            plan,
            ScopeLimits {
                budget: iterate.max_budget,
                wall_time: iterate.max_wall_time.map(|seconds| seconds.0),
                classification: None,
            },
        ))
    }

    fn hunt(&mut self, hunt: &mut Hunt, w: &mut In<'_, '_, '_>, place: &Place<'_>) -> Option<Plan> {
        let judge = hunt.judge.clone();
        let place = &place.key("strategies");
        let mut names: Vec<String> = Vec::new();
        let mut strategies = Vec::new();
        for (i, text) in hunt.strategies.iter_mut().enumerate() {
            let place = place.index(i);
            if names.contains(&text.name) {
                let message = format!("there is a strategy `{}` already", text.name);
                let place = place.key("name");
                w.notes
                    .mistakes
                    .add(&place, ErrorCode::InvalidInput, message);
            }
            names.push(text.name.clone());
            strategies.push(self.strategy(text, judge.as_ref(), w, &place));
        }
        Some(Plan::Hunt {
            strategies: strategies.into_iter().collect::<Option<_>>()?,
            top: hunt.top_k_global,
            limit: hunt.max_parallel_strategies,
        })
    }

    fn strategy(
        &mut self,
        text: &mut StrategyText,
        judge: Option<&SandboxChoice>,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Strategy> {
        let name = strategy_name(&text.name, &place.key("name"), w.notes);
        let said = text.timeout.map(|seconds| seconds.0).or(w.env.spec.timeout);
        let differs = |model: &Option<String>, usual| SandboxSpec {
            model: model.clone(),
            timeout: said.or(Some(usual)),
            ..SandboxSpec::default()
        };
        let planner = w.env.with(differs(&text.model_planner, PLAN));
        let fetcher = w.env.with(differs(&text.model_fetcher, FETCH));
        let template = {
            let place = place.key("planner_template");
            self.work(
                &mut text.planner_template,
                &planner,
                w.scope,
                &place,
                w.notes,
            )
        };
        let rubric = place.key("rubric");
        let evaluator = self.evaluator(&text.rubric, judge, w, (place, &rubric));
        let seeds = match (&text.seeds, &text.fetcher_prompt) {
            (Some(seeds), _) => Some(Seeds::Listed(seeds.clone())),
            (None, Some(prompt)) => {
                let agent = self.agent(prompt, &fetcher, w.scope, place, w.notes);
                agent.map(|agent| Seeds::Fetched(Box::new(agent)))
            }
            (None, None) => None,
        };
        Some(Strategy {
            name: name?,
            seeds: seeds?,
            template: Box::new(template?),
            evaluator: evaluator?,
            top: text.top_k,
        })
    }

    /// A pipeline within. One that was named is written in place of its name.
    fn pipeline(
        &mut self,
        pipeline: &mut PipelineRef,
        w: &mut In<'_, '_, '_>,
        place: &Place<'_>,
    ) -> Option<Made> {
        let made = match pipeline {
            PipelineRef::Inline(definition) => {
                let definition = std::mem::take(&mut **definition);
                self.program(definition, Some(&*w.scope), place, w.notes)
            }
            PipelineRef::Named(name) => self.named(name, place, w.notes),
        }?;
        *pipeline = PipelineRef::Inline(Box::new(made.definition.clone()));
        Some(made)
    }

    fn named(&mut self, name: &str, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<Made> {
        if let Some(at) = self.within.iter().position(|around| around == name) {
            let circle = self
                .within
                .get(at..)
                .unwrap_or_default()
                .join("` \u{2192} `");
            let message = format!("a pipeline cannot contain itself: `{circle}` \u{2192} `{name}`");
            notes
                .mistakes
                .add(place, ErrorCode::RecursivePipeline, message);
            return None;
        }
        if let Some(known) = self.pipelines.get(name) {
            let works = known.as_ref()?.works;
            if !self.count(works, place, notes) {
                return None;
            }
            return self.pipelines.get(name).cloned().flatten();
        }
        let source = match self.around.pipelines.pipeline(name) {
            Ok(source) => source,
            Err(error) => {
                notes.unfit(place, &error.into());
                return None;
            }
        };
        self.within.push(name.to_owned());
        let mut mistakes = Mistakes::default();
        let definition = Definition::read_from(&source, &mut mistakes);
        let made = definition.and_then(|definition| {
            let mut notes = Notes {
                mistakes: &mut mistakes,
                warnings: Mistakes::default(),
            };
            let made = self.program(definition, None, &Place::ROOT, &mut notes);
            let warnings = notes.warnings.resolve(&source, Some(name));
            self.warnings.extend(warnings);
            made
        });
        let made = made.filter(|_| mistakes.len() == 0);
        self.mistakes.extend(mistakes.resolve(&source, Some(name)));
        self.within.pop();
        self.pipelines.insert(name.to_owned(), made.clone());
        made
    }
}

fn limited(plan: Plan, limit: Option<NonZeroUsize>) -> Plan {
    match limit {
        Some(limit) => plan.with_limit(limit),
        None => plan,
    }
}

fn within_limits(plan: Plan, limits: ScopeLimits) -> Plan {
    if limits.is_empty() {
        return plan;
    }
    let body = Box::new(plan);
    Plan::Limit { body, limits }
}

fn given(refs: &[RefId]) -> Vec<Input> {
    refs.iter().cloned().map(Input::Ref).collect()
}

fn judged(
    body: Option<Plan>,
    given: Vec<Input>,
    evaluator: Evaluator,
    select: Selection,
    limit: Option<NonZeroUsize>,
) -> Option<Plan> {
    Some(judge_of(Some(body?), given, evaluator, select, limit))
}

fn judge_of(
    body: Option<Plan>,
    given: Vec<Input>,
    evaluator: Evaluator,
    select: Selection,
    limit: Option<NonZeroUsize>,
) -> Plan {
    Plan::Judge {
        given,
        body: body.map(Box::new),
        evaluator,
        select,
        limit,
    }
}

fn checks(guard: &Guard, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<Plan> {
    let mut checks = Vec::with_capacity(guard.checks.len());
    for (i, text) in guard.checks.iter().enumerate() {
        match Check::parse(&text.check, text.value.as_deref()) {
            Ok(check) => checks.push(check),
            Err(error) => notes
                .mistakes
                .add(&place.index(i), error.code(), error.to_string()),
        }
    }
    (checks.len() == guard.checks.len()).then(|| Plan::Guard {
        refs: guard.refs.clone(),
        checks,
    })
}

/// The names of agents of a strategy begin with it.
fn strategy_name(name: &str, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<StepId> {
    let is_plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    match StepId::new(name) {
        Ok(id) if is_plain && name.len() <= 40 => Some(id),
        _ => {
            let message =
                "it must be up to 40 letters, digits, `-` and `_`, the first a letter or a digit";
            notes.mistakes.add(place, ErrorCode::InvalidName, message);
            None
        }
    }
}

/// More agents at the same time than can be.
pub(super) fn too_many(place: &Place<'_>, notes: &mut Notes<'_>) {
    let message = format!(
        "more than {MAX_AT_ONCE} agents would be under way, or waiting, at the same time; make it narrower"
    );
    notes.mistakes.add(place, ErrorCode::InvalidInput, message);
}
