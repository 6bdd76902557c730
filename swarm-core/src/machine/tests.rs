use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use tokio::sync::watch;

use super::*;
use crate::{
    drive::{Driven, Halt, Happened, Performed, Performer, Recorder, Stop, drive},
    evaluate::{Finding, Reading, Score, Verdict},
    hash,
    journal::LogError,
    money::Usd,
    plan::{Evaluator, Selection, chain, map_reduce, par, race, retry, run},
    prompt::{Context, Input},
    spec::AgentSpec,
};

mod events;
mod fan_out;
mod hunt;
mod iterate;
mod judge;
mod limit;
mod names;
mod par;
mod properties;
mod race;
mod reduce;
mod retry;
mod stop;

fn agent(behaviour: &str) -> Plan {
    run(AgentSpec::command(behaviour, ["x"]).unwrap())
}

fn by(behaviour: &str) -> Evaluator {
    Evaluator::new("score:x", AgentSpec::command(behaviour, ["x"]).unwrap())
}

fn given(names: &[&str]) -> Vec<Input> {
    let refs = names
        .iter()
        .map(|name| format!("g/{name}").parse().unwrap());
    refs.map(Input::Ref).collect()
}

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// What somebody who answers is understood to say. A judge is `score` (of the name of what it judges, whose last number in percent
/// counts, if it ends with one), `same` (always a half), `worthless`, `vague`, `silly`, or one of those who say nothing at all
/// (`mute`, `late`, `too-late`); who lists is `list-3`.
fn finding(start: &Start) -> Option<Finding> {
    let behaviour = start.spec.prompt.as_str();
    let score = |score| Finding::Judgement {
        verdict: Verdict::of_score(score),
        score,
    };
    let unreadable = || Finding::Unreadable {
        problem: "it makes no sense".to_owned(),
    };
    Some(match start.reading? {
        Reading::Judgement | Reading::ExitStatus => match behaviour {
            "score" => score(own_score(start)),
            "same" => score(Score::HALF),
            "worthless" => score(Score::ZERO),
            "mute" | "late" | "too-late" => return None,
            "vague" => Finding::Judgement {
                verdict: Verdict::Unknown,
                score: Score::ZERO,
            },
            _ => unreadable(),
        },
        Reading::Items => match behaviour.strip_prefix("list-") {
            Some(count) => Finding::Items {
                count: count.parse().unwrap(),
            },
            None => unreadable(),
        },
        Reading::Decision => unreadable(),
    })
}

fn own_score(start: &Start) -> Score {
    let name = start.context.iter().find_map(|part| match part {
        Context::Artifact {
            input: Input::Ref(id),
            ..
        } => Some(id.agent.to_string()),
        _ => None,
    });
    let name = name.unwrap_or_default();
    let percent = name.rsplit('_').next().and_then(|n| n.parse::<u32>().ok());
    let percent = percent.unwrap_or_else(|| {
        let digit = hash::hex(name.as_bytes())
            .bytes()
            .next()
            .unwrap_or_default();
        u32::from(digit % 5) * 25
    });
    Score::from_millionths(percent * 10_000)
}

/// Behaves as the prompt says: `ok`, `fail`, `hang` (until stopped), `ok-at-2` (fails in earlier attempts), `poor`, `absent`,
/// `refused` and `too-late` (are never started), `late` (began before its time was over).
/// Whoever judges or lists says what [`finding`] has.
struct Scripted;

impl Performer for Scripted {
    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        let attempt = start.context.iter().rev().find_map(|part| match part {
            Context::Attempt { number, .. } => Some(*number),
            _ => None,
        });
        let finding = finding(&start);
        let exit = match start.spec.prompt.as_str() {
            "poor" => {
                let exit = ExitReason::BudgetExhausted;
                return Performed::Ended(AgentOutcome::not_started(exit, "no money"));
            }
            "absent" => {
                let exit = ExitReason::NotStarted;
                return Performed::Ended(AgentOutcome::not_started(exit, "no such program"));
            }
            "refused" => {
                let exit = ExitReason::Refused;
                return Performed::Ended(AgentOutcome::not_started(exit, "not allowed"));
            }
            "too-late" => {
                let exit = ExitReason::DeadlineExceeded;
                return Performed::Ended(AgentOutcome::not_started(exit, "no time"));
            }
            "late" => ExitReason::DeadlineExceeded,
            "fail" => ExitReason::Failed { code: 1 },
            _ if finding.is_some() => ExitReason::Completed,
            "ok" => ExitReason::Completed,
            "ok-at-2" if attempt >= Some(2) => ExitReason::Completed,
            "hang" => {
                halt.token().cancelled().await;
                if halt.is_interruption() {
                    return Performed::Interrupted;
                }
                ExitReason::Cancelled
            }
            _ => ExitReason::Failed { code: 1 },
        };
        Performed::Ended(AgentOutcome {
            error: (!exit.is_success()).then(|| format!("{} said no", start.agent)),
            exit,
            cost: Some(Usd::ZERO),
            duration: Duration::ZERO,
            result: Some(RefId::new("r".parse().unwrap(), start.agent)),
            finding,
            cached: false,
        })
    }
}

#[derive(Default)]
struct Log {
    events: Vec<Happened>,
    cancels: usize,
}

impl Recorder for Log {
    async fn happened(&mut self, events: &[Happened]) -> Result<(), LogError> {
        self.events.extend_from_slice(events);
        Ok(())
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        self.cancels += 1;
        Ok(())
    }
}

impl Log {
    fn agents(&self) -> Vec<AgentEnded> {
        agents(&self.events)
    }
}

fn agents(events: &[Happened]) -> Vec<AgentEnded> {
    let agents = events.iter().filter_map(|event| match event {
        Happened::Agent(ended) => Some(ended.clone()),
        Happened::Effect(_) => None,
    });
    agents.collect()
}

/// Drives to the end, and says everything that happened on the way.
fn driven_with_effects(machine: &mut Machine) -> (End, Vec<Happened>) {
    let mut log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (_keep, stop) = watch::channel(None);
    let end = runtime
        .block_on(drive(machine, &Scripted, &mut log, stop))
        .unwrap();
    match end {
        Driven::Ended(end) => (end, log.events),
        Driven::Interrupted => panic!("nobody interrupted it"),
    }
}

fn driven(machine: &mut Machine) -> (End, Vec<AgentEnded>) {
    let (end, events) = driven_with_effects(machine);
    (end, agents(&events))
}

/// Drives a plan to its end, and says what there is to say of it.
fn accounted(plan: Plan) -> (End, Account) {
    let mut machine = Machine::new(plan);
    let (end, _) = driven(&mut machine);
    (end, machine.account().unwrap())
}

fn ran(log: &[AgentEnded]) -> Vec<&str> {
    log.iter().map(|event| event.agent.as_str()).collect()
}

fn names(end: &End) -> Vec<String> {
    match end {
        End::Succeeded { refs } => refs.iter().map(|r| r.agent.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}
