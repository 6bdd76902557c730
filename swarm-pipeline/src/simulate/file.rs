//! A script of a simulation as somebody writes it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::MapAccess};
use swarm_core::{
    error_code::{Coded, ErrorCode},
    evaluate::{Action, Score},
    money::Usd,
    outcome::ExitReason,
    time::seconds,
};
use thiserror::Error;

use super::{Chances, Simulation, answer::Answer, pattern::Pattern, simulation::Rule};

/// A script that cannot be read.
#[derive(Debug, Error)]
#[error("the script of the simulation is not valid: {0}")]
pub struct InvalidSimulation(#[from] serde_json::Error);

impl Coded for InvalidSimulation {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

/// What agents do, by the names that [`Simulation::agent`] takes, each time one of them is started; the last for ever.
///
/// ```
/// use swarm_pipeline::simulate::SimulationFile;
/// let script = r#"{
///     "agents": {"test": [{"exit": 1, "says": "2 failed"}, {"exit": 0}], "*.governor": [{"decides": {"action": "next"}}]},
///     "seed": 7, "budget": 2.5
/// }"#;
/// let script = SimulationFile::from_json(script)?;
/// assert_eq!(script.seed, Some(7));
/// # Ok::<(), swarm_pipeline::simulate::InvalidSimulation>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationFile {
    /// In the order of the file: of several that mean one agent, the later counts.
    #[serde(deserialize_with = "in_order")]
    agents: Turns,
    /// Where nothing is said, chance decides.
    pub seed: Option<u64>,
    /// How probable things are then.
    pub chances: Option<Chances>,
    /// What the run may spend, in dollars.
    pub budget: Option<Usd>,
    /// How long the run may take.
    #[serde(with = "seconds::option")]
    pub deadline_seconds: Option<Duration>,
    /// When somebody cancels the run.
    #[serde(with = "seconds::option")]
    pub cancelled_after_seconds: Option<Duration>,
}

/// What each does, one time after the other.
type Turns = Vec<(Pattern, Vec<Turn>)>;

/// What an agent does once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Turn {
    exit: Option<Exit>,
    says: Option<String>,
    cost: Option<Usd>,
    #[serde(with = "seconds::option")]
    seconds: Option<Duration>,
    score: Option<Score>,
    lists: Option<u32>,
    decides: Option<Action>,
    confidence: Option<Score>,
    approves: Option<bool>,
    why: Option<String>,
}

/// A status, or a reason as it is in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Exit {
    Status(i32),
    Reason(ExitReason),
}

impl SimulationFile {
    /// Reads a script.
    pub fn from_json(text: &str) -> Result<Self, InvalidSimulation> {
        Ok(serde_json::from_str(text)?)
    }

    /// Tells `simulation` what is in here.
    #[must_use]
    pub fn tell(self, mut simulation: Simulation) -> Simulation {
        let rules = self.agents.into_iter().map(|(pattern, turns)| Rule {
            pattern,
            answers: turns.into_iter().map(Turn::answer).collect(),
        });
        simulation.rules.extend(rules);
        if let Some(chances) = self.chances {
            simulation = simulation.chances(chances);
        }
        if let Some(seed) = self.seed {
            simulation = simulation.dice(seed);
        }
        if let Some(time) = self.cancelled_after_seconds {
            simulation = simulation.cancelled_after(time);
        }
        simulation.budget = self.budget.or(simulation.budget);
        simulation.deadline = self.deadline_seconds.or(simulation.deadline);
        simulation
    }
}

impl Turn {
    fn answer(self) -> Answer {
        let confidence = self.confidence.unwrap_or(Score::ONE);
        let why = self.why.filter(|why| !why.is_empty());
        Answer {
            exit: self.exit.map(|exit| match exit {
                Exit::Status(0) => ExitReason::Completed,
                Exit::Status(code) => ExitReason::Failed { code },
                Exit::Reason(reason) => reason,
            }),
            says: self.says,
            cost: self.cost,
            takes: self.seconds,
            score: self.score,
            lists: self.lists,
            decides: self.decides.map(|action| (action, confidence)),
            objects: self.approves.map(|approves| match (approves, why) {
                (true, _) => String::new(),
                (false, why) => why.unwrap_or_else(|| "no".to_owned()),
            }),
        }
    }
}

/// An object whose keys have an order.
fn in_order<'de, D: Deserializer<'de>>(reader: D) -> Result<Turns, D::Error> {
    struct Keys;
    impl<'de> serde::de::Visitor<'de> for Keys {
        type Value = Turns;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(
                "an object: the name of an agent or step, and a list of what it does each time",
            )
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    reader.deserialize_map(Keys)
}
