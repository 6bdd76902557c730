//! How far somebody wants to be heard, or to look.

use serde::{Deserialize, Serialize};

/// Who is meant, seen from one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody whom this swarm knows.
    #[default]
    Machine,
    /// Who works in the same folder.
    Directory,
    /// Who works in the same repository, whichever of its work trees that is in.
    Repo,
}
