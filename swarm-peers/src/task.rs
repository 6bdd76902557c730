//! Work that one peer hands to another, or to whoever takes it first.

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{About, Event, PeerId, Rejection, TaskId, decide::Deciding, state::State};

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Who wants it done.
    pub from: PeerId,
    /// Who is to do it; `None` until somebody takes it.
    pub to: Option<PeerId>,
    /// What is to be done. Untrusted.
    pub description: String,
    /// Until when, in the words of who wants it done.
    pub deadline: Option<String>,
    /// How far it is.
    pub state: TaskState,
    /// What came of it, or why it was rejected. Untrusted.
    pub result: Option<String>,
    /// When it was handed over.
    pub created: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
    /// When it was brought in from another system, if it was. It is kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
}

/// How far a task is. It goes from the first to the second and from there to one of the others, or skips the second; nothing
/// leads back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nobody has begun.
    #[default]
    Pending,
    /// Somebody works on it.
    InProgress,
    /// It is done.
    Completed,
    /// It will not be done.
    Rejected,
}

impl TaskState {
    /// Whether nothing more happens to it.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected)
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
        }
    }
}

/// What peers may ask for concerning tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To have something done.
    Delegate {
        /// By whom (an id or a name); `None` for whoever claims it first.
        to: Option<String>,
        /// What.
        description: String,
        /// Until when, in words.
        deadline: Option<String>,
    },
    /// To begin. Only who it was handed to may; if that is nobody, anybody but who handed it over, and the first one gets it.
    Claim {
        /// Which.
        task: TaskId,
    },
    /// To say that it is done. Only who it was handed to may.
    Complete {
        /// Which.
        task: TaskId,
        /// What came of it.
        result: Option<String>,
    },
    /// To say that it is done, by who handed it over. For systems in which that is usual; here, who has a task completes it.
    Conclude {
        /// Which.
        task: TaskId,
        /// What came of it.
        result: Option<String>,
    },
    /// To say that it will not be done. Both who it was handed to and who handed it over may.
    Reject {
        /// Which.
        task: TaskId,
        /// Why.
        reason: Option<String>,
    },
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It was handed over.
    Delegated {
        /// Its number.
        task: TaskId,
        /// By whom.
        from: PeerId,
        /// To whom, if not to anybody.
        to: Option<PeerId>,
        /// What is to be done.
        description: String,
        /// Until when.
        deadline: Option<String>,
    },
    /// Somebody has begun.
    Claimed {
        /// Which.
        task: TaskId,
        /// Who.
        by: PeerId,
    },
    /// It is done.
    Completed {
        /// Which.
        task: TaskId,
        /// By whom.
        by: PeerId,
        /// What came of it.
        result: Option<String>,
    },
    /// It will not be done.
    Rejected {
        /// Which.
        task: TaskId,
        /// Who says so.
        by: PeerId,
        /// Why.
        reason: Option<String>,
    },
    /// It was closed long ago, and is kept no longer.
    Expired {
        /// Which.
        task: TaskId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    match request {
        Request::Delegate {
            to,
            description,
            deadline,
        } => delegate(deciding, to.as_deref(), description, deadline.as_deref()),
        Request::Claim { task } => {
            let task = open_task(deciding.state, *task)?;
            match &task.to {
                Some(to) if *to != me => return Err(taken(task, to)),
                // It has begun already; to say so again changes nothing.
                Some(_) if task.state == TaskState::InProgress => return Ok(()),
                None if task.from == me => {
                    return Err(Rejection::NotYours {
                        what: format!("task {}", task.id),
                        whose: "somebody else is to do it: it is your own".to_owned(),
                    });
                }
                Some(_) | None => {}
            }
            let (id, from) = (task.id, task.from.clone());
            let by = me.clone();
            deciding.push(Event::Task(Happened::Claimed { task: id, by }));
            let text = format!("Task {id} was taken by {me}.");
            deciding.tell_of_task(id, TaskState::InProgress, &me, &from, text);
            Ok(())
        }
        Request::Complete { task, result } => {
            let task = open_task(deciding.state, *task)?;
            match &task.to {
                Some(to) if *to == me => {}
                Some(to) => return Err(taken(task, to)),
                None => return Err(Rejection::TaskNotClaimed { task: task.id }),
            }
            deciding.check_text("result", result.as_deref().unwrap_or_default())?;
            let (id, from) = (task.id, task.from.clone());
            deciding.push(Event::Task(Happened::Completed {
                task: id,
                by: me.clone(),
                result: result.clone(),
            }));
            let text = with_words(
                &format!("Task {id} was completed by {me}"),
                result.as_deref(),
            );
            deciding.tell_of_task(id, TaskState::Completed, &me, &from, text);
            Ok(())
        }
        Request::Conclude { task, result } => conclude(deciding, *task, result.as_deref()),
        Request::Reject { task, reason } => reject(deciding, *task, reason.as_deref()),
    }
}

fn conclude(
    deciding: &mut Deciding<'_>,
    task: TaskId,
    result: Option<&str>,
) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    let task = open_task(deciding.state, task)?;
    if task.from != me {
        return Err(Rejection::NotYours {
            what: format!("task {}", task.id),
            whose: format!("{} handed it over", task.from),
        });
    }
    deciding.check_text("result", result.unwrap_or_default())?;
    let (id, to) = (task.id, task.to.clone());
    deciding.push(Event::Task(Happened::Completed {
        task: id,
        by: me.clone(),
        result: result.map(str::to_owned),
    }));
    if let Some(to) = to {
        let text = with_words(&format!("Task {id} was completed by {me}"), result);
        deciding.tell_of_task(id, TaskState::Completed, &me, &to, text);
    }
    Ok(())
}

