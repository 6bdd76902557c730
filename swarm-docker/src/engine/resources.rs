//! Requests about volumes and networks.

use std::collections::HashMap;

use bollard::{
    models::NetworkCreateRequest,
    query_parameters::{
        ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};

use super::{Engine, Failure};

/// A network of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundNetwork {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) options: HashMap<String, String>,
    /// RFC 3339.
    pub(crate) created: String,
}

/// `None` for what does not exist.
pub(super) fn or_missing<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Engine {
    /// Volumes with this label: name and labels.
    pub(crate) async fn volumes(
        &self,
        label: (&str, &str),
    ) -> Result<Vec<(String, HashMap<String, String>)>, Failure> {
        let options = ListVolumesOptionsBuilder::new()
            .filters(&HashMap::from([(
                "label",
                vec![format!("{}={}", label.0, label.1)],
            )]))
            .build();
        let volumes = self.docker.list_volumes(Some(options)).await?;
        Ok(volumes
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| (volume.name, volume.labels))
            .collect())
    }

    /// Removes a volume that nobody uses. Fine if it is gone.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), Failure> {
        let options = RemoveVolumeOptionsBuilder::new().build();
        let removed = self.docker.remove_volume(name, Some(options)).await;
        or_missing(removed.map_err(Failure::from)).map(|_| ())
    }

    /// The network of this name or id.
    pub(crate) async fn network(&self, name: &str) -> Result<Option<FoundNetwork>, Failure> {
        let found = self.docker.inspect_network(name, None).await;
        let found = or_missing(found.map_err(Failure::from))?;
        Ok(found.map(|network| FoundNetwork {
            id: network.id.unwrap_or_default(),
            name: network.name.unwrap_or_default(),
            driver: network.driver.unwrap_or_default(),
            labels: network.labels.unwrap_or_default(),
            options: network.options.unwrap_or_default(),
            created: network.created.unwrap_or_default(),
        }))
    }

    /// All networks with exactly this name. Engines may have several.
    pub(crate) async fn networks_named(&self, name: &str) -> Result<Vec<FoundNetwork>, Failure> {
        let options = ListNetworksOptionsBuilder::new()
            .filters(&HashMap::from([("name", vec![name])]))
            .build();
        let networks = self.docker.list_networks(Some(options)).await?;
        Ok(networks
            .into_iter()
            .map(|network| FoundNetwork {
                id: network.id.unwrap_or_default(),
                name: network.name.unwrap_or_default(),
                driver: network.driver.unwrap_or_default(),
                labels: network.labels.unwrap_or_default(),
                options: network.options.unwrap_or_default(),
                created: network.created.unwrap_or_default(),
            })
            // The filter of an engine also finds names that merely contain this one.
            .filter(|network| network.name == name)
            .collect())
    }

    /// Makes a bridge network.
    pub(crate) async fn create_bridge(
        &self,
        name: &str,
        labels: HashMap<String, String>,
        options: HashMap<String, String>,
    ) -> Result<(), Failure> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels),
            options: Some(options),
            ..NetworkCreateRequest::default()
        };
        self.docker.create_network(request).await?;
        Ok(())
    }

    /// Removes a network that nobody uses. Fine if it is gone.
    pub(crate) async fn remove_network(&self, id: &str) -> Result<(), Failure> {
        let removed = self.docker.remove_network(id).await;
        or_missing(removed.map_err(Failure::from)).map(|_| ())
    }
}
