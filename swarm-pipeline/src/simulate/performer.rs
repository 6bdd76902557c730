//! Makes up what agents and everything else come to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_core::{
    Plan,
    agents::kind_of,
    budget::Budget,
    drive::{Halt, Performed, Performer, Start},
    evaluate::Reading,
    ids::{RefId, RunId},
    machine::{Account, Do, Effect, EffectOutcome, End},
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    resources::ResourcePools,
    scopes::{Bounds, Scopes},
    time::{Clock as _, Timestamp},
};

use super::{
    answer::Answer,
    dice::Thrower,
    pattern::Fit,
    simulated::{Simulated, SimulatedAgent},
    simulation::Simulation,
    time::VirtualClock,
};

/// Everything that agents of one simulation share.
pub(super) struct World<'s> {
    simulation: &'s Simulation,
    clock: VirtualClock,
    budget: Budget,
    deadline: Option<Timestamp>,
    pools: ResourcePools,
    scopes: Scopes,
    run: RunId,
    /// Where a governor by chance may go.
    steps: Vec<String>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How often each rule was asked, by what was to be read.
    asked: HashMap<(usize, Option<u8>), usize>,
    agents: Vec<SimulatedAgent>,
    texts: BTreeMap<RefId, String>,
    notes: BTreeSet<String>,
}

impl<'s> World<'s> {
    pub(super) fn new(simulation: &'s Simulation, clock: &VirtualClock) -> Self {
        let steps = match &simulation.plan {
            Plan::Pipeline { program } => {
                let steps = program.steps.iter();
                steps.map(|step| step.id.to_string()).collect()
            }
            _ => Vec::new(),
        };
        let deadline = simulation.deadline.map(|time| clock.now().plus(time));
        Self {
            simulation,
            clock: clock.clone(),
            budget: Budget::new(simulation.budget, Usd::ZERO),
            deadline,
            pools: ResourcePools::new(simulation.pools.clone()),
            scopes: Scopes::default(),
            // The same for every simulation, so that they can be compared.
            run: "simulated".parse().unwrap_or_else(|_| RunId::random()),
            steps,
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every change is complete when it can panic, so a poisoned lock is still sound.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of all.
    pub(super) fn told(&self, end: End, account: Option<Account>) -> Simulated {
        let seen = std::mem::take(&mut *self.seen());
        let rules = self.simulation.rules.iter().enumerate();
        let unused = rules.filter(|(rule, _)| !seen.asked.keys().any(|(asked, _)| asked == rule));
        let unused = unused.map(|(_, rule)| rule.pattern.as_str().to_owned());
        Simulated {
            end,
            account,
            cost: self.budget.spent(),
            time: self.clock.now().since(Timestamp::default()),
            agents: seen.agents,
            unused: unused.collect(),
            notes: seen.notes.into_iter().collect(),
        }
    }

    /// What whoever is called `name` does this time.
    fn answer(&self, name: &str, reading: Option<Reading>) -> Answer {
        let mut answer = Answer::default();
        let rules = self.simulation.rules.iter().enumerate().rev();
        for (index, rule) in rules {
            let Some(fit) = rule.pattern.fit(name) else {
                continue;
            };
            let times = {
                let mut seen = self.seen();
                let times = seen.asked.entry((index, reading.map(role))).or_default();
                *times += 1;
                *times - 1
            };
            let said = rule.answers.get(times).or_else(|| rule.answers.last());
            let said = said.cloned().unwrap_or_default();
            // `test` fails does not mean that who governs it fails.
            answer = answer.or(match (fit, reading) {
                (Fit::Within, Some(_)) => said.without_work(),
                _ => said,
            });
        }
        answer
    }

    fn throw(&self, name: &str, what: &str) -> Option<(f64, super::Chances)> {
        let dice = self.simulation.dice?;
        Some((dice.throw(name, what), dice.chances))
    }
}

const fn role(reading: Reading) -> u8 {
    match reading {
        Reading::Judgement => 0,
        Reading::ExitStatus => 1,
        Reading::Items => 2,
        Reading::Decision => 3,
    }
}

/// Makes up what is asked for.
pub(super) struct MadeUp<'w> {
    world: &'w World<'w>,
}

impl<'w> MadeUp<'w> {
    pub(super) const fn new(world: &'w World<'w>) -> Self {
        Self { world }
    }

