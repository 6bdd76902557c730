//! Values with a name for where they came from.

use figment2::{
    Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map},
};
use serde::Serialize;

/// One source of settings.
pub(super) struct Layer<T = ()> {
    pub(super) name: &'static str,
    pub(super) values: T,
}

impl Layer {
    pub(super) const DEFAULT: &'static str = "default";
    pub(super) const ENVIRONMENT: &'static str = "environment";
    pub(super) const COMMAND_LINE: &'static str = "command line";
}

impl<T: Serialize> Provider for Layer<T> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment2::Error> {
        Serialized::defaults(&self.values).data()
    }
}
