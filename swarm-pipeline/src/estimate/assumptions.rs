//! What an estimate takes for granted.

use std::{collections::BTreeMap, time::Duration};

use swarm_core::{
    agents::{AgentKind, kind_of},
    money::Usd,
    resources::PoolLimits,
    spec::AgentSpec,
};

/// What an estimate takes for granted: what agents usually cost and take, and within which limits they run.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumptions {
    /// What an agent usually costs, by `KIND/MODEL` or `KIND`; the former counts more.
    pub costs: BTreeMap<String, Usd>,
    /// What one costs of which nothing is known.
    pub cost: Usd,
    /// How long an agent usually runs, by the same names.
    pub times: BTreeMap<String, Duration>,
    /// How long one runs of which nothing is known.
    pub time: Duration,
    /// How many things a fetcher usually lists.
    pub listed: u32,
    /// How many agents there may be at once.
    pub pools: PoolLimits,
    /// What the run may spend.
    pub budget: Option<Usd>,
    /// How long the run may take.
    pub deadline: Option<Duration>,
}

impl Default for Assumptions {
    /// A quarter of a dollar and three minutes for an agent, nothing and ten seconds for a program, five things in a list.
    fn default() -> Self {
        Self {
            costs: BTreeMap::from([("command".to_owned(), Usd::ZERO)]),
            cost: Usd::from_micros(250_000),
            times: BTreeMap::from([("command".to_owned(), Duration::from_secs(10))]),
            time: Duration::from_mins(3),
            listed: 5,
            pools: PoolLimits::default(),
            budget: None,
            deadline: None,
        }
    }
}

impl Assumptions {
    /// What it usually costs, but not more than it may.
    pub(super) fn cost_of(&self, spec: &AgentSpec) -> Usd {
        let usual = of(&self.costs, spec).unwrap_or(self.cost);
        usual.min(worst_case(spec))
    }

    /// How long it usually runs, but not longer than it may.
    pub(super) fn time_of(&self, spec: &AgentSpec) -> Duration {
        let usual = of(&self.times, spec).unwrap_or(self.time);
        usual.min(spec.sandbox.timeout)
    }

    /// The same in words, about the agents of a plan.
    pub(super) fn words<'a>(&self, agents: impl Iterator<Item = &'a AgentSpec>) -> Vec<String> {
        let by_kind: BTreeMap<String, &AgentSpec> =
            agents.map(|spec| (long_name(spec), spec)).collect();
        let words = by_kind.iter().map(|(name, spec)| {
            let cost = of(&self.costs, spec).unwrap_or(self.cost);
            let time = of(&self.times, spec).unwrap_or(self.time).as_secs_f64();
            format!("an agent of {name} usually costs {cost} and takes {time} s, within its limits")
        });
        words.collect()
    }
}

/// The most that an agent can cost; nothing if it cannot even be started.
pub(super) fn worst_case(spec: &AgentSpec) -> Usd {
    kind_of(&spec.agent).map_or(Usd::ZERO, |kind| kind.worst_case(spec))
}

fn kind(spec: &AgentSpec) -> &'static str {
    kind_of(&spec.agent).map_or("unknown", AgentKind::name)
}

fn long_name(spec: &AgentSpec) -> String {
    let kind = kind(spec);
    match &spec.sandbox.model {
        Some(model) if kind != "command" => format!("{kind}/{model}"),
        _ => kind.to_owned(),
    }
}

fn of<T: Copy>(known: &BTreeMap<String, T>, spec: &AgentSpec) -> Option<T> {
    let long = known.get(&long_name(spec));
    long.or_else(|| known.get(kind(spec))).copied()
}
