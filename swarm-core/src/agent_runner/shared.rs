//! The folder that agents of the run share.

use super::{AgentRunner, Stopped, denied, not_kept};
use crate::{
    drive::Start,
    prompt,
    refs::RefError,
    runtime::{RuntimeError, SHARED_PATH, SHARED_VARIABLE, SharedFolder, with_shared_at},
    spec::AgentSpec,
};

impl AgentRunner {
    /// The folder that the agents of the run share, if this is one of them; made if it is the first.
    ///
    /// Where there cannot be one, an agent whose work does not speak of it does without: it would not look for it.
    pub(super) async fn shared_folder(
        &self,
        start: &Start,
    ) -> Result<Option<SharedFolder>, Stopped> {
        if !start.shared {
            return Ok(None);
        }
        let spec = start.spec.as_ref();
        match self.runtime.check_sharing(&spec.sandbox) {
            Ok(()) => {}
            Err(RuntimeError::Unsupported { .. }) if !speaks_of_it(spec) => return Ok(None),
            Err(error) => return Err(denied(error.exit_reason(), error.to_string())),
        }
        let made = self
            .shared
            .get_or_try_init(|| self.store.shared_folder(&self.run));
        match made.await {
            Ok(path) => Ok(Some(SharedFolder { path: path.clone() })),
            Err(RefError::Invalid(_)) if !speaks_of_it(spec) => Ok(None),
            Err(error) => Err(not_kept(error)),
        }
    }

    /// The task of an agent, in the words of its runtime.
    pub(super) fn task(&self, spec: &AgentSpec, shared: Option<&SharedFolder>) -> String {
        let task = prompt::task(spec);
        match shared.and_then(|shared| self.runtime.shows_shared_at(shared).to_str()) {
            Some(place) if place != SHARED_PATH => with_shared_at(&task, place).into_owned(),
            // The runtime refuses to start an agent that could not name it.
            _ => task,
        }
    }
}

