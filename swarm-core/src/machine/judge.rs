//! Results are judged, each by an agent of its own, and some are chosen.
//!
//! Who cannot be judged counts for nothing, but keeps nobody else from being chosen.

use std::{cmp::Reverse, num::NonZeroUsize, sync::Arc};

use super::{
    Account, Demand, Effect, End, Event, Failure, Item, Ranked, Ranking,
    around::Around,
    effect::Errand,
    node::{Node, Operation},
    par::{Par, Words},
    path::{Path, Word, number},
    run::{Ended, Run},
};
use crate::{
    evaluate::{Finding, Reading, Score, Verdict},
    ids::RefId,
    outcome::ExitReason,
    plan::{Evaluator, Selection},
    prompt::{Context, Input},
    refs::{Judged, SearchStamp, ValidatedStamp},
};

const BODY: u32 = 0;
const JUDGES: u32 = 1;
const STAMP: u32 = 2;
const STAMP_WORD: Word = Word::Fixed("stamp");

#[derive(Debug)]
pub(super) struct Judge {
    given: Vec<Input>,
    /// Whether each branch of the body works on a seed of its own, which its judge is told, too.
    has_seeds: bool,
    /// The seeds as far as the plan lists them.
    listed: Vec<String>,
    body: Option<Box<Node>>,
    body_word: Option<Word>,
    evaluator: Evaluator,
    select: Selection,
    limit: Option<NonZeroUsize>,
    /// Whether results are told how they were judged.
    stamping: bool,
    candidates: Vec<Input>,
    judges: Option<Box<Par>>,
    ranking: Option<Ranking>,
    stamp: Errand,
    end: Option<End>,
}

impl Judge {
    pub(super) fn new(
        given: Vec<Input>,
        body: Option<Node>,
        evaluator: Evaluator,
        select: Selection,
        limit: Option<NonZeroUsize>,
    ) -> Self {
        // Its judges have names that ours could have, too.
        let body_word = body.as_ref().and_then(word_of);
        let body = body.map(|body| match (body, select) {
            (Node::Par(candidates), Selection::Best { .. }) => {
                Node::Par(candidates.of_alternatives())
            }
            (body, _) => body,
        });
        let mut judge = Self {
            given,
            has_seeds: false,
            listed: Vec::new(),
            body: body.map(Box::new),
            body_word,
            evaluator,
            select,
            limit,
            stamping: true,
            candidates: Vec::new(),
            judges: None,
            ranking: None,
            stamp: Errand::default(),
            end: None,
        };
        judge.conclude();
        judge
    }

    /// The same, but whoever asked says itself what was judged.
    pub(super) fn silent(body: Node, evaluator: Evaluator) -> Self {
        let mut judge = Self::new(
            Vec::new(),
            None,
            evaluator,
            Selection::Top { count: 0 },
            None,
        );
        judge.stamping = false;
        judge.end = None;
        judge.body_word = word_of(&body);
        judge.body = Some(Box::new(body));
        judge.conclude();
        judge
    }

    /// Judges of what a map over the seeds `listed` makes, or a fan-out over seeds of an agent. What is judged and the seed that it was
    /// made from have the same judge.
    pub(super) fn of_seeds(
        body: Node,
        listed: Vec<String>,
        evaluator: Evaluator,
        select: Selection,
    ) -> Self {
        let mut judge = Self::new(Vec::new(), None, evaluator, select, None);
        judge.has_seeds = true;
        judge.listed = listed;
        judge.end = None;
        judge.body_word = word_of(&body);
        judge.body = Some(Box::new(body));
        judge.conclude();
        judge
    }

    /// Who judges what branch `i` of the body made.
    fn judge_of(&self, i: usize, reading: Reading, artifact: Context) -> Run {
        let evaluator = &self.evaluator.agent;
        let agent = match self.listed.get(i) {
            Some(seed) => evaluator.with_input(seed),
            None => (**evaluator).clone(),
        };
        let item = match self.body.as_deref() {
            Some(Node::FanOut(fan_out)) => fan_out.items().map(|(list, _)| Item {
                of: list.clone(),
                index: number(i),
            }),
            _ => None,
        };
        Run::read(Arc::new(agent), reading, Some(artifact)).about(item)
    }

    /// The branches of a body that works on seeds.
    fn branches(&self) -> Option<&Par> {
        match self.body.as_deref()? {
            Node::Par(branches) => Some(branches),
            Node::FanOut(fan_out) => fan_out.items().map(|(_, branches)| branches),
            _ => None,
        }
    }

