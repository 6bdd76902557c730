//! `swarm guard`

use clap::Args;
use swarm_core::{
    error_code::ErrorCode,
    ids::RefId,
    refs::{RefError, RefStore as _},
    report::resolve_stamps,
};
use swarm_refs::Check;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// The result
    #[arg(value_name = "REF")]
    id: RefId,
    /// exists, integrity, budget, classification, encrypted, `must_be_encrypted` or validated
    check: String,
    /// What to check against: a level or MCP names for `classification`, a key id for `encrypted`
    value: Option<String>,
}

impl Guard {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let check = Check::parse(&self.check, self.value.as_deref())?;
        let store = context.results()?;
        let mut found = match store.guard(&self.id, &check).await {
            // To whoever asks whether a record can be trusted, a forged one is a no.
            Err(error @ RefError::Corrupt { .. }) => {
                return Err(CliError::new(ErrorCode::GuardFailed, error.to_string()));
            }
            found => found?,
        };
        resolve_stamps(&mut found, &store).await?;
        context
            .out
            .answer(&found, || format!("{} passed {}", found.id, self.check))?;
        Ok(Exit::Ok)
    }
}
