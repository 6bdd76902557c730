//! `swarm serve`

use std::{sync::Arc, time::Duration};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use swarm_http::{Address, app::Settings, daemon, runs::Equipment};
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use crate::{
    error::CliError, exit_code::Exit, host_machine::HostMachine, output::Output,
    runtime::DaemonEngines,
};

/// Files that may be open: enough for 10,000 peers and everything else.
const MAX_FILES: u64 = 65_536;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Listen at this port [default: 7897, or any that is free]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Let programs of claude-peers and claude-swarm in as well, where they look for their broker [default port: 7899]
    #[arg(long)]
    compat: bool,
    /// In a session of its own, and without a word: how others start it
    #[arg(long, hide = true)]
    background: bool,
}

impl Serve {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        if self.background {
            // Whoever started it may end, and so may the terminal. Fails only if it has a session already.
            if let Err(error) = rustix::process::setsid() {
                context
                    .out
                    .warn(&format!("it stays in its session: {error}"));
            }
        }
        allow_connections();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .with_writer(std::io::stderr)
            .init();
        let config = context.config()?;
        let port = self.port.unwrap_or(config.settings.port);
        let mut settings = Settings::new(&config.settings.home);
        let rate = usize::from(config.settings.messages_per_minute);
        settings.peers.rate = (rate > 0).then_some(rate);
        let hours = u64::from(config.settings.keep_messages);
        settings.keep_events = Duration::from_hours(hours);
        settings.runs = Equipment {
            engines: Some(Arc::new(DaemonEngines {
                settings: config.settings.clone(),
            })),
            machine: Some(Arc::new(HostMachine)),
            limits: config.settings.pool_limits(),
        };
        let compat = self.compat || config.settings.compat;
        settings.compat = compat.then_some(config.settings.compat_port.get());
        let compat = settings.compat;
        let stop = stop()?;
        let out = context.out;
        let background = self.background;
        daemon::run(settings, port, stop, |address| {
            if !background {
                let also = compat.map_or_else(String::new, |port| {
                    format!(", and at http://127.0.0.1:{port} for programs of claude-peers and claude-swarm")
                });
                // Who does not read it does not want to know.
                drop(say(out, address, &format!("{also}; ctrl-C ends it")));
            }
        })
        .await?;
        Ok(Exit::Ok)
    }
}

/// Lets as many peers be connected as the system may allow: usually a thousand files may be open unless somebody asks for more.
fn allow_connections() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(MAX_FILES, |most| most.min(MAX_FILES));
    if limit.current.is_some_and(|current| current < most) {
        let more = Rlimit {
            current: Some(most),
            ..limit
        };
        // If that is refused, there is room for fewer.
        setrlimit(Resource::Nofile, more).unwrap_or_default();
    }
}

/// Where a daemon listens, and `more`.
pub(super) fn say(out: Output, address: &Address, more: &str) -> Result<(), CliError> {
    let url = format!("http://{}", address.listens);
    let shown = json!({"url": url, "pid": address.pid, "version": address.version});
    out.answer(&shown, || {
        format!(
            "swarm {} listens at {url} (process {}){more}",
            address.version, address.pid
        )
    })
}

/// Ready once somebody wants the daemon to end.
fn stop() -> Result<impl Future<Output = ()>, CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| CliError::file("listen to", "signals".as_ref(), &error))
    };
    let mut end = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
