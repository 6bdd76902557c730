//! The ways of a hunt, as they are written.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Evaluator, EvaluatorError, Seeds, Strategy};
use crate::{
    error_code::{Coded, ErrorCode},
    ids::{InvalidName, StepId},
    spec::{AgentSpec, SandboxSpec},
    suggest::{did_you_mean, nearest},
    time::seconds,
};

/// How long a fetcher may take if nobody says otherwise.
const FETCH: Duration = Duration::from_mins(2);
/// How long a planner may take if nobody says otherwise.
const PLAN: Duration = Duration::from_mins(3);
/// How many results of a strategy may be among the best if nobody says otherwise.
const TOP: u32 = 3;
const FIELDS: [&str; 9] = [
    "name",
    "planner_template",
    "rubric",
    "seeds",
    "fetcher_prompt",
    "top_k",
    "model_planner",
    "model_fetcher",
    "timeout",
];

/// Reads strategies from JSON: a list of objects with `name`, `planner_template`, `rubric` (an evaluator), and either `seeds` or
/// `fetcher_prompt`; `top_k`, `model_planner`, `model_fetcher` and `timeout` (in seconds) may be there as well.
#[derive(Clone, Copy, Debug)]
pub struct Strategies<A, E> {
    /// Makes the agent of a prompt.
    pub agent: A,
    /// Makes the evaluator of a rubric.
    pub evaluator: E,
}

/// What a strategy says of one of its agents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StrategyAgent {
    /// Which strategy it is, such as `strategies[0] (a)`: what is wrong with its agents is told with it.
    pub place: String,
    /// What it says itself, and therefore wins.
    pub said: SandboxSpec,
    /// What holds if nobody says otherwise: little time.
    pub usual: SandboxSpec,
}

/// Why strategies cannot be read. Nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// The text is not JSON.
    #[error("strategies must be a JSON array: {0}")]
    Json(#[source] serde_json::Error),
    /// The JSON has another shape.
    #[error("{0}")]
    Shape(String),
    /// A strategy has a name that agents cannot have.
    #[error("{place}: {source}")]
    Name {
        /// Which one.
        place: String,
        /// What is wrong.
        source: InvalidName,
    },
    /// Its rubric is no evaluator.
    #[error("{place}.rubric: {source}")]
    Rubric {
        /// Which one.
        place: String,
        /// What is wrong.
        source: EvaluatorError,
    },
}

impl Coded for StrategyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Json(_) => ErrorCode::InvalidJson,
            Self::Shape(_) => ErrorCode::InvalidInput,
            Self::Name { source, .. } => source.code(),
            Self::Rubric { source, .. } => source.code(),
        }
    }
}

