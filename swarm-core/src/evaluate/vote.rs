//! What several governors decide together.

use super::{Action, Decision, Score};

/// Those that decided the same: the same action, with the same target or patch.
struct Bucket<'d> {
    action: &'d Action,
    /// In millionths, so that the sum does not depend on the order.
    confidence: u64,
    votes: usize,
    /// The decision with the highest confidence; the first of several.
    representative: usize,
    highest: Score,
}

/// The decision that the most confidence stands behind: where it is in `decisions`, and its share of all confidence.
///
/// Decisions with the same action (and target, or patch) are counted together. Of those with the same confidence in sum, the one with
/// more votes wins, then the one that was proposed first; so the same decisions in the same order always have the same result. What
/// speaks for it is the decision among the equal ones with the highest confidence. None without decisions. The share is 0 if nobody is sure.
pub fn vote(decisions: &[Decision]) -> Option<(usize, Score)> {
    let mut buckets: Vec<Bucket<'_>> = Vec::new();
    for (at, decision) in decisions.iter().enumerate() {
        let confidence = u64::from(decision.confidence.millionths());
        let known = buckets
            .iter_mut()
            .find(|bucket| *bucket.action == decision.action);
        if let Some(bucket) = known {
            bucket.confidence += confidence;
            bucket.votes += 1;
            if decision.confidence > bucket.highest {
                bucket.highest = decision.confidence;
                bucket.representative = at;
            }
        } else {
            buckets.push(Bucket {
                action: &decision.action,
                confidence,
                votes: 1,
                representative: at,
                highest: decision.confidence,
            });
        }
    }
    let total: u64 = buckets.iter().map(|bucket| bucket.confidence).sum();
    // The last of equal ones is the maximum: turned round, that is the first.
    let winner = buckets
        .iter()
        .rev()
        .max_by_key(|bucket| (bucket.confidence, bucket.votes))?;
    let share = (winner.confidence * 1_000_000).checked_div(total);
    let share = share.and_then(|share| u32::try_from(share).ok());
    Some((
        winner.representative,
        Score::from_millionths(share.unwrap_or_default()),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn decision(action: Action, confidence: f64) -> Decision {
        Decision {
            action,
            reason: String::new(),
            context: None,
            confidence: Score::from_f64(confidence).unwrap(),
        }
    }

    fn jump(target: &str, confidence: f64) -> Decision {
        let target = target.to_owned();
        decision(Action::Jump { target }, confidence)
    }

    #[test]
    fn confidence_counts_more_than_votes() {
        let (next, halt) = (Action::Next, Action::Halt);
        let votes = [
            decision(next.clone(), 0.2),
            decision(halt, 0.9),
            decision(next, 0.3),
        ];
        let (winner, share) = vote(&votes).unwrap();
        assert_eq!((winner, share.to_string()), (1, "0.642857".to_owned()));
    }

    #[test]
    fn with_the_same_confidence_votes_count_and_then_the_order() {
        let votes = [jump("a", 1.0), jump("b", 0.5), jump("b", 0.5)];
        assert_eq!(vote(&votes), Some((1, Score::HALF)));
        let votes = [jump("b", 0.5), jump("a", 0.5)];
        assert_eq!(vote(&votes), Some((0, Score::HALF)));
        let votes = [jump("a", 0.0), jump("b", 0.0), jump("b", 0.0)];
        assert_eq!(vote(&votes), Some((1, Score::ZERO)));
        assert_eq!(vote(&[]), None);
    }

    #[test]
    fn the_surest_of_the_winners_speaks_for_them() {
        let votes = [jump("a", 0.4), jump("a", 0.6), jump("a", 0.6)];
        assert_eq!(vote(&votes), Some((1, Score::ONE)));
    }

    #[test]
    fn patches_are_the_same_whatever_the_order_of_their_fields() {
        let patch = |text: &str, confidence| {
            let patch = serde_json::from_str(text).unwrap();
            decision(Action::Patch { patch }, confidence)
        };
        let votes = [
            decision(Action::Next, 0.5),
            patch(r#"{"a": 1, "b": 2}"#, 0.3),
            patch(r#"{"b": 2, "a": 1}"#, 0.4),
            decision(
                Action::Patch {
                    patch: json!({"a": 1}),
                },
                0.1,
            ),
        ];
        assert_eq!(vote(&votes).unwrap().0, 2);
    }

    proptest! {
        #[test]
        fn the_winner_has_at_least_the_share_of_any_other(votes in prop::collection::vec(("[a-c]", 0.0..=1.0), 1..12)) {
            let votes: Vec<_> = votes.iter().map(|(target, confidence)| jump(target, *confidence)).collect();
            let (winner, share) = vote(&votes).unwrap();
            let sum = |action: &Action| -> u32 {
                let same = votes.iter().filter(|vote| vote.action == *action);
                same.map(|vote| vote.confidence.millionths()).sum()
            };
            let winning = sum(&votes[winner].action);
            for other in &votes {
                prop_assert!(sum(&other.action) <= winning);
            }
            prop_assert!(share <= Score::ONE);
        }
    }
}
