//! Outcomes by chance, the same for the same seed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use swarm_core::{
    evaluate::{Action, Score},
    money::Usd,
    outcome::ExitReason,
};

use super::answer::Answer;

/// How probable things are. What happens to an agent depends on the seed and its name alone, so it is the same whatever else happens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chances {
    /// That an agent fails; from 0 to 1, as all of these.
    pub fails: f64,
    /// That a result has one of the words that `retry_if` looks for.
    pub keyword: f64,
    /// That a guard lets results pass.
    pub passes: f64,
    /// That a person agrees.
    pub approves: f64,
    /// That a governor says something else than to go on.
    pub governor_intervenes: f64,
    /// How much of its worst case an agent costs at most.
    pub cost: f64,
    /// How much of its timeout an agent takes at most.
    pub time: f64,
    /// How many things an agent lists at most.
    pub lists: u32,
}

impl Default for Chances {
    fn default() -> Self {
        Self {
            fails: 0.2,
            keyword: 0.3,
            passes: 0.9,
            approves: 0.8,
            governor_intervenes: 0.5,
            cost: 0.5,
            time: 0.25,
            lists: 5,
        }
    }
}

/// A dice of which every throw has a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    pub(super) seed: u64,
    pub(super) chances: Chances,
}

/// What there is to know of who throws.
pub(super) struct Thrower<'t> {
    pub(super) name: &'t str,
    pub(super) worst_case: Usd,
    pub(super) timeout: Duration,
    /// Where a governor may go.
    pub(super) steps: &'t [String],
}

impl Dice {
    /// From 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    pub(super) fn throw(self, name: &str, what: &str) -> f64 {
        let mut state = self.seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in name.bytes().chain([0]).chain(what.bytes()) {
            state = mixed(state ^ u64::from(byte));
        }
        (mixed(state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn answer(self, by: &Thrower<'_>) -> Answer {
        let throw = |what: &str| self.throw(by.name, what);
        let chances = self.chances;
        let exit = if throw("fails") < chances.fails {
            ExitReason::Failed { code: 1 }
        } else {
            ExitReason::Completed
        };
        let decides = if throw("intervenes") < chances.governor_intervenes {
            match (pick(throw("action"), 4), by.steps) {
                (0, _) => Action::Halt,
                (1, _) => Action::Broken,
                (_, []) => Action::Next,
                (_, steps) => {
                    let target = steps.get(pick(throw("target"), steps.len()));
                    target.map_or(Action::Next, |target| Action::Jump {
                        target: target.clone(),
                    })
                }
            }
        } else {
            Action::Next
        };
        let lists = chances.lists.saturating_add(1);
        Answer {
            exit: Some(exit),
            says: None,
            cost: Some(share_of(by.worst_case, throw("cost") * chances.cost)),
            takes: Some(
                by.timeout
                    .mul_f64((throw("time") * chances.time).clamp(0.0, 1.0)),
            ),
            score: Score::from_f64(throw("score")),
            lists: u32::try_from(pick(throw("lists"), usize::try_from(lists).unwrap_or(1))).ok(),
            decides: Score::from_f64(throw("confidence")).map(|sure| (decides, sure)),
            objects: None,
        }
    }
}

/// A number below `count`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the share is from 0 to 1, and counts are small"
)]
fn pick(share: f64, count: usize) -> usize {
    ((share * count as f64) as usize).min(count.saturating_sub(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of an amount is an amount"
)]
fn share_of(amount: Usd, share: f64) -> Usd {
    Usd::from_micros((amount.micros() as f64 * share.clamp(0.0, 1.0)) as u64)
}

/// The last step of `SplitMix64`.
const fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_a_matter_of_seed_and_name() {
        let dice = |seed| Dice {
            seed,
            chances: Chances::default(),
        };
        let throws: Vec<f64> = (0..2_000).map(|i| dice(i).throw("a", "x")).collect();
        let low = throws.iter().filter(|throw| **throw < 0.25).count();
        assert!((400..600).contains(&low), "{low}");
        let exact = |name: &str, what: &str| dice(1).throw(name, what).to_bits();
        assert_eq!(exact("a", "x"), exact("a", "x"));
        assert_ne!(exact("a", "x"), exact("b", "x"));
        assert_ne!(exact("ab", "x"), exact("a", "bx"));
    }
}
