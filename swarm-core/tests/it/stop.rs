//! Stopping runs: for good, for now, and by dropping them.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use swarm_core::{
    Control, NewRun, RunView, Swarm, SwarmError,
    drive::Stop,
    error_code::{Coded as _, ErrorCode},
    journal::{MemoryEventLog, RunEvent},
    machine::End,
    outcome::ExitReason,
    plan::{chain, par, race, run},
    resources::PoolLimits,
    run_view::RunState,
    testing::scripted::ScriptedRuntime,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::fixtures::{Slow, agent, events, outcome, ref_of, scripted, succeeded};

/// More than any of these runs takes.
const LONG: Duration = Duration::from_hours(1);

/// Runs `new` and asks it for each of `stops` after so many seconds.
async fn stopped(swarm: &Swarm, new: NewRun, stops: &[(u64, Stop)]) -> Result<RunView, SwarmError> {
    let (ask, asked) = watch::channel(None);
    let control = Control {
        stop: Some(asked),
        observer: None,
        ..Control::default()
    };
    let asking = async {
        for &(seconds, stop) in stops {
            sleep(Duration::from_secs(seconds)).await;
            ask.send(Some(stop)).unwrap();
        }
        // Somebody who only asks does not stay.
        drop(ask);
    };
    let run = timeout(LONG, swarm.run(new, control));
    let (ran, ()) = tokio::join!(run, asking);
    ran.expect("the run does not end")
}

fn new_run(prompts: &[&str]) -> NewRun {
    chain([
        par(prompts.iter().map(|does| run(agent(does)))),
        run(agent("later")),
    ])
    .into()
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_its_agents_starts_nothing_more_and_is_over() {
    let runtime = scripted();
    let log = Arc::new(MemoryEventLog::new());
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .log(Arc::<MemoryEventLog>::clone(&log))
        .build();
    let new = new_run(&["1", "60", "60"]);
    let began = Instant::now();
    let view = stopped(&swarm, new.clone(), &[(5, Stop::Cancel)])
        .await
        .unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(view.end(), Some(&End::Cancelled));
    assert_eq!(
        outcome(&view, "stage-0.agent-0").exit,
        ExitReason::Completed
    );
    for stopped in ["stage-0.agent-1", "stage-0.agent-2"] {
        let outcome = outcome(&view, stopped);
        assert_eq!(outcome.exit, ExitReason::Cancelled);
        assert!(
            outcome.result.is_some(),
            "what {stopped} had printed is kept"
        );
    }
    assert_eq!(runtime.jobs().len(), 3);
    let events = events(&log, &new.id);
    let asked = events
        .iter()
        .position(|event| *event == RunEvent::CancelRequested);
    let before = |event: &RunEvent| matches!(event, RunEvent::AgentEnded(e) if e.outcome.exit == ExitReason::Cancelled);
    assert!(
        asked < events.iter().position(before),
        "the wish is in the log before it is fulfilled"
    );
    let again = swarm.resume(&new.id, Control::default()).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::RunEnded);
}

/// Agents that take their time to end must be waited for, not asked again and again.
#[tokio::test(start_paused = true)]
async fn a_cancelled_run_waits_for_agents_that_end_slowly() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(Slow(runtime.clone()))).build();
    let new = new_run(&["60", "60"]);
    let began = Instant::now();
    let view = stopped(&swarm, new, &[(5, Stop::Cancel)]).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(15));
    assert_eq!(view.end(), Some(&End::Cancelled));
    assert_eq!(runtime.jobs().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_when_a_run_is_cancelled_never_starts() {
    let runtime = scripted();
    let limits = PoolLimits {
        slots: NonZeroUsize::MIN,
        ..PoolLimits::default()
    };
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .limits(limits)
        .build();
    let view = stopped(&swarm, new_run(&["60", "60"]), &[(5, Stop::Cancel)])
        .await
        .unwrap();
    assert_eq!(view.end(), Some(&End::Cancelled));
    let waited = outcome(&view, "stage-0.agent-1");
    assert_eq!((waited.exit, waited.result), (ExitReason::Cancelled, None));
    assert_eq!(runtime.jobs().len(), 1);
    let view = swarm.execute(run(agent("1"))).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0"], "the slot is free again");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_to_stop_before_it_began_starts_nothing() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    for (stop, is_over) in [(Stop::Cancel, true), (Stop::Interrupt, false)] {
        let (_ask, asked) = watch::channel(Some(stop));
        let control = Control {
            stop: Some(asked),
            observer: None,
            ..Control::default()
        };
        let view = swarm.run(new_run(&["60"]), control).await.unwrap();
        assert_eq!(view.end().is_some(), is_over);
        assert!(runtime.running().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_keeps_what_has_ended_and_goes_on_later() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(Slow(runtime.clone()))).build();
    let new = new_run(&["1", "60"]);
    let began = Instant::now();
    let view = stopped(&swarm, new.clone(), &[(5, Stop::Interrupt)])
        .await
        .unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(15));
    let expected = RunState::Open {
        cancel_requested: false,
        interrupted: true,
    };
    assert_eq!(view.state, expected);
    let open: Vec<&str> = view
        .in_flight()
        .map(|(_, agent)| agent.agent.as_str())
        .collect();
    assert_eq!(open, ["stage-0.agent-1"]);

    let view = swarm.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["stage-1"]);
    for (agent, starts) in [
        ("stage-0.agent-0", 1),
        ("stage-0.agent-1", 2),
        ("stage-1", 1),
    ] {
        assert_eq!(runtime.starts(&ref_of(&new.id, agent)), starts, "{agent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_can_be_interrupted_while_it_is_cancelled_and_is_cancelled_when_resumed() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(Slow(runtime.clone()))).build();
    let new = new_run(&["60"]);
    let stops = [(5, Stop::Cancel), (2, Stop::Interrupt)];
    let view = stopped(&swarm, new.clone(), &stops).await.unwrap();
    let expected = RunState::Open {
        cancel_requested: true,
        interrupted: true,
    };
    assert_eq!(view.state, expected);
    let view = swarm.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(view.end(), Some(&End::Cancelled));
    assert_eq!(runtime.jobs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_cancel_does_not_end_an_interruption() {
    let swarm = Swarm::builder(Arc::new(Slow(scripted()))).build();
    let stops = [(5, Stop::Interrupt), (2, Stop::Cancel)];
    let view = stopped(&swarm, new_run(&["60"]), &stops).await.unwrap();
    assert!(view.end().is_none(), "{:?}", view.state);
}

#[tokio::test(start_paused = true)]
async fn losers_that_end_slowly_are_gone_when_the_race_is_over() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(Slow(runtime.clone()))).build();
    let began = Instant::now();
    let view = swarm
        .execute(race(["60", "5"].map(|does| run(agent(does)))))
        .await
        .unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(15));
    assert_eq!(succeeded(&view), ["agent-1"]);
}

/// The one who could ask is gone; that is no wish to stop, and nothing to wait for.
#[tokio::test(start_paused = true)]
async fn a_run_goes_on_when_nobody_can_stop_it_any_more() {
    let runtime: ScriptedRuntime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime)).build();
    let view = stopped(&swarm, new_run(&["5"]), &[]).await.unwrap();
    assert_eq!(succeeded(&view), ["stage-1"]);
}
