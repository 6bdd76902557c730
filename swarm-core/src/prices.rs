//! What models cost, to stop an agent at its budget while it runs.
//!
//! `prices.json` beside this file has list prices as Claude Code 2.1.329 counts them. They are an estimate: if an
//! agent reports more of itself at its end, that counts.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    error_code::{Coded, ErrorCode},
    money::Usd,
    usage::Usage,
};

const BUILT_IN: &str = include_str!("prices.json");
const MILLION: u128 = 1_000_000;
/// How many requests of an agent can be under way at once without being counted twice.
const OPEN_REQUESTS: usize = 64;

/// A price list that cannot be read.
#[derive(Debug, Error)]
#[error(
    "the price list is not valid: {0}; each model has `input`, `output`, `cache_read` and `cache_write` in dollars per million tokens"
)]
pub struct InvalidPrices(#[from] serde_json::Error);

impl Coded for InvalidPrices {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

/// Prices by model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    prices: BTreeMap<String, Price>,
    /// The models that somebody listed, as against those that are built in.
    listed: BTreeSet<String>,
}

/// Dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For what is read.
    pub input: Usd,
    /// For what is written.
    pub output: Usd,
    /// For what is read from a cache.
    pub cache_read: Usd,
    /// For what is put into a cache.
    pub cache_write: Usd,
    /// For requests with a long prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
}

/// A surcharge on the whole of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPrompt {
    /// If its prompt has more tokens than this.
    pub over: u64,
    /// How many times the price it costs then.
    pub times: u32,
}

impl Default for PriceBook {
    /// The list prices that are built in.
    fn default() -> Self {
        Self {
            prices: serde_json::from_str(BUILT_IN).unwrap_or_default(),
            listed: BTreeSet::new(),
        }
    }
}

impl PriceBook {
    /// Reads a list: an object of models.
    pub fn from_json(json: &str) -> Result<Self, InvalidPrices> {
        let prices: BTreeMap<String, Price> = serde_json::from_str(json)?;
        let listed = prices.keys().cloned().collect();
        Ok(Self { prices, listed })
    }

    /// This list with the models of `other` added or replaced.
    #[must_use]
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.prices.extend(other.prices);
        self.listed.extend(other.listed);
        self
    }

    /// The models that have a price, by name.
    pub fn models(&self) -> impl Iterator<Item = &str> + Clone {
        self.prices.keys().map(String::as_str)
    }

    /// Whether somebody listed a price for `model`; those that are built in do not count.
    pub fn is_listed(&self, model: &str) -> bool {
        self.listed.contains(model)
    }

    /// What one request to `model` costs. A model with a dated name, such as `claude-opus-5-5-20260901`, has the price of
    /// the one whose name it begins with. `None` if no price is known.
    pub fn of_request(&self, model: &str, usage: Usage) -> Option<Usd> {
        let price = self.prices.get(model).or_else(|| {
            let known = self.prices.iter().filter(|(name, _)| {
                model
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with(['-', '@', '[']))
            });
            known.max_by_key(|(name, _)| name.len()).map(|(_, p)| p)
        })?;
        Some(price.of(usage))
    }
}

impl Price {
    fn of(&self, usage: Usage) -> Usd {
        let part = |tokens: u64, price: Usd| u128::from(tokens) * u128::from(price.micros());
        let sum = part(usage.input, self.input)
            + part(usage.output, self.output)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write);
        let times = self
            .long_prompt
            .filter(|long| usage.prompt() > long.over)
            .map_or(1, |long| long.times);
        let micros = sum.saturating_mul(u128::from(times)).div_ceil(MILLION);
        Usd::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Adds up what an agent has spent while it runs.
#[derive(Debug)]
pub struct Meter {
    prices: Arc<PriceBook>,
    /// Requests that may still grow, with what they have cost so far.
    open: VecDeque<(String, Usd, Usage)>,
    spent: Usd,
    used: Usage,
}

impl Meter {
    /// Nothing is spent so far.
    pub const fn new(prices: Arc<PriceBook>) -> Self {
        Self {
            prices,
            open: VecDeque::new(),
            spent: Usd::ZERO,
            used: Usage::ZERO,
        }
    }

    /// What all requests have used so far, also those to models of which no price is known.
    pub const fn used(&self) -> Usage {
        self.used
    }

