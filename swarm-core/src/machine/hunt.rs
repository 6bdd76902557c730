//! Several ways to look for something, side by side; the best of all that they find is kept.

use std::{cmp::Reverse, num::NonZeroUsize, sync::Arc};

use super::{
    Account, Demand, End, Event, Leader, Ranking, StrategyAccount,
    around::Around,
    fan_out::FanOut,
    judge::Judge,
    node::{Node, Operation},
    par::{Par, Words},
    path::{Path, index, number},
};
use crate::{
    ids::StepId,
    plan::{Plan, Seeds, Selection, Strategy},
};

#[derive(Debug)]
pub(super) struct Hunt {
    names: Vec<StepId>,
    /// How many seeds each strategy has; none if an agent lists them.
    seeds: Vec<Option<u32>>,
    strategies: Par,
    top: u32,
    end: Option<End>,
}

impl Hunt {
    pub(super) fn new(strategies: Vec<Strategy>, top: u32, limit: Option<NonZeroUsize>) -> Self {
        let names: Vec<StepId> = strategies.iter().map(|s| s.name.clone()).collect();
        let seeds = strategies.iter().map(|strategy| match &strategy.seeds {
            Seeds::Listed(seeds) => Some(number(seeds.len())),
            Seeds::Fetched(_) => None,
        });
        let seeds = seeds.collect();
        let words = names.iter().map(|name| Arc::from(name.as_str())).collect();
        let nodes = strategies.into_iter().map(node);
        let mut hunt = Self {
            strategies: Par::of_nodes(nodes, limit, Words::Named(words)),
            names,
            seeds,
            top,
            end: None,
        };
        hunt.conclude();
        hunt
    }

    fn judges(&self) -> impl Iterator<Item = (&StepId, &Judge)> {
        let judges = self.strategies.nodes().filter_map(|node| match node {
            Node::Judge(judge) => Some(&**judge),
            _ => None,
        });
        self.names.iter().zip(judges)
    }

    /// The best of all, the best first; of equals, those of earlier strategies.
    fn leaderboard(&self) -> Vec<Leader> {
        let ranked = |ranking: &Ranking| ranking.ranked.clone();
        let mut leaders: Vec<Leader> = self
            .judges()
            .flat_map(|(name, judge)| {
                let found = judge.ranking().map(ranked).unwrap_or_default();
                let found = found.into_iter().filter(|ranked| !ranked.pruned);
                found.map(|found| Leader {
                    global_rank: 0,
                    strategy: name.clone(),
                    found,
                })
            })
            .collect();
        leaders.sort_by_key(|leader| Reverse(leader.found.score));
        if self.top > 0 {
            leaders.truncate(index(self.top));
        }
        for (i, leader) in leaders.iter_mut().enumerate() {
            leader.global_rank = number(i).saturating_add(1);
        }
        leaders
    }

    fn conclude(&mut self) {
        let Some(end) = self.strategies.end() else {
            return;
        };
        let found = self.leaderboard();
        let nobody_judged = !found.iter().any(|leader| leader.found.was_judged());
        let found = found.into_iter();
        let refs: Vec<_> = found.filter_map(|leader| leader.found.result).collect();
        // A strategy that failed does not lose what the others found.
        self.end = Some(match end {
            End::Failed { failures, .. } if nobody_judged => End::Failed {
                succeeded: Vec::new(),
                failures: failures.clone(),
            },
            End::Cancelled => End::Cancelled,
            End::Failed { .. } | End::Succeeded { .. } => End::Succeeded { refs },
        });
    }
}

fn node(strategy: Strategy) -> Node {
    let mut listed = Vec::new();
    let body = match strategy.seeds {
        Seeds::Listed(inputs) => {
            listed.clone_from(&inputs);
            Node::new(Plan::Map {
                template: strategy.template,
                inputs,
                limit: None,
            })
        }
        Seeds::Fetched(source) => Node::FanOut(FanOut::new(*source, *strategy.template, None)),
    };
    let select = Selection::Top {
        count: strategy.top,
    };
    let judge = Judge::of_seeds(body, listed, strategy.evaluator, select);
    Node::Judge(Box::new(judge))
}

impl Operation for Hunt {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        self.strategies.demands(path, around, out);
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        self.strategies.cancel(path, out);
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let applied = self.end.is_none() && self.strategies.apply(path, event);
        if applied {
            self.conclude();
        }
        applied
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn account(&self) -> Option<Account> {
        let strategies = self
            .judges()
            .zip(&self.seeds)
            .map(|((name, judge), seeds)| {
                let found = match judge.body() {
                    Some(Node::FanOut(fan_out)) => fan_out.found(),
                    _ => *seeds,
                };
                let failures = match judge.end() {
                    Some(End::Failed { failures, .. }) => failures.clone(),
                    _ => judge
                        .ranking()
                        .map(|ranking| ranking.failures.clone())
                        .unwrap_or_default(),
                };
                StrategyAccount {
                    name: name.clone(),
                    seeds: found,
                    failures,
                    ranking: judge.ranking().cloned(),
                }
            });
        Some(Account::Hunt {
            strategies: strategies.collect(),
            leaderboard: self.leaderboard(),
        })
    }
}
