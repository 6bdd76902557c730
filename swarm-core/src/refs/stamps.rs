//! What a reference says about its result besides how it ended.

use serde::{Deserialize, Serialize};

use super::Classification;
use crate::{agents::Conversation, hash, ids::RefId, money::Usd, prompt::PriorError};

/// Everything that may be stamped on a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stamps {
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// What the run had spent when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetStamp>,
    /// How much time the run had left when it was made.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlineStamp>,
    /// Which image it ran in; `None` for a plain process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageStamp>,
    /// What the agent told of its conversation with a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// Which attempt made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryStamp>,
    /// How sensitive it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// By which key it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<EncryptionStamp>,
}

/// Where a result came from, so that a change of any part can be noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The results whose text went into the prompt.
    pub parent_refs: Vec<RefId>,
    /// The first 16 hex digits of the SHA-256 of the text; null if there is none.
    pub content_hash: Option<String>,
    /// SHA-256 of the canonical spec.
    pub spec_hash: String,
    /// SHA-256 over the spec, the hashes of the parents, and the text.
    pub hash: String,
    /// When it was made, in UTC.
    pub timestamp: String,
}

impl Provenance {
    /// Combines what went in and what came out; `parents` are refs with their own provenance hashes.
    pub fn new(
        spec_hash: String,
        parents: Vec<(RefId, String)>,
        text: Option<&str>,
        timestamp: String,
    ) -> Self {
        let mut hasher = hash::Hasher::new();
        hasher.add(spec_hash.as_bytes());
        for (id, parent) in &parents {
            hasher.add(format!("\n{id}={parent}").as_bytes());
        }
        hasher.add(format!("\n{}", text.unwrap_or_default()).as_bytes());
        Self {
            parent_refs: parents.into_iter().map(|(id, _)| id).collect(),
            content_hash: text.map(|hash| hash.chars().take(16).collect()),
            spec_hash,
            hash: hasher.finish(),
            timestamp,
        }
    }
}

/// The budget of the run as this agent left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStamp {
    /// What this agent cost.
    pub step_cost: Usd,
    /// What the run had spent, this agent included.
    pub spent_so_far: Usd,
    /// What was left; null without a limit.
    pub remaining: Option<Usd>,
    /// The limit; null if there is none.
    pub limit: Option<Usd>,
}

/// The deadline of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadlineStamp {
    /// Seconds since 1970.
    pub deadline: u64,
    /// Seconds left when the agent ended; negative if it had passed.
    pub time_remaining: f64,
}

/// Which attempt made a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryStamp {
    /// From 1.
    pub attempt: u32,
    /// How many attempts there may be in all.
    pub max_retries: u32,
    /// What went wrong before, in the order of the attempts.
    pub prior_errors: Vec<PriorError>,
}

/// Which image an agent ran in, as its engine says, not as somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStamp {
    /// The name that its container was made with. It may stand for another image by now.
    pub name: String,
    /// The id of the image, `sha256:` and 64 hex digits. It stands for the content.
    pub digest: String,
}

/// By which key a result is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionStamp {
    /// The key's id. Knowing it opens nothing.
    pub key_id: String,
    /// The cipher.
    pub algorithm: String,
}
