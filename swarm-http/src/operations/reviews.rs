//! What peers tell of their work trees. Git is asked by who asks for this, and never here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_peers::{Scope, post};

use super::{
    messages::{BroadcastSent, Sent, sent, sent_to_any},
    operation,
};
use crate::{App, Caller, Failure, operation::Perform};

/// Asks a peer to review what was changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Whom: an id or a name.
    pub to: String,
    /// The branch.
    pub branch: String,
    /// What was changed, as `git diff --stat` says it.
    pub changes: String,
}

operation!(
    Request,
    "reviews/request",
    Command,
    Anybody,
    "Ask a peer for a review",
    Sent
);

impl Perform for Request {
    async fn perform(self, app: &App, by: Caller) -> Result<Sent, Failure> {
        let request = post::Request::Review {
            of: self.to,
            branch: self.branch,
            changes: self.changes,
        };
        app.make(&by, request, sent).await
    }
}

/// Tells others how one's work tree stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncStatus {
    /// Whom.
    #[serde(default)]
    pub scope: Scope,
    /// The branch.
    pub branch: String,
    /// The last commit, in one line.
    pub commit: String,
    /// What is not committed, as `git status --short` says it.
    pub changes: String,
}

operation!(
    SyncStatus,
    "reviews/sync-status",
    Command,
    Anybody,
    "Tell others how your work tree stands",
    BroadcastSent
);

impl Perform for SyncStatus {
    async fn perform(self, app: &App, by: Caller) -> Result<BroadcastSent, Failure> {
        let request = post::Request::SyncStatus {
            scope: self.scope,
            branch: self.branch,
            commit: self.commit,
            changes: self.changes,
        };
        app.command(&by, request, sent_to_any).await
    }
}
