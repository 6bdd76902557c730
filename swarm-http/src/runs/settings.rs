//! What holds for one run, wherever it was asked for.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::{
    Swarm,
    error_code::Coded as _,
    journal::EventLog,
    prices::PriceBook,
    resources::PoolLimits,
    runtime::AgentRuntime,
    spec::ByteSize,
    supplies::UserMachine,
    types::{TypeFolder, TypeRegistry},
};
use swarm_pipeline::PipelinePatcher;
use swarm_refs::FsRefStore;

use crate::{
    Failure,
    engines::{EngineSettings, SeenFrom},
};

/// What holds for one run. No secret is in it: it is kept beside the log, so that the daemon can go on with the run after it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// Where its agents work.
    pub engine: EngineSettings,
    /// Agents at once. What all runs together may use is set for the daemon.
    pub slots: NonZeroUsize,
    /// Agents at once in named pools for which nothing is set for the daemon.
    #[serde(default)]
    pub pools: BTreeMap<String, NonZeroUsize>,
    /// How many milliseconds an agent waits for its turn.
    pub queue_timeout: u64,
    /// How many bytes each agent may print.
    pub max_output: u64,
    /// Prices of models that win over those that are built in, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// Where types of its project and its user are.
    #[serde(default)]
    pub types: Vec<TypesIn>,
    /// The folder that its user works in.
    pub folder: PathBuf,
    /// How many containers to start ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<u8>,
}

/// A folder with types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypesIn {
    /// Where it is.
    pub path: PathBuf,
    /// Whether somebody else may have filled it.
    pub is_foreign: bool,
}

/// The stores that all runs of a home share.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) refs: Arc<FsRefStore>,
}

impl RunSettings {
    /// How much of everything the run may use.
    pub fn limits(&self) -> PoolLimits {
        PoolLimits {
            slots: self.slots,
            pools: self.pools.clone(),
            queue_timeout: Duration::from_millis(self.queue_timeout),
        }
    }

    /// A swarm for the run, which shares pools with `others`.
    pub(crate) fn swarm(
        &self,
        runtime: Arc<dyn AgentRuntime>,
        stores: &Stores,
        others: &Swarm,
        machine: Option<Arc<dyn UserMachine>>,
    ) -> Result<Swarm, Failure> {
        let prices = match &self.prices {
            None => PriceBook::default(),
            Some(own) => {
                let own = PriceBook::from_json(own)
                    .map_err(|error| Failure::new(error.code(), error.to_string()))?;
                PriceBook::default().overridden_by(own)
            }
        };
        let types = self.types.iter().map(|types| TypeFolder {
            path: types.path.clone(),
            is_foreign: types.is_foreign,
        });
        let refs = &stores.refs;
        let mut swarm = Swarm::builder(runtime)
            .store(Arc::<FsRefStore>::clone(refs))
            .log(Arc::clone(&stores.log))
            .vault(Arc::<FsRefStore>::clone(refs))
            .cache(Arc::<FsRefStore>::clone(refs))
            .max_output(ByteSize::new(self.max_output))
            .prices(prices)
            .patcher(Arc::new(PipelinePatcher::new(TypeRegistry::new(
                types.collect(),
            ))))
            .sharing(others, &self.limits());
        if let Some(machine) = machine {
            swarm = swarm.user(Arc::new(SeenFrom {
                machine,
                folder: self.folder.clone(),
            }));
        }
        Ok(swarm.build())
    }
}
