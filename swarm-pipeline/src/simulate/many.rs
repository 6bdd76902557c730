//! Many simulations by chance.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;
use swarm_core::{money::Usd, time::seconds};

use super::{Simulation, SimulationError};

/// What came of many simulations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// How many.
    pub runs: u32,
    /// How they ended, and how many of them so: `succeeded`, `failed`, `cancelled`.
    pub ends: BTreeMap<&'static str, u32>,
    /// What they cost.
    pub cost: Spread<Usd>,
    /// How long they took, in seconds.
    pub time: Spread<Seconds>,
    /// How many agents were started.
    pub agents: Spread<u64>,
}

/// A time that is written in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Seconds(#[serde(with = "seconds")] pub Duration);

/// The least, the greatest, and what half and nine tenths of all do not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread<T> {
    /// The least.
    pub least: T,
    /// Half of them have no more.
    pub median: T,
    /// Nine tenths of them have no more.
    pub p90: T,
    /// The greatest.
    pub most: T,
}

impl<T: Copy + Ord + Default> Spread<T> {
    fn of(mut values: Vec<T>) -> Self {
        values.sort_unstable();
        let last = values.len().saturating_sub(1);
        let at = |tenths: usize| {
            let place = last.saturating_mul(tenths).div_ceil(10);
            values.get(place).copied().unwrap_or_default()
        };
        Self {
            least: at(0),
            median: at(5),
            p90: at(9),
            most: at(10),
        }
    }
}

impl Simulation {
    /// Runs it so often, each time with the next seed, from the one that was given or 0.
    ///
    /// # Errors
    ///
    /// Those of [`Simulation::run`].
    pub fn runs(&self, count: u32) -> Result<Distribution, SimulationError> {
        let first = self.dice.map_or(0, |dice| dice.seed);
        let mut ends: BTreeMap<&'static str, u32> = BTreeMap::new();
        let (mut costs, mut times, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..count {
            let seed = first.wrapping_add(u64::from(i));
            let simulated = self.clone().dice(seed).run()?;
            *ends.entry(simulated.outcome()).or_default() += 1;
            costs.push(simulated.cost);
            times.push(Seconds(simulated.time));
            agents.push(u64::try_from(simulated.started().count()).unwrap_or(u64::MAX));
        }
        Ok(Distribution {
            runs: count,
            ends,
            cost: Spread::of(costs),
            time: Spread::of(times),
            agents: Spread::of(agents),
        })
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}s", self.0.as_secs_f64())
    }
}

impl<T: fmt::Display> fmt::Display for Spread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, median, p90, most) = (&self.least, &self.median, &self.p90, &self.most);
        write!(
            f,
            "{least} to {most}, half up to {median}, nine tenths up to {p90}"
        )
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = self
            .ends
            .iter()
            .map(|(end, count)| format!("{count} {end}"));
        let ends = ends.collect::<Vec<_>>().join(", ");
        writeln!(f, "{} runs: {ends}", self.runs)?;
        writeln!(f, "cost:   {}", self.cost)?;
        writeln!(f, "time:   {}", self.time)?;
        write!(f, "agents: {}", self.agents)
    }
}
