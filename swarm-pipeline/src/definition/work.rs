//! What a step does.

use std::num::{NonZeroU32, NonZeroUsize};

use serde::Serialize;
use serde_json::{Value, json};
use swarm_core::{error_code::ErrorCode, ids::RefId, spec::SandboxSpec};

use super::{
    Beam, Definition, Filter, Guard, Hunt, Iterate, SandboxChoice, ScoreList, Setting, Validate,
    setting,
};
use crate::{
    bounds::MAX_INPUTS,
    diagnostics::Mistakes,
    fields::Fieldset,
    forms::{Form, Record, Some1, expected},
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

/// Something to do, and in which sandbox. What is inside of it is work, too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Work {
    /// What.
    #[serde(flatten)]
    pub kind: WorkKind,
    /// In which sandbox.
    #[serde(flatten)]
    pub setting: Setting,
}

/// The ways to do something. Each is the one field of a work that says which it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkKind {
    /// One agent.
    Prompt(String),
    /// One after the other.
    Chain(Vec<Work>),
    /// Side by side.
    Par(ConcurrentTasks),
    /// Side by side, and the first to succeed counts.
    Race(Vec<Work>),
    /// The same for each input.
    Map(Map),
    /// The same for each input, brought together.
    MapReduce(MapReduce),
    /// Results brought together.
    Reduce(Reduce),
    /// Again until it succeeds.
    Retry(Retry),
    /// Only what is valid.
    Filter(Filter),
    /// All of it must be valid.
    Validate(Validate),
    /// The best of several.
    Beam(Beam),
    /// Again until it is good enough.
    Iterate(Iterate),
    /// In the order of scores.
    ScoreList(ScoreList),
    /// Several ways to look for something.
    Hunt(Hunt),
    /// Checks.
    Guard(Guard),
    /// A person is asked.
    Approve(String),
    /// A pipeline within.
    Pipeline(PipelineRef),
    /// It could not be read, which was said.
    #[serde(skip)]
    Unreadable,
}

/// Works side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConcurrentTasks {
    /// The works.
    pub tasks: Vec<Work>,
    /// How many may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// One template over many inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// What each is made from.
    pub template: Box<Work>,
    /// By these.
    pub inputs: Vec<String>,
    /// How many may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// One template over many inputs, brought together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapReduce {
    /// What each is made from.
    pub template: Box<Work>,
    /// By these.
    pub inputs: Vec<String>,
    /// What brings them together.
    pub synthesis: Box<Work>,
    /// How many may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// Results brought together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reduce {
    /// What brings them together.
    pub synthesis: Box<Work>,
    /// What makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Box<Work>>,
    /// What there is already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputText>,
}

/// A text, or a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum InputText {
    /// This text.
    Text(String),
    /// The text of this result.
    Ref {
        /// Which.
        #[serde(rename = "ref")]
        id: RefId,
    },
}

/// Again until it succeeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// What.
    pub of: Box<Work>,
    /// How often in all.
    pub max_attempts: NonZeroU32,
    /// The type that the result must be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// Who judges that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<SandboxChoice>,
}

/// A pipeline by its name, or written in place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PipelineRef {
    /// A saved one.
    Named(String),
    /// This one.
    Inline(Box<Definition>),
}

const THREE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
const AT_ONCE: &str = "How many may be under way at once.";
const INPUTS: &str = "The inputs: texts. Anything else is written as JSON.";
const TEMPLATE: &str = "What each is made from: a prompt or a work; `{input}` in its prompts and commands is replaced.";

impl WorkKind {
    /// The fields that say what a work is.
    pub const NAMES: [&'static str; 17] = [
        "prompt",
        "chain",
        "par",
        "race",
        "map",
        "map_reduce",
        "reduce",
        "retry",
        "filter",
        "validate",
        "beam",
        "iterate",
        "score_list",
        "hunt",
        "guard",
        "approve",
        "pipeline",
    ];

