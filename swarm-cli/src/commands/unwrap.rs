//! `swarm unwrap`

use clap::Args;
use swarm_core::{ids::RefId, refs::RefStore as _};

use super::Context;
use crate::{error::CliError, exit_code::Exit, output::raw};

#[derive(Debug, Args)]
pub(crate) struct Unwrap {
    /// The result
    #[arg(value_name = "REF")]
    id: RefId,
    /// Print the text instead of writing it to a file
    #[arg(long, short, conflicts_with = "json")]
    print: bool,
}

impl Unwrap {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let store = context.results()?;
        if self.print {
            raw(&store.text(&self.id).await?)?;
        } else {
            let unwrapped = store.unwrap(&self.id).await?;
            context.out.answer(&unwrapped, || {
                format!(
                    "{} ({} characters)",
                    unwrapped.file.display(),
                    unwrapped.size
                )
            })?;
        }
        Ok(Exit::Ok)
    }
}
