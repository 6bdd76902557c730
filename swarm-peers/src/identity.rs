//! Who somebody is, however often the program that speaks for it is started again.

use serde::{Deserialize, Serialize};

use swarm_core::hash::Hasher;

use crate::{PeerId, Scope};

/// What a session knows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// The kind of program, such as `claude-code`.
    pub client: String,
    /// The name of this machine, or of the container.
    pub host: String,
    /// Where it works.
    pub cwd: String,
    /// The id that its program gives to the session, if it gives any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The top folder of its work tree, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// The folder that all work trees of its repository have in common, as git names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Its terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The process that speaks for it, as it says itself. That such a process exists is no sign of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
}

/// Where a session is that shows no secret: all that is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The name of the machine.
    pub host: String,
    /// Where it works.
    pub cwd: String,
    /// The top folder of its work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// Its terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The process that speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
}

/// The kind of program of sessions that show no secret.
const SHOWS_NOTHING: &str = "compat";

/// By what an [`Identity`] is recognised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(Vec<String>);

impl Identity {
    /// Of the `n`th of the sessions that are at one place at once and show no secret.
    pub(crate) fn at(place: &Place, n: usize) -> Self {
        let tty = place.tty.as_deref().unwrap_or_default();
        let place = place.clone();
        Self {
            client: SHOWS_NOTHING.to_owned(),
            host: place.host,
            session: Some(hashed(&["place", &place.cwd, tty, &n.to_string()])),
            cwd: place.cwd,
            // Git is not asked here. This is where a main work tree has it; linked ones have the same folder elsewhere.
            repository: place.worktree.as_ref().map(|top| format!("{top}/.git")),
            worktree: place.worktree,
            tty: place.tty,
            pid: place.pid,
        }
    }

    /// Of a session that shows no secret, and of which nothing is known but the id that it says is its own.
    pub(crate) fn called(id: &PeerId, host: &str) -> Self {
        let place = Place {
            host: host.to_owned(),
            ..Place::default()
        };
        Self {
            session: Some(hashed(&["id", id.as_str()])),
            ..Self::at(&place, 0)
        }
    }

    /// The same for the same session, before and after its program was started again.
    ///
    /// The id of the session tells, if there is one. Otherwise the terminal and the folder do: two sessions without an id in
    /// one folder and one terminal, or without a terminal, are taken for one.
    pub(crate) fn key(&self) -> Key {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut key = vec![self.host.clone(), self.client.clone()];
        match &self.session {
            Some(session) => key.push(session.clone()),
            None => key.extend([String::new(), self.cwd.clone(), part(&self.tty)]),
        }
        Key(key)
    }

    /// Whether `scope`, as `self` understands it, has `other` in it.
    pub fn sees(&self, other: &Self, scope: Scope) -> bool {
        let here = self.host == other.host;
        match (scope, &self.repository) {
            (Scope::Machine, _) => true,
            // Whoever is in no repository has its folder instead.
            (Scope::Directory, _) | (Scope::Repo, None) => here && self.cwd == other.cwd,
            (Scope::Repo, Some(repository)) => {
                here && other.repository.as_ref() == Some(repository)
            }
        }
    }
}

/// Short, and the same for the same parts only.
fn hashed(parts: &[&str]) -> String {
    let mut hash = Hasher::new();
    for part in parts {
        hash.add(&part.len().to_le_bytes());
        hash.add(part.as_bytes());
    }
    let mut hex = hash.finish();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(session: Option<&str>, cwd: &str, repository: Option<&str>) -> Identity {
        Identity {
            client: "claude-code".to_owned(),
            host: "h".to_owned(),
            cwd: cwd.to_owned(),
            session: session.map(str::to_owned),
            worktree: None,
            repository: repository.map(str::to_owned),
            tty: Some("pts/1".to_owned()),
            pid: None,
        }
    }

    #[test]
    fn a_session_with_an_id_is_the_same_in_another_folder_and_one_without_is_not() {
        let key = |session, cwd| identity(session, cwd, None).key();
        assert_eq!(key(Some("s"), "/a"), key(Some("s"), "/b"));
        assert_ne!(key(Some("s"), "/a"), key(Some("t"), "/a"));
        assert_eq!(key(None, "/a"), key(None, "/a"));
        assert_ne!(key(None, "/a"), key(None, "/b"));
        // A session called like a folder is not that folder.
        assert_ne!(key(Some("/a"), "/a"), key(None, "/a"));
    }

    #[test]
    fn work_trees_of_one_repository_belong_together() {
        let main = identity(None, "/r", Some("/r/.git"));
        let linked = identity(None, "/r-fix", Some("/r/.git"));
        let other = identity(None, "/r", None);
        assert!(main.sees(&linked, Scope::Repo));
        assert!(!main.sees(&linked, Scope::Directory));
        assert!(!main.sees(&other, Scope::Repo));
        assert!(main.sees(&other, Scope::Directory));
        assert!(other.sees(&main, Scope::Repo), "its folder instead");
    }
}
