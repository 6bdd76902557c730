//! Starts the daemon for whoever needs it first.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{Client, ClientError, DaemonHome, home::HomeError};

/// How long a daemon may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(2);
/// A log file above this size is put aside when the daemon starts, in bytes.
const MAX_LOG: u64 = 8 * 1024 * 1024;
/// How much of the log is shown if a daemon does not start, in bytes.
const SHOWN: usize = 2_000;

/// How a daemon is started.
#[derive(Clone, Debug)]
pub struct Starter {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. They make it a daemon with a session of its own.
    pub args: Vec<OsString>,
    /// Its whole environment: it serves others than who starts it, whose secrets are none of its business.
    pub env: Vec<(OsString, OsString)>,
}

/// Connects to the daemon of `home` as its owner, and starts one if there is none. However many do this at once, there is one.
///
/// # Errors
///
/// [`ClientError::Unreachable`] if it does not start, with what it said last.
pub async fn connect_or_start(home: &DaemonHome, starter: &Starter) -> Result<Client, ClientError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Client::connect(home).await {
            Err(ClientError::Unreachable { .. }) => {}
            connected => return connected,
        }
        let turn = {
            let home = home.clone();
            blocking(move || home.try_start()).await?
        };
        // Whoever has the turn starts one, unless one was started since it looked; the others wait for that.
        if let Some(turn) = turn
            && !home.is_running()
        {
            let child = {
                let (home, starter) = (home.clone(), starter.clone());
                blocking(move || start(&home, &starter)).await?
            };
            let client = ready(home, child, deadline).await;
            drop(turn);
            return client;
        }
        if Instant::now() > deadline {
            return Err(ClientError::Unreachable {
                what: format!("was not ready within {} s", PATIENCE.as_secs()),
            });
        }
        sleep(LOOK).await;
    }
}

fn start(home: &DaemonHome, starter: &Starter) -> Result<Child, HomeError> {
    let path = home.log_file();
    let failed = |error| HomeError::File {
        doing: "start the daemon with",
        path: path.clone(),
        error,
    };
    if fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG) {
        fs::rename(&path, path.with_extension("old")).map_err(failed)?;
    }
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    Command::new(&starter.program)
        .args(&starter.args)
        .env_clear()
        .envs(starter.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| HomeError::File {
            doing: "start",
            path: starter.program.clone(),
            error,
        })
}

/// Waits until the daemon that was started answers, or has ended.
async fn ready(
    home: &DaemonHome,
    mut child: Child,
    deadline: Instant,
) -> Result<Client, ClientError> {
    loop {
        match Client::connect(home).await {
            Err(ClientError::Unreachable { .. }) => {}
            connected => return connected,
        }
        let ended = child.try_wait().unwrap_or_default();
        if ended.is_some() && !home.is_running() {
            let home = home.clone();
            let said = blocking(move || Ok(last_words(&home))).await?;
            return Err(ClientError::Unreachable {
                what: format!("could not be started: {}", said.trim()),
            });
        }
        if Instant::now() > deadline {
            return Err(ClientError::Unreachable {
                what: format!("was not ready within {} s", PATIENCE.as_secs()),
            });
        }
        sleep(LOOK).await;
    }
}

/// What the daemon said last.
fn last_words(home: &DaemonHome) -> String {
    let log = fs::read(home.log_file()).unwrap_or_default();
    let start = log.len().saturating_sub(SHOWN);
    let last = log.get(start..).unwrap_or_default();
    let last = String::from_utf8_lossy(last);
    let lines: Vec<&str> = last.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("; ")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HomeError> + Send + 'static,
) -> Result<T, ClientError> {
    match spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(ClientError::Unreachable {
            what: format!("could not be started: {}", io::Error::other(error)),
        }),
    }
}
