//! A governor is asked how to go on: perhaps several times at once, and they vote.

use std::sync::Arc;

use super::{Pipeline, transition::MAX_SHOWN};
use crate::{
    evaluate::{Action, Decision, Finding, Reading, Score, vote},
    ids::RefId,
    machine::{
        Demand, Effect, EffectOutcome, End, Event,
        around::Around,
        effect::Errand,
        node::{Node, Operation as _},
        par::{Par, Words},
        path::{Path, Word},
        run::Run,
    },
    plain_text::one_line,
    plan::{Ask, Program},
    prompt::{Context, PipelineSituation},
};

const ASK: u32 = 0;
const REMEMBER: u32 = 1;
const PATCH: u32 = 2;

#[derive(Debug)]
pub(super) struct Governing {
    governor: String,
    /// Each asks the same.
    asked: Par,
    program: Arc<Program>,
    /// What earlier governors want remembered.
    memory: Vec<RefId>,
    vote: Option<Vote>,
    remember: Errand,
    patch: Errand,
    /// The changed pipeline, or why it may not be changed so.
    patched: Option<Result<Box<Program>, String>>,
    is_remembered: bool,
    is_cancelled: bool,
}

#[derive(Debug)]
struct Vote {
    action: Action,
    /// How much of all confidence stands behind it.
    share: Score,
    reason: String,
    /// The decision, if it wants something remembered.
    remembers: Option<RefId>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Governed {
    Undecided,
    Cancelled,
    /// There is no decision.
    Failed(String),
    Decided(Action, Option<RefId>),
    Patched(Box<Program>, Option<RefId>),
}

impl Governing {
    pub(super) fn new(pipeline: &Pipeline, ask: &Ask) -> Result<Self, String> {
        let governor = pipeline
            .program
            .governors
            .get(&ask.governor)
            .ok_or_else(|| format!("there is no governor `{}`", ask.governor))?;
        let agent = Arc::new((*governor.agent).clone());
        let situation = Context::Situation(Arc::new(PipelineSituation {
            pipeline: pipeline.program.name.clone(),
            definition: Arc::clone(&pipeline.program.definition),
            input: pipeline.program.input.clone(),
            visits: pipeline.visits.clone(),
            memory: pipeline.memory.clone(),
        }));
        let width = ask.width.max(1);
        // One governor is called just that.
        let words = if width == 1 {
            Words::Nameless
        } else {
            Words::Each(Word::Agent)
        };
        let nodes = (0..width).map(|_| {
            Node::Run(Run::read(
                Arc::clone(&agent),
                Reading::Decision,
                Some(situation.clone()),
            ))
        });
        Ok(Self {
            governor: ask.governor.clone(),
            asked: Par::of_nodes(nodes, None, words).of_alternatives(),
            program: Arc::clone(&pipeline.program),
            memory: pipeline.memory.clone(),
            vote: None,
            remember: Errand::default(),
            patch: Errand::default(),
            patched: None,
            is_remembered: false,
            is_cancelled: false,
        })
    }

    /// Counts the votes, once all were given.
    fn count(&mut self) {
        let runs = self.asked.nodes().filter_map(|node| match node {
            Node::Run(run) => run.ended(),
            _ => None,
        });
        let decisions: Vec<_> = runs
            .filter_map(|ended| match &ended.finding {
                Some(Finding::Decision {
                    action,
                    confidence,
                    remembers,
                    reason,
                }) => {
                    let remembers = remembers.then(|| ended.result.clone());
                    Some((action, *confidence, reason, remembers))
                }
                _ => None,
            })
            .collect();
        let votes: Vec<Decision> = decisions
            .iter()
            .map(|(action, confidence, ..)| Decision {
                action: (*action).clone(),
                reason: String::new(),
                context: None,
                confidence: *confidence,
            })
            .collect();
        self.vote = vote(&votes).and_then(|(winner, share)| {
            let (action, _, reason, remembers) = decisions.get(winner)?;
            Some(Vote {
                action: (*action).clone(),
                share,
                reason: (*reason).clone(),
                remembers: remembers.clone().flatten(),
            })
        });
    }

    /// Why the first answer that cannot be read cannot.
    fn problem(&self) -> Option<String> {
        self.asked.nodes().find_map(|node| match node {
            Node::Run(run) => match &run.ended()?.finding {
                Some(Finding::Unreadable { problem }) => Some(problem.clone()),
                _ => None,
            },
            _ => None,
        })
    }

    /// Who is asked.
    pub(super) fn governor(&self) -> &str {
        &self.governor
    }

    /// Why it decided so, to be put behind what it decided; may be empty.
    pub(super) fn why(&self) -> String {
        let reason = self.vote.as_ref().map(|vote| vote.reason.as_str());
        match reason.unwrap_or_default() {
            "" => String::new(),
            reason => format!(": {reason}"),
        }
    }