    /// Of each result of the body, which branch made it.
    fn made_by(&self) -> Vec<usize> {
        let branches = self.branches().into_iter().flat_map(Par::nodes);
        let made = branches.enumerate().flat_map(|(i, branch)| {
            let made = match branch.end() {
                Some(
                    End::Succeeded { refs }
                    | End::Failed {
                        succeeded: refs, ..
                    },
                ) => refs.len(),
                Some(End::Cancelled) | None => 0,
            };
            std::iter::repeat_n(i, made)
        });
        made.collect()
    }

    /// What makes the candidates.
    pub(super) fn body(&self) -> Option<&Node> {
        self.body.as_deref()
    }

    /// How they were judged, once all were.
    pub(super) const fn ranking(&self) -> Option<&Ranking> {
        self.ranking.as_ref()
    }

    /// Goes on as far as what is known allows.
    fn conclude(&mut self) {
        if self.judges.is_none() {
            self.begin();
        }
        let Some(judges) = &self.judges else { return };
        // Only the stamping is left.
        if self.ranking.is_some() {
            return;
        }
        match judges.end() {
            None => {}
            Some(End::Cancelled) => self.end = Some(End::Cancelled),
            Some(End::Succeeded { .. } | End::Failed { .. }) => {
                let ranking = self.rank();
                self.ranking = Some(ranking);
                if !self.stamping || self.stamps().is_empty() {
                    self.choose();
                }
            }
        }
    }

    /// Sends for the judges, once it is known whom.
    fn begin(&mut self) {
        let (made, failed) = match self.body.as_ref().map(|body| body.end()) {
            Some(None) => return,
            None => (&[][..], None),
            Some(Some(End::Succeeded { refs })) => (refs.as_slice(), None),
            Some(Some(end @ End::Failed { succeeded, .. })) => (succeeded.as_slice(), Some(end)),
            Some(Some(End::Cancelled)) => {
                self.end = Some(End::Cancelled);
                return;
            }
        };
        let mut candidates = std::mem::take(&mut self.given);
        candidates.extend(made.iter().cloned().map(Input::Ref));
        if candidates.is_empty() || (failed.is_some() && self.select == Selection::All) {
            let nothing = End::Succeeded { refs: Vec::new() };
            self.end = Some(failed.cloned().unwrap_or(nothing));
            return;
        }
        let agent = Arc::new((*self.evaluator.agent).clone());
        let reading = self.evaluator.reading;
        let made_by = if self.has_seeds {
            self.made_by()
        } else {
            Vec::new()
        };
        let judges = candidates.iter().enumerate().map(|(i, candidate)| {
            let artifact = Context::Artifact {
                input: candidate.clone(),
                is_marked: reading == Reading::Judgement,
            };
            Node::Run(match made_by.get(i) {
                Some(branch) => self.judge_of(*branch, reading, artifact),
                None => Run::read(Arc::clone(&agent), reading, Some(artifact)),
            })
        });
        let words = self.words(candidates.len());
        let judges = Par::of_nodes(judges, self.limit, words);
        self.judges = Some(Box::new(judges));
        self.candidates = candidates;
    }

    fn words(&self, candidates: usize) -> Words {
        let by_type = self.type_name().is_some();
        match self.select {
            // The names that filters always had.
            Selection::Valid if self.body.is_none() => Words::Each(Word::Agent),
            Selection::All if by_type && candidates == 1 => {
                Words::Each(|_| Word::Fixed("validator"))
            }
            _ if by_type => Words::Each(Word::Validator),
            _ => Words::Each(Word::Score),
        }
    }

    fn type_name(&self) -> Option<&str> {
        self.evaluator.name.strip_prefix("validate:")
    }