fn reject(
    deciding: &mut Deciding<'_>,
    task: TaskId,
    reason: Option<&str>,
) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    let task = open_task(deciding.state, task)?;
    let other = match &task.to {
        Some(to) if *to == me => Some(task.from.clone()),
        to if task.from == me => to.clone(),
        _ => {
            return Err(Rejection::NotYours {
                what: format!("task {}", task.id),
                whose: format!("only {} may reject it", parties(task)),
            });
        }
    };
    deciding.check_text("reason", reason.unwrap_or_default())?;
    let id = task.id;
    deciding.push(Event::Task(Happened::Rejected {
        task: id,
        by: me.clone(),
        reason: reason.map(str::to_owned),
    }));
    if let Some(other) = other {
        let text = with_words(&format!("Task {id} was rejected by {me}"), reason);
        deciding.tell_of_task(id, TaskState::Rejected, &me, &other, text);
    }
    Ok(())
}

fn delegate(
    deciding: &mut Deciding<'_>,
    to: Option<&str>,
    description: &str,
    deadline: Option<&str>,
) -> Result<(), Rejection> {
    deciding.may_send()?;
    deciding.check_words("description", description)?;
    deciding.check_text("deadline", deadline.unwrap_or_default())?;
    let me = deciding.me()?.id.clone();
    let to = match to {
        Some(to) => Some(deciding.recipient(to)?),
        None => None,
    };
    let open = deciding.state.tasks().filter(|t| !t.state.is_closed());
    deciding.check_room("open tasks", open.count())?;
    let id = deciding.state.things.last_task.next();
    deciding.push(Event::Task(Happened::Delegated {
        task: id,
        from: me.clone(),
        to: to.clone(),
        description: description.to_owned(),
        deadline: deadline.map(str::to_owned),
    }));
    let until = deadline.map_or(String::new(), |words| format!(" (until {words})"));
    let about = About::Task {
        task: id,
        state: TaskState::Pending,
    };
    match to {
        Some(to) => {
            deciding.has_room(&to)?;
            let text = format!("New task {id} from {me}{until}: {description}");
            deciding.send(&me, vec![to], about, text);
        }
        None => {
            let to = deciding.everybody_else(crate::Scope::Machine)?;
            let text =
                format!("New task {id} from {me}{until}, for whoever claims it: {description}");
            deciding.send(&me, to, about, text);
        }
    }
    Ok(())
}

fn with_words(what: &str, words: Option<&str>) -> String {
    match words {
        Some(words) if !words.is_empty() => format!("{what}: {words}"),
        _ => format!("{what}."),
    }
}

fn open_task(state: &State, id: TaskId) -> Result<&Task, Rejection> {
    let task = state.things.tasks.get(&id);
    let task = task.ok_or(Rejection::UnknownTask { task: id })?;
    if task.state.is_closed() {
        return Err(Rejection::TaskClosed {
            task: id,
            state: task.state,
        });
    }
    Ok(task)
}

fn taken(task: &Task, by: &PeerId) -> Rejection {
    Rejection::NotYours {
        what: format!("task {}", task.id),
        whose: format!("{by} is to do it"),
    }
}

fn parties(task: &Task) -> String {
    match &task.to {
        Some(to) => format!("{} and {to}", task.from),
        None => task.from.to_string(),
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Delegated {
            task,
            from,
            to,
            description,
            deadline,
        } => {
            state.things.last_task = state.things.last_task.max(*task);
            let new = Task {
                id: *task,
                from: from.clone(),
                to: to.clone(),
                description: description.clone(),
                deadline: deadline.clone(),
                state: TaskState::Pending,
                result: None,
                created: at,
                updated: at,
                imported: None,
            };
            state.things.tasks.insert(*task, new);
            state.note_sent(from, at);
            if let Some(to) = to.as_ref().and_then(|to| state.peer_mut(to)) {
                to.tally.tasks_assigned += 1;
            }
        }
        Happened::Claimed { task, by } => {
            let was_free = change(state, *task, at, |task| {
                task.state = TaskState::InProgress;
                task.to.replace(by.clone()).is_none()
            });
            if was_free == Some(true)
                && let Some(by) = state.peer_mut(by)
            {
                by.tally.tasks_assigned += 1;
            }
        }
        Happened::Completed { task, by, result } => {
            change(state, *task, at, |task| {
                task.state = TaskState::Completed;
                task.result.clone_from(result);
            });
            state.things.tasks_completed += 1;
            if let Some(by) = state.peer_mut(by) {
                by.tally.tasks_completed += 1;
            }
        }
        Happened::Rejected { task, reason, .. } => {
            change(state, *task, at, |task| {
                task.state = TaskState::Rejected;
                task.result.clone_from(reason);
            });
        }
        Happened::Expired { task } => {
            state.things.tasks.remove(task);
        }
    }
}

fn change<T>(
    state: &mut State,
    id: TaskId,
    at: Timestamp,
    change: impl FnOnce(&mut Task) -> T,
) -> Option<T> {
    let task = state.things.tasks.get_mut(&id)?;
    task.updated = at;
    Some(change(task))
}
