//! A person is asked, and answers through the log: whoever answers need not be the process that drives the run.

use std::{sync::Arc, time::Duration};

use super::admission::limit_of_time;
use crate::{
    drive::{Halt, Performed},
    ids::RefId,
    journal::{RunEvent, RunJournal, Sequence},
    machine::{Cursor, Do, EffectOutcome},
    scopes::Bounds,
    time::Clock,
};

/// How often an answer is looked for.
const POLL: Duration = Duration::from_millis(200);

/// Waits until somebody has answered, or the deadline has come.
pub(super) async fn ask(
    journal: &RunJournal,
    what: &Do,
    (question, refs): (&Arc<str>, &Arc<[RefId]>),
    (bounds, clock): (&Bounds, &dyn Clock),
    halt: &Halt,
) -> Performed<EffectOutcome> {
    let mut seen = Sequence::default();
    let mut is_asked = false;
    loop {
        let events = match journal.read_after(seen).await {
            Ok(events) => events,
            Err(error) => return Performed::Broken(error.into()),
        };
        let mut answer = None;
        for (recorded, event) in events {
            seen = recorded.sequence;
            match event {
                RunEvent::ApprovalAsked { at, .. } => is_asked |= at == what.at,
                // Only what was said after the question counts.
                RunEvent::ApprovalAnswered { at, approved, note } if is_asked && at == what.at => {
                    answer.get_or_insert((approved, note));
                }
                _ => {}
            }
        }
        if let Some((approved, note)) = answer {
            return Performed::Ended(answered(approved, note, question, refs));
        }
        if !is_asked {
            let asked = asked(&what.at, what, question, refs);
            if let Err(error) = journal.append(vec![asked]).await {
                return Performed::Broken(error.into());
            }
            is_asked = true;
        }
        let remaining = bounds.remaining(clock);
        if remaining == Some(Duration::ZERO) {
            let deadline = bounds.deadline.unwrap_or_default();
            let (limit, _) = limit_of_time(bounds);
            return Performed::Ended(EffectOutcome::TooLate {
                problem: format!(
                    "nobody answered {question:?} within {limit}, until {deadline}; go on from its step with more time"
                ),
            });
        }
        tokio::select! {
            () = halt.token().cancelled() => {
                return if halt.is_interruption() {
                    Performed::Interrupted
                } else {
                    Performed::Ended(EffectOutcome::Cancelled)
                };
            }
            () = tokio::time::sleep(remaining.unwrap_or(POLL).min(POLL)) => {}
        }
    }
}

fn asked(at: &Cursor, what: &Do, question: &str, refs: &[RefId]) -> RunEvent {
    RunEvent::ApprovalAsked {
        at: at.clone(),
        name: what.name.clone(),
        question: question.to_owned(),
        refs: refs.to_vec(),
    }
}

fn answered(approved: bool, note: Option<String>, question: &str, refs: &[RefId]) -> EffectOutcome {
    if approved {
        return EffectOutcome::Passed {
            refs: refs.to_vec(),
        };
    }
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    EffectOutcome::Objected {
        objection: format!("{question:?} was answered with no{note}"),
    }
}
