//! One daemon from its beginning to its end.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join;
use swarm_core::{
    error_code::ErrorCode,
    time::{Clock as _, SystemClock},
};
use tokio::{net::TcpListener, task::spawn_blocking};

use crate::{Address, App, DaemonHome, Failure, app::Settings, compat, server};

/// The port that is tried first if none is asked for, so that it is the same from day to day.
pub const USUAL_PORT: u16 = 7897;

/// How long the parts of the daemon may take to end. Agents are stopped meanwhile.
const GRACE: Duration = Duration::from_secs(25);

/// Is the daemon of a home until `stop` is ready or a client ends it. `port` 0 stands for [`USUAL_PORT`] if it is free, and else for
/// any that is. `ready` is told where it listens.
///
/// # Errors
///
/// [`ErrorCode::DaemonRunning`] if the home has a daemon; or why it cannot start or go on.
pub async fn run(
    settings: Settings,
    port: u16,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&Address),
) -> Result<(), Failure> {
    let home = DaemonHome::new(&settings.home);
    let locked = {
        let home = home.clone();
        blocking(move || home.lock()).await?
    };
    let listener = bind(port).await?;
    let compat = match settings.compat {
        Some(port) => Some(compat::listen(port).await?),
        None => None,
    };
    let (app, tasks) = App::open(settings, Arc::new(SystemClock)).await?;
    let listens = listener
        .local_addr()
        .map_err(|error| Failure::new(ErrorCode::StartFailed, error.to_string()))?;
    let address = Address {
        listens,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: SystemClock.now(),
    };
    {
        let (home, address) = (home.clone(), address.clone());
        blocking(move || home.announce(&address)).await?;
    }
    ready(&address);
    tracing::info!(%listens, "the daemon is ready");

    let stopping = app.stopping();
    let serving = serve(Arc::clone(&app), listener, compat);
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = stop => {
            tracing::info!("the daemon is to end");
            stopping.cancel();
            serving.await
        }
    };
    let retracted = blocking(move || home.retract()).await;
    drop(app);
    let late = tasks.shutdown(GRACE).await;
    drop(locked);
    tracing::info!(?late, "the daemon has ended");
    served.and(retracted)
}

/// Answers at both doors until the app is to end.
async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    compat: Option<TcpListener>,
) -> Result<(), Failure> {
    let own = server::serve(Arc::clone(&app), listener);
    match compat {
        None => own.await,
        Some(listener) => {
            let theirs = compat::serve(app, listener);
            try_join(own, theirs).await.map(|_| ())
        }
    }
}

async fn bind(port: u16) -> Result<TcpListener, Failure> {
    if port != 0 {
        return server::listen(port).await;
    }
    match server::listen(USUAL_PORT).await {
        Ok(listener) => Ok(listener),
        // Somebody else has it, such as the daemon of another home.
        Err(_) => server::listen(0).await,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::HomeError> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
    Ok(done?)
}
