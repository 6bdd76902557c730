//! The stores of one `SWARM_HOME`, opened.

use std::{fs, sync::Arc};

use swarm_core::{
    Swarm,
    ids::RunId,
    journal::{EventLog, Sequence, SqliteEventLog, StreamId},
    prices::PriceBook,
    runtime::AgentRuntime,
    time::SystemClock,
};
use swarm_pipeline::PipelinePatcher;
use swarm_refs::{FsRefStore, RunLock};

use crate::{config::Config, error::CliError, host_machine::HostMachine};

/// Results and events.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) store: Arc<FsRefStore>,
    pub(crate) log: Arc<dyn EventLog>,
}

impl Session {
    /// Opens what is in the home folder, making it if need be. Blocks, which at this point delays nobody.
    pub(crate) fn open(config: Config) -> Result<Self, CliError> {
        let home = &config.settings.home;
        let store = Self::results(&config)?;
        let log = SqliteEventLog::open(&home.join("swarm.db"))?;
        Ok(Self {
            store: Arc::new(store),
            log: Arc::new(log),
            config,
        })
    }

    /// The results alone. They can be read whatever has become of the log.
    pub(crate) fn results(config: &Config) -> Result<FsRefStore, CliError> {
        Ok(FsRefStore::open(
            &config.settings.home,
            Arc::new(SystemClock),
        )?)
    }

    /// A swarm over these stores.
    pub(crate) fn swarm(&self, runtime: Arc<dyn AgentRuntime>) -> Result<Swarm, CliError> {
        Ok(Swarm::builder(runtime)
            .store(Arc::<FsRefStore>::clone(&self.store))
            .log(Arc::clone(&self.log))
            .vault(Arc::<FsRefStore>::clone(&self.store))
            .cache(Arc::<FsRefStore>::clone(&self.store))
            .limits(self.config.settings.pool_limits())
            .max_output(self.config.settings.max_output)
            .user(Arc::new(HostMachine))
            .prices(self.prices()?)
            .patcher(Arc::new(PipelinePatcher::new(self.config.types()?)))
            .build())
    }

    /// The prices that are built in, and those of the user.
    pub(crate) fn prices(&self) -> Result<PriceBook, CliError> {
        let path = &self.config.settings.prices;
        let built_in = PriceBook::default();
        if path.as_os_str().is_empty() {
            return Ok(built_in);
        }
        let text = fs::read_to_string(path)
            .map_err(|error| CliError::file("read the prices in", path, &error))?;
        let own = PriceBook::from_json(&text)
            .map_err(|error| CliError::from(error).at(&path.display().to_string()))?;
        Ok(built_in.overridden_by(own))
    }

    /// Whether some process drives `run` right now.
    pub(crate) fn is_live(&self, run: &RunId) -> bool {
        RunLock::is_held(&self.config.settings.home, run)
    }

    /// Whether the log has heard of `run`, or cannot say.
    pub(crate) async fn has_begun(&self, run: &RunId) -> bool {
        let stream = StreamId::run(run);
        let first = self.log.read(&stream, Sequence::default(), 1).await;
        first.map_or(true, |first| !first.is_empty())
    }

    /// Makes this process the one that drives `run`; `None` if another one does.
    pub(crate) fn lock(&self, run: &RunId) -> Result<Option<RunLock>, CliError> {
        Ok(RunLock::try_acquire(&self.config.settings.home, run)?)
    }
}
