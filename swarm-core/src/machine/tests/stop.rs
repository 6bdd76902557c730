use super::*;

#[tokio::test]
async fn a_cancelled_run_ends_as_cancelled_and_starts_nothing_more() {
    let plan = chain([par([agent("hang"), agent("ok")]), agent("ok")]);
    let mut machine = Machine::new(plan);
    let mut log = Log::default();
    let (stop, stopped) = watch::channel(Some(Stop::Cancel));
    let end = drive(&mut machine, &Scripted, &mut log, stopped)
        .await
        .unwrap();
    drop(stop);
    assert_eq!(end, Driven::Ended(End::Cancelled));
    assert_eq!(log.cancels, 1);
    assert!(
        log.agents()
            .iter()
            .all(|event| event.agent.as_str().starts_with("stage-0"))
    );
}

#[tokio::test]
async fn an_interrupted_run_keeps_what_has_finished_and_can_go_on() {
    let plan = par([agent("hang"), agent("ok")]);
    let mut machine = Machine::new(plan.clone());
    let mut log = Log::default();
    let (stop, stopped) = watch::channel(Some(Stop::Interrupt));
    let end = drive(&mut machine, &Scripted, &mut log, stopped)
        .await
        .unwrap();
    drop(stop);
    assert_eq!(end, Driven::Interrupted);
    assert_eq!(ran(&log.agents()), ["agent-1"]);
    let mut machine = Machine::replay(plan, &log.events).unwrap();
    assert_eq!(machine.demands().len(), 1);
}
