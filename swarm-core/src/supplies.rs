//! What agents get from the machine of their user and is written down nowhere: accounts and MCP servers.
//!
//! A plan only names what it wants, so that neither log nor record holds a secret. Whoever starts or resumes a run
//! looks it up again, with [`Supplies::gather`], before the first agent starts.

mod account;
mod error;
mod mcp;
mod reach;
mod variable;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt, io,
    path::{Path, PathBuf},
};

pub use account::{AccountFile, AccountSource};
pub use error::SupplyError;
pub use mcp::McpServer;
pub use reach::Reach;
pub(crate) use variable::check as check_variables;

use serde::{Deserialize, Serialize};

use self::{account::Account, mcp::Shelves};
use crate::{
    agents::{AgentKind, Invocation, kind_of},
    spec::{AgentSpec, HostPattern},
};

/// The machine of the user: where accounts and MCP servers are set up. Implementations may block.
pub trait UserMachine: fmt::Debug + Send + Sync {
    /// The value of an environment variable; `None` if it is unset or empty.
    fn variable(&self, name: &str) -> Option<String>;

    /// What is in a file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read.
    fn file(&self, path: &Path) -> io::Result<Option<String>>;

    /// The same for a file that nobody named: it was found where others may put files, too.
    ///
    /// # Errors
    ///
    /// If it is there, can be trusted, and cannot be read.
    fn found_file(&self, path: &Path) -> io::Result<FoundFile>;

    /// The home folder of the user.
    fn home(&self) -> PathBuf;

    /// The folder that the user works in. MCP servers of its project are found from there.
    fn folder(&self) -> PathBuf;
}

/// A file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFile {
    /// There is none.
    Absent,
    /// Its text.
    Text(String),
    /// Somebody else may have written it, and why.
    Distrusted(&'static str),
}

/// Everything that the agents of one run need of their user's machine. `Debug` shows names only; what it is serialized to has secrets in
/// it, and is for another process of the same user.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supplies {
    accounts: BTreeMap<String, Account>,
    mcp_servers: BTreeMap<String, McpServer>,
}

impl Supplies {
    /// Whether any of `agents` needs something that has to be looked up.
    pub fn are_needed<'a>(agents: impl IntoIterator<Item = &'a AgentSpec>) -> bool {
        agents.into_iter().any(|spec| {
            !spec.sandbox.mcps.is_empty()
                || kind_of(&spec.agent).is_ok_and(|kind| needed_account(kind, spec).is_some())
        })
    }

    /// Looks up what `agents` need. Blocks.
    ///
    /// Without a machine there are no MCP servers, and accounts are the business of whoever wrote the agents: they are in
    /// `env_vars`, or in the image.
    ///
    /// # Errors
    ///
    /// [`SupplyError::NoCredentials`] and [`SupplyError::UnknownMcpServer`] if something is not there,
    /// [`SupplyError::UnusableMcpServer`] if it is and an agent of this kind cannot use it.
    pub fn gather<'a>(
        agents: impl IntoIterator<Item = &'a AgentSpec>,
        machine: Option<&dyn UserMachine>,
    ) -> Result<Self, SupplyError> {
        let mut supplies = Self::default();
        let mut wanted = BTreeSet::new();
        let mut with_servers = Vec::new();
        for spec in agents {
            if !spec.sandbox.mcps.is_empty() {
                wanted.extend(spec.sandbox.mcps.iter().map(String::as_str));
                with_servers.push(spec);
            }
            let (Some(machine), Ok(kind)) = (machine, kind_of(&spec.agent)) else {
                continue;
            };
            let Some(source) = needed_account(kind, spec) else {
                continue;
            };
            check_provider(kind, spec, &source)?;
            if let Entry::Vacant(entry) = supplies.accounts.entry(source.name.clone()) {
                entry.insert(Account::find(kind, &source, machine)?);
            }
        }
        if !wanted.is_empty() {
            let shelves = Shelves::open(machine)?;
            for name in wanted {
                let server = shelves.find(name)?;
                supplies.mcp_servers.insert(name.to_owned(), server);
            }
        }
        for spec in with_servers {
            supplies.check_servers(spec)?;
        }
        Ok(supplies)
    }

    /// Refuses servers that the kind of `spec` cannot use.
    fn check_servers(&self, spec: &AgentSpec) -> Result<(), SupplyError> {
        let Ok(kind) = kind_of(&spec.agent) else {
            return Ok(());
        };
        for name in &spec.sandbox.mcps {
            if let Some(server) = self.mcp_servers.get(name) {
                kind.check_server(spec, server).map_err(|problem| {
                    SupplyError::UnusableMcpServer {
                        name: name.clone(),
                        agent: kind.name(),
                        problem,
                    }
                })?;
            }
        }
        Ok(())
    }

    /// The hosts of the MCP servers that this agent gets and that are elsewhere. An address is not among them: a repository
    /// may have written it, and it would open this machine, or a private network. Who wants that lists it.
    pub(crate) fn hosts(&self, spec: &AgentSpec) -> impl Iterator<Item = HostPattern> {
        let servers = spec.sandbox.mcps.iter();
        let servers = servers.filter_map(|name| self.mcp_servers.get(name));
        servers
            .filter_map(|server| HostPattern::of_url(server.definition().get("url")?.as_str()?))
            .filter(|host| !host.is_address())
    }

    /// What to start, with what this agent, and no other, gets.
    pub(crate) fn invocation(&self, kind: &dyn AgentKind, spec: &AgentSpec) -> Invocation {
        let mut invocation = kind.invocation(spec);
        let account = needed_account(kind, spec);
        if let Some(account) = account.and_then(|source| self.accounts.get(&source.name)) {
            account.hand_to(&mut invocation);
        }
        let servers: BTreeMap<_, _> = spec
            .sandbox
            .mcps
            .iter()
            .filter_map(|name| Some((name.as_str(), self.mcp_servers.get(name)?)))
            .collect();
        if !servers.is_empty() {
            kind.attach(spec, &servers, &mut invocation);
        }
        invocation
    }
}

/// An account is for its provider, and not for whoever else is asked instead.
fn check_provider(
    kind: &dyn AgentKind,
    spec: &AgentSpec,
    source: &AccountSource,
) -> Result<(), SupplyError> {
    let mut set = spec.sandbox.env_vars.names();
    match set.find_map(|name| source.along.iter().find(|along| **along == name)) {
        Some(variable) => Err(SupplyError::OtherProvider {
            agent: kind.name(),
            variable,
            account: source.variables.first().copied().unwrap_or_default(),
        }),
        None => Ok(()),
    }
}

/// The account that `spec` needs and does not bring along.
fn needed_account(kind: &dyn AgentKind, spec: &AgentSpec) -> Option<AccountSource> {
    let source = kind.account(spec)?;
    let brings_its_own = spec
        .sandbox
        .env_vars
        .names()
        .any(|name| source.variables.contains(&name) || source.elsewhere.contains(&name));
    (!brings_its_own).then_some(source)
}

#[cfg(test)]
mod tests;
