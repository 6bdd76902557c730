//! Reads what an agent answers, where a plan goes on by that.

use tokio::task::spawn_blocking;

use super::AgentRunner;
use crate::{
    agents::transcript::MAX_TEXT,
    content::Content,
    drive::Start,
    evaluate::{
        Decision, Finding, Judgement, Reading, judgement_about, judgement_of_answer,
        judgement_of_exit, seeds_of_answer, unable_to_judge,
    },
    ids::RefId,
    outcome::ExitReason,
    prompt::{Context, Input},
    refs::{FindingStamp, RecordEnd, RefError},
    spec::AgentSpec,
};

/// Reads the answer of an agent that has ended; nothing of one that did not get as far as an answer. What it read, and may repeat, is
/// what its answer is `about`.
async fn read(
    reading: Reading,
    end: &RecordEnd,
    (stdout, stderr): (Option<&[u8]>, &str),
    about: Result<Vec<Content>, RefError>,
) -> Option<FindingStamp> {
    let is_over = matches!(end.exit, ExitReason::Completed)
        || (reading == Reading::ExitStatus
            && matches!(
                end.exit,
                ExitReason::Failed { .. } | ExitReason::TimedOut { .. }
            ));
    if !is_over {
        return None;
    }
    let about = match about {
        Ok(about) => about,
        Err(error) => return Some(not_compared(&error)),
    };
    let answer = match (&end.text, stdout) {
        (Some(text), _) => text.clone(),
        (None, Some(stdout)) => String::from_utf8_lossy(stdout).into_owned(),
        (None, None) => String::new(),
    };
    if answer.len() > MAX_TEXT && reading != Reading::ExitStatus {
        return Some(unreadable(format!(
            "the answer has more than {MAX_TEXT} bytes, too many to be read"
        )));
    }
    let (exit, stderr) = (end.exit.clone(), stderr.to_owned());
    let read = spawn_blocking(move || match reading {
        Reading::Judgement => judgement(&answer, about.first()),
        Reading::Decision => decision(&answer, &about),
        reading => read_text(reading, &exit, &answer, &stderr),
    });
    match read.await {
        Ok(found) => Some(found),
        Err(error) => Some(unreadable(error.to_string())),
    }
}

fn read_text(reading: Reading, exit: &ExitReason, answer: &str, stderr: &str) -> FindingStamp {
    match reading {
        Reading::Judgement => judgement(answer, None),
        Reading::ExitStatus => {
            let judgement = judgement_of_exit(exit.is_success(), answer, stderr);
            match unable_to_judge(exit) {
                Some(why) => unreadable(match judgement.said() {
                    Some(said) => format!("{why}: {said}"),
                    None => why,
                }),
                None => judged(judgement),
            }
        }
        Reading::Items => match seeds_of_answer(answer) {
            Ok(items) => FindingStamp {
                finding: Finding::Items {
                    count: u32::try_from(items.len()).unwrap_or(u32::MAX),
                },
                words: Vec::new(),
                are_reasons: false,
            },
            Err(error) => unreadable(error.to_string()),
        },
        Reading::Decision => decision(answer, &[]),
    }
}

fn decision(answer: &str, told: &[Content]) -> FindingStamp {
    let read = Decision::of_answer_to(answer, told.iter().map(Content::open));
    match read {
        Err(error) => not_compared(&error),
        Ok(Ok(decision)) => FindingStamp {
            words: vec![decision.reason.clone()],
            are_reasons: true,
            finding: Finding::Decision {
                action: decision.action,
                confidence: decision.confidence,
                remembers: decision.context.is_some(),
                reason: decision.reason,
            },
        },
        Ok(Err(error)) => unreadable(error.to_string()),
    }
}

fn judgement(answer: &str, artifact: Option<&Content>) -> FindingStamp {
    let Some(artifact) = artifact else {
        return judged(judgement_of_answer(answer));
    };
    let read = artifact
        .open()
        .and_then(|artifact| judgement_about(answer, artifact));
    read.map_or_else(|error| not_compared(&error), judged)
}

/// What is not known to be the agent's own is not taken for that.
fn not_compared(error: &dyn std::fmt::Display) -> FindingStamp {
    unreadable(format!(
        "the answer cannot be compared with what it is about: {error}"
    ))
}

fn judged(judgement: Judgement) -> FindingStamp {
    let are_reasons = judgement.issues.is_empty();
    let mut words = judgement.issues;
    if are_reasons && !judgement.reason.is_empty() {
        words.push(judgement.reason);
    }
    FindingStamp {
        finding: Finding::Judgement {
            verdict: judgement.verdict,
            score: judgement.score,
        },
        words,
        are_reasons,
    }
}

fn unreadable(problem: String) -> FindingStamp {
    FindingStamp {
        finding: Finding::Unreadable { problem },
        words: Vec::new(),
        are_reasons: false,
    }
}

impl AgentRunner {
    /// Reads the answer of an agent, if something is to be read out of it.
    pub(super) async fn finding(
        &self,
        start: &Start,
        end: &RecordEnd,
        (stdout, stderr): (Option<&[u8]>, &str),
    ) -> Option<FindingStamp> {
        let reading = start.reading?;
        let about = self.about(start, reading).await;
        read(reading, end, (stdout, stderr), about).await
    }

    /// The texts of others that an agent was given to judge, or to decide by.
    async fn about(&self, start: &Start, reading: Reading) -> Result<Vec<Content>, RefError> {
        let mut about = Vec::new();
        for part in &start.context {
            match part {
                Context::Artifact {
                    input: Input::Text(text),
                    ..
                } => about.push(Content::from(text.as_str())),
                Context::Artifact {
                    input: Input::Ref(id),
                    ..
                } if reading == Reading::Judgement => about.push(self.store.text(id).await?),
                Context::Situation(situation) if reading == Reading::Decision => {
                    let told = situation.visits.last();
                    for id in told.iter().flat_map(|visit| visit.results()) {
                        about.push(self.store.text(id).await?);
                    }
                    let failures = told.into_iter().flat_map(|visit| &visit.failures);
                    about.extend(failures.map(|failure| Content::from(failure.error.as_str())));
                }
                _ => {}
            }
        }
        Ok(about)
    }

    /// The work of an agent, with the item filled in that it is about.
    pub(super) async fn filled(&self, start: Start) -> Result<Start, String> {
        let Some(item) = &start.item else {
            return Ok(start);
        };
        let items = self.items(&item.of).await?;
        let index = usize::try_from(item.index).unwrap_or(usize::MAX);
        let text = items
            .get(index)
            .ok_or_else(|| format!("the list of {} has no item {index} any more", item.of))?;
        let spec = start.spec.with_input(text);
        let spec = AgentSpec::checked(spec).map_err(|error| error.to_string())?;
        Ok(Start {
            spec: spec.into(),
            ..start
        })
    }

    /// What an agent has listed. Lists are read one after the other, so the newest is all that is remembered.
    async fn items(&self, of: &RefId) -> Result<std::sync::Arc<[String]>, String> {
        if let Some((id, items)) = &*super::lock(&self.list)
            && id == of
        {
            return Ok(std::sync::Arc::clone(items));
        }
        let text = self.store.text(of).await.map_err(|e| e.to_string())?;
        let read = spawn_blocking(move || {
            let bytes = text.read().map_err(|error| error.to_string())?;
            seeds_of_answer(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string())
        });
        let items = read.await.map_err(|error| error.to_string())??;
        let items: std::sync::Arc<[String]> = items.into();
        *super::lock(&self.list) = Some((of.clone(), std::sync::Arc::clone(&items)));
        Ok(items)
    }
}
