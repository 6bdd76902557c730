//! One file per command.

pub(crate) mod alerts;
pub(crate) mod analytics;
pub(crate) mod beam;
pub(crate) mod broadcast;
pub(crate) mod chain;
pub(crate) mod classify;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod decrypt;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod egress_forward;
pub(crate) mod encrypt;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod filter;
pub(crate) mod gc;
pub(crate) mod governor;
pub(crate) mod guard;
pub(crate) mod history;
pub(crate) mod hunt;
pub(crate) mod image;
pub(crate) mod import;
pub(crate) mod inbox;
pub(crate) mod inspect;
pub(crate) mod iterate;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod logs;
pub(crate) mod map;
pub(crate) mod map_reduce;
pub(crate) mod messages;
pub(crate) mod par;
pub(crate) mod peers;
pub(crate) mod pins;
pub(crate) mod pipeline;
pub(crate) mod project;
pub(crate) mod race;
pub(crate) mod reduce;
pub(crate) mod refs;
pub(crate) mod restart;
pub(crate) mod retry;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod sandbox;
pub(crate) mod saved;
pub(crate) mod score_list;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod set;
pub(crate) mod snippets;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod sync_status;
pub(crate) mod tasks;
pub(crate) mod torture;
pub(crate) mod types;
pub(crate) mod unwrap;
pub(crate) mod validate;
pub(crate) mod whoami;
pub(crate) mod wrap;

use std::{cell::Cell, path::PathBuf};

use clap::Parser as _;
use swarm_refs::FsRefStore;

use crate::{
    args::{Cli, Command, Overrides},
    config::Config,
    error::CliError,
    exit_code::Exit,
    output::Output,
    session::Session,
};

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) out: Output,
    home: Option<PathBuf>,
    /// Whether it was said what the settings leave out.
    warned: Cell<bool>,
}

impl Context {
    /// The settings that were given on the command line.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            home: self.home.clone(),
            runtime: None,
        }
    }

    /// The same, without a word.
    pub(crate) fn silent(&self) -> Self {
        Self {
            out: self.out.silent(),
            home: self.home.clone(),
            warned: self.warned.clone(),
        }
    }

    /// All settings.
    pub(crate) fn config(&self) -> Result<Config, CliError> {
        let config = crate::config::load(&self.overrides())?;
        if let Some(warning) = config.folders.warning()
            && !self.warned.replace(true)
        {
            self.out.warn(&warning);
        }
        Ok(config)
    }

    /// The results alone.
    pub(crate) fn results(&self) -> Result<FsRefStore, CliError> {
        Session::results(&self.config()?)
    }

    /// The stores.
    pub(crate) fn session(&self) -> Result<Session, CliError> {
        Session::open(self.config()?)
    }
}

/// Does what the command line asks for.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is an error.
            drop(error.print());
            if !error.use_stderr() {
                return Exit::Ok;
            }
            let mut args = std::env::args_os().take_while(|arg| arg != "--");
            if args.any(|arg| arg == "--json") {
                let message = error.render().to_string();
                let message = message.trim_start_matches("error: ").trim();
                crate::output::json_error(&CliError::usage(message));
            }
            return Exit::Usage;
        }
    };
    let context = Context {
        out: Output::new(&cli.global),
        home: cli.global.home,
        warned: Cell::default(),
    };
    match dispatch(&context, cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            context.out.error(&error);
            error.exit()
        }
    }
}

fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    if let Command::Completions(command) = &command {
        return command.execute();
    }
    // The daemon serves many at once; every other command does one thing.
    let mut runtime = match command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| CliError::file("start", "the async runtime".as_ref(), &error))?;
    runtime.block_on(async {
        match command {
            Command::Run(command) => command.execute(context).await,
            Command::Par(command) => command.execute(context).await,
            Command::Map(command) => command.execute(context).await,
            Command::Chain(command) => command.execute(context).await,
            Command::Reduce(command) => command.execute(context).await,
            Command::MapReduce(command) => command.execute(context).await,
            Command::Race(command) => command.execute(context).await,
            Command::Retry(command) => command.execute(context).await,
            Command::Filter(command) => command.execute(context).await,
            Command::Beam(command) => command.execute(context).await,
            Command::Iterate(command) => command.execute(context).await,
            Command::ScoreList(command) => command.execute(context).await,
            Command::Hunt(command) => command.execute(context).await,
            Command::Validate(command) => command.execute(context).await,
            Command::Pipeline(command) => command.execute(context).await,
            Command::Runs(command) => command.execute(context).await,
            Command::Refs(command) => command.execute(context).await,
            Command::Unwrap(command) => command.execute(context).await,
            Command::Inspect(command) => command.execute(context).await,
            Command::Wrap(command) => command.execute(context).await,
            Command::Guard(command) => command.execute(context).await,
            Command::Classify(command) => command.execute(context).await,
            Command::Encrypt(command) => command.execute(context).await,
            Command::Decrypt(command) => command.execute(context),
            Command::Gc(command) => command.execute(context).await,
            Command::Sandbox(command) => command.execute(context),
            Command::Governor(command) => command.execute(context),
            Command::Type(command) => command.execute(context),
            Command::Project(command) => command.execute(context),
            Command::Image(command) => command.execute(context).await,
            Command::Doctor(command) => command.execute(context).await,
            Command::Demo(command) => command.execute(context).await,
            Command::Config(command) => command.execute(context),
            Command::Completions(command) => command.execute(),
            Command::Serve(command) => command.execute(context).await,
            Command::Stop(command) => command.execute(context).await,
            Command::Restart(command) => command.execute(context).await,
            Command::Status(command) => command.execute(context).await,
            Command::Logs(command) => command.execute(context),
            Command::Join(command) => command.execute(context).await,
            Command::Leave(command) => command.execute(context).await,
            Command::Peers(command) => command.execute(context).await,
            Command::Whoami(command) => command.execute(context).await,
            Command::Set(command) => command.execute(context).await,
            Command::Send(command) => command.execute(context).await,
            Command::Broadcast(command) => command.execute(context).await,
            Command::Inbox(command) => command.execute(context).await,
            Command::Messages(command) => command.execute(context).await,
            Command::History(command) => command.execute(context).await,
            Command::Search(command) => command.execute(context).await,
            Command::Tasks(command) => command.execute(context).await,
            Command::Snippets(command) => command.execute(context).await,
            Command::Files(command) => command.execute(context).await,
            Command::Alerts(command) => command.execute(context).await,
            Command::Pins(command) => command.execute(context).await,
            Command::Review(command) => command.execute(context).await,
            Command::SyncStatus(command) => command.execute(context).await,
            Command::Analytics(command) => command.execute(context).await,
            Command::Import(command) => command.execute(context).await,
            Command::Events(command) => command.execute(context).await,
            Command::Torture(command) => command.execute(context).await,
            Command::EgressForward(command) => command.execute().await,
        }
    })
}
