//! Accounts with the providers of models.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{SupplyError, UserMachine, variable};
use crate::agents::{AgentKind, Invocation};

/// Where the account of a kind of agents is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSource {
    /// What it is called; accounts of one name are the same.
    pub name: String,
    /// Variables of which each is an account. The first that is set is passed on.
    pub variables: &'static [&'static str],
    /// Variables that belong to such a variable, such as the address of its provider.
    pub along: &'static [&'static str],
    /// Variables that say, in the `env_vars` of an agent, that its account is found in another way.
    pub elsewhere: &'static [&'static str],
    /// The file in which the program keeps an account, if no variable is set.
    pub file: Option<AccountFile>,
    /// Whether an agent cannot work without.
    pub is_required: bool,
}

/// A file in which a program keeps its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFile {
    /// The variable that names another folder.
    pub folder_variable: &'static str,
    /// The folder, in the home folder of the user and of the agent, unless that variable is set.
    pub folder: &'static str,
    /// The file in it.
    pub name: &'static str,
    /// The only field of this JSON object that the agent gets, if it is one.
    pub only: Option<String>,
}

/// An account that was found.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    variables: BTreeMap<String, String>,
    /// Path in the agent's `HOME`, and content.
    file: Option<(String, String)>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("variables", &self.variables.keys())
            .field("file", &self.file.as_ref().map(|(path, _)| path))
            .finish()
    }
}

impl Account {
    /// The account of `kind` on `machine`.
    pub(super) fn find(
        kind: &dyn AgentKind,
        source: &AccountSource,
        machine: &dyn UserMachine,
    ) -> Result<Self, SupplyError> {
        let mut found = Self::default();
        let set = |name: &&'static str| Some(((*name).to_owned(), machine.variable(name)?));
        if let Some((name, value)) = source.variables.iter().find_map(set) {
            found.variables.insert(name, value);
            return found.along(kind, source, machine);
        }
        let mut looked_for: Vec<String> = source
            .variables
            .iter()
            .map(|name| format!("${name}"))
            .collect();
        if let Some(file) = &source.file {
            let path = file.path(machine);
            let content = machine
                .file(&path)
                .map_err(|error| SupplyError::Unreadable {
                    path: path.display().to_string(),
                    error,
                })?;
            let part = content.map(|content| file.part(&content)).transpose();
            let part = part.map_err(|error| SupplyError::Garbled {
                path: path.display().to_string(),
                // What the library says may quote the file.
                problem: format!("line {}, column {}", error.line(), error.column()),
            })?;
            if let Some(content) = part.flatten() {
                found.file = Some((format!("{}/{}", file.folder, file.name), content));
                return found.along(kind, source, machine);
            }
            looked_for.push(path.display().to_string());
        }
        if source.is_required {
            return Err(SupplyError::NoCredentials {
                agent: kind.name(),
                looked_for,
            });
        }
        Ok(found)
    }

    /// With what belongs to it, if all of it can be what it is to be.
    fn along(
        mut self,
        kind: &dyn AgentKind,
        source: &AccountSource,
        machine: &dyn UserMachine,
    ) -> Result<Self, SupplyError> {
        let set = |name: &&'static str| Some(((*name).to_owned(), machine.variable(name)?));
        self.variables.extend(source.along.iter().filter_map(set));
        for (variable, value) in &self.variables {
            if let Some(problem) = variable::problem(kind, source.variables, variable, value) {
                return Err(SupplyError::UnusableVariable {
                    variable: variable.clone(),
                    problem,
                });
            }
        }
        Ok(self)
    }

    pub(super) fn hand_to(&self, invocation: &mut Invocation) {
        for (name, value) in &self.variables {
            invocation.set(name, value);
        }
        if let Some((path, content)) = &self.file {
            invocation.put(path, Some(content));
            invocation.read_only.insert(path.clone());
        }
    }
}

impl AccountFile {
    fn path(&self, machine: &dyn UserMachine) -> PathBuf {
        let folder = machine.variable(self.folder_variable);
        let folder = folder.map_or_else(|| machine.home().join(self.folder), PathBuf::from);
        folder.join(self.name)
    }

    /// As much of the content as an agent may know.
    fn part(&self, content: &str) -> Result<Option<String>, serde_json::Error> {
        let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(content)?;
        let Some(field) = &self.only else {
            return Ok(Some(content.to_owned()));
        };
        let value = all.remove(field);
        Ok(value.map(|value| serde_json::json!({ field: value }).to_string()))
    }
}
