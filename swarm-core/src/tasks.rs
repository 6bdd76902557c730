//! Background work that has an owner.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Tasks that end with their owner: dropped, it aborts them; shut down, it waits and says who did not end.
#[derive(Debug, Default)]
pub struct TaskGroup {
    tasks: JoinSet<&'static str>,
    names: Vec<&'static str>,
    stop: CancellationToken,
}

impl TaskGroup {
    /// A group without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fires when the tasks are to end.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts `task`; `name` is for the report of [`shutdown`](Self::shutdown).
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.names.push(name);
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Tells the tasks to end, waits up to `grace`, aborts the rest and returns their names.
    pub async fn shutdown(mut self, grace: Duration) -> Vec<&'static str> {
        self.stop.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok(name) = ended
                    && let Some(i) = self.names.iter().position(|&known| known == name)
                {
                    self.names.swap_remove(i);
                }
            }
        };
        let in_time = tokio::time::timeout(grace, all_ended).await.is_ok();
        // A task that panicked has ended, too, but its name is worth a report.
        self.tasks.abort_all();
        if !in_time {
            tracing::warn!(tasks = ?self.names, ?grace, "background tasks did not end in time");
        }
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_waits_for_those_who_listen_and_names_those_who_do_not() {
        let mut group = TaskGroup::new();
        let stopping = group.stopping();
        group.spawn("listener", async move { stopping.cancelled().await });
        group.spawn("deaf", std::future::pending());
        assert_eq!(group.shutdown(Duration::from_secs(5)).await, ["deaf"]);
    }
}
