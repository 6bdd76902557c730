//! Work that one hands to another.

use serde_json::{Value, json};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{
    Event, State, Task, TaskId,
    task::{self, Happened, TaskState},
};

use super::{
    Compat,
    answer::{Answer, Refusal, or_not_ok},
    fields::Fields,
    times::iso,
};
use crate::Failure;

pub(super) async fn delegate(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "tasks.from_id")?;
    let to = fields.text("to_id", "tasks.to_id")?;
    let request = task::Request::Delegate {
        to: Some(to.clone()),
        description: fields.text("description", "tasks.description")?,
        deadline: fields.maybe("deadline")?,
    };
    let me = compat.caller(&from).await?;
    let delegated = compat.app.command(&me, request, |_, events| {
        events.iter().find_map(|event| match event {
            Event::Task(Happened::Delegated { task, .. }) => Some(*task),
            _ => None,
        })
    });
    // Their client does not look whether it is `ok`: as the error of a tool it is heard.
    let delegated = delegated.await.map_err(|failure| match failure.code {
        ErrorCode::UnknownPeer => Refusal::Broken(format!("Peer {to} not found")),
        _ => failure.into(),
    })?;
    Ok(json!({"ok": true, "task_id": delegated}))
}

pub(super) async fn list(compat: &Compat, fields: &Fields) -> Answer {
    let peer = fields.maybe("peer_id")?.unwrap_or_default();
    let role = fields.maybe("role")?.unwrap_or_default();
    let rows = compat.app.ask(move |state| {
        let wanted = state.tasks().filter(|task| {
            let mine = task.to.as_ref().is_none_or(|to| to.as_str() == peer);
            let of_me = task.from.as_str() == peer;
            let is_wanted = match role.as_str() {
                "assignee" => mine,
                "assigner" => of_me,
                _ => mine || of_me,
            };
            is_wanted && is_ours(state, task)
        });
        let mut wanted: Vec<&Task> = wanted.collect();
        wanted.sort_by_key(|task| std::cmp::Reverse((task.updated, task.id)));
        wanted.into_iter().map(row).collect::<Value>()
    });
    Ok(rows.await?)
}

/// What others hand to each other is not for everybody on this machine.
fn is_ours(state: &State, task: &Task) -> bool {
    let ours = |id| state.peer(id).is_some_and(swarm_peers::Peer::shows_nothing);
    ours(&task.from) || task.to.as_ref().is_none_or(ours)
}

fn row(task: &Task) -> Value {
    json!({
        "id": task.id,
        "from_id": task.from,
        "to_id": task.to.as_ref().map_or("anyone", |to| to.as_str()),
        "description": task.description,
        "deadline": task.deadline,
        "state": task.state.as_str(),
        "result": task.result,
        "created_at": iso(task.created),
        "updated_at": iso(task.updated),
    })
}

pub(super) async fn update(compat: &Compat, fields: &Fields) -> Answer {
    let number = fields.number("task_id")?;
    let by = fields.maybe("peer_id")?.unwrap_or_default();
    let state = fields.text("state", "tasks.state")?;
    let result = fields.maybe("result")?;
    let named = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let id = number.and_then(|number| u64::try_from(number).ok());
    let answer = async {
        let not_found = || refused(ErrorCode::NotFound, format!("Task {named} not found"));
        let id = TaskId(id.ok_or_else(not_found)?);
        let (from_me, now) = {
            let by = by.clone();
            let found = compat.app.ask(move |state| {
                let task = state.tasks().find(|task| task.id == id)?;
                Some((task.from.as_str() == by, task.state))
            });
            found.await?.ok_or_else(not_found)?
        };
        let me = compat.caller(&by).await?;
        let request = match state.as_str() {
            "in_progress" => task::Request::Claim { task: id },
            "completed" if from_me => task::Request::Conclude { task: id, result },
            "completed" => task::Request::Complete { task: id, result },
            "rejected" => task::Request::Reject {
                task: id,
                reason: result,
            },
            "pending" if now == TaskState::Pending => return Ok(json!({"ok": true})),
            other => {
                let other: String = other.chars().take(80).collect();
                let why = format!(
                    "Task {id} is {}, and cannot become {other:?}; what a task becomes is in_progress, completed or rejected",
                    now.as_str()
                );
                return Err(refused(ErrorCode::TaskState, why));
            }
        };
        let done = compat.app.command(&me, request, |_, _| ()).await;
        done.map_err(|failure| match failure.code {
            ErrorCode::NotYours => refused(
                ErrorCode::NotYours,
                "Not authorized to update this task".to_owned(),
            ),
            ErrorCode::NotFound => not_found(),
            _ => failure.into(),
        })?;
        Ok(json!({"ok": true}))
    };
    or_not_ok(answer.await, &by, compat.rate())
}

fn refused(code: ErrorCode, why: String) -> Refusal {
    Refusal::Failed(Failure::new(code, why))
}
