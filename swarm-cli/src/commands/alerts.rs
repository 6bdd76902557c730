//! `swarm alerts`

use clap::{Args, Subcommand, ValueEnum};
use swarm_http::operations::alerts;
use swarm_peers::{Alert, AlertId, Priority, Scope};

use super::Context;
use crate::{
    args::ScopeArg,
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
    words::words,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// List alerts
    List(List),
    /// Alert one peer, or everybody
    Raise(Raise),
    /// Say that you have taken notice
    Acknowledge(Acknowledge),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The most to list
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only those of which somebody has not taken notice
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// Of what; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    message: Vec<String>,
    /// Whom: an id or a name [default: everybody]
    #[arg(long, conflicts_with = "scope")]
    to: Option<String>,
    /// Everybody where, seen from who speaks
    #[arg(long, value_enum)]
    scope: Option<ScopeArg>,
    /// How urgently
    #[arg(long, value_enum, default_value_t)]
    priority: PriorityArg,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PriorityArg {
    /// Worth knowing
    #[default]
    Info,
    /// Something may go wrong
    Warning,
    /// Something goes wrong
    Critical,
}

#[derive(Debug, Args)]
pub(crate) struct Acknowledge {
    /// Its number
    alert: u64,
    #[command(flatten)]
    speaker: Speaker,
}

impl Alerts {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let out = context.out;
        match self {
            Self::List(List {
                limit,
                open,
                speaker,
            }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let found = daemon.call(&alerts::List { limit, open }).await?.alerts;
                out.list(&found, || human(&found))?;
            }
            Self::Raise(raise) => {
                let message = words(&raise.message)?;
                let mut daemon = Daemon::reach(context, &raise.speaker).await?;
                let raise = alerts::Raise {
                    to: raise.to,
                    scope: raise.scope.map_or(Scope::Machine, Scope::from),
                    message,
                    priority: match raise.priority {
                        PriorityArg::Info => Priority::Info,
                        PriorityArg::Warning => Priority::Warning,
                        PriorityArg::Critical => Priority::Critical,
                    },
                };
                let raised = daemon.call(&raise).await?;
                out.answer(&raised, || match raised.alert {
                    Some(alert) => format!("alert {alert} goes to {} peers", raised.to.len()),
                    None => "nobody else is here".to_owned(),
                })?;
            }
            Self::Acknowledge(Acknowledge { alert, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let alert = AlertId(alert);
                let done = daemon.call(&alerts::Acknowledge { alert }).await?;
                out.answer(&done, || format!("you have taken notice of alert {alert}"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn human(found: &[Alert]) -> String {
    if found.is_empty() {
        return "no alerts".to_owned();
    }
    let rows = found.iter().map(|alert| {
        [
            alert.id.to_string(),
            format!("{:?}", alert.priority).to_lowercase(),
            alert.from.to_string(),
            format!("{} of {}", alert.acknowledged.len(), alert.to.len()),
            alert.created.to_string(),
            first_line(&alert.message, 60),
        ]
    });
    table(
        ["alert", "priority", "from", "taken notice", "when", "what"],
        rows,
    )
}