impl<A, E, X> Strategies<A, E>
where
    A: Fn(&str, StrategyAgent) -> Result<AgentSpec, X>,
    E: Fn(&str) -> Result<Evaluator, EvaluatorError>,
    X: From<StrategyError>,
{
    /// Reads the text of a list.
    ///
    /// # Errors
    ///
    /// If it is not JSON, and those of [`read`](Self::read).
    pub fn parse(&self, text: &str) -> Result<Vec<Strategy>, Vec<X>> {
        let list = serde_json::from_str(text);
        self.read(list.map_err(|error| vec![StrategyError::Json(error).into()])?)
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its place: an empty list, a field that is missing, unknown or of the wrong kind, a name
    /// that is there twice. At least one thing.
    pub fn read(&self, list: Value) -> Result<Vec<Strategy>, Vec<X>> {
        let Value::Array(list) = list else {
            let problem = "strategies must be a JSON array: it is something else";
            return Err(vec![shape(problem.to_owned()).into()]);
        };
        if list.is_empty() {
            return Err(vec![shape("strategies list is empty".to_owned()).into()]);
        }
        let mut names = BTreeSet::new();
        let mut wrong = Wrong(Vec::new());
        let strategies = list.into_iter().enumerate();
        let strategies: Vec<Strategy> = strategies
            .filter_map(|(i, one)| self.strategy(i, one, &mut names, &mut wrong))
            .collect();
        if wrong.0.is_empty() {
            Ok(strategies)
        } else {
            Err(wrong.0)
        }
    }

    /// One of them; none if something is wrong with it, which is noted.
    fn strategy(
        &self,
        i: usize,
        one: Value,
        names: &mut BTreeSet<StepId>,
        wrong: &mut Wrong<X>,
    ) -> Option<Strategy> {
        let place = format!("strategies[{i}]");
        let Value::Object(fields) = one else {
            return wrong.note(Err(shape(format!("{place} must be an object"))));
        };
        let mut written = Written {
            place: place.clone(),
            fields,
        };
        let name = wrong.note(written.needed("name"));
        let name = name.and_then(|name| wrong.note(step_id(&place, &name)));
        let template = wrong.note(written.needed("planner_template"));
        let rubric = wrong.note(written.needed("rubric"));
        if let Some(name) = &name {
            written.place = format!("{place} ({name})");
            if !names.insert(name.clone()) {
                let problem = "another one has this name already";
                let _: Option<()> = wrong.note(Err(shape(format!("{}: {problem}", written.place))));
            }
        }
        let timeout = wrong.note(written.timeout());
        let planner = wrong.note(written.text("model_planner"));
        let fetcher = wrong.note(written.text("model_fetcher"));
        let fetch = wrong.note(written.text("fetcher_prompt"));
        let seeds = wrong.note(written.seeds());
        let top = wrong.note(written.top());
        for unknown in written.unknown() {
            let _: Option<()> = wrong.note(Err(unknown));
        }
        let own = |model, usual| own(&written.place, model, timeout.flatten(), usual);
        let seeds = match (seeds, fetch) {
            (Some(Some(seeds)), _) => Some(Seeds::Listed(seeds)),
            (Some(None), Some(Some(prompt))) => {
                let fetcher = (self.agent)(&prompt, own(fetcher.flatten(), FETCH));
                wrong
                    .keep(fetcher)
                    .map(|agent| Seeds::Fetched(Box::new(agent)))
            }
            (Some(None), Some(None)) => wrong.note(Err(shape(format!(
                "{} must have either 'seeds' or 'fetcher_prompt'",
                written.place
            )))),
            _ => None,
        };
        let evaluator = rubric.and_then(|rubric| {
            let evaluator = (self.evaluator)(&rubric);
            wrong.note(evaluator.map_err(|source| StrategyError::Rubric { place, source }))
        });
        let template = template
            .and_then(|template| wrong.keep((self.agent)(&template, own(planner.flatten(), PLAN))));
        Some(Strategy {
            name: name?,
            seeds: seeds?,
            template: Box::new(template?.into()),
            evaluator: evaluator?,
            top: top?,
        })
    }
}

/// Everything that is wrong so far.
struct Wrong<X>(Vec<X>);

impl<X: From<StrategyError>> Wrong<X> {
    fn note<T>(&mut self, read: Result<T, StrategyError>) -> Option<T> {
        self.keep(read.map_err(X::from))
    }

    fn keep<T>(&mut self, read: Result<T, X>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }
}

fn own(
    place: &str,
    model: Option<String>,
    timeout: Option<Duration>,
    usual: Duration,
) -> StrategyAgent {
    StrategyAgent {
        place: place.to_owned(),
        said: SandboxSpec {
            model,
            timeout,
            ..SandboxSpec::default()
        },
        usual: SandboxSpec {
            timeout: Some(usual),
            ..SandboxSpec::default()
        },
    }
}

/// Names of agents are made of it, with dots between the parts.
fn step_id(place: &str, name: &str) -> Result<StepId, StrategyError> {
    if name.contains('.') {
        return Err(shape(format!(
            "{place}: the name {name:?} holds a dot; write a dash instead"
        )));
    }
    name.parse().map_err(|source| StrategyError::Name {
        place: place.to_owned(),
        source,
    })
}

fn shape(problem: String) -> StrategyError {
    StrategyError::Shape(problem)
}

/// What is left to be read of one strategy.
struct Written {
    place: String,
    fields: Map<String, Value>,
}

impl Written {
    fn wrong(&self, field: &str, expected: &str) -> StrategyError {
        shape(format!("{}.{field}: expected {expected}", self.place))
    }

    fn taken(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str) -> Result<Option<String>, StrategyError> {
        match self.taken(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(field, "a string")),
        }
    }

    fn needed(&mut self, field: &str) -> Result<String, StrategyError> {
        match self.text(field)?.filter(|text| !text.is_empty()) {
            Some(text) => Ok(text),
            None => {
                let misspelt = self.misspelt(field);
                // It is told once.
                let misspelt = misspelt.inspect(|key| drop(self.fields.remove(key)));
                let hint = misspelt.map(|key| format!("; is `{key}` meant to be that?"));
                let hint = hint.unwrap_or_default();
                Err(shape(format!("{} missing '{field}'{hint}", self.place)))
            }
        }
    }

    fn misspelt(&self, field: &str) -> Option<String> {
        let unknown = |key: &&String| !FIELDS.contains(&key.as_str());
        let mut unknown = self.fields.keys().filter(unknown);
        unknown.find(|key| nearest(key, [field]).is_some()).cloned()
    }

    /// What is no text is told as JSON.
    fn seeds(&mut self) -> Result<Option<Vec<String>>, StrategyError> {
        match self.taken("seeds") {
            None => Ok(None),
            Some(Value::Array(seeds)) if !seeds.is_empty() => {
                let seeds = seeds.into_iter().map(|seed| match seed {
                    Value::String(seed) => seed,
                    other => other.to_string(),
                });
                Ok(Some(seeds.collect()))
            }
            Some(_) => Err(self.wrong("seeds", "a list with at least one seed")),
        }
    }

    fn top(&mut self) -> Result<u32, StrategyError> {
        match self.taken("top_k") {
            None => Ok(TOP),
            Some(value) => value
                .as_u64()
                .and_then(|top| u32::try_from(top).ok())
                .ok_or_else(|| self.wrong("top_k", "a number from 0 on")),
        }
    }

    fn timeout(&mut self) -> Result<Option<Duration>, StrategyError> {
        match self.taken("timeout") {
            None => Ok(None),
            Some(value) => match seconds::deserialize(value) {
                Ok(timeout) if timeout > Duration::ZERO => Ok(Some(timeout)),
                _ => Err(self.wrong("timeout", "a number of seconds above zero")),
            },
        }
    }

    /// What nobody has taken, and nobody knows.
    fn unknown(&self) -> Vec<StrategyError> {
        let unknown = self.fields.keys().map(|field| {
            let hint = did_you_mean(nearest(field, FIELDS));
            shape(format!(
                "{} has an unknown field `{field}`{hint}",
                self.place
            ))
        });
        unknown.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{plan::Judges, spec::Agent, types::TypeRegistry};

    #[derive(Debug)]
    struct Problem(String);

    impl From<StrategyError> for Problem {
        fn from(error: StrategyError) -> Self {
            Self(error.to_string())
        }
    }

    fn read(text: &str) -> Result<Vec<Strategy>, Vec<Problem>> {
        let types = TypeRegistry::default();
        let judges = Judges::new(&types);
        let strategies = Strategies {
            agent: |prompt: &str, own: StrategyAgent| {
                let agent = SandboxSpec {
                    agent: Some(Agent::Named("claude".to_owned())),
                    model: Some("sonnet".to_owned()),
                    ..SandboxSpec::default()
                };
                AgentSpec::new(
                    prompt,
                    own.usual.overridden_by(agent).overridden_by(own.said),
                )
                .map_err(|error| Problem(error.to_string()))
            },
            evaluator: |rubric: &str| judges.evaluator(rubric),
        };
        strategies.parse(text)
    }

    #[test]
    fn a_strategy_has_seeds_or_somebody_who_fetches_them() {
        let text = json!([
            {"name": "a", "planner_template": "Plan {input}.", "rubric": "score:x", "seeds": ["s", {"k": 1}], "fetcher_prompt": "not asked"},
            {"name": "b", "planner_template": "p", "rubric": "exec:true", "fetcher_prompt": "List.", "top_k": 0, "model_planner": "opus", "timeout": 7},
        ]);
        let read = read(&text.to_string()).unwrap();
        assert_eq!(
            read[0].seeds,
            Seeds::Listed(vec!["s".to_owned(), "{\"k\":1}".to_owned()])
        );
        assert_eq!((read[0].top, read[1].top), (3, 0));
        let planners: Vec<_> = read
            .iter()
            .map(|strategy| {
                let planner = strategy.template.agents()[0];
                (
                    planner.sandbox.model.clone().unwrap(),
                    planner.sandbox.timeout,
                )
            })
            .collect();
        assert_eq!(
            planners,
            [
                ("sonnet".to_owned(), PLAN),
                ("opus".to_owned(), Duration::from_secs(7))
            ]
        );
        assert!(matches!(&read[1].seeds, Seeds::Fetched(fetcher) if fetcher.prompt == "List."));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let one = |changes: Value| {
            let mut one =
                json!({"name": "a", "planner_template": "p", "rubric": "score:x", "seeds": ["s"]});
            for (field, value) in changes.as_object().unwrap() {
                one[field] = value.clone();
            }
            json!([one]).to_string()
        };
        for (text, problem) in [
            ("{".to_owned(), "strategies must be a JSON array: EOF"),
            ("{}".to_owned(), "strategies must be a JSON array: it is"),
            ("[]".to_owned(), "strategies list is empty"),
            ("[1]".to_owned(), "strategies[0] must be an object"),
            (one(json!({"name": null})), "strategies[0] missing 'name'"),
            (
                one(json!({"planner_template": ""})),
                "strategies[0] missing 'planner_template'",
            ),
            (
                one(json!({"rubric": null, "rubrik": "x"})),
                "missing 'rubric'; is `rubrik` meant",
            ),
            (
                one(json!({"rubric": "x"})),
                "strategies[0].rubric: \"x\" is not an evaluator",
            ),
            (
                one(json!({"seeds": null})),
                "strategies[0] (a) must have either 'seeds' or 'fetcher_prompt'",
            ),
            (
                one(json!({"seeds": []})),
                "strategies[0] (a).seeds: expected a list with at least one seed",
            ),
            (
                one(json!({"top_k": -1})),
                "strategies[0] (a).top_k: expected a number from 0 on",
            ),
            (
                one(json!({"timeout": 0})),
                "strategies[0] (a).timeout: expected a number of seconds above zero",
            ),
            (
                one(json!({"topk": 1})),
                "has an unknown field `topk`; did you mean `top_k`?",
            ),
            (
                one(json!({"name": "../x"})),
                "the name \"../x\" holds a dot",
            ),
            (one(json!({"name": "a b"})), "is not a valid name"),
        ] {
            let errors = read(&text).unwrap_err();
            let [Problem(error)] = errors.as_slice() else {
                panic!("{text}: {errors:?}");
            };
            assert!(error.contains(problem), "{text}: {error}");
        }
        let same =
            json!({"name": "a", "planner_template": "p", "rubric": "score:x", "seeds": ["s"]});
        let errors = read(&json!([same, same]).to_string()).unwrap_err();
        assert_eq!(
            errors[0].0,
            "strategies[1] (a): another one has this name already"
        );
    }

    #[test]
    fn all_mistakes_of_all_strategies_are_named_at_once() {
        let text = json!([
            {"name": "a", "planner_template": 7, "rubrik": "score:x", "seeds": [], "top_k": "many", "x1": 1, "x2": 2},
            3,
            {"name": "a", "planner_template": "p", "rubric": "wrong", "seeds": ["s"], "timeout": -1},
        ]);
        let errors = read(&text.to_string()).unwrap_err();
        let errors: Vec<&str> = errors.iter().map(|Problem(error)| error.as_str()).collect();
        for (i, problem) in [
            "strategies[0].planner_template: expected a string",
            "strategies[0] missing 'rubric'; is `rubrik`",
            "strategies[0] (a).seeds: expected a list",
            "strategies[0] (a).top_k: expected a number",
            "strategies[0] (a) has an unknown field `x1`",
            "strategies[0] (a) has an unknown field `x2`",
            "strategies[1] must be an object",
            "strategies[2] (a): another one has this name",
            "strategies[2] (a).timeout: expected",
            "strategies[2].rubric: \"wrong\" is not an evaluator",
        ]
        .iter()
        .enumerate()
        {
            assert!(errors[i].starts_with(problem), "{i}: {errors:#?}");
        }
        assert_eq!(errors.len(), 10, "{errors:#?}");
    }
}
