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
    pub fn parse(&self, text: &str) -> Result<Vec<Strategy>, X> {
        self.read(serde_json::from_str(text).map_err(StrategyError::Json)?)
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it, with its place: an empty list, a field that is missing, unknown or of the wrong kind, a name
    /// that is there twice.
    pub fn read(&self, list: Value) -> Result<Vec<Strategy>, X> {
        let Value::Array(list) = list else {
            return Err(
                shape("strategies must be a JSON array: it is something else".to_owned()).into(),
            );
        };
        if list.is_empty() {
            return Err(shape("strategies list is empty".to_owned()).into());
        }
        let mut names = BTreeSet::new();
        let mut strategies = Vec::with_capacity(list.len());
        for (i, one) in list.into_iter().enumerate() {
            let strategy = self.strategy(i, one)?;
            if !names.insert(strategy.name.clone()) {
                let name = &strategy.name;
                return Err(shape(format!(
                    "strategies[{i}] ({name}): another one has this name already"
                ))
                .into());
            }
            strategies.push(strategy);
        }
        Ok(strategies)
    }

    fn strategy(&self, i: usize, one: Value) -> Result<Strategy, X> {
        let place = format!("strategies[{i}]");
        let Value::Object(fields) = one else {
            return Err(shape(format!("{place} must be an object")).into());
        };
        let mut written = Written {
            place: place.clone(),
            fields,
        };
        let name = written.needed("name")?;
        let template = written.needed("planner_template")?;
        let rubric = written.needed("rubric")?;
        let name = step_id(&place, &name)?;
        written.place = format!("{place} ({name})");
        let timeout = written.timeout()?;
        let planner = own(written.text("model_planner")?, timeout, PLAN);
        let fetcher = own(written.text("model_fetcher")?, timeout, FETCH);
        let fetch = written.text("fetcher_prompt")?;
        let seeds = match (written.seeds()?, fetch) {
            (Some(seeds), _) => Seeds::Listed(seeds),
            (None, Some(prompt)) => Seeds::Fetched(Box::new((self.agent)(&prompt, fetcher)?)),
            (None, None) => {
                let place = written.place;
                return Err(shape(format!(
                    "{place} must have either 'seeds' or 'fetcher_prompt'"
                ))
                .into());
            }
        };
        let top = written.top()?;
        written.nothing_else()?;
        let evaluator = (self.evaluator)(&rubric).map_err(|source| StrategyError::Rubric {
            place: place.clone(),
            source,
        })?;
        Ok(Strategy {
            name,
            seeds,
            template: Box::new((self.agent)(&template, planner)?.into()),
            evaluator,
            top,
        })
    }
}

fn own(model: Option<String>, timeout: Option<Duration>, usual: Duration) -> StrategyAgent {
    StrategyAgent {
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
                let hint = self.misspelt(field);
                Err(shape(format!("{} missing '{field}'{hint}", self.place)))
            }
        }
    }

    fn misspelt(&self, field: &str) -> String {
        let unknown = |key: &&String| !FIELDS.contains(&key.as_str());
        let mut unknown = self.fields.keys().filter(unknown);
        unknown
            .find(|key| nearest(key, [field]).is_some())
            .map(|key| format!("; is `{key}` meant to be that?"))
            .unwrap_or_default()
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

    fn nothing_else(&self) -> Result<(), StrategyError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(field) => {
                let hint = did_you_mean(nearest(field, FIELDS));
                Err(shape(format!(
                    "{} has an unknown field `{field}`{hint}",
                    self.place
                )))
            }
        }
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

    fn read(text: &str) -> Result<Vec<Strategy>, Problem> {
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
            let error = read(&text).unwrap_err().0;
            assert!(error.contains(problem), "{text}: {error}");
        }
        let same =
            json!({"name": "a", "planner_template": "p", "rubric": "score:x", "seeds": ["s"]});
        let error = read(&json!([same, same]).to_string()).unwrap_err().0;
        assert_eq!(
            error,
            "strategies[1] (a): another one has this name already"
        );
    }
}
