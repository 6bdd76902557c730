//! `swarm completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{args::Cli, error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(&self) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "swarm", &mut script);
        crate::output::raw(&script.into())?;
        Ok(Exit::Ok)
    }
}
