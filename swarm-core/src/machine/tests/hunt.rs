use super::*;
use crate::plan::{Seeds, Strategy, hunt};

fn strategy(name: &str, seeds: Seeds, judge: &str) -> Strategy {
    Strategy {
        name: name.parse().unwrap(),
        seeds,
        template: Box::new(agent("ok")),
        evaluator: by(judge),
        top: 2,
    }
}

fn listed(n: usize) -> Seeds {
    Seeds::Listed(vec!["seed".to_owned(); n])
}

fn fetched(behaviour: &str) -> Seeds {
    Seeds::Fetched(Box::new(AgentSpec::command(behaviour, ["x"]).unwrap()))
}

#[test]
fn the_best_of_all_ways_is_kept_and_a_way_that_fails_loses_nobody_else() {
    let ways = [
        strategy("a", listed(3), "same"),
        strategy("b", fetched("fail"), "same"),
        strategy("c", fetched("list-2"), "same"),
        strategy("d", listed(2), "silly"),
    ];
    let (end, account) = accounted(hunt(ways, 3, None));
    // Of equals, those of earlier ways come first, and of each way no more than its best.
    assert_eq!(names(&end), ["a.agent-0", "a.agent-1", "c.agent-0"]);
    let Account::Hunt {
        strategies,
        leaderboard,
    } = account
    else {
        panic!("{account:?}")
    };
    let seeds: Vec<_> = strategies.iter().map(|s| s.seeds).collect();
    assert_eq!(seeds, [Some(3), None, Some(2), Some(2)]);
    let failures: Vec<_> = strategies.iter().map(|s| s.failures.len()).collect();
    assert_eq!(failures, [0, 1, 0, 2]);
    let ranks: Vec<_> = leaderboard.iter().map(|l| l.global_rank).collect();
    assert_eq!(ranks, [1, 2, 3]);
}

#[test]
fn a_hunt_of_which_nothing_can_be_judged_fails() {
    let ways = [
        strategy("a", listed(1), "silly"),
        strategy("b", fetched("list-1"), "fail"),
    ];
    let (end, _) = driven(&mut Machine::new(hunt(ways, 0, None)));
    let End::Failed {
        succeeded,
        failures,
    } = end
    else {
        panic!("{end:?}")
    };
    assert_eq!((succeeded.len(), failures.len()), (0, 2));
}
