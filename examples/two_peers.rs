//! Two sessions in one program: one tells the other something, and sees how far it got.
//!
//! `cargo run -p swarm-examples --example two_peers`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use swarm_core::time::{Clock as _, SystemClock};
use swarm_http::{
    Address, App, Client, DaemonHome,
    app::Settings,
    operations::{inbox, messages, peers},
    place, server,
};
use swarm_peers::{PeerName, Way, peer::Reach};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The daemon, here in the same process. `swarm serve` is the same in one of its own.
    let folder = tempfile::tempdir()?;
    let home = DaemonHome::new(folder.path());
    let _lock = home.lock()?;
    let (app, tasks) = App::open(Settings::new(folder.path()), Arc::new(SystemClock)).await?;
    let listener = server::listen(0).await?;
    let address = Address {
        listens: listener.local_addr()?,
        pid: std::process::id(),
        version: "example".to_owned(),
        started: SystemClock.now(),
    };
    let mut serving = JoinSet::new();
    serving.spawn(server::serve(Arc::clone(&app), listener));

    // The owner lets two sessions in. Each speaks with what it is given.
    let token = home.token()?.ok_or("the daemon has made a token")?;
    let mut owner = Client::connect_to(address.clone(), &token).await?;
    let mut sessions = Vec::new();
    for name in ["alice", "bob"] {
        let join = peers::Join {
            identity: place::identity(folder.path(), "example", Some(name.to_owned())).await,
            name: Some(PeerName::new(name)?),
            reach: Reach::Answers,
            credential: None,
        };
        let joined = owner.call(&join).await?;
        sessions.push(Client::connect_to(address.clone(), &joined.credential).await?);
    }
    let [alice, bob] = sessions.as_mut_slice() else {
        return Err("two have joined".into());
    };

    let send = messages::Send {
        to: "bob".to_owned(),
        text: "The parser is yours.".to_owned(),
        reply_to: None,
        wants_action: false,
    };
    let message = alice.call(&send).await?.message;
    let waiting = bob.call(&inbox::Read::default()).await?;
    for delivered in &waiting.messages {
        println!("bob reads: {}", delivered.message.text);
    }
    let seen = inbox::Seen {
        up_to: message,
        way: Way::Inbox,
    };
    bob.call(&seen).await?;
    let shown = alice.call(&messages::Show { message }).await?;
    for receipt in &shown.receipts {
        println!("alice sees: {:?}", receipt.stage);
    }

    app.stopping().cancel();
    while let Some(served) = serving.join_next().await {
        served??;
    }
    drop(app);
    tasks.shutdown(std::time::Duration::from_secs(10)).await;
    Ok(())
}
