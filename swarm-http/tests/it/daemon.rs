//! A daemon in a folder of its own, and clients of it.

use std::sync::Arc;

use swarm_core::{
    tasks::TaskGroup,
    time::{Clock as _, SystemClock},
};
use swarm_http::{
    Address, App, Client, ClientError, DaemonHome, DaemonLock, Operation,
    app::Settings,
    operations::peers::{Join, Joined},
    server,
};
use swarm_peers::{Identity, PeerName};
use tokio::task::JoinSet;

pub(crate) struct Daemon {
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) address: Address,
    pub(crate) token: String,
    app: Arc<App>,
    tasks: TaskGroup,
    serving: JoinSet<()>,
    lock: DaemonLock,
}

impl Daemon {
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), |_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    pub(crate) async fn start_in(
        folder: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let home = DaemonHome::new(folder.path());
        let lock = home.lock().unwrap();
        let mut settings = Settings::new(folder.path());
        change(&mut settings);
        let (app, tasks) = App::open(settings, Arc::new(SystemClock)).await.unwrap();
        let listener = server::listen(0).await.unwrap();
        let address = Address {
            listens: listener.local_addr().unwrap(),
            pid: std::process::id(),
            version: "test".to_owned(),
            started: SystemClock.now(),
        };
        let mut serving = JoinSet::new();
        let served = Arc::clone(&app);
        serving.spawn(async move { server::serve(served, listener).await.unwrap() });
        Self {
            token: home.token().unwrap().unwrap(),
            folder,
            address,
            app,
            tasks,
            serving,
            lock,
        }
    }

    /// Ends as it is meant to; what is left is the folder.
    pub(crate) async fn stop(self) -> Arc<tempfile::TempDir> {
        let Self {
            folder,
            app,
            tasks,
            mut serving,
            lock,
            ..
        } = self;
        app.stopping().cancel();
        while let Some(served) = serving.join_next().await {
            served.unwrap();
        }
        drop(app);
        let late = tasks.shutdown(std::time::Duration::from_secs(10)).await;
        assert!(late.is_empty(), "{late:?}");
        drop(lock);
        folder
    }

    /// Lets programs of claude-peers and claude-swarm in as well; where.
    pub(crate) async fn let_theirs_in(&mut self) -> std::net::SocketAddr {
        let listener = swarm_http::compat::listen(0).await.unwrap();
        let at = listener.local_addr().unwrap();
        let app = Arc::clone(&self.app);
        self.serving
            .spawn(async move { swarm_http::compat::serve(app, listener).await.unwrap() });
        at
    }

    /// Ends in the middle of whatever it does, as a process that is killed.
    pub(crate) fn kill(self) -> Arc<tempfile::TempDir> {
        self.folder
    }

    pub(crate) async fn owner(&self) -> Client {
        self.as_whoever_shows(&self.token).await
    }

    pub(crate) async fn as_whoever_shows(&self, token: &str) -> Client {
        Client::connect_to(self.address.clone(), token)
            .await
            .unwrap()
    }

    pub(crate) async fn join(&self, name: &str) -> Peer {
        let joined = self.owner().await.call(&join(name)).await.unwrap();
        Peer {
            client: self.as_whoever_shows(&joined.credential).await,
            joined,
        }
    }
}

/// A session called `name`, with a folder of its own in one repository.
pub(crate) fn join(name: &str) -> Join {
    Join {
        identity: Identity {
            client: "test".to_owned(),
            host: "here".to_owned(),
            cwd: format!("/work/{name}"),
            session: Some(name.to_owned()),
            worktree: None,
            repository: Some("/work/.git".to_owned()),
            tty: None,
            pid: None,
        },
        name: Some(PeerName::new(name).unwrap()),
        reach: swarm_peers::peer::Reach::default(),
        credential: None,
    }
}

/// A client that is a peer.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) joined: Joined,
}

impl Peer {
    pub(crate) async fn call<O: Operation>(&mut self, operation: &O) -> O::Answer {
        match self.client.call(operation).await {
            Ok(answer) => answer,
            Err(error) => panic!("{}: {error}", O::NAME),
        }
    }

    pub(crate) async fn refused<O: Operation>(&mut self, operation: &O) -> swarm_http::Failure {
        match self.client.call(operation).await {
            Err(ClientError::Refused(failure)) => failure,
            Err(error) => panic!("{}: {error}", O::NAME),
            Ok(_) => panic!("{} was not refused", O::NAME),
        }
    }
}
