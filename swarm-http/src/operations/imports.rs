//! What is brought in from other systems. Who brings it has read it; no path comes here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::poll;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{
    Request,
    import::{Item, Thing},
    snippet::Content,
};
use tokio::task::unconstrained;

use super::operation;
use crate::{App, Caller, Failure, operation::Perform};

/// The most things in one request: they wait for one commit.
pub const MAX_ITEMS: usize = 256;

/// Brings things in from another system, in their order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bring {
    /// At most 256.
    pub items: Vec<Brought>,
}

/// Something to bring in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// What.
    pub item: Item,
    /// What is kept aside of it, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is here now.
    Imported,
    /// It was brought in before.
    AlreadyHere,
    /// It is not brought in.
    Skipped {
        /// Why.
        why: String,
    },
}

/// What became of each thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcomes {
    /// In the order of the request.
    pub outcomes: Vec<Outcome>,
}

operation!(
    Bring,
    "imports/bring",
    Command,
    Owner,
    "Bring things in from another system",
    Outcomes
);

impl Perform for Bring {
    async fn perform(self, app: &App, by: Caller) -> Result<Outcomes, Failure> {
        if self.items.len() > MAX_ITEMS {
            return Err(Failure::new(
                ErrorCode::TooLarge,
                format!("bring at most {MAX_ITEMS} things at once"),
            ));
        }
        let mut under_way = Vec::with_capacity(self.items.len());
        for brought in self.items {
            let kept = keep(app, &brought).await?;
            let by = &by;
            let mut one = Box::pin(unconstrained(async move {
                match kept {
                    Some(refused) => Ok(refused),
                    None => bring(app, by, brought.item).await,
                }
            }));
            // Begun before the next one is, and committed together with it.
            let begun = poll!(&mut one);
            under_way.push((one, begun));
        }
        let mut outcomes = Vec::with_capacity(under_way.len());
        for (one, begun) in under_way {
            outcomes.push(match begun {
                std::task::Poll::Ready(outcome) => outcome?,
                std::task::Poll::Pending => one.await?,
            });
        }
        Ok(Outcomes { outcomes })
    }
}

/// Keeps aside what is to be; an outcome if that is refused.
async fn keep(app: &App, brought: &Brought) -> Result<Option<Outcome>, Failure> {
    let skipped = |why: String| Ok(Some(Outcome::Skipped { why }));
    let (Thing::Snippet {
        content: Content::Blob(blob),
        ..
    }
    | Thing::File { blob, .. }) = &brought.item.thing
    else {
        return Ok(None);
    };
    let Some(content) = &brought.content else {
        return skipped("what is in it is missing".to_owned());
    };
    let Ok(bytes) = STANDARD.decode(content) else {
        return skipped("what is in it is not base64".to_owned());
    };
    if let Err(refused) = app.check_size("content", bytes.len()) {
        return skipped(refused.message);
    }
    if blob.hash != swarm_core::hash::hex(&bytes) || blob.size != bytes.len() as u64 {
        return skipped("what is in it is not what it is said to be".to_owned());
    }
    app.with_blobs(move |blobs| blobs.put(&bytes)).await?;
    Ok(None)
}

async fn bring(app: &App, by: &Caller, item: Item) -> Result<Outcome, Failure> {
    let brought = app.command(by, Request::Import(item), |_, events| {
        if events.is_empty() {
            Outcome::AlreadyHere
        } else {
            Outcome::Imported
        }
    });
    brought.await.or_else(|failure| match failure.code {
        ErrorCode::LogFailed | ErrorCode::LogTooNew | ErrorCode::Internal => Err(failure),
        _ => Ok(Outcome::Skipped {
            why: failure.message,
        }),
    })
}
