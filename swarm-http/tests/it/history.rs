//! What was sent, and proof of where it got.

use std::fs;

use swarm_core::error_code::ErrorCode;
use swarm_http::{
    Shown,
    operations::{inbox, messages},
};
use swarm_peers::{MessageId, Way, mailbox::Stage};

use crate::{
    api::send,
    daemon::{Daemon, Peer},
};

fn texts(found: &messages::MessageList) -> Vec<&str> {
    let texts = found.messages.iter();
    texts.map(|shown| shown.message.text.as_str()).collect()
}

async fn show(peer: &mut Peer, message: MessageId) -> Shown {
    peer.call(&messages::Show { message }).await
}

fn search(words: &str) -> messages::Search {
    messages::Search {
        words: words.to_owned(),
        limit: None,
    }
}

#[tokio::test]
async fn the_sender_sees_each_step_of_a_message_and_a_stranger_sees_none() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    let mut eve = daemon.join("eve").await;
    let wants = messages::Send {
        wants_action: true,
        ..send("bob", "please")
    };
    let message = alice.call(&wants).await.message;
    let stage = async |alice: &mut Peer| show(alice, message).await.receipts[0].stage;
    assert_eq!(stage(&mut alice).await, Stage::Stored);
    let (up_to, way) = (message, Way::Push);
    bob.call(&inbox::Injected { up_to, way }).await;
    assert_eq!(stage(&mut alice).await, Stage::Injected);
    bob.call(&inbox::Seen { up_to, way }).await;
    assert_eq!(stage(&mut alice).await, Stage::Seen);
    bob.call(&inbox::Acted { message }).await;
    let shown = show(&mut alice, message).await;
    assert_eq!(shown.receipts[0].stage, Stage::Acted);
    assert_eq!(shown.receipts[0].way.as_deref(), Some("push"));
    assert_eq!(shown.message.text, "please");
    let refused = eve.refused(&messages::Show { message }).await;
    assert_eq!(refused.code, ErrorCode::NotFound);
    assert!(
        eve.call(&messages::History::default())
            .await
            .messages
            .is_empty()
    );
    assert!(eve.call(&search("please")).await.messages.is_empty());
}

#[tokio::test]
async fn history_is_shown_by_pages_and_searched_by_words_that_mean_nothing_else() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    for text in ["the red parser", "the blue parser", "a \"quoted\" AND"] {
        alice.call(&send("bob", text)).await;
    }
    bob.call(&send("alice", "red or not")).await;
    let page = messages::History {
        limit: Some(2),
        ..messages::History::default()
    };
    let newest = bob.call(&page).await;
    assert_eq!(texts(&newest), ["red or not", "a \"quoted\" AND"]);
    let rest = messages::History {
        before: Some(newest.messages[1].message.id),
        peer: Some("alice".to_owned()),
        limit: None,
    };
    assert_eq!(
        texts(&bob.call(&rest).await),
        ["the blue parser", "the red parser"]
    );
    for (words, found) in [
        ("red", &["red or not", "the red parser"][..]),
        ("parser red", &["the red parser"]),
        ("red OR blue", &[]),
        ("\"quoted\"", &["a \"quoted\" AND"]),
        ("pars*", &[]),
        ("text:red", &[]),
    ] {
        assert_eq!(texts(&bob.call(&search(words)).await), found, "{words}");
    }
    let refused = bob.refused(&search(" ")).await;
    assert_eq!(refused.code, ErrorCode::InvalidInput);
    let mut owner = daemon.owner().await;
    let all = owner.call(&messages::History::default()).await.unwrap();
    assert_eq!(all.messages.len(), 4);
}

#[tokio::test]
async fn a_history_that_is_lost_or_damaged_is_made_of_the_log_again() {
    let mut folder = None;
    for damage in [None, Some("removed"), Some("damaged")] {
        let daemon = match folder.take() {
            Some(folder) => Daemon::start_in(folder, |_| ()).await,
            None => {
                let daemon = Daemon::start().await;
                let mut alice = daemon.join("alice").await;
                daemon.join("bob").await;
                alice.call(&send("bob", "kept")).await;
                daemon
            }
        };
        let mut owner = daemon.owner().await;
        let all = owner.call(&messages::History::default()).await.unwrap();
        assert_eq!(texts(&all), ["kept"], "after it was {damage:?}");
        drop(owner);
        let stopped = daemon.stop().await;
        let file = stopped.path().join("messages.db");
        if damage.is_none() {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, "This is a text, and no database. ".repeat(100)).unwrap();
        }
        folder = Some(stopped);
    }
}
