//! What the operations do, seen from outside.

use std::time::Duration;

use futures_util::future::join;
use swarm_core::error_code::ErrorCode;
use swarm_http::operations::{
    alerts, analytics, files, inbox, messages, peers, pins, reviews, snippets, tasks,
};
use swarm_peers::{
    About, MessageId, Scope, Way, mailbox::Stage, peer::Connection, task::TaskState,
};

use crate::daemon::{Daemon, join as joining};

pub(crate) fn send(to: &str, text: &str) -> messages::Send {
    messages::Send {
        to: to.to_owned(),
        text: text.to_owned(),
        reply_to: None,
        wants_action: false,
    }
}

#[tokio::test]
async fn a_message_waits_until_it_was_seen_and_not_only_read() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let sent = alice.call(&send("bob", "hello")).await;
    assert_eq!(sent.to.len(), 1);
    assert_eq!(sent.to[0].id, bob.joined.id);
    for _ in 0..2 {
        let waiting = bob.call(&inbox::Read::default()).await;
        assert_eq!(waiting.messages.len(), 1);
        let message = &waiting.messages[0];
        assert_eq!(message.message.text, "hello");
        assert_eq!(message.message.from, alice.joined.id);
        assert_eq!(message.from_name.as_ref().unwrap().as_str(), "alice");
        assert_eq!(message.stage, Stage::Stored);
    }
    let (up_to, way) = (sent.message, Way::Inbox);
    bob.call(&inbox::Injected { up_to, way }).await;
    let waiting = bob.call(&inbox::Read::default()).await;
    assert_eq!(waiting.messages[0].stage, Stage::Injected);
    bob.call(&inbox::Seen { up_to, way }).await;
    assert!(bob.call(&inbox::Read::default()).await.messages.is_empty());
    let early = inbox::Seen {
        up_to: MessageId(up_to.0 + 1),
        way,
    };
    assert_eq!(bob.refused(&early).await.code, ErrorCode::InvalidInput);
}

#[tokio::test]
async fn who_waits_for_a_message_is_answered_when_it_comes() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let patient = inbox::Read {
        wait: Some(60),
        ..inbox::Read::default()
    };
    let began = tokio::time::Instant::now();
    let hello = send("bob", "hello");
    let (waiting, _) = join(bob.call(&patient), alice.call(&hello)).await;
    assert_eq!(waiting.messages[0].message.text, "hello");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_session_that_comes_back_is_the_same_peer_and_its_old_credential_is_worth_nothing() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    bob.call(&peers::Leave {}).await;
    let sent = alice.call(&send("bob", "while you were out")).await;
    assert!(matches!(sent.to[0].connection, Connection::Left { .. }));
    let mut again = daemon.join("bob").await;
    assert_eq!(again.joined.id, bob.joined.id);
    assert!(again.joined.came_back);
    assert_eq!(again.joined.waiting, 1);
    let read = inbox::Read::default();
    assert_eq!(again.call(&read).await.messages.len(), 1);
    assert_eq!(bob.refused(&read).await.code, ErrorCode::Unauthorized);
    // Nobody takes the place of a session that is there, unless it knows its secret.
    let mut owner = daemon.owner().await;
    let stolen = owner.call(&joining("bob")).await.unwrap_err();
    assert!(stolen.to_string().contains("connected already"), "{stolen}");
    let mut own = joining("bob");
    own.credential = Some(again.joined.credential.clone());
    assert_eq!(owner.call(&own).await.unwrap().id, bob.joined.id);
}