    /// Waits for time, money, a slot and pools, as every agent does, and plays it.
    async fn play(&self, start: &Start, halt: &Halt) -> Result<AgentOutcome, AgentOutcome> {
        let world = self.world;
        let spec = start.spec.as_ref();
        let kind = kind_of(&spec.agent)
            .map_err(|error| AgentOutcome::not_started(ExitReason::Refused, error.to_string()))?;
        let worst_case = kind.worst_case(spec);
        let bounds = world
            .scopes
            .bounds(start.scope.as_ref(), world.deadline, &world.clock);
        let left = bounds.remaining(&world.clock);
        if left == Some(Duration::ZERO) {
            return Err(too_late());
        }
        let admitted = async {
            let reserved = bounds
                .reserve(&world.budget, worst_case, None)
                .await
                .map_err(|error| {
                    AgentOutcome::not_started(ExitReason::BudgetExhausted, error.to_string())
                })?;
            let too_late = world.clock.sleep(world.pools.queue_timeout());
            let pools = spec.sandbox.pools();
            let permits = world.pools.acquire_unless(pools, too_late).await;
            let permits = permits.map_err(|error| {
                AgentOutcome::not_started(ExitReason::QueueTimedOut, error.to_string())
            })?;
            Ok::<_, AgentOutcome>((reserved, permits))
        };
        let (mut reserved, permits) = tokio::select! {
            biased;
            () = halt.token().cancelled() => return Err(unwanted()),
            admitted = admitted => admitted?,
            () = self.until(left) => return Err(too_late()),
        };
        let left = bounds.remaining(&world.clock);
        if left == Some(Duration::ZERO) {
            return Err(too_late());
        }
        reserved.begin();
        let began = world.clock.now();
        let answer = self.answer(start, worst_case);
        let (exit, takes) = self.exit(&answer, start, &bounds);
        let stopped = tokio::select! {
            biased;
            () = halt.token().cancelled() => true,
            () = world.clock.sleep(takes) => false,
        };
        let exit = if stopped { ExitReason::Cancelled } else { exit };
        let (exit, cost) = self.cost(&answer, start, worst_case, exit);
        let _ = reserved.settle(Some(cost));
        drop(permits);
        let duration = world.clock.now().since(began);
        Ok(self.outcome(start, &answer, exit, (cost, duration)))
    }

    async fn until(&self, left: Option<Duration>) {
        match left {
            Some(left) => self.world.clock.sleep(left).await,
            None => std::future::pending().await,
        }
    }

    fn answer(&self, start: &Start, worst_case: Usd) -> Answer {
        let name = start.agent.as_str();
        let mut said = self.world.answer(name, start.reading);
        if let Some(usual) = &self.world.simulation.usual {
            let (cost, takes) = (usual.0)(&start.spec);
            said.cost.get_or_insert(cost);
            said.takes.get_or_insert(takes);
        }
        let Some(dice) = self.world.simulation.dice else {
            return said;
        };
        said.or(dice.answer(&Thrower {
            name,
            worst_case,
            timeout: start.spec.sandbox.timeout,
            steps: &self.world.steps,
        }))
    }

    /// How it ends if nobody stops it, and when.
    fn exit(&self, answer: &Answer, start: &Start, bounds: &Bounds) -> (ExitReason, Duration) {
        let exit = answer.exit.clone().unwrap_or(ExitReason::Completed);
        let takes = answer.takes.unwrap_or_default();
        let own = start.spec.sandbox.timeout;
        let left = bounds.remaining(&self.world.clock);
        match left {
            Some(left) if left < own && takes > left => (ExitReason::DeadlineExceeded, left),
            _ if takes > own => (ExitReason::TimedOut { after: own }, own),
            _ => (exit, takes),
        }
    }

    /// No agent costs more than its worst case: it is stopped there.
    fn cost(
        &self,
        answer: &Answer,
        start: &Start,
        worst_case: Usd,
        exit: ExitReason,
    ) -> (ExitReason, Usd) {
        let cost = answer.cost.unwrap_or_default();
        if cost <= worst_case {
            return (exit, cost);
        }
        if worst_case == Usd::ZERO {
            let name = &start.agent;
            self.world.seen().notes.insert(format!(
                "{name} is a program without a `max_budget`, which costs nothing: what was said of its cost does not count"
            ));
            return (exit, Usd::ZERO);
        }
        let exit = if exit.is_success() {
            ExitReason::OverBudget
        } else {
            exit
        };
        (exit, worst_case)
    }