    /// The field that says what it is.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Prompt(_) | Self::Unreadable => "prompt",
            Self::Chain(_) => "chain",
            Self::Par(_) => "par",
            Self::Race(_) => "race",
            Self::Map(_) => "map",
            Self::MapReduce(_) => "map_reduce",
            Self::Reduce(_) => "reduce",
            Self::Retry(_) => "retry",
            Self::Filter(_) => "filter",
            Self::Validate(_) => "validate",
            Self::Beam(_) => "beam",
            Self::Iterate(_) => "iterate",
            Self::ScoreList(_) => "score_list",
            Self::Hunt(_) => "hunt",
            Self::Guard(_) => "guard",
            Self::Approve(_) => "approve",
            Self::Pipeline(_) => "pipeline",
        }
    }

    /// The works within it.
    pub(crate) fn parts_mut(&mut self) -> Vec<&mut Work> {
        match self {
            Self::Chain(works) | Self::Race(works) => works.iter_mut().collect(),
            Self::Par(par) => par.tasks.iter_mut().collect(),
            Self::Map(map) => vec![&mut map.template],
            Self::MapReduce(both) => vec![&mut both.template, &mut both.synthesis],
            Self::Reduce(reduce) => {
                let of = reduce.of.as_deref_mut();
                of.into_iter().chain([&mut *reduce.synthesis]).collect()
            }
            Self::Retry(retry) => vec![&mut retry.of],
            Self::Filter(filter) => of_mut(&mut filter.of),
            Self::Validate(validate) => of_mut(&mut validate.of),
            Self::ScoreList(list) => of_mut(&mut list.of),
            Self::Beam(beam) => vec![&mut beam.of],
            Self::Iterate(iterate) => vec![&mut iterate.of],
            Self::Hunt(hunt) => {
                let strategies = hunt.strategies.iter_mut();
                strategies.map(|s| &mut *s.planner_template).collect()
            }
            Self::Prompt(_)
            | Self::Guard(_)
            | Self::Approve(_)
            | Self::Pipeline(_)
            | Self::Unreadable => Vec::new(),
        }
    }

    /// Who judges, where somebody does.
    pub(crate) fn judge_mut(&mut self) -> Option<&mut SandboxChoice> {
        match self {
            Self::Retry(retry) => retry.judge.as_mut(),
            Self::Filter(filter) => filter.judge.judge.as_mut(),
            Self::Validate(validate) => validate.judge.as_mut(),
            Self::Beam(beam) => beam.judge.judge.as_mut(),
            Self::Iterate(iterate) => iterate.judge.judge.as_mut(),
            Self::ScoreList(list) => list.judge.judge.as_mut(),
            Self::Hunt(hunt) => hunt.judge.as_mut(),
            _ => None,
        }
    }

    /// Takes the field that says what it is.
    fn fields(fields: &mut Fieldset<'_, '_>) -> Self {
        let given: Vec<&str> = Self::NAMES
            .into_iter()
            .filter(|name| fields.has(name))
            .collect();
        let found = Self::take(fields);
        match given.as_slice() {
            [] => {
                if !fields.has_misspelt(Self::NAMES) {
                    let message = format!(
                        "nothing says what is to be done; it needs one of {}",
                        Self::NAMES.join(", ")
                    );
                    fields.mistake(ErrorCode::InvalidInput, &message);
                }
                Self::Unreadable
            }
            [_] => found.unwrap_or(Self::Unreadable),
            [first, others @ ..] => {
                let message = format!(
                    "it is to be both `{first}` and `{}`; put one into the other, or make steps of them",
                    others.join("` and `")
                );
                fields.mistake(ErrorCode::InvalidInput, &message);
                Self::Unreadable
            }
        }
    }

    fn take(f: &mut Fieldset<'_, '_>) -> Option<Self> {
        let all = [
            f.optional("prompt", "One agent: what it is to do.")
                .map(Self::Prompt),
            f.optional::<Some1<Work>>("chain", "One after the other, each sees what the one before it made.")
                .map(|Some1(works)| Self::Chain(works)),
            f.optional("par", "Side by side; all run to their end: a list of works, or `tasks` with `max_concurrency`.")
                .map(Self::Par),
            f.optional::<Some1<Work>>("race", "Side by side; the first to succeed counts, and the others are stopped.")
                .map(|Some1(works)| Self::Race(works)),
            f.optional("map", "The same for each input, side by side.")
                .map(Self::Map),
            f.optional("map_reduce", "The same for each input, and then all of it brought together.")
                .map(Self::MapReduce),
            f.optional("reduce", "Results and texts brought together.")
                .map(Self::Reduce),
            f.optional("retry", "Again until it succeeds, each attempt told what went wrong before.")
                .map(Self::Retry),
            f.optional("filter", "Results of which only the valid ones are kept.")
                .map(Self::Filter),
            f.optional("validate", "Results that must all be of a type.")
                .map(Self::Validate),
            f.optional("beam", "The same several times at once, of which the best is kept.")
                .map(Self::Beam),
            f.optional("iterate", "The same again until it is good enough or gets no better.")
                .map(Self::Iterate),
            f.optional("score_list", "Results in the order of their scores.")
                .map(Self::ScoreList),
            f.optional("hunt", "Several ways to look for something; the best of what they find is kept.")
                .map(Self::Hunt),
            f.optional("guard", "Checks of what the step before made, which is handed on if they pass.")
                .map(Self::Guard),
            f.optional("approve", "A person is asked this; what the step before made is handed on if they agree.")
                .map(Self::Approve),
            f.optional("pipeline", "A pipeline within: the name of a saved one, or its definition.")
                .map(Self::Pipeline),
        ];
        all.into_iter().flatten().next()
    }
}

