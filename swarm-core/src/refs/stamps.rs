//! What a reference says about its result besides how it ended.

use serde::{Deserialize, Serialize};

use super::Classification;
use crate::{
    agents::Conversation,
    evaluate::{Finding, Score, Verdict},
    hash,
    ids::RefId,
    money::Usd,
    prompt::PriorError,
};

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
    /// Whether it is what was asked for, as somebody judged who was asked last.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub validated: Option<ValidatedStamp>,
    /// Its place among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchStamp>,
    /// What was read out of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingStamp>,
    /// How sensitive it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// Whether this is the result of another agent that had done the same work. Only in answers of the run that took it: a
    /// record belongs to the agent that made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// By which key it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<EncryptionStamp>,
}

impl Stamps {
    /// Takes note of what was judged. What was not judged now stays as it was judged before.
    pub fn judge(&mut self, judged: Judged) {
        let Judged { validated, search } = judged;
        self.validated = validated.or_else(|| self.validated.take());
        self.search = search.or_else(|| self.search.take());
    }
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

/// What is judged of a result after it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Whether it is what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<ValidatedStamp>,
    /// Its place among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchStamp>,
}

/// Whether a result is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedStamp {
    /// The name of a type, or the evaluator as it was written.
    pub validated_as: String,
    /// What was found.
    pub validation_verdict: Verdict,
    /// By how much.
    pub validation_score: Score,
    /// The result of who judged; what there is to mend is said there, and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_ref: Option<RefId>,
    /// What there is to mend. Never stored; filled in for whoever shows the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_issues: Vec<String>,
}

/// The place of a result among others that were made for the same purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchStamp {
    /// Its score.
    pub score: Score,
    /// What it was made from, if the search went deeper than once.
    pub parent_ref: Option<RefId>,
    /// How deep the search had gone, from 0.
    pub depth: u32,
    /// Its place, from 0.
    pub beam_rank: u32,
    /// Who judged, as it was written.
    pub evaluator: String,
    /// Whether it is not among those that were chosen.
    pub pruned: bool,
    /// Why not.
    pub prune_reason: Option<String>,
    /// Those that were not chosen, if this one was.
    pub alternatives: Vec<RefId>,
}

/// What was read out of the text of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingStamp {
    /// As the log has it.
    #[serde(flatten)]
    pub finding: Finding,
    /// The words behind it: what there is to mend, the items of a list, the reason of a decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Whether the words only say why, and nothing is to be mended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub are_reasons: bool,
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