    fn outcome(
        &self,
        start: &Start,
        answer: &Answer,
        exit: ExitReason,
        (cost, duration): (Usd, Duration),
    ) -> AgentOutcome {
        let id = RefId::new(self.world.run.clone(), start.agent.clone());
        if let Some(text) = &answer.says {
            self.world.seen().texts.insert(id.clone(), text.clone());
        }
        AgentOutcome {
            error: (!exit.is_success()).then(|| exit.to_string()),
            finding: answer.finding(start.reading, &exit),
            cost: Some(cost),
            duration,
            result: Some(id),
            exit,
            cached: false,
        }
    }

    /// The first word, in their order, that is in any of the texts; without a text, chance decides.
    fn search(&self, name: &str, refs: &[RefId], keywords: &[String]) -> EffectOutcome {
        let world = self.world;
        let by_chance = || {
            let (throw, chances) = world.throw(name, "keyword")?;
            (throw < chances.keyword).then_some(0)
        };
        let found = {
            let seen = world.seen();
            let texts: Vec<&String> = refs.iter().filter_map(|id| seen.texts.get(id)).collect();
            if texts.is_empty() {
                None
            } else {
                let is_there = |word: &String| texts.iter().any(|text| text.contains(word));
                Some(keywords.iter().position(is_there))
            }
        };
        let found = found.unwrap_or_else(by_chance);
        EffectOutcome::Found {
            keyword: found.and_then(|found| u32::try_from(found).ok()),
        }
    }

    /// A person or a guard agrees, unless somebody or chance says otherwise.
    async fn asked(&self, what: &Do, refs: &[RefId], halt: &Halt) -> EffectOutcome {
        let world = self.world;
        let name = what.name.as_str();
        let answer = world.answer(name, None);
        let takes = world.clock.sleep(answer.takes.unwrap_or_default());
        tokio::select! {
            biased;
            () = halt.token().cancelled() => return EffectOutcome::Cancelled,
            () = takes => {}
        }
        let is_person = matches!(what.effect, Effect::Approve { .. });
        let by_chance = || {
            let (throw, chances) = world.throw(name, "agrees")?;
            let agrees = if is_person {
                chances.approves
            } else {
                chances.passes
            };
            (throw >= agrees).then(|| "as chance would have it".to_owned())
        };
        match answer.objects.or_else(by_chance) {
            Some(objection) if !objection.is_empty() => EffectOutcome::Objected {
                objection: if is_person {
                    format!("rejected: {objection}")
                } else {
                    objection
                },
            },
            _ => EffectOutcome::Passed {
                refs: refs.to_vec(),
            },
        }
    }
}

impl Performer for MadeUp<'_> {
    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        let played = self.play(&start, &halt).await;
        let is_started = played.is_ok();
        let (Ok(outcome) | Err(outcome)) = played;
        let now = self.world.clock.now().since(Timestamp::default());
        self.world.seen().agents.push(SimulatedAgent {
            name: start.agent,
            at: start.at,
            is_started,
            began: now.saturating_sub(outcome.duration),
            took: outcome.duration,
            cost: outcome.cost.unwrap_or_default(),
            exit: outcome.exit.clone(),
        });
        Performed::Ended(outcome)
    }

    async fn carry_out(&self, what: Do, halt: Halt) -> Performed<EffectOutcome> {
        Performed::Ended(match &what.effect {
            Effect::Search { refs, keywords } => self.search(what.name.as_str(), refs, keywords),
            Effect::Guard { refs, .. } | Effect::Approve { refs, .. } => {
                self.asked(&what, refs, &halt).await
            }
            Effect::Patch { program, patch } => match &self.world.simulation.patcher {
                None => what.effect.goes_well(),
                Some(patcher) => match patcher.patch(program, patch) {
                    Ok(program) => EffectOutcome::Patched {
                        program: Box::new(program),
                    },
                    Err(objection) => EffectOutcome::Objected { objection },
                },
            },
            Effect::Stamp(_) | Effect::Remember { .. } => what.effect.goes_well(),
        })
    }
}

fn too_late() -> AgentOutcome {
    AgentOutcome::not_started(
        ExitReason::DeadlineExceeded,
        "the deadline had passed before it could start",
    )
}

fn unwanted() -> AgentOutcome {
    AgentOutcome::not_started(
        ExitReason::Cancelled,
        "stopped while it waited for its turn",
    )
}
