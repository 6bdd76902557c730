//! MCP servers as the user has set them up for Claude Code.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{FoundFile, SupplyError, UserMachine};
use crate::suggest::nearest;

/// How an MCP server is reached. It may hold secrets; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct McpServer(Map<String, Value>);

impl McpServer {
    pub(super) fn new(definition: Map<String, Value>) -> Self {
        Self(definition)
    }

    /// The definition as it was written: `command`, `args` and `env`, or `url` and `headers`.
    pub fn definition(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").finish_non_exhaustive()
    }
}

/// What of a configuration file is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, Value>,
    projects: BTreeMap<String, Project>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Project {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, Value>,
}

/// The places that have servers, in the order in which they count.
#[derive(Default)]
pub(super) struct Shelves {
    places: Vec<(PathBuf, BTreeMap<String, Value>)>,
    /// Files that somebody else may have written, and why.
    distrusted: Vec<(PathBuf, &'static str)>,
}

impl Shelves {
    /// What the user has set up for the project counts first, then what for all projects, then what the project brings:
    /// a repository cannot put a program of its own in the place of one that the user knows.
    pub(super) fn open(machine: Option<&dyn UserMachine>) -> Result<Self, SupplyError> {
        let Some(machine) = machine else {
            return Ok(Self::default());
        };
        let config = machine
            .variable("CLAUDE_CONFIG_DIR")
            .map_or_else(|| machine.home(), PathBuf::from)
            .join(".claude.json");
        let mut of_user = read(machine, &config)?;
        let folder = machine.folder();
        let (mut shelves, mut distrusted) = (Vec::new(), Vec::new());
        for folder in folder.ancestors() {
            let project = folder.to_str().and_then(|key| of_user.projects.remove(key));
            shelves.push((config.clone(), project.unwrap_or_default().servers));
        }
        shelves.push((config, of_user.servers));
        let home = machine.home();
        for folder in folder.ancestors().take_while(|folder| *folder != home) {
            let path = folder.join(".mcp.json");
            match found(machine, &path)? {
                Ok(file) => shelves.push((path, file.servers)),
                Err(why) => distrusted.push((path, why)),
            }
        }
        Ok(Self {
            places: shelves,
            distrusted,
        })
    }

    pub(super) fn find(&self, name: &str) -> Result<McpServer, SupplyError> {
        let found = self
            .places
            .iter()
            .find_map(|(path, servers)| Some((path, servers.get(name)?)));
        let Some((path, definition)) = found else {
            let known = || self.places.iter().flat_map(|(_, servers)| servers.keys());
            let mut searched: Vec<_> = self
                .places
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect();
            searched.dedup();
            return Err(SupplyError::UnknownMcpServer {
                name: name.to_owned(),
                suggestion: nearest(name, known().map(String::as_str)).map(str::to_owned),
                searched,
                known: known().cloned().collect(),
                distrusted: self
                    .distrusted
                    .iter()
                    .map(|(path, why)| format!("{} ({why})", path.display()))
                    .collect(),
            });
        };
        server(definition).map_err(|problem| SupplyError::InvalidMcpServer {
            name: name.to_owned(),
            path: path.display().to_string(),
            problem,
        })
    }
}

fn server(definition: &Value) -> Result<McpServer, &'static str> {
    let Value::Object(fields) = definition else {
        return Err("it has to be an object with `command` or `url`");
    };
    let text = |name| fields.get(name).and_then(Value::as_str);
    match (text("command"), text("url")) {
        (Some(_), _) => Ok(McpServer::new(fields.clone())),
        (None, Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(McpServer::new(fields.clone()))
        }
        (None, Some(_)) => Err("its `url` has to begin with https:// or http://"),
        (None, None) => Err("it has to have a `command` or a `url`"),
    }
}

/// The servers of a file that the user has; none if there is no such file.
fn read(machine: &dyn UserMachine, path: &Path) -> Result<ConfigFile, SupplyError> {
    let text = machine
        .file(path)
        .map_err(|error| unreadable(path, error))?;
    text.map_or_else(|| Ok(ConfigFile::default()), |text| parse(path, &text))
}

/// The servers of a file that was found, or why it counts for nothing.
fn found(
    machine: &dyn UserMachine,
    path: &Path,
) -> Result<Result<ConfigFile, &'static str>, SupplyError> {
    let found = machine.found_file(path);
    match found.map_err(|error| unreadable(path, error))? {
        FoundFile::Absent => Ok(Ok(ConfigFile::default())),
        FoundFile::Text(text) => parse(path, &text).map(Ok),
        FoundFile::Distrusted(why) => Ok(Err(why)),
    }
}

fn unreadable(path: &Path, error: io::Error) -> SupplyError {
    SupplyError::Unreadable {
        path: path.display().to_string(),
        error,
    }
}

fn parse(path: &Path, text: &str) -> Result<ConfigFile, SupplyError> {
    serde_json::from_str(text).map_err(|error| SupplyError::Garbled {
        path: path.display().to_string(),
        // What the library says may quote the file, which has secrets.
        problem: format!("line {}, column {}", error.line(), error.column()),
    })
}
