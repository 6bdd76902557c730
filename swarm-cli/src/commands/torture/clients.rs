//! Senders and a receiver that go on whatever happens to the daemon, and the ledger of what they were told.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use swarm_http::{
    Client, ClientError, DaemonHome,
    operations::{
        inbox::{Read, Seen},
        messages::Send,
        peers::Join,
    },
    place,
};
use swarm_peers::{Identity, MessageId, PeerName, Way, peer::Reach};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

const SENDERS: usize = 4;
const RECEIVER: &str = "receiver";

/// What senders were told to be kept, and what the receiver got.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    /// Texts that were acknowledged.
    acknowledged: HashSet<String>,
    /// Messages by their numbers, in the order in which the receiver first got them.
    received: Vec<(MessageId, String)>,
    known: HashSet<MessageId>,
}

impl Ledger {
    fn books<T>(&self, work: impl FnOnce(&mut Books) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.books(|books| books.acknowledged.len())
    }

    pub(super) fn received(&self) -> usize {
        self.books(|books| books.received.len())
    }

    /// How many were acknowledged and are lost, how many came under two numbers, and how many came after a later one of the same sender.
    pub(super) fn check(&self) -> (usize, usize, usize) {
        self.books(|books| {
            let mut times: HashMap<&str, usize> = HashMap::new();
            let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
            let mut late = 0;
            for (_, text) in &books.received {
                *times.entry(text).or_default() += 1;
                let (sender, number) = text.split_once(' ').unwrap_or((text, "0"));
                let number = number.parse().unwrap_or(0);
                let newest = newest.entry(sender).or_default();
                late += usize::from(number < *newest);
                *newest = number.max(*newest);
            }
            let lost = books.acknowledged.iter();
            let lost = lost.filter(|text| !times.contains_key(text.as_str()));
            let doubled = times.values().filter(|times| **times > 1);
            (lost.count(), doubled.count(), late)
        })
    }
}

/// Everybody who talks to the daemon.
pub(super) struct Traffic {
    senders: JoinSet<()>,
    stop: CancellationToken,
    receiver: Receiver,
    receiving: JoinSet<()>,
}

#[derive(Clone)]
struct Receiver {
    home: DaemonHome,
    credential: String,
    ledger: Arc<Ledger>,
}

impl Traffic {
    /// Lets everybody in, and begins.
    pub(super) async fn begin(
        mut client: Client,
        home: DaemonHome,
        ledger: Arc<Ledger>,
    ) -> Result<Self, CliError> {
        let receiver = Receiver {
            credential: join(&mut client, RECEIVER).await?,
            home: home.clone(),
            ledger: Arc::clone(&ledger),
        };
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for n in 0..SENDERS {
            let credential = join(&mut client, &format!("sender-{n}")).await?;
            let (home, ledger, stop) = (home.clone(), Arc::clone(&ledger), stop.clone());
            senders.spawn(async move { send_on(n, &home, &credential, &ledger, &stop).await });
        }
        let mut receiving = JoinSet::new();
        {
            let (receiver, stop) = (receiver.clone(), stop.clone());
            receiving.spawn(async move { receiver.take_on(&stop).await });
        }
        Ok(Self {
            senders,
            stop,
            receiver,
            receiving,
        })
    }

    /// Ends everybody, and takes what is left.
    pub(super) async fn end(&mut self, mut client: Client) -> Result<(), CliError> {
        self.stop.cancel();
        while self.senders.join_next().await.is_some() {}
        while self.receiving.join_next().await.is_some() {}
        client.speak_as(&self.receiver.credential);
        while self.receiver.take(&mut client, 0).await? > 0 {}
        Ok(())
    }
}

impl Receiver {
    /// Takes what comes until it is to stop. Whatever goes wrong: the next connection goes on.
    async fn take_on(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(mut client) = connect(&self.home, &self.credential).await {
                while !stop.is_cancelled() && self.take(&mut client, 1).await.is_ok() {}
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Takes what waits, and says that it has seen it; how many messages that were.
    async fn take(&self, client: &mut Client, wait: u64) -> Result<usize, ClientError> {
        let read = Read {
            wait: Some(wait),
            ..Read::default()
        };
        let found = client.call(&read).await?.messages;
        let Some(last) = found.last().map(|message| message.message.id) else {
            return Ok(0);
        };
        let count = found.len();
        self.ledger.books(|books| {
            for delivered in found {
                let message = delivered.message;
                // What is known already was delivered again, as it has to be until it was confirmed.
                if books.known.insert(message.id) {
                    books.received.push((message.id, message.text));
                }
            }
        });
        let seen = Seen {
            up_to: last,
            way: Way::Inbox,
        };
        client.call(&seen).await?;
        Ok(count)
    }
}

async fn send_on(
    n: usize,
    home: &DaemonHome,
    credential: &str,
    ledger: &Ledger,
    stop: &CancellationToken,
) {
    let mut number = 0_u64;
    while !stop.is_cancelled() {
        let Some(mut client) = connect(home, credential).await else {
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        while !stop.is_cancelled() {
            // Each text is tried once: what was not acknowledged may have been kept all the same.
            number += 1;
            let text = format!("{n} {number}");
            let send = Send {
                to: RECEIVER.to_owned(),
                text: text.clone(),
                reply_to: None,
                wants_action: false,
            };
            match client.call(&send).await {
                Ok(_) => drop(ledger.books(|books| books.acknowledged.insert(text))),
                // The mailbox is full: the receiver has to catch up.
                Err(ClientError::Refused(_)) => sleep(Duration::from_millis(5)).await,
                Err(_) => break,
            }
        }
    }
}

async fn connect(home: &DaemonHome, credential: &str) -> Option<Client> {
    let address = home.address().ok()??;
    Client::connect_to(address, credential).await.ok()
}

async fn join(client: &mut Client, name: &str) -> Result<String, CliError> {
    let join = Join {
        identity: Identity {
            client: "torture".to_owned(),
            host: place::host(),
            cwd: "/".to_owned(),
            session: Some(name.to_owned()),
            worktree: None,
            repository: None,
            tty: None,
            pid: None,
        },
        name: PeerName::new(name).ok(),
        reach: Reach::Answers,
        credential: None,
    };
    Ok(client.call(&join).await?.credential)
}
