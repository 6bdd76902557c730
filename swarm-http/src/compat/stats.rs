//! What everybody has done so far.

use std::cmp::Reverse;

use serde_json::{Value, json};
use swarm_peers::{Peer, PeerId, tally::Tally, task::TaskState};

use super::{Compat, answer::Answer, fields::Fields, peers};

/// Hours of the day that are shown: those in which most was said.
const PEAKS: usize = 5;

pub(super) async fn of_peer(compat: &Compat, fields: &Fields) -> Answer {
    let id = fields.maybe("target_id")?.filter(|id| !id.is_empty());
    let id = match id {
        Some(id) => id,
        None => fields.maybe("peer_id")?.unwrap_or_default(),
    };
    let stats = compat.app.ask(move |state| {
        let known = PeerId::new(id.clone()).ok();
        let known = known.and_then(|id| state.peer(&id));
        stats(&id, known.map(|peer| peer.tally).unwrap_or_default())
    });
    Ok(stats.await?)
}

fn stats(id: &str, tally: Tally) -> Value {
    json!({
        "peer_id": id,
        "messages_sent": tally.messages_sent,
        "messages_received": tally.messages_received,
        "tasks_assigned": tally.tasks_assigned,
        "tasks_completed": tally.tasks_completed,
        "snippets_shared": tally.snippets_shared,
        "alerts_sent": tally.alerts_sent,
        "files_shared": tally.files_shared,
    })
}

pub(super) async fn analytics(compat: &Compat) -> Answer {
    let shown = compat.app.ask(|state| {
        let mut all: Vec<&Peer> = peers::here(state).collect();
        all.sort_by_key(|peer| Reverse(peer.tally.messages_sent + peer.tally.messages_received));
        let rows = all.iter().map(|peer| {
            let mut row = stats(peer.id.as_str(), peer.tally);
            if let Value::Object(row) = &mut row {
                row.insert("id".to_owned(), json!(peer.id));
                let summary = peer.summary.as_deref().unwrap_or_default();
                row.insert("summary".to_owned(), json!(summary));
            }
            row
        });
        let mut hours: Vec<(usize, u64)> = state.hours().iter().copied().enumerate().collect();
        hours.retain(|(_, count)| *count > 0);
        hours.sort_by_key(|(hour, count)| (Reverse(*count), *hour));
        let peaks = hours.iter().take(PEAKS);
        let peaks = peaks.map(|(hour, count)| json!({"hour": hour, "count": count}));
        let tasks = state.tasks().count();
        let completed = state.tasks();
        let completed = completed.filter(|task| task.state == TaskState::Completed);
        let completed = completed.count();
        json!({
            "total_peers": all.len(),
            "peer_stats": rows.collect::<Value>(),
            "peak_hours": peaks.collect::<Value>(),
            "task_completion_rate": rate(completed, tasks),
            "total_tasks": tasks,
            "completed_tasks": completed,
        })
    });
    Ok(shown.await?)
}

/// With one digit behind the point.
fn rate(completed: usize, tasks: usize) -> String {
    let mille = (completed * 1000 + tasks / 2)
        .checked_div(tasks)
        .unwrap_or(0);
    format!("{}.{}%", mille / 10, mille % 10)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_has_one_digit_behind_the_point() {
        let all = [rate(0, 0), rate(1, 8), rate(2, 3), rate(3, 3)];
        assert_eq!(all, ["0.0%", "12.5%", "66.7%", "100.0%"]);
    }
}