/// Whether anything of the work of an agent may mean the shared folder. Better once too often.
pub(crate) fn speaks_of_it(spec: &AgentSpec) -> bool {
    serde_json::to_string(spec).map_or(true, |written| {
        [SHARED_PATH, SHARED_VARIABLE]
            .iter()
            .any(|name| written.contains(name))
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        io::ErrorKind,
        path::{Path, PathBuf},
        sync::{Arc, Mutex},
    };

    use futures_util::future::BoxFuture;
    use tokio::sync::OnceCell;

    use super::*;
    use crate::{
        agent_runner::{AdmissionLimits, Caching, Scopes},
        breaker::Breakers,
        budget::Budget,
        content::Content,
        drive::{Halt, Performed, Performer as _},
        ids::{RefId, RunId},
        journal::{MemoryEventLog, RunJournal},
        machine::Cursor,
        money::Usd,
        outcome::{AgentOutcome, ExitReason},
        prices::PriceBook,
        prompt::{Context, Piece},
        refs::{Check, Judged, MemoryRefStore, RecordHeader, Recording, Ref, RefStore},
        resources::{PoolLimits, ResourcePools},
        runtime::{
            AgentRuntime, DEFAULT_MAX_OUTPUT,
            process::{ProcessOptions, ProcessRuntime},
        },
        supplies::Supplies,
        testing::scripted::ScriptedRuntime,
        time::SystemClock,
    };

    /// A store whose runs share this folder, which is made when it is asked for, or cannot be made.
    #[derive(Debug)]
    struct Sharing(MemoryRefStore, Result<PathBuf, ErrorKind>);

    impl RefStore for Sharing {
        fn begin(
            &self,
            header: RecordHeader,
            prompt: Vec<Piece>,
        ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>> {
            self.0.begin(header, prompt)
        }

        fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>> {
            self.0.get(id)
        }

        fn stamp<'a>(
            &'a self,
            id: &'a RefId,
            judged: Judged,
        ) -> BoxFuture<'a, Result<(), RefError>> {
            self.0.stamp(id, judged)
        }

        fn guard<'a>(
            &'a self,
            id: &'a RefId,
            check: &'a Check,
        ) -> BoxFuture<'a, Result<Ref, RefError>> {
            self.0.guard(id, check)
        }

        fn text<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Content, RefError>> {
            self.0.text(id)
        }

        fn shared_folder<'a>(&'a self, _: &'a RunId) -> BoxFuture<'a, Result<PathBuf, RefError>> {
            let made = match &self.1 {
                Ok(path) => std::fs::create_dir(path).map(|()| path.clone()),
                Err(kind) => Err((*kind).into()),
            };
            let made = made.map_err(|error| RefError::io("create", "shared", error));
            Box::pin(std::future::ready(made))
        }
    }

    fn runner(runtime: Arc<dyn AgentRuntime>, store: Arc<dyn RefStore>) -> AgentRunner {
        let run: RunId = "run".parse().unwrap();
        AgentRunner {
            runtime,
            store,
            journal: RunJournal::new(Arc::new(MemoryEventLog::new()), Arc::new(SystemClock), &run),
            run,
            limits: AdmissionLimits {
                pools: ResourcePools::new(PoolLimits::default()),
                breakers: Breakers::default(),
                budget: Budget::new(None, Usd::ZERO),
                deadline: None,
                clock: Arc::new(SystemClock),
            },
            prices: Arc::new(PriceBook::default()),
            supplies: Supplies::default(),
            max_output: DEFAULT_MAX_OUTPUT,
            onlooker: None,
            caching: Caching::default(),
            shared: OnceCell::new(),
            patcher: None,
            scopes: Scopes::default(),
            list: Mutex::default(),
            under_way: Mutex::new(HashMap::new()),
            left_behind: Mutex::default(),
        }
    }

    fn start(agent: &str, prompt: &str, script: &str) -> Start {
        Start {
            at: serde_json::from_str::<Cursor>("[]").unwrap(),
            agent: agent.parse().unwrap(),
            spec: Arc::new(AgentSpec::command(prompt, ["sh", "-c", script]).unwrap()),
            context: Vec::new(),
            item: None,
            reading: None,
            scope: None,
            shared: true,
            alternative: Vec::new(),
        }
    }

    async fn ended(runner: &AgentRunner, start: Start) -> AgentOutcome {
        match runner.perform(start, Halt::default()).await {
            Performed::Ended(outcome) => outcome,
            other => panic!("it did not end: {other:?}"),
        }
    }

    async fn text(runner: &AgentRunner, agent: &str) -> String {
        let id: RefId = format!("run/{agent}").parse().unwrap();
        let text = runner.store.text(&id).await.unwrap();
        String::from_utf8(text.read().unwrap()).unwrap()
    }

    fn processes(base: &Path) -> AgentRunner {
        let options = ProcessOptions::new(base.join("agents"));
        let store = Sharing(MemoryRefStore::default(), Ok(base.join("shared")));
        runner(Arc::new(ProcessRuntime::new(options)), Arc::new(store))
    }

    #[tokio::test]
    async fn a_process_is_told_where_the_folder_is_and_quoted_results_stay_as_they_are() {
        let base = tempfile::tempdir().unwrap();
        let runner = processes(base.path());
        let first = start(
            "one",
            "",
            "echo x > /shared/note; printf 'see /shar'; echo ed/note",
        );
        assert_eq!(ended(&runner, first).await.exit, ExitReason::Completed);
        // The folder is made once: a second time would fail.
        let mut second = start("two", "Read /shared/note.", "cat; cat /shared/note");
        let quoted = ["run/one".parse().unwrap()];
        second.context = vec![Context::Previous(quoted.into())];
        assert_eq!(ended(&runner, second).await.exit, ExitReason::Completed);
        assert_eq!(
            text(&runner, "two").await,
            format!(
                "Read {}/note.\n\n# Context from previous stage:\nsee /shared/note\nx\n",
                base.path().join("shared").display()
            )
        );
        assert!(base.path().join("shared/note").exists());
    }

    #[tokio::test]
    async fn who_does_not_share_is_told_nothing_and_nothing_is_made() {
        let base = tempfile::tempdir().unwrap();
        let runner = processes(base.path());
        let alone = Start {
            shared: false,
            ..start("one", "Read /shared.", "cat; echo /shared $SWARM_SHARED")
        };
        assert_eq!(ended(&runner, alone).await.exit, ExitReason::Completed);
        assert_eq!(text(&runner, "one").await, "Read /shared./shared\n");
        assert!(!base.path().join("shared").exists());
    }

    #[tokio::test]
    async fn a_path_that_a_shell_would_take_apart_is_put_into_no_command() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().join("two words");
        std::fs::create_dir(&base).unwrap();
        let runner = processes(&base);
        let outcome = ended(&runner, start("one", "", "echo x > /shared/note")).await;
        assert_eq!(outcome.exit, ExitReason::NotStarted);
        let error = outcome.error.unwrap();
        assert!(error.contains("\"$SWARM_SHARED\""), "{error}");
        let named = start("two", "", "echo x > \"$SWARM_SHARED/note\"");
        assert_eq!(ended(&runner, named).await.exit, ExitReason::Completed);
        assert!(base.join("shared/note").exists());
    }

    #[tokio::test]
    async fn a_runtime_that_has_it_in_its_place_gets_the_prompt_as_it_was_written() {
        let base = tempfile::tempdir().unwrap();
        let runtime = ScriptedRuntime::echo();
        let folder = base.path().join("shared");
        let store = Sharing(MemoryRefStore::default(), Ok(folder.clone()));
        let runner = runner(Arc::new(runtime.clone()), Arc::new(store));
        ended(&runner, start("one", "Read /shared.", "cat")).await;
        assert_eq!(text(&runner, "one").await, "Read /shared.");
        let [job] = runtime.jobs().try_into().unwrap();
        assert_eq!(job.shared, Some(SharedFolder { path: folder }));
        assert_eq!(job.invocation.argv, ["sh", "-c", "cat"]);
    }

    #[tokio::test]
    async fn without_a_folder_nobody_who_shares_is_started() {
        let base = tempfile::tempdir().unwrap();
        let runtime = ScriptedRuntime::echo();
        let store: Arc<dyn RefStore> = Arc::new(MemoryRefStore::default());
        let memory = runner(Arc::new(runtime.clone()), store);
        // Something is in its place.
        std::fs::write(base.path().join("shared"), "").unwrap();
        let store = Sharing(MemoryRefStore::default(), Ok(base.path().join("shared")));
        let taken = runner(Arc::new(runtime.clone()), Arc::new(store));
        for (runner, problem) in [(memory, "not kept in files"), (taken, "cannot create")] {
            let outcome = ended(&runner, start("one", "Read /shared.", "cat")).await;
            assert_eq!(outcome.exit, ExitReason::NotStarted);
            let error = outcome.error.unwrap();
            assert!(error.contains(problem), "{error}");
        }
        assert!(runtime.jobs().is_empty());
    }

    #[tokio::test]
    async fn where_there_can_be_none_who_does_not_speak_of_it_does_without() {
        let runtime = ScriptedRuntime::echo();
        let store: Arc<dyn RefStore> = Arc::new(MemoryRefStore::default());
        let runner = runner(Arc::new(runtime.clone()), store);
        let outcome = ended(&runner, start("one", "Go on.", "cat")).await;
        assert_eq!(outcome.exit, ExitReason::Completed);
        let named = start("two", "", "cat $SWARM_SHARED/x");
        assert_eq!(ended(&runner, named).await.exit, ExitReason::NotStarted);
        let [job] = runtime.jobs().try_into().unwrap();
        assert_eq!(job.shared, None);
    }

    #[tokio::test]
    async fn who_has_something_of_its_own_in_its_place_is_refused_before_anything_is_made() {
        let base = tempfile::tempdir().unwrap();
        let runner = processes(base.path());
        let mut taken = start("one", "", "cat");
        let mut spec = AgentSpec::command("", ["cat"]).unwrap();
        spec.sandbox.workdir = "/shared".to_owned();
        taken.spec = Arc::new(spec);
        assert_eq!(ended(&runner, taken).await.exit, ExitReason::Refused);
        assert!(!base.path().join("shared").exists());
    }

    #[tokio::test]
    async fn a_full_disk_stops_the_run_and_not_only_the_agent() {
        let full = Err(ErrorKind::StorageFull);
        let store = Sharing(MemoryRefStore::default(), full);
        let runner = runner(Arc::new(ScriptedRuntime::echo()), Arc::new(store));
        let performed = runner
            .perform(start("one", "", "cat"), Halt::default())
            .await;
        assert!(matches!(performed, Performed::Broken(_)), "{performed:?}");
    }
}
