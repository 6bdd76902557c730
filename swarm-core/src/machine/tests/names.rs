use super::*;

#[test]
fn agents_are_named_by_their_place() {
    let plan = chain([
        agent("ok"),
        par([agent("ok"), chain([agent("ok"), agent("ok")])]),
        retry(agent("ok-at-2"), NonZeroU32::new(3).unwrap()),
    ]);
    let (_, log) = driven(&mut Machine::new(plan));
    let mut seen: Vec<_> = log.iter().map(|event| event.agent.to_string()).collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            "stage-0",
            "stage-1.agent-0",
            "stage-1.agent-1.stage-0",
            "stage-1.agent-1.stage-1",
            "stage-2.attempt-1",
            "stage-2.attempt-2"
        ]
    );
    assert_eq!(
        names(&driven(&mut Machine::new(agent("ok"))).0),
        ["agent-0"]
    );
}

#[test]
fn a_deep_plan_has_short_names_that_differ() {
    let mut plan = par([agent("ok"), agent("ok")]);
    for _ in 0..30 {
        plan = chain([plan]);
    }
    let (end, _) = driven(&mut Machine::new(plan));
    let names = names(&end);
    assert!(names.iter().all(|name| name.len() <= 100), "{names:?}");
    assert_ne!(names[0], names[1]);
}

#[test]
fn a_long_name_keeps_the_beginning_by_which_it_is_known() {
    let mut plan = agent("ok");
    for _ in 0..30 {
        plan = chain([plan]);
    }
    let (end, _) = driven(&mut Machine::new(plan));
    let [name] = names(&end).try_into().unwrap();
    let (kept, digest) = name.rsplit_once('-').unwrap();
    assert!("stage-0.".repeat(30).starts_with(kept), "{name}");
    assert!((80..=87).contains(&kept.len()), "{name}");
    assert_eq!(digest.len(), 12);
}

#[test]
fn who_judges_is_called_by_what_is_judged_by() {
    use crate::plan::{Selection, filter, score_list, valid, validate};
    let of_type = || Evaluator {
        name: "validate:poem".to_owned(),
        ..by("same")
    };
    let judges = |plan: Plan| {
        let (_, log) = driven(&mut Machine::new(plan));
        ran(&log).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(judges(validate(given(&["a"]), of_type())), ["validator"]);
    assert_eq!(
        judges(validate(given(&["a", "b"]), of_type())),
        ["validator-0", "validator-1"]
    );
    assert_eq!(judges(validate(given(&["a"]), by("same"))), ["score-0"]);
    assert_eq!(
        judges(score_list(given(&["a"]), of_type(), 1)),
        ["validator-0"]
    );
    assert_eq!(judges(filter(given(&["a"]), of_type())), ["agent-0"]);
    // Whoever is judged could have the name of a judge, unless it is called by what it is in.
    let twice = Plan::Judge {
        given: Vec::new(),
        body: Some(Box::new(valid(agent("ok"), of_type()))),
        evaluator: of_type(),
        select: Selection::Top { count: 0 },
        limit: None,
    };
    assert_eq!(judges(twice), ["body", "body.validator"]);
}