    fn rank(&self) -> Ranking {
        let judges = self.judges.iter().flat_map(|judges| judges.nodes());
        let ended = judges.filter_map(|judge| match judge {
            Node::Run(run) => run.ended(),
            _ => None,
        });
        let candidates = self.candidates.iter().zip(ended);
        let mut ranked: Vec<Ranked> = candidates
            .map(|(candidate, ended)| judged(candidate, ended))
            .collect();
        let chosen = match self.select {
            Selection::All | Selection::Valid | Selection::Top { count: 0 } => usize::MAX,
            Selection::Best { .. } => 1,
            Selection::Top { count } => super::path::index(count),
        };
        if matches!(self.select, Selection::Best { .. } | Selection::Top { .. }) {
            ranked.sort_by_key(|ranked| Reverse(ranked.score));
        }
        for (i, ranked) in ranked.iter_mut().enumerate() {
            ranked.rank = number(i).saturating_add(1);
            ranked.pruned = i >= chosen
                || (matches!(self.select, Selection::All | Selection::Valid)
                    && ranked.verdict != Verdict::Valid);
        }
        let failures = match self.body.as_ref().and_then(|body| body.end()) {
            Some(End::Failed { failures, .. }) => failures.clone(),
            _ => Vec::new(),
        };
        Ranking {
            evaluator: self.evaluator.name.clone(),
            ranked,
            failures,
        }
    }

    /// What results are told.
    fn stamps(&self) -> Vec<(RefId, Judged)> {
        let Some(ranking) = &self.ranking else {
            return Vec::new();
        };
        let compared = matches!(self.select, Selection::Best { .. } | Selection::Top { .. });
        let stamps = ranking.ranked.iter().filter_map(|ranked| {
            let judged = Judged {
                validated: validated(
                    &ranking.evaluator,
                    ranked.verdict,
                    ranked.score,
                    ranked.by.as_ref(),
                ),
                search: compared.then(|| self.search_stamp(ranking, ranked)),
            };
            (judged != Judged::default()).then_some((ranked.result.clone()?, judged))
        });
        stamps.collect()
    }

    fn search_stamp(&self, ranking: &Ranking, ranked: &Ranked) -> SearchStamp {
        let wins = self.select == (Selection::Best { keep_losers: true }) && ranked.rank == 1;
        let others = ranking.ranked.iter().skip(1);
        let losers = others.filter_map(|other| other.result.clone());
        SearchStamp {
            score: ranked.score,
            parent_ref: None,
            depth: 0,
            beam_rank: ranked.rank.saturating_sub(1),
            evaluator: ranking.evaluator.clone(),
            pruned: ranked.pruned,
            prune_reason: ranked
                .pruned
                .then(|| format!("cut at rank {}", ranked.rank)),
            alternatives: if wins { losers.collect() } else { Vec::new() },
        }
    }

    fn choose(&mut self) {
        let Some(ranking) = &self.ranking else { return };
        let chosen = ranking.ranked.iter().filter(|ranked| !ranked.pruned);
        let refs: Vec<RefId> = chosen.filter_map(|ranked| ranked.result.clone()).collect();
        let nobody_judged = !ranking.ranked.iter().any(Ranked::was_judged);
        let best_is_worthless = matches!(self.select, Selection::Best { .. })
            && ranking
                .ranked
                .first()
                .is_none_or(|best| best.score == Score::ZERO);
        let all_must_be_valid = self.select == Selection::All;
        let is_rejected = |ranked: &&Ranked| match self.select {
            Selection::All => ranked.pruned,
            Selection::Best { .. } | Selection::Valid | Selection::Top { .. } => true,
        };
        let failures: Vec<Failure> = if nobody_judged
            || best_is_worthless
            || (all_must_be_valid && ranking.ranked.iter().any(|ranked| ranked.pruned))
        {
            let rejected = ranking.ranked.iter().filter(is_rejected);
            let rejected = rejected.map(|ranked| self.rejection(ranked));
            ranking.failures.iter().cloned().chain(rejected).collect()
        } else {
            Vec::new()
        };
        self.end = Some(if failures.is_empty() {
            End::Succeeded { refs }
        } else {
            let keeps = all_must_be_valid && !nobody_judged;
            End::Failed {
                succeeded: if keeps { refs } else { Vec::new() },
                failures,
            }
        });
    }

