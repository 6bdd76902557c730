//! The network of swarm's own, and those that users made.

use std::collections::HashMap;

use swarm_core::{runtime::RuntimeError, spec::Network};
use tokio::sync::Mutex;

use crate::{
    container::LABEL_HOME,
    engine::{Engine, Failure, FoundNetwork},
    options::DockerOptions,
};

/// Keeps containers on one bridge from talking to each other.
const NO_NEIGHBOURS: (&str, &str) = ("com.docker.network.bridge.enable_icc", "false");

/// Whether swarm's own network is known to be there.
#[derive(Debug, Default)]
pub(crate) struct OwnNetwork {
    ready: Mutex<bool>,
}

impl OwnNetwork {
    /// Makes sure that an agent can be put on `network`. The own one is made once, and stays.
    pub(crate) async fn prepare(
        &self,
        engine: &Engine,
        options: &DockerOptions,
        network: &Network,
    ) -> Result<(), RuntimeError> {
        match network {
            Network::None | Network::Allow(_) => Ok(()),
            Network::Own => {
                // Held over the requests on purpose: those who come meanwhile wait instead of making another.
                let mut ready = self.ready.lock().await;
                if !*ready {
                    make(engine, options).await?;
                    *ready = true;
                }
                Ok(())
            }
            Network::Named(name) => check_named(engine, name).await,
        }
    }

    /// Looks again next time: somebody removed it.
    pub(crate) async fn forget(&self) {
        *self.ready.lock().await = false;
    }
}

/// Refuses the host's network under whatever name or id.
async fn check_named(engine: &Engine, name: &str) -> Result<(), RuntimeError> {
    let refused = |reason: &str| {
        Err(RuntimeError::Refused {
            field: format!("network_mode {name:?}"),
            reason: reason.to_owned(),
        })
    };
    let found = engine
        .network(name)
        .await
        .map_err(|failure| engine.error("look up a network", failure))?;
    match found {
        None => {
            refused("the engine has no such network; make it first, or use \"bridge\" or \"none\"")
        }
        Some(network) if network.driver == "host" || network.name == "host" => {
            refused("an agent never shares the network of the host; use \"bridge\" or \"none\"")
        }
        Some(_) => Ok(()),
    }
}

async fn make(engine: &Engine, options: &DockerOptions) -> Result<(), RuntimeError> {
    let name = &options.network;
    let failed = |failure| engine.error("make the network of swarm", failure);
    let mut networks = engine.networks_named(name).await.map_err(failed)?;
    if networks.is_empty() {
        let made = engine
            .create_bridge(
                name,
                HashMap::from([(LABEL_HOME.to_owned(), options.home.clone())]),
                HashMap::from([(NO_NEIGHBOURS.0.to_owned(), NO_NEIGHBOURS.1.to_owned())]),
            )
            .await;
        match made {
            // Another process was quicker, and this engine minds.
            Err(failure) if !failure.is_conflict() => return Err(failed(failure)),
            _ => networks = engine.networks_named(name).await.map_err(failed)?,
        }
    }
    if networks.len() > 1 {
        networks = vec![agree(engine, networks).await.map_err(failed)?];
    }
    match networks.first() {
        Some(network)
            if network.driver == "bridge"
                && network.labels.contains_key(LABEL_HOME)
                && is_closed(&network.options) =>
        {
            Ok(())
        }
        Some(_) => Err(RuntimeError::Refused {
            field: format!("network {name:?}"),
            reason: "the engine has a network of this name that is not swarm's, so agents on it could reach each \
                     other; remove it, or give swarm another name for its own"
                .to_owned(),
        }),
        None => Err(RuntimeError::Engine {
            doing: "make the network of swarm",
            problem: "it vanished at once".to_owned(),
        }),
    }
}

/// Some engines make several networks of one name, and then put no container on any of them. All who see them
/// keep the oldest, unless an agent is on another already: whoever put it there saw only that one.
async fn agree(engine: &Engine, mut networks: Vec<FoundNetwork>) -> Result<FoundNetwork, Failure> {
    networks.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
    let mut kept = networks.remove(0);
    for network in networks {
        if !network.labels.contains_key(LABEL_HOME) {
            continue;
        }
        match engine.remove_network(&network.id).await {
            Err(failure) if failure.is_in_use() => {
                engine.remove_network(&kept.id).await?;
                kept = network;
            }
            removed => removed?,
        }
    }
    Ok(kept)
}

/// Whether agents on the network cannot reach each other. An engine that does not know the option drops it.
fn is_closed(options: &HashMap<String, String>) -> bool {
    options
        .get(NO_NEIGHBOURS.0)
        .is_none_or(|value| value == NO_NEIGHBOURS.1)
}
