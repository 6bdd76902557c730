//! One agent in an answer.

use serde::Serialize;

use crate::{
    evaluate::Score,
    ids::{AgentId, RefId},
    outcome::{AgentOutcome, ExitReason},
    prompt::PriorError,
    refs::{Ref, RefError, RefStore},
    run_view::AgentView,
};

/// A ref, or what there is to say about an agent that left none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AgentReport {
    /// It ran, and its result is kept.
    Kept(Box<Ref>),
    /// It never started, has not ended, or its result could not be kept.
    Missing(Missing),
}

/// An agent without a result. The fields are those of a ref.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// The agent.
    pub agent_id: AgentId,
    /// The ref that was given, if its record is gone; else null.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// −1 unless the agent ran.
    pub exit_code: i32,
    /// Why it ended; null if it has not.
    pub exit: Option<ExitReason>,
    /// What a person needs to know.
    pub error: String,
    /// How long it ran, in seconds.
    pub duration_seconds: f64,
    /// What it cost.
    pub cost_usd: Option<crate::money::Usd>,
}

impl AgentReport {
    pub(super) async fn new(view: &AgentView, store: &dyn RefStore) -> Result<Self, RefError> {
        let kept = view
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.result.as_ref());
        match kept {
            Some(id) => match store.get(id).await {
                Ok(mut found) => {
                    resolve_stamps(&mut found, store).await?;
                    if let Some(outcome) = view.outcome.as_ref().filter(|outcome| outcome.cached) {
                        // What another agent has made, in this run: it ran for nobody's money here, and not at all.
                        found.agent_id = view.agent.clone();
                        found.cost_usd = outcome.cost;
                        found.duration_seconds = outcome.duration.as_secs_f64();
                        found.stamps.cached = true;
                        found.stamps.budget = None;
                        found.stamps.deadline = None;
                        found.stamps.retry = None;
                    }
                    Ok(Self::Kept(Box::new(found)))
                }
                // Removed since; the log still knows how it ended.
                Err(RefError::NotFound(_)) => Ok(Self::Missing(missing(view))),
                // One damaged record must not hide the others.
                Err(error @ RefError::Corrupt { .. }) => Ok(Self::Missing(Missing {
                    error: error.to_string(),
                    ..missing(view)
                })),
                Err(error) => Err(error),
            },
            None => Ok(Self::Missing(missing(view))),
        }
    }

    /// A result of any run.
    pub(super) async fn of_ref(id: &RefId, store: &dyn RefStore) -> Result<Self, RefError> {
        match store.get(id).await {
            Ok(mut found) => {
                resolve_stamps(&mut found, store).await?;
                Ok(Self::Kept(Box::new(found)))
            }
            Err(error @ (RefError::NotFound(_) | RefError::Corrupt { .. })) => {
                Ok(Self::Missing(Missing {
                    agent_id: id.agent.clone(),
                    result: Some(id.clone()),
                    exit_code: -1,
                    exit: None,
                    error: error.to_string(),
                    duration_seconds: 0.0,
                    cost_usd: None,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Its ref, if there is one.
    pub fn id(&self) -> Option<&RefId> {
        match self {
            Self::Kept(found) => Some(&found.id),
            Self::Missing(missing) => missing.result.as_ref(),
        }
    }

    /// The agent.
    pub fn agent_id(&self) -> &AgentId {
        match self {
            Self::Kept(found) => &found.agent_id,
            Self::Missing(missing) => &missing.agent_id,
        }
    }

    /// Whether this is the result kept under one of `refs`.
    pub(super) fn is_among(&self, refs: &[RefId]) -> bool {
        matches!(self, Self::Kept(found) if refs.contains(&found.id))
    }

    /// Whether it did its task and the result is there.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Kept(found) if found.is_success())
    }

    /// What went wrong, if anything did.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Kept(found) => found.error.as_deref(),
            Self::Missing(missing) => Some(&missing.error),
        }
    }
}

/// Puts the words themselves in place of the records that have them: errors of earlier attempts, and what there is to mend.
///
/// A stored result names only the records, so that words that are encrypted later are nowhere else. Whoever shows a
/// result calls this first. A record that is gone or damaged is answered with that.
///
/// # Errors
///
/// If a record cannot be read for another reason.
pub async fn resolve_stamps(found: &mut Ref, store: &dyn RefStore) -> Result<(), RefError> {
    if let Some(stamp) = &mut found.stamps.validated {
        let by = stamp.validation_ref.as_ref();
        stamp.validation_issues = words(by, store).await?.issues(stamp.validation_score);
    }
    let Some(retry) = &mut found.stamps.retry else {
        return Ok(());
    };
    for error in &mut retry.prior_errors {
        let message = match error {
            PriorError::Message(_) => continue,
            PriorError::Recorded { id } => match store.get(id).await {
                Ok(found) => found.error.unwrap_or_default(),
                Err(problem @ (RefError::NotFound(_) | RefError::Corrupt { .. })) => {
                    problem.to_string()
                }
                Err(problem) => return Err(problem),
            },
            PriorError::Judged { judged_by, error } => {
                let words = words(Some(judged_by), store).await?;
                format!("{error}: {}", words.lines.join("; "))
            }
        };
        *error = PriorError::Message(message);
    }
    Ok(())
}

/// The words of somebody who judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    pub(super) lines: Vec<String>,
    /// Whether they only say why.
    are_reasons: bool,
}

impl Words {
    pub(super) fn saying(problem: &str) -> Self {
        Self {
            lines: vec![problem.to_owned()],
            are_reasons: false,
        }
    }

    /// What there is to mend.
    pub(super) fn issues(&self, score: Score) -> Vec<String> {
        if self.are_reasons && score == Score::ONE {
            Vec::new()
        } else {
            self.lines.clone()
        }
    }
}

/// The words of somebody who judged. A record that is gone or damaged is answered with that.
pub(super) async fn words(by: Option<&RefId>, store: &dyn RefStore) -> Result<Words, RefError> {
    let Some(by) = by else {
        return Ok(Words::default());
    };
    match store.get(by).await {
        Ok(found) => {
            let stamp = found.stamps.finding;
            let words = stamp.map(|stamp| Words {
                lines: stamp.words,
                are_reasons: stamp.are_reasons,
            });
            Ok(words.unwrap_or_default())
        }
        Err(problem @ (RefError::NotFound(_) | RefError::Corrupt { .. })) => Ok(Words {
            lines: vec![problem.to_string()],
            are_reasons: true,
        }),
        Err(problem) => Err(problem),
    }
}

fn missing(view: &AgentView) -> Missing {
    let outcome = view.outcome.as_ref();
    let error = match outcome {
        None => "it has not ended".to_owned(),
        Some(AgentOutcome {
            error: Some(error), ..
        }) => error.clone(),
        Some(outcome) => format!("{}; its result was removed", outcome.exit),
    };
    Missing {
        agent_id: view.agent.clone(),
        result: None,
        exit_code: outcome.map_or(-1, |outcome| outcome.exit.exit_code()),
        exit: outcome.map(|outcome| outcome.exit.clone()),
        error,
        duration_seconds: outcome.map_or(0.0, |outcome| outcome.duration.as_secs_f64()),
        cost_usd: outcome.and_then(|outcome| outcome.cost),
    }
}
