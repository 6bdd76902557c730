//! `swarm logs`

use std::fs;

use clap::Args;
use swarm_core::error_code::ErrorCode;

use super::Context;
use crate::{daemon, error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// How many lines to show, the last ones
    #[arg(long, short = 'n', value_name = "N", default_value = "100")]
    lines: usize,
}

impl Logs {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let path = daemon::home(context)?.log_file();
        let log = match fs::read(&path) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(CliError::new(
                    ErrorCode::NotFound,
                    "no daemon was started here yet, so there is no log; one that runs in the foreground writes to its terminal",
                ));
            }
            Err(error) => return Err(CliError::file("read", &path, &error)),
        };
        let log = String::from_utf8_lossy(&log);
        let mut last: Vec<&str> = log.lines().rev().take(self.lines).collect();
        last.reverse();
        context.out.list(&last, || last.join("\n"))?;
        Ok(Exit::Ok)
    }
}
