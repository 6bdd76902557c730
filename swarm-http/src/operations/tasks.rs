//! Work that one peer hands to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_peers::{
    Event, Rejection, State, Task, TaskId,
    task::{self, Happened, TaskState},
};

use super::operation;
use crate::{App, Caller, Failure, operation::Perform};

/// Hands work to a peer, or to whoever claims it first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// To whom: an id or a name; absent for whoever claims it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What is to be done.
    pub description: String,
    /// Until when, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

operation!(
    Delegate,
    "tasks/delegate",
    Command,
    Anybody,
    "Hand work to a peer",
    Task
);

impl Perform for Delegate {
    async fn perform(self, app: &App, by: Caller) -> Result<Task, Failure> {
        let request = task::Request::Delegate {
            to: self.to,
            description: self.description,
            deadline: self.deadline,
        };
        change(app, &by, request, None).await
    }
}

/// Has something about a task decided, and answers with the task.
async fn change(
    app: &App,
    by: &Caller,
    request: task::Request,
    task: Option<TaskId>,
) -> Result<Task, Failure> {
    let answer = move |state: &State, events: &[Event]| {
        let delegated = events.iter().find_map(|event| match event {
            Event::Task(Happened::Delegated { task, .. }) => Some(*task),
            _ => None,
        });
        // It may have expired in the same commit.
        let id = task.or(delegated).unwrap_or_default();
        let found = state.tasks().find(|task| task.id == id);
        found.cloned().ok_or(Rejection::UnknownTask { task: id })
    };
    Ok(app.command(by, request, answer).await??)
}

/// Which tasks are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Those that you are to do.
    Assignee,
    /// Those that you handed over.
    Assigner,
    /// Both, and those that anybody may claim. For the owner, every task.
    #[default]
    All,
}

/// Which tasks there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Whose.
    #[serde(default)]
    pub role: Role,
    /// Only those that are so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TaskState>,
}

/// Tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    /// The one that changed last first.
    pub tasks: Vec<Task>,
}

operation!(List, "tasks/list", Question, Anybody, "See tasks", TaskList);

impl Perform for List {
    async fn perform(self, app: &App, by: Caller) -> Result<TaskList, Failure> {
        app.ask(move |state| {
            let me = by.peer();
            let found = state.tasks().filter(|task| {
                let mine = task.to.as_ref() == Some(&me);
                let of_me = task.from == me;
                let is_asked = match self.role {
                    Role::Assignee => mine,
                    Role::Assigner => of_me,
                    Role::All => mine || of_me || task.to.is_none() || by == Caller::Owner,
                };
                is_asked && self.state.is_none_or(|state| task.state == state)
            });
            let mut tasks: Vec<Task> = found.cloned().collect();
            tasks.sort_by_key(|task| std::cmp::Reverse((task.updated, task.id)));
            TaskList { tasks }
        })
        .await
    }
}

/// Takes a task: nobody else can then.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which.
    pub task: TaskId,
}

operation!(Claim, "tasks/claim", Command, Anybody, "Take a task", Task);

impl Perform for Claim {
    async fn perform(self, app: &App, by: Caller) -> Result<Task, Failure> {
        let task = self.task;
        change(app, &by, task::Request::Claim { task }, Some(task)).await
    }
}

/// Says that a task is done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// Which.
    pub task: TaskId,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

operation!(
    Complete,
    "tasks/complete",
    Command,
    Anybody,
    "Say that a task is done",
    Task
);

impl Perform for Complete {
    async fn perform(self, app: &App, by: Caller) -> Result<Task, Failure> {
        let (task, result) = (self.task, self.result);
        let request = task::Request::Complete { task, result };
        change(app, &by, request, Some(task)).await
    }
}

/// Says that a task will not be done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// Which.
    pub task: TaskId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

operation!(
    Reject,
    "tasks/reject",
    Command,
    Anybody,
    "Say that a task will not be done",
    Task
);

impl Perform for Reject {
    async fn perform(self, app: &App, by: Caller) -> Result<Task, Failure> {
        let (task, reason) = (self.task, self.reason);
        let request = task::Request::Reject { task, reason };
        change(app, &by, request, Some(task)).await
    }
}
