//! A run has its id for itself.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, join};
use swarm_core::{
    Control, NewRun, Plan, Swarm, SwarmError,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::{
        EventLog, LogError, MemoryEventLog, NewEvent, Recorded, Sequence, StreamId, StreamInfo,
    },
};

use crate::fixtures::{agent, events, scripted, story};

fn new(id: &RunId, prompt: &str) -> NewRun {
    NewRun {
        id: id.clone(),
        ..Plan::from(agent(prompt)).into()
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_in_the_log_is_refused_and_the_run_that_has_it_is_as_it_was() {
    let runtime = scripted();
    let log = Arc::new(MemoryEventLog::new());
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .log(Arc::<MemoryEventLog>::clone(&log))
        .build();
    let id = RunId::random();
    let view = swarm
        .run(new(&id, "first"), Control::default())
        .await
        .unwrap();

    let error = swarm
        .run(new(&id, "second"), Control::default())
        .await
        .unwrap_err();
    assert!(matches!(&error, SwarmError::RunExists(taken) if *taken == id));
    assert_eq!(error.code(), ErrorCode::RunExists);
    assert!(
        error
            .to_string()
            .contains(&format!("swarm runs resume {id}"))
    );
    assert_eq!(swarm.view(&id).await.unwrap(), view);
    assert_eq!(runtime.jobs().len(), 1);
}

/// A log whose answers take a while, so that two can ask before either has written.
#[derive(Debug)]
struct Leisurely(Arc<MemoryEventLog>);

impl EventLog for Leisurely {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        self.0.append(stream, events)
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        async move {
            let read = self.0.read(stream, after, limit).await;
            tokio::task::yield_now().await;
            read
        }
        .boxed()
    }

    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>> {
        self.0.remove(stream)
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        self.0.streams(prefix)
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_the_same_id_at_once_one_runs() {
    let runtime = scripted();
    let log = Arc::new(MemoryEventLog::new());
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .log(Arc::new(Leisurely(Arc::clone(&log))))
        .build();
    let id = RunId::random();
    let (first, second) = join(
        swarm.run(new(&id, "first"), Control::default()),
        swarm.run(new(&id, "second"), Control::default()),
    )
    .await;

    assert_eq!(first.unwrap().counts().succeeded, 1);
    assert!(matches!(second, Err(SwarmError::RunExists(_))));
    assert_eq!(runtime.jobs().len(), 1);
    assert_eq!(
        story(&events(&log, &id)),
        [
            "run_started",
            "run_started",
            "agent-0 started",
            "agent-0 completed",
            "run_ended"
        ],
        "both were in the log before either was checked again"
    );
}
