//! What an evaluator, a fetcher and a governor answer, and what they are asked.
//!
//! All of this is pure text work on what models and programs wrote, which may be anything: nothing here panics, everything is bounded,
//! and where an answer can be understood in two ways, the one that claims less counts.

mod answer;
mod claim;
mod decision;
mod doubt;
mod exit;
mod finding;
mod in_order;
mod judgement;
mod merge_patch;
mod prompt;
mod quotation;
mod score;
mod seeds;
mod statement;
mod verdict;
mod vote;

pub use decision::{Action, Decision, DecisionError};
pub use exit::{judgement_of_exit, unable_to_judge};
pub use finding::{Finding, Reading};
pub use judgement::{
    Judgement, MAX_ISSUE, MAX_ISSUES, MAX_REASON, judgement_about, judgement_of_answer,
};
pub use merge_patch::{MAX_PATCH_DEPTH, PatchError, merge_patch};
pub use prompt::{Around, score_prompt, validation_prompt};
pub(crate) use prompt::{begin_mark, end_mark};
pub use score::{InvalidScore, Score};
pub use seeds::{MAX_SEED, MAX_SEEDS, SeedsError, seeds_of_answer};
pub use verdict::Verdict;
pub use vote::vote;
