use super::*;

#[test]
fn a_failing_branch_does_not_lose_the_others() {
    let (end, _) = driven(&mut Machine::new(par([
        agent("ok"),
        agent("fail"),
        agent("ok"),
    ])));
    let End::Failed {
        succeeded,
        failures,
    } = end
    else {
        panic!("{end:?}")
    };
    assert_eq!(succeeded.len(), 2);
    assert_eq!(failures[0].error, "agent-1 said no");
}

#[test]
fn a_limit_is_kept_also_after_a_restart() {
    let five = || (0..5).map(|_| agent("ok"));
    let two = NonZeroUsize::new(2).unwrap();
    let mut machine = Machine::new(par(five()).with_limit(two));
    assert_eq!(machine.demands().len(), 2);
    assert_eq!(machine.demands().len(), 0, "asked for once");
    let (_, log) = driven(&mut Machine::new(par(five())));
    let mut machine = Machine::replay(par(five()).with_limit(two), &log[3..4]).unwrap();
    let started: Vec<_> = machine
        .demands()
        .into_iter()
        .map(|d| match d {
            Demand::Start(start) => start.agent.to_string(),
            Demand::Do(what) => what.name.to_string(),
            Demand::Cancel { .. } => panic!("nothing is cancelled"),
        })
        .collect();
    assert_eq!(started, ["agent-0", "agent-1"]);
}

#[test]
fn plans_without_agents_end_at_once() {
    const NONE: [Plan; 0] = [];
    assert_eq!(
        driven(&mut Machine::new(par(NONE))).0,
        End::Succeeded { refs: vec![] }
    );
    let plan = chain([chain(NONE), par([chain(NONE)]), agent("ok")]);
    assert_eq!(names(&driven(&mut Machine::new(plan)).0), ["stage-2"]);
}