    /// What was decided, for people.
    pub(super) fn decision(&self) -> Option<String> {
        let vote = self.vote.as_ref()?;
        let what = match &vote.action {
            Action::Jump { target } => format!("jump to {}", one_line(target, MAX_SHOWN)),
            action => action.name().to_owned(),
        };
        let (governor, share) = (&self.governor, vote.share.as_f64());
        Some(format!("{governor}: {what} ({share:.2} of the vote)"))
    }

    /// What came of it so far.
    pub(super) fn governed(&mut self) -> Governed {
        match self.asked.end() {
            None => return Governed::Undecided,
            Some(End::Cancelled) => return Governed::Cancelled,
            Some(End::Succeeded { .. } | End::Failed { .. }) => {}
        }
        if self.is_cancelled {
            return Governed::Cancelled;
        }
        let Some(vote) = &self.vote else {
            let why = match self.asked.end() {
                Some(End::Failed { failures, .. }) => {
                    let first = failures.first();
                    first.map(|failure| failure.error.clone())
                }
                _ => self.problem(),
            };
            let why = why.unwrap_or_else(|| "its answer is no decision".to_owned());
            return Governed::Failed(format!(
                "the governor `{}` did not decide: {why}",
                self.governor
            ));
        };
        if vote.remembers.is_some() && !self.is_remembered {
            return Governed::Undecided;
        }
        let remembers = vote.remembers.clone();
        match (&vote.action, self.patched.take()) {
            (Action::Patch { .. }, None) => Governed::Undecided,
            (Action::Patch { .. }, Some(Ok(program))) => Governed::Patched(program, remembers),
            (Action::Patch { .. }, Some(Err(objection))) => Governed::Failed(format!(
                "the governor `{}` wants to change the pipeline, which is refused: {objection}",
                self.governor
            )),
            (action, _) => Governed::Decided(action.clone(), remembers),
        }
    }

    pub(super) fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let Some(vote) = &self.vote else {
            return self.ask(path, |asked, path| asked.demands(path, around, out));
        };
        if let Some(decision) = &vote.remembers
            && !self.is_remembered
        {
            let memory = self.memory.iter().chain([decision]).cloned();
            path.at(REMEMBER, Some(Word::Fixed("remember")), |path| {
                self.remember.demand(path, out, || Effect::Remember {
                    decisions: memory.collect(),
                });
            });
        } else if let Action::Patch { patch } = &vote.action {
            path.at(PATCH, Some(Word::Fixed("patch")), |path| {
                self.patch.demand(path, out, || Effect::Patch {
                    program: Arc::clone(&self.program),
                    patch: Arc::new(patch.clone()),
                });
            });
        }
    }

    pub(super) fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        let Some(vote) = &self.vote else {
            return self.ask(path, |asked, path| asked.cancel(path, out));
        };
        if vote.remembers.is_some() && !self.is_remembered {
            path.at(REMEMBER, Some(Word::Fixed("remember")), |path| {
                self.remember.cancel(path, out);
            });
        } else {
            path.at(PATCH, Some(Word::Fixed("patch")), |path| {
                self.patch.cancel(path, out);
            });
        }
    }

    fn ask(&mut self, path: &mut Path, work: impl FnOnce(&mut Par, &mut Path)) {
        let asked = &mut self.asked;
        path.at(ASK, None, |path| work(asked, path));
    }

    pub(super) fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        match at {
            ASK if self.vote.is_none() => {
                let applied = self.asked.apply(rest, event);
                if applied && self.asked.end().is_some() {
                    self.count();
                }
                applied
            }
            REMEMBER if self.vote.is_some() && !self.is_remembered => {
                let outcome = self.remember.apply(rest, event);
                self.is_remembered = outcome.is_some();
                self.is_cancelled |= outcome == Some(&EffectOutcome::Cancelled);
                outcome.is_some()
            }
            PATCH if self.vote.is_some() => match self.patch.apply(rest, event) {
                None => false,
                Some(outcome) => {
                    self.patched = Some(match outcome {
                        EffectOutcome::Patched { program } => Ok(program.clone()),
                        EffectOutcome::Objected { objection }
                        | EffectOutcome::TooLate { problem: objection } => Err(objection.clone()),
                        EffectOutcome::Cancelled => {
                            self.is_cancelled = true;
                            Err("it was stopped".to_owned())
                        }
                        EffectOutcome::Done
                        | EffectOutcome::Found { .. }
                        | EffectOutcome::Passed { .. } => Err("it was not checked".to_owned()),
                    });
                    true
                }
            },
            _ => false,
        }
    }
}