fn of_mut(of: &mut Option<Box<Work>>) -> Vec<&mut Work> {
    of.as_deref_mut().into_iter().collect()
}

impl Work {
    /// Every sandbox that is written in it, those of pipelines within included.
    pub(crate) fn each_sandbox(&mut self, see: &mut dyn FnMut(&mut SandboxSpec)) {
        self.setting.each_sandbox(see);
        if let Some(SandboxChoice::Inline(spec)) = self.kind.judge_mut() {
            see(spec);
        }
        if let WorkKind::Pipeline(PipelineRef::Inline(definition)) = &mut self.kind {
            definition.each_sandbox(see);
        }
        for work in self.kind.parts_mut() {
            work.each_sandbox(see);
        }
    }

    pub(crate) fn unreadable() -> Self {
        Self {
            kind: WorkKind::Unreadable,
            setting: Setting::default(),
        }
    }

    /// Takes what there is to do, and the fields of a sandbox.
    pub(super) fn fields(fields: &mut Fieldset<'_, '_>) -> Self {
        let setting = Setting::fields(fields);
        let kind = WorkKind::fields(fields);
        fields.describe_object("oneOf", || {
            let each = WorkKind::NAMES.map(|name| json!({"required": [name]}));
            Value::from(each.to_vec())
        });
        let has_no_agent = matches!(
            kind,
            WorkKind::Guard(_) | WorkKind::Approve(_) | WorkKind::Pipeline(_)
        );
        if has_no_agent && let Some(name) = setting.says() {
            let message =
                "it has no effect here, since no agent of this step could use it; leave it out";
            fields.mistake_at(&name, ErrorCode::InvalidInput, message);
        }
        Self { kind, setting }
    }
}

/// An object, or just a prompt.
impl Form for Work {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(_) => Some(Self {
                kind: WorkKind::Prompt(String::read(node, place, mistakes)?),
                setting: Setting::default(),
            }),
            Written::Object(_) => {
                Fieldset::read(node, place, mistakes, |fields| Some(Self::fields(fields)))
            }
            _ => expected("a prompt, or an object with work", node, place, mistakes),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let object = schemas.record("work", "Something to do, and in which sandbox.", |fields| {
            Self::fields(fields);
        });
        json!({"anyOf": [{"type": "string", "pattern": "\\S"}, object]})
    }
}

/// An object, or just the list of works.
impl Form for ConcurrentTasks {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        if let Written::List(_) = &node.value {
            let Some1(tasks) = Form::read(node, place, mistakes)?;
            return Some(Self {
                tasks,
                max_concurrency: None,
            });
        }
        Fieldset::read(node, place, mistakes, tasks)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let list = <Some1<Work>>::schema(schemas);
        let object = schemas.record("par", "Works side by side.", |fields| drop(tasks(fields)));
        json!({"anyOf": [list, object]})
    }
}

fn tasks(fields: &mut Fieldset<'_, '_>) -> Option<ConcurrentTasks> {
    let tasks: Option<Some1<Work>> = fields.required("tasks", "The works.");
    let max_concurrency = fields.optional("max_concurrency", AT_ONCE);
    Some(ConcurrentTasks {
        tasks: tasks?.0,
        max_concurrency,
    })
}

