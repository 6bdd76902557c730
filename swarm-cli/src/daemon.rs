//! The way to the daemon.

use std::{env, ffi::OsString};

use clap::Args;
use swarm_core::error_code::ErrorCode;
use swarm_http::{Client, DaemonHome, Operation, Starter, connect_or_start};

use crate::{commands::Context, config, error::CliError};

/// Variables that the daemon is given besides settings. It serves others than who starts it: keys and the like are none of its business.
const PASSED_ON: [&str; 11] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "RUST_BACKTRACE",
];

/// For whom a command speaks.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Speaker {
    /// Speak as this peer, which has joined from this machine [default: as yourself]
    #[arg(
        id = "speaker",
        long = "as",
        value_name = "PEER",
        env = "SWARM_PEER",
        hide_env = true
    )]
    peer: Option<String>,
}

/// A connection to the daemon.
pub(crate) struct Daemon {
    client: Client,
    /// Whether it speaks as a peer.
    pub(crate) is_peer: bool,
}

impl Daemon {
    /// Connects for `speaker`, and starts the daemon if there is none.
    pub(crate) async fn reach(context: &Context, speaker: &Speaker) -> Result<Self, CliError> {
        let config = context.config()?;
        let home = DaemonHome::new(&config.settings.home);
        let kept = match speaker.peer.as_deref().filter(|peer| !peer.is_empty()) {
            Some(peer) => Some(home.kept_peer(peer)?.ok_or_else(|| {
                CliError::new(
                    ErrorCode::UnknownPeer,
                    format!("nobody called {peer:?} has joined from this machine; `swarm join --name {peer}` does that"),
                )
            })?),
            None => None,
        };
        let mut client = connect_or_start(&home, &starter(&home)?).await?;
        if let Some(kept) = &kept {
            client.speak_as(&kept.credential);
        }
        Ok(Self {
            client,
            is_peer: kept.is_some(),
        })
    }

    /// Asks for something.
    pub(crate) async fn call<O: Operation>(
        &mut self,
        operation: &O,
    ) -> Result<O::Answer, CliError> {
        Ok(self.client.call(operation).await?)
    }

    /// The connection itself.
    pub(crate) fn client(self) -> Client {
        self.client
    }
}

/// The home that the daemon has.
pub(crate) fn home(context: &Context) -> Result<DaemonHome, CliError> {
    Ok(DaemonHome::new(context.config()?.settings.home))
}

/// How this program is started as a daemon.
pub(crate) fn starter(home: &DaemonHome) -> Result<Starter, CliError> {
    let program = env::current_exe()
        .map_err(|error| CliError::file("find", "this program".as_ref(), &error))?;
    let passed = env::vars_os().filter(|(name, _)| {
        let name = name.to_str().unwrap_or_default();
        config::is_setting(name) || name.starts_with("LC_") || PASSED_ON.contains(&name)
    });
    let home = home.home().as_os_str().to_owned();
    let args = ["serve", "--background", "--home"].map(OsString::from);
    Ok(Starter {
        program,
        args: args.into_iter().chain([home]).collect(),
        env: passed.collect(),
    })
}
