//! How far to look or to be heard.

use clap::ValueEnum;
use swarm_peers::Scope;

/// How far to look or to be heard.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Everybody
    #[default]
    Machine,
    /// Who works in the same folder
    Directory,
    /// Who works in the same repository, in whichever work tree
    Repo,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Machine => Self::Machine,
            ScopeArg::Directory => Self::Directory,
            ScopeArg::Repo => Self::Repo,
        }
    }
}
