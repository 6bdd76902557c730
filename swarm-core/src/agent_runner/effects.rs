//! What has to be done besides running agents.

use std::{io::Read as _, sync::Arc};

use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use super::{AgentRunner, Stopped, approval};
use crate::{
    content::Content,
    drive::{DriveError, Halt, Performed},
    evaluate::{Decision, merge_patch},
    ids::RefId,
    machine::{Do, Effect, EffectOutcome},
    plan::Program,
    refs::{Check, Judged, RefError},
};

/// The file in the shared folder that governors keep their notes in.
const GOVERNOR_CONTEXT: &str = "governor-context.json";
/// How much of a result is looked at once, in bytes.
const CHUNK: usize = 64 * 1024;

impl AgentRunner {
    pub(super) async fn carry_out_effect(&self, what: Do, halt: Halt) -> Performed<EffectOutcome> {
        let done = match &what.effect {
            Effect::Stamp(stamps) => self.stamp(stamps).await,
            Effect::Search { refs, keywords } => self.search(refs, keywords).await,
            Effect::Guard { refs, checks } => self.guard(refs, checks).await,
            Effect::Approve { question, refs } => {
                let scope = what.scope.as_ref();
                let bounds =
                    (self.scopes).bounds(scope, self.limits.deadline, self.limits.clock.as_ref());
                let until = (&bounds, self.limits.clock.as_ref());
                return approval::ask(&self.journal, &what, (question, refs), until, &halt).await;
            }
            Effect::Remember { decisions } => self.remember(decisions).await,
            Effect::Patch { program, patch } => self.patch(program, patch).await,
        };
        match done {
            Ok(outcome) => Performed::Ended(outcome),
            Err(Stopped::Interrupted) => Performed::Interrupted,
            Err(Stopped::Broken(error)) => Performed::Broken(error),
            Err(Stopped::Denied(denied)) => Performed::Ended(EffectOutcome::Objected {
                objection: denied.error.unwrap_or_else(|| denied.exit.to_string()),
            }),
        }
    }

    /// A result that is gone, or sealed, cannot be stamped; that is no reason to lose the others.
    async fn stamp(&self, stamps: &[(RefId, Judged)]) -> Result<EffectOutcome, Stopped> {
        for (id, judged) in stamps {
            match self.store.stamp(id, judged.clone()).await {
                Ok(()) => {}
                Err(error) if error.is_storage_exhausted() => {
                    return Err(Stopped::Broken(DriveError::Store(error)));
                }
                Err(error) => tracing::warn!(%id, %error, "what was judged could not be kept"),
            }
        }
        Ok(EffectOutcome::Done)
    }

    /// The first of the words, in their order, that is in any of the texts.
    async fn search(&self, refs: &[RefId], keywords: &[String]) -> Result<EffectOutcome, Stopped> {
        let mut found: Option<usize> = None;
        for id in refs {
            let text = match self.store.text(id).await {
                Ok(text) => text,
                Err(error) => {
                    tracing::warn!(%id, %error, "no words can be looked for there");
                    continue;
                }
            };
            let words: Vec<String> = keywords
                .iter()
                .take(found.unwrap_or(usize::MAX))
                .cloned()
                .collect();
            let first = spawn_blocking(move || first_word(&text, &words));
            if let Ok(Some(first)) = first.await {
                found = Some(first);
            }
        }
        let keyword = found.and_then(|found| u32::try_from(found).ok());
        Ok(EffectOutcome::Found { keyword })
    }

    async fn guard(&self, refs: &[RefId], checks: &[Check]) -> Result<EffectOutcome, Stopped> {
        for id in refs {
            for check in checks {
                match self.store.guard(id, check).await {
                    Ok(_) => {}
                    Err(RefError::GuardFailed(objection)) => {
                        return Ok(EffectOutcome::Objected { objection });
                    }
                    Err(error) => {
                        return Ok(EffectOutcome::Objected {
                            objection: error.to_string(),
                        });
                    }
                }
            }
        }
        Ok(EffectOutcome::Passed {
            refs: refs.to_vec(),
        })
    }

    /// Merges what the governors want remembered, the oldest first, and puts it where the agents find it.
    async fn remember(&self, decisions: &[RefId]) -> Result<EffectOutcome, Stopped> {
        let mut known = Value::Object(Map::new());
        for id in decisions {
            let Ok(text) = self.store.text(id).await else {
                continue;
            };
            let read = spawn_blocking(move || text.read());
            if let Ok(Ok(bytes)) = read.await
                && let Ok(decision) = Decision::of_answer(&String::from_utf8_lossy(&bytes))
                && let Some(context) = decision.context
                && let Err(error) = merge_patch(&mut known, context)
            {
                tracing::warn!(%id, %error, "what a governor wants remembered cannot be");
            }
        }
        let text = format!("{known:#}\n");
        let written = self
            .store
            .share(&self.run, GOVERNOR_CONTEXT, Content::from(text.as_str()));
        match written.await {
            Err(error) if error.is_storage_exhausted() => {
                Err(Stopped::Broken(DriveError::Store(error)))
            }
            Err(error) => {
                tracing::warn!(%error, "what governors want remembered is not in the shared folder");
                Ok(EffectOutcome::Done)
            }
            Ok(()) => Ok(EffectOutcome::Done),
        }
    }

    async fn patch(
        &self,
        program: &Arc<Program>,
        patch: &Arc<Value>,
    ) -> Result<EffectOutcome, Stopped> {
        let Some(patcher) = self.patcher.clone() else {
            return Ok(EffectOutcome::Objected {
                objection: "nobody here can check a changed pipeline".to_owned(),
            });
        };
        let (program, patch) = (Arc::clone(program), Arc::clone(patch));
        let patched = spawn_blocking(move || patcher.patch(&program, &patch)).await;
        Ok(match patched {
            Ok(Ok(program)) => EffectOutcome::Patched {
                program: Box::new(program),
            },
            Ok(Err(objection)) => EffectOutcome::Objected { objection },
            Err(error) => EffectOutcome::Objected {
                objection: error.to_string(),
            },
        })
    }
}

/// The first of `words` that is in `text`, which is read once and never held whole. Blocks.
fn first_word(text: &Content, words: &[String]) -> Option<usize> {
    let mut reader = text.open().ok()?;
    let longest = words.iter().map(String::len).max()?;
    let mut best: Option<usize> = None;
    let mut window: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return best,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return best,
        };
        window.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let still = words.iter().take(best.unwrap_or(usize::MAX));
        let here = still
            .enumerate()
            .find_map(|(i, word)| memchr::memmem::find(&window, word.as_bytes()).map(|_| i));
        best = here.or(best);
        // A word may lie across two pieces.
        let keep = window.len().min(longest.saturating_sub(1));
        window.drain(..window.len() - keep);
    }
}