#[tokio::test]
async fn an_unknown_recipient_is_an_error_with_the_nearest_name() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    daemon.join("bob").await;
    let failure = alice.refused(&send("bobb", "hello")).await;
    assert_eq!(failure.code, ErrorCode::UnknownPeer);
    assert!(
        failure.message.contains("\"bob\"") || failure.message.contains("`bob`"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn who_is_here_is_found_by_scope_and_tag() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let tags = ["rust".to_owned()].into();
    bob.call(&peers::SetTags { tags }).await;
    let summary = Some("the parser".to_owned());
    bob.call(&peers::SetSummary { summary }).await;
    let list = |scope, tag: Option<&str>| peers::List {
        scope,
        tag: tag.map(str::to_owned),
        ..peers::List::default()
    };
    for (scope, tag, count) in [
        (Scope::Machine, None, 1),
        (Scope::Repo, Some("rust"), 1),
        (Scope::Machine, Some("go"), 0),
        (Scope::Directory, None, 0),
    ] {
        let found = alice.call(&list(scope, tag)).await.peers;
        assert_eq!(found.len(), count, "{scope:?} {tag:?}");
    }
    let found = alice.call(&list(Scope::Machine, None)).await.peers;
    assert_eq!(found[0].summary.as_deref(), Some("the parser"));
    let me = bob.call(&peers::Me {}).await;
    assert_eq!(me.peer.name.as_str(), "bob");
}

#[tokio::test]
async fn a_task_is_claimed_by_one_and_the_delegator_is_told() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let mut eve = daemon.join("eve").await;
    let delegate = tasks::Delegate {
        to: None,
        description: "fix the parser".to_owned(),
        deadline: None,
    };
    let task = alice.call(&delegate).await.id;
    let claimed = bob.call(&tasks::Claim { task }).await;
    assert_eq!(claimed.state, TaskState::InProgress);
    assert_eq!(
        eve.refused(&tasks::Claim { task }).await.code,
        ErrorCode::NotYours
    );
    let complete = tasks::Complete {
        task,
        result: Some("done".to_owned()),
    };
    assert_eq!(eve.refused(&complete).await.code, ErrorCode::NotYours);
    bob.call(&complete).await;
    let told = alice.call(&inbox::Read::default()).await.messages;
    let states: Vec<_> = told
        .iter()
        .map(|message| match message.message.about {
            About::Task { state, .. } => state,
            _ => panic!("{message:?}"),
        })
        .collect();
    assert_eq!(states, [TaskState::InProgress, TaskState::Completed]);
    let listed = bob.call(&tasks::List::default()).await.tasks;
    assert_eq!(listed[0].result.as_deref(), Some("done"));
}

#[tokio::test]
async fn files_and_long_texts_come_back_byte_for_byte_and_only_their_authors_take_them_back() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let share = files::Share {
        name: "a.bin".to_owned(),
        mime: "application/octet-stream".to_owned(),
        content: STANDARD.encode(&bytes),
    };
    let file = alice.call(&share).await.file;
    let fetched = bob.call(&files::Fetch { file }).await;
    assert_eq!(STANDARD.decode(fetched.content).unwrap(), bytes);
    assert_eq!(
        bob.refused(&files::Remove { file }).await.code,
        ErrorCode::NotYours
    );
    let large = files::Share {
        content: STANDARD.encode(vec![0; 1024 * 1024 + 1]),
        ..share
    };
    assert_eq!(alice.refused(&large).await.code, ErrorCode::TooLarge);
    let text = "ä\n".repeat(10_000);
    let share = snippets::Share {
        title: "long".to_owned(),
        content: text.clone(),
        language: "text".to_owned(),
    };
    let snippet = bob.call(&share).await.snippet;
    assert_eq!(alice.call(&snippets::Show { snippet }).await.content, text);
    alice.call(&files::Remove { file }).await;
    assert_eq!(
        bob.refused(&files::Fetch { file }).await.code,
        ErrorCode::NotFound
    );
}

#[tokio::test]
async fn alerts_pins_reviews_and_counts_are_told_to_whom_they_concern() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let mut eve = daemon.join("eve").await;
    let raise = alerts::Raise {
        to: Some("bob".to_owned()),
        scope: Scope::Machine,
        message: "the build is broken".to_owned(),
        priority: swarm_peers::Priority::Critical,
    };
    let alert = alice.call(&raise).await.alert.unwrap();
    assert!(eve.call(&alerts::List::default()).await.alerts.is_empty());
    assert_eq!(
        eve.refused(&alerts::Acknowledge { alert }).await.code,
        ErrorCode::NotYours
    );
    bob.call(&alerts::Acknowledge { alert }).await;
    let open = alerts::List {
        open: true,
        limit: None,
    };
    assert!(bob.call(&open).await.alerts.is_empty());
    let pin = bob
        .call(&pins::Pin {
            content: "use tabs".to_owned(),
        })
        .await
        .pin;
    assert_eq!(alice.call(&pins::List {}).await.pins[0].id, pin);
    let review = reviews::Request {
        to: "eve".to_owned(),
        branch: "main".to_owned(),
        changes: "1 file changed".to_owned(),
    };
    alice.call(&review).await;
    let waiting = eve.call(&inbox::Read::default()).await.messages;
    assert!(
        waiting
            .iter()
            .any(|m| matches!(m.message.about, About::Review { .. }))
    );
    let shown = bob
        .call(&analytics::Show {
            peer: Some("alice".to_owned()),
        })
        .await;
    assert_eq!(shown.peers[0].tally.alerts_sent, 1);
}

#[tokio::test]
async fn who_sends_too_much_is_told_for_how_long_to_wait() {
    let daemon = Daemon::start_with(|settings| settings.peers.rate = Some(2)).await;
    let mut alice = daemon.join("alice").await;
    daemon.join("bob").await;
    for _ in 0..2 {
        alice.call(&send("bob", "hello")).await;
    }
    let failure = alice.refused(&send("bob", "hello")).await;
    assert_eq!(failure.code, ErrorCode::RateLimited);
}
