use super::*;
use crate::plan::limit;

fn limits(dollars: u32) -> ScopeLimits {
    ScopeLimits {
        budget: Some(format!("{dollars}").parse().unwrap()),
        ..ScopeLimits::default()
    }
}

fn scopes(plan: Plan) -> Vec<Vec<(String, String)>> {
    let mut machine = Machine::new(plan);
    let demands = machine.demands();
    let starts = demands.iter().map(|demand| match demand {
        Demand::Start(start) => Scope::outwards(start.scope.as_ref())
            .map(|scope| {
                let budget = scope.limits.budget.unwrap();
                (scope.at.to_string(), budget.to_string())
            })
            .collect(),
        other => panic!("{other:?}"),
    });
    starts.collect()
}

#[test]
fn an_agent_knows_every_limit_around_it_and_no_other() {
    let plan = par([
        limit(par([limit(agent("ok"), limits(1)), agent("ok")]), limits(2)),
        agent("ok"),
    ]);
    let [inner, outer, none] = scopes(plan).try_into().unwrap();
    let budgets =
        |scopes: &[(String, String)]| scopes.iter().map(|(_, b)| b.clone()).collect::<Vec<_>>();
    assert_eq!(budgets(&inner), ["$1.0000", "$2.0000"]);
    assert_eq!(budgets(&outer), ["$2.0000"]);
    assert_eq!(inner[1], outer[0], "it is the same purse");
    assert!(none.is_empty());
}

#[test]
fn a_limit_right_within_a_limit_has_a_purse_of_its_own() {
    let plan = limit(limit(agent("ok"), limits(1)), limits(2));
    let [scopes] = scopes(plan).try_into().unwrap();
    assert_eq!(scopes.len(), 2);
    assert_ne!(scopes[0].0, scopes[1].0);
}

#[test]
fn limits_that_limit_nothing_are_no_limits() {
    let nothing = ScopeLimits::default();
    assert!(nothing.is_empty() && !limits(1).is_empty());
    assert_eq!(limit(agent("ok"), nothing.clone()), agent("ok"));
    // As a pipeline has them, or a plan that somebody wrote.
    let plan = Plan::Limit {
        body: Box::new(agent("ok")),
        limits: nothing,
    };
    assert_eq!(scopes(plan), [[]]);
}