/// Texts. Anything else is written as JSON.
pub(super) struct Texts(pub(super) Vec<String>);

impl Form for Texts {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::List(items) if !items.is_empty() => {
                let texts = items.iter().map(|item| match &item.value {
                    Written::Text(text) => text.clone(),
                    _ => item.to_value().to_string(),
                });
                Some(Self(texts.collect()))
            }
            Written::List(_) => {
                mistakes.add(place, ErrorCode::InvalidInput, "the list is empty");
                None
            }
            _ => expected("a list", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "array", "minItems": 1, "maxItems": MAX_INPUTS})
    }
}

impl Record for Map {
    const NAME: &'static str = "map";
    const ABOUT: &'static str = "The same for each input, side by side.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let template = fields.required::<Work>("template", TEMPLATE).map(Box::new);
        let inputs: Option<Texts> = fields.required("inputs", INPUTS);
        let max_concurrency = fields.optional("max_concurrency", AT_ONCE);
        Some(Self {
            template: template?,
            inputs: inputs?.0,
            max_concurrency,
        })
    }
}

impl Record for MapReduce {
    const NAME: &'static str = "map_reduce";
    const ABOUT: &'static str = "The same for each input, and then all of it brought together.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let template = fields.required::<Work>("template", TEMPLATE).map(Box::new);
        let inputs: Option<Texts> = fields.required("inputs", INPUTS);
        let synthesis = fields
            .required::<Work>(
                "synthesis",
                "What brings them together: a prompt or a work.",
            )
            .map(Box::new);
        let max_concurrency = fields.optional("max_concurrency", AT_ONCE);
        Some(Self {
            template: template?,
            inputs: inputs?.0,
            synthesis: synthesis?,
            max_concurrency,
        })
    }
}

impl Record for Reduce {
    const NAME: &'static str = "reduce";
    const ABOUT: &'static str = "Results and texts brought together.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let synthesis = fields
            .required::<Work>(
                "synthesis",
                "What brings them together: a prompt or a work.",
            )
            .map(Box::new);
        let of = fields
            .optional::<Work>("of", "What makes them: a prompt or a work.")
            .map(Box::new);
        let inputs = fields.optional(
            "inputs",
            "What there is already: texts, and refs as {\"ref\": REF}.",
        );
        if !fields.has("of") && !fields.has("inputs") {
            let message = "it has neither `of`, which makes results, nor `inputs`";
            fields.mistake(ErrorCode::InvalidInput, message);
        }
        Some(Self {
            synthesis: synthesis?,
            of,
            inputs: inputs.unwrap_or_default(),
        })
    }
}

impl Form for InputText {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) => Some(Self::Text(text.clone())),
            Written::Object(_) => Fieldset::read(node, place, mistakes, input_ref),
            _ => expected("a text, or {\"ref\": REF}", node, place, mistakes),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let object = schemas.record("input", "A result that exists already.", |fields| {
            drop(input_ref(fields));
        });
        json!({"anyOf": [{"type": "string"}, object]})
    }
}

fn input_ref(fields: &mut Fieldset<'_, '_>) -> Option<InputText> {
    let id = fields.required("ref", "The ref of the result.");
    Some(InputText::Ref { id: id? })
}

impl Record for Retry {
    const NAME: &'static str = "retry";
    const ABOUT: &'static str =
        "Again until it succeeds, each attempt told what went wrong before.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let of = fields
            .required::<Work>("of", "What is done: a prompt or a work.")
            .map(Box::new);
        let max_attempts = fields.or("max_attempts", "How often in all.", THREE);
        let declared_type = fields.optional(
            "declared_type",
            "The type that the result must be of, or it counts as failed: its name, or a text.",
        );
        let judge = setting::judge(fields);
        Some(Self {
            of: of?,
            max_attempts,
            declared_type,
            judge,
        })
    }
}

impl Form for PipelineRef {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(_) => String::read(node, place, mistakes).map(Self::Named),
            Written::Object(_) => Definition::read_at(node, place, mistakes)
                .map(|definition| Self::Inline(Box::new(definition))),
            _ => expected(
                "the name of a pipeline, or its definition",
                node,
                place,
                mistakes,
            ),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let inline = <Definition as Form>::schema(schemas);
        json!({"anyOf": [{"type": "string", "pattern": "\\S"}, inline]})
    }
}
