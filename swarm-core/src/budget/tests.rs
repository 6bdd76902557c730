use std::time::Duration;

use futures_util::{FutureExt as _, future::join_all};
use proptest::prelude::*;

use super::*;

fn usd(dollars: u64) -> Usd {
    Usd::from_micros(dollars * 1_000_000)
}

#[tokio::test]
async fn the_worst_case_is_set_aside_and_what_is_left_over_comes_back() {
    let budget = Budget::new(Some(usd(10)), Usd::ZERO);
    let first = budget.reserve(usd(8)).await.unwrap();
    let mut second = Box::pin(budget.reserve(usd(5)));
    assert!(
        second.as_mut().now_or_never().is_none(),
        "8 + 5 is more than 10"
    );
    let stamp = first.settle(Some(usd(2)));
    assert_eq!((stamp.step_cost, stamp.spent_so_far), (usd(2), usd(2)));
    assert_eq!(
        (stamp.remaining, stamp.limit),
        (Some(usd(8)), Some(usd(10)))
    );
    drop(second.await.unwrap());
    assert_eq!(budget.spent(), usd(2), "what was never begun goes back");
    let mut third = budget.reserve(usd(5)).await.unwrap();
    third.begin();
    drop(third);
    assert_eq!(budget.spent(), usd(7), "begun and unsettled counts in full");
}

#[tokio::test]
async fn what_can_never_be_covered_is_refused_at_once() {
    let budget = Budget::new(Some(usd(10)), usd(9));
    let error = budget.reserve(usd(2)).await.unwrap_err();
    assert_eq!(
        error,
        BudgetExhausted {
            spent: usd(9),
            limit: usd(10),
            wanted: usd(2)
        }
    );
}

#[tokio::test]
async fn what_an_agent_under_way_holds_is_spent_only_when_nobody_settles_it() {
    let budget = Budget::new(Some(usd(10)), Usd::ZERO);
    let (taken_over, gone) = (budget.hold(usd(4)), budget.hold(usd(4)));
    let mut third = Box::pin(budget.reserve(usd(4)));
    assert!(third.as_mut().now_or_never().is_none(), "8 are held");
    assert_eq!(taken_over.settle(Some(usd(1))).spent_so_far, usd(1));
    drop(gone);
    assert_eq!(budget.spent(), usd(5));
    drop(third.await.unwrap());
}

#[tokio::test]
async fn without_a_limit_it_only_counts() {
    let budget = Budget::new(None, Usd::ZERO);
    let stamp = budget.reserve(usd(100)).await.unwrap().settle(None);
    assert_eq!((stamp.spent_so_far, stamp.remaining), (usd(100), None));
}

proptest! {
    /// Agents that keep to their worst case never spend more than the budget, whatever the schedule.
    #[test]
    fn spending_never_exceeds_the_budget_under_any_schedule(
        limit in 0..50u64,
        agents in proptest::collection::vec((0..20u64, 0..=100u64, 0..5u64, 0..5u64, any::<bool>()), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let budget = Budget::new(Some(usd(limit)), Usd::ZERO);
            join_all(agents.iter().map(|&(worst, percent, delay, takes, dies)| {
                let budget = budget.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    let Ok(mut reserved) = budget.reserve(usd(worst)).await else { return };
                    reserved.begin();
                    tokio::time::sleep(Duration::from_millis(takes)).await;
                    assert!(budget.spent() <= usd(limit));
                    if dies {
                        drop(reserved);
                    } else {
                        let cost = Usd::from_micros(worst * 10_000 * percent);
                        assert!(reserved.settle(Some(cost)).spent_so_far <= usd(limit));
                    }
                }
            })).await;
            assert!(budget.spent() <= usd(limit));
        });
    }
}