    /// The request `id` has used this so far. Returns what has been spent in all.
    pub fn add(&mut self, id: &str, model: &str, usage: Usage) -> Usd {
        let cost = self.prices.of_request(model, usage).unwrap_or_default();
        if let Some((_, known, used)) = self.open.iter_mut().find(|(open, ..)| open == id) {
            self.spent = self.spent + cost.saturating_sub(*known);
            *known = cost.max(*known);
            let usage = usage.at_least(*used);
            self.used += usage.beyond(*used);
            *used = usage;
        } else {
            if self.open.len() == OPEN_REQUESTS {
                self.open.pop_front();
            }
            self.open.push_back((id.to_owned(), cost, usage));
            self.spent = self.spent + cost;
            self.used += usage;
        }
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usage(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Usage {
        Usage {
            input,
            output,
            cache_read,
            cache_write,
        }
    }

    #[test]
    fn the_prices_that_are_built_in_can_be_read() {
        let read = PriceBook::from_json(BUILT_IN).unwrap();
        assert_eq!(read.prices, PriceBook::default().prices);
        assert!(read.is_listed("claude-opus-5-5"));
        assert!(!PriceBook::default().is_listed("claude-opus-5-5"));
    }

    /// Costs that Claude Code 2.1.329 reported for these requests.
    #[test]
    fn a_request_costs_what_the_agent_itself_says() {
        let prices = PriceBook::default();
        for (model, used, dollars) in [
            ("claude-opus-5-5", usage(150_000, 100_000, 0, 0), "2.6"),
            ("claude-opus-5-5", usage(0, 0, 100_000, 100_000), "0.52"),
            ("claude-sonnet-5-5", usage(1000, 50, 0, 5000), "0.015"),
            ("claude-haiku-5-5", usage(100_000, 0, 0, 0), "0.01"),
            (
                "claude-haiku-5-5",
                usage(100_000, 100_000, 0, 1),
                "0.300001",
            ),
            ("claude-haiku-5-5", usage(60_000, 0, 60_000, 0), "0.033"),
            ("claude-fable-5-2", usage(100_000, 10_000, 0, 0), "1.2"),
        ] {
            let cost: Usd = dollars.parse().unwrap();
            assert_eq!(prices.of_request(model, used), Some(cost), "{model}");
        }
    }

    #[test]
    fn a_dated_name_has_the_price_of_its_model_and_an_unknown_one_has_none() {
        let prices = PriceBook::default();
        let used = usage(1_000_000, 0, 0, 0);
        let four = Some("4".parse().unwrap());
        assert_eq!(prices.of_request("claude-opus-5-5-20260901", used), four);
        assert_eq!(prices.of_request("claude-opus-5-5[1m]", used), four);
        assert_eq!(prices.of_request("claude-opus-5-50", used), None);
        let own =
            r#"{"claude-opus-5-50": {"input": 1, "output": 1, "cache_read": 0, "cache_write": 0}}"#;
        let prices = prices.overridden_by(PriceBook::from_json(own).unwrap());
        let one = Some("1".parse().unwrap());
        assert_eq!(prices.of_request("claude-opus-5-50", used), one);
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_and_named() {
        let wrong = r#"{"m": {"input": 1, "output": 1, "cache_reed": 0, "cache_write": 0}}"#;
        let error = PriceBook::from_json(wrong).unwrap_err().to_string();
        assert!(error.contains("cache_reed"), "{error}");
    }

    #[test]
    fn a_request_that_grows_is_counted_once() {
        let mut meter = Meter::new(Arc::default());
        let model = "claude-opus-5-5";
        meter.add("a", model, usage(100_000, 1, 0, 0));
        meter.add("b", model, usage(100_000, 0, 0, 0));
        let spent = meter.add("a", model, usage(100_000, 10_000, 0, 0));
        assert_eq!(spent, "1".parse().unwrap());
        // A line that comes late, with less, takes nothing back.
        let spent = meter.add("a", model, usage(100_000, 1, 0, 0));
        assert_eq!(spent, "1".parse().unwrap());
    }

    proptest! {
        #[test]
        fn what_was_spent_never_shrinks(
            requests in prop::collection::vec((0..100_u8, any::<u64>(), any::<u64>()), 0..300)
        ) {
            let mut meter = Meter::new(Arc::default());
            let mut before = Usd::ZERO;
            for (id, input, output) in requests {
                let spent = meter.add(&id.to_string(), "claude-fable-5-2", usage(input, output, 0, 0));
                prop_assert!(spent >= before);
                before = spent;
            }
        }
    }
}
