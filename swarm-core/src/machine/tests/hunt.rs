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

/// Behaves as [`Scripted`], and remembers who was started.
#[derive(Default)]
struct Watched(std::sync::Mutex<Vec<Start>>);

impl Performer for Watched {
    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        self.0.lock().unwrap().push(start.clone());
        Scripted.perform(start, halt).await
    }
}

/// What judges are started with: the input in their command, and the item that takes its place.
async fn inputs_of_judges(seeds: Seeds, template: Plan) -> Vec<(String, Option<u32>)> {
    let mut way = strategy("a", seeds, "same");
    let judge = AgentSpec::command("same", ["test", "{input}"]).unwrap();
    (way.evaluator.agent, way.template) = (Box::new(judge), Box::new(template));
    let mut machine = Machine::new(hunt([way], 0, None));
    let watched = Watched::default();
    let (_keep, stop) = watch::channel(None);
    drive(&mut machine, &watched, &mut Log::default(), stop)
        .await
        .unwrap();
    let mut started = watched.0.into_inner().unwrap();
    started.retain(|start| start.reading == Some(Reading::Judgement));
    started.sort_by_key(|start| start.at.clone());
    let told = started.into_iter().map(|start| {
        let crate::spec::Agent::Command(argv) = &start.spec.agent else {
            panic!("no command")
        };
        (argv[1].clone(), start.item.map(|item| item.index))
    });
    told.collect()
}

#[tokio::test]
async fn who_judges_is_told_the_seed_that_a_result_was_made_from() {
    let seeds = ["ok", "fail", "ok-at-1"].map(str::to_owned).to_vec();
    let told = |input: &str, item| (input.to_owned(), item);
    // Of two that work on each, one fails at the second and at the third.
    let twice = par([agent("{input}"), agent("ok")]);
    assert_eq!(
        inputs_of_judges(Seeds::Listed(seeds), twice).await,
        [
            told("ok", None),
            told("ok", None),
            told("fail", None),
            told("ok-at-1", None)
        ]
    );
    let ways = inputs_of_judges(fetched("list-2"), agent("ok")).await;
    assert_eq!(ways, [told("{input}", Some(0)), told("{input}", Some(1))]);
}

#[test]
fn a_hunt_without_a_number_keeps_all_that_its_ways_keep() {
    let ways = || {
        [
            strategy("a", listed(3), "same"),
            strategy("b", listed(1), "same"),
        ]
    };
    for (top, kept) in [(0, 3), (1, 1), (2, 2), (9, 3)] {
        let (end, account) = accounted(hunt(ways(), top, None));
        assert_eq!(names(&end).len(), kept, "{top}");
        let Account::Hunt { leaderboard, .. } = account else {
            panic!("{account:?}")
        };
        assert_eq!(leaderboard.len(), kept, "{top}");
    }
}
