//! What survives the daemon.

use std::{sync::Arc, time::Duration};

use swarm_http::{
    DaemonHome,
    operations::{inbox, messages, tasks},
};

use crate::{api::send, daemon::Daemon};

#[tokio::test]
async fn everything_is_there_again_after_the_daemon_was_ended_and_after_it_was_killed() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let bob = daemon.join("bob").await;
    alice.call(&send("bob", "first")).await;
    let delegate = tasks::Delegate {
        to: Some("bob".to_owned()),
        description: "fix it".to_owned(),
        deadline: None,
    };
    alice.call(&delegate).await;
    let token = daemon.token.clone();
    let folder = daemon.stop().await;

    let daemon = Daemon::start_in(folder, |_| ()).await;
    assert_eq!(daemon.token, token);
    let mut alice = crate::daemon::Peer {
        client: daemon.as_whoever_shows(&alice.joined.credential).await,
        joined: alice.joined,
    };
    alice.call(&send("bob", "second")).await;
    let folder = daemon.kill();

    let daemon = Daemon::start_in(folder, |_| ()).await;
    let mut bob = crate::daemon::Peer {
        client: daemon.as_whoever_shows(&bob.joined.credential).await,
        joined: bob.joined,
    };
    let waiting = bob.call(&inbox::Read::default()).await.messages;
    let texts: Vec<_> = waiting.iter().map(|m| m.message.text.as_str()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert_eq!((texts[0], texts[2]), ("first", "second"));
    assert_eq!(bob.call(&tasks::List::default()).await.tasks.len(), 1);
}

#[tokio::test]
async fn what_was_seen_is_forgotten_after_its_time_and_what_waits_is_not() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let seen = alice.call(&send("bob", "seen")).await.message;
    let (up_to, way) = (seen, swarm_peers::Way::Inbox);
    bob.call(&inbox::Seen { up_to, way }).await;
    alice.call(&send("bob", "waits")).await;
    let folder = daemon.stop().await;
    let forget = |settings: &mut swarm_http::app::Settings| settings.keep_events = Duration::ZERO;
    let daemon = Daemon::start_in(folder, forget).await;
    let mut owner = daemon.owner().await;
    let everything = messages::History::default();
    let kept = loop {
        // It is cleaned up soon after the start.
        let kept = owner.call(&everything).await.unwrap().messages;
        if kept.len() < 2 {
            break kept;
        }
    };
    assert_eq!(kept[0].message.text, "waits");
    // Also from what is left of the log, and when the history is lost.
    let folder = daemon.stop().await;
    std::fs::remove_file(folder.path().join("messages.db")).unwrap();
    let daemon = Daemon::start_in(folder, forget).await;
    let mut owner = daemon.owner().await;
    let kept = owner.call(&everything).await.unwrap().messages;
    assert_eq!(kept.len(), 1);
    let credential = bob.joined.credential;
    let mut bob = daemon.as_whoever_shows(&credential).await;
    let waiting = bob.call(&inbox::Read::default()).await.unwrap().messages;
    assert_eq!(waiting[0].message.text, "waits");
}

#[tokio::test]
async fn a_second_daemon_for_the_same_home_is_refused_clearly() {
    let daemon = Daemon::start().await;
    let home = DaemonHome::new(daemon.folder.path());
    home.announce(&daemon.address).unwrap();
    let error = home.lock().unwrap_err().to_string();
    let process = format!("(process {})", std::process::id());
    assert!(
        error.contains("runs already") && error.contains(&process),
        "{error}"
    );
    assert!(home.is_running());
    let folder = daemon.stop().await;
    assert!(!DaemonHome::new(folder.path()).is_running());
}

#[tokio::test]
async fn who_waits_when_the_daemon_ends_is_answered_and_the_end_is_prompt() {
    let daemon = Daemon::start().await;
    let mut bob = daemon.join("bob").await;
    let patient = inbox::Read {
        wait: Some(60),
        ..inbox::Read::default()
    };
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { bob.client.call(&patient).await.map(|w| w.messages.len()) });
    // The question is under way once the peer is connected.
    let mut owner = daemon.owner().await;
    loop {
        let list = owner
            .call(&swarm_http::operations::peers::List::default())
            .await
            .unwrap();
        if list.peers[0].silent_for.is_some() {
            break;
        }
    }
    let began = tokio::time::Instant::now();
    daemon.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    // It was told that there is nothing, or that the daemon is gone; it does not wait for ever.
    drop(waiting.join_next().await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_daemon_whose_home_is_removed_ends() {
    let folder = tempfile::tempdir().unwrap();
    DaemonHome::new(folder.path()).prepare().unwrap();
    let settings = swarm_http::app::Settings::new(folder.path());
    let clock = Arc::new(swarm_core::time::SystemClock);
    let (app, tasks) = swarm_http::App::open(settings, clock).await.unwrap();
    let stopping = app.stopping();
    let long = Duration::from_mins(5);
    let goes_on = tokio::time::timeout(long, stopping.cancelled()).await;
    assert!(goes_on.is_err());
    drop(folder);
    tokio::time::timeout(long, stopping.cancelled())
        .await
        .unwrap();
    drop(app);
    assert!(tasks.shutdown(long).await.is_empty());
}