    /// Why a result is not good enough. Another attempt helps against a bad verdict, but not against an empty purse of
    /// whoever judges.
    fn rejection(&self, ranked: &Ranked) -> Failure {
        let (judge, exit) = &ranked.judge;
        let (verdict, score) = (ranked.verdict, ranked.score.as_f64());
        let (exit, error) = match &ranked.error {
            Some(error) if ranked.has_no_judge => (
                exit.clone(),
                format!("it could not be judged, since {judge} could not be started: {error}"),
            ),
            Some(error) => {
                // Its judge did its task, but no verdict can be read out of that.
                let is_done = *exit == ExitReason::Completed;
                let exit = if is_done {
                    ExitReason::InvalidOutput
                } else {
                    exit.clone()
                };
                (exit, format!("it could not be judged: {error}"))
            }
            None if !ranked.was_judged() => (
                ExitReason::InvalidOutput,
                match &ranked.by {
                    Some(by) => format!(
                        "it could not be judged: {judge} gave no verdict; `swarm inspect {by}` shows what it said"
                    ),
                    None => format!("it could not be judged: {judge} gave no verdict"),
                },
            ),
            None => (
                ExitReason::Rejected,
                format!("{} says {verdict}, score={score:.2}", self.evaluator.name),
            ),
        };
        let result = ranked.result.clone();
        Failure {
            agent: result.as_ref().map_or(judge, |id| &id.agent).clone(),
            exit,
            error,
            result,
            judged_by: ranked.by.clone(),
            has_no_judge: ranked.has_no_judge,
        }
    }
}

fn word_of(body: &Node) -> Option<Word> {
    (!body.has_names_of_its_own()).then_some(Word::Body)
}

/// The stamp of a result that was judged.
pub(crate) fn validated(
    evaluator: &str,
    verdict: Verdict,
    score: Score,
    by: Option<&RefId>,
) -> Option<ValidatedStamp> {
    let by = by?.clone();
    Some(ValidatedStamp {
        validated_as: evaluator
            .strip_prefix("validate:")
            .unwrap_or(evaluator)
            .to_owned(),
        validation_verdict: verdict,
        validation_score: score,
        validation_ref: Some(by),
        validation_issues: Vec::new(),
    })
}

fn judged(candidate: &Input, ended: &Ended) -> Ranked {
    let (verdict, score, error) = match &ended.finding {
        Some(Finding::Judgement { verdict, score }) => (*verdict, *score, None),
        Some(Finding::Unreadable { problem }) => {
            (Verdict::Unknown, Score::ZERO, Some(problem.clone()))
        }
        Some(Finding::Items { .. } | Finding::Decision { .. }) | None => {
            let why = ended.error.clone();
            let why = why.unwrap_or_else(|| ended.exit.to_string());
            (Verdict::Unknown, Score::ZERO, Some(why))
        }
    };
    Ranked {
        rank: 0,
        result: match candidate {
            Input::Ref(id) => Some(id.clone()),
            Input::Text(_) => None,
        },
        verdict,
        score,
        by: ended.result.clone().filter(|_| error.is_none()),
        error,
        pruned: false,
        judge: (ended.agent.clone(), ended.exit.clone()),
        // A text that is empty is found so by whoever would start the judge, and another one need not be.
        // One whose time was over may have begun, and has left a record then.
        has_no_judge: ended.finding.is_none()
            && ended.exit.never_began()
            && !(ended.exit == ExitReason::DeadlineExceeded && ended.result.is_some()),
    }
}

impl Operation for Judge {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        if self.end.is_some() {
            return;
        }
        if self.ranking.is_some() {
            let stamps = self.stamps();
            path.at(STAMP, Some(STAMP_WORD), |path| {
                self.stamp
                    .demand(path, out, || Effect::Stamp(stamps.into()));
            });
        } else if let Some(judges) = &mut self.judges {
            path.at(JUDGES, None, |path| judges.demands(path, around, out));
        } else if let Some(body) = &mut self.body {
            path.at(BODY, self.body_word.clone(), |path| {
                body.demands(path, around, out);
            });
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if self.end.is_some() {
            return;
        }
        if self.ranking.is_some() {
            path.at(STAMP, Some(STAMP_WORD), |path| self.stamp.cancel(path, out));
        } else if let Some(judges) = &mut self.judges {
            path.at(JUDGES, None, |path| judges.cancel(path, out));
        } else if let Some(body) = &mut self.body {
            path.at(BODY, self.body_word.clone(), |path| body.cancel(path, out));
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        if self.end.is_some() {
            return false;
        }
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        let applied = match (at, &mut self.judges, &mut self.body) {
            (STAMP, Some(_), _) if self.ranking.is_some() => {
                let applied = self.stamp.apply(rest, event).is_some();
                if applied {
                    self.choose();
                }
                applied
            }
            (JUDGES, Some(judges), _) => judges.apply(rest, event),
            (BODY, None, Some(body)) => body.apply(rest, event),
            _ => false,
        };
        if applied {
            self.conclude();
        }
        applied
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn account(&self) -> Option<Account> {
        self.ranking.clone().map(Account::Ranking)
    }
}
