//! Folders and files of the host that an agent sees.

use serde::{Deserialize, Serialize};

use super::{SpecError, object::Object};

/// A folder or file of the host, made visible inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Object<Written>")]
pub struct Mount {
    /// Where it is on the host; absolute.
    pub host_path: String,
    /// Where the agent sees it; absolute.
    pub container_path: String,
    /// Whether the agent may only read it.
    pub readonly: bool,
}

/// A mount as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host_path: String,
    container_path: String,
    #[serde(default = "yes")]
    readonly: bool,
}

impl From<Object<Written>> for Mount {
    fn from(Object(written): Object<Written>) -> Self {
        Self {
            host_path: written.host_path,
            container_path: written.container_path,
            readonly: written.readonly,
        }
    }
}

fn yes() -> bool {
    true
}

impl Mount {
    /// Reads `SOURCE:TARGET`, `SOURCE:TARGET:ro` or `SOURCE:TARGET:rw`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let (paths, readonly) = match text.rsplit_once(':') {
            Some((paths, "ro")) => (paths, true),
            Some((paths, "rw")) => (paths, false),
            _ => (text, true),
        };
        match paths.rsplit_once(':') {
            Some((host, container)) if !host.is_empty() && container.starts_with('/') => Ok(Self {
                host_path: host.to_owned(),
                container_path: container.to_owned(),
                readonly,
            }),
            _ => Err(SpecError::shape(
                format!("mount {text:?}"),
                "write SOURCE:TARGET, SOURCE:TARGET:ro or SOURCE:TARGET:rw with an absolute TARGET",
            )),
        }
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        let place = || format!("mount {}:{}", self.host_path, self.container_path);
        if !self.host_path.starts_with('/') {
            return Err(SpecError::shape(
                place(),
                "the source must be an absolute path",
            ));
        }
        check_inside(&self.container_path).map_err(|problem| SpecError::shape(place(), problem))
    }
}

/// Whether `path` names one place inside a container without detours.
pub(super) fn check_inside(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        Err("the path inside must be absolute")
    } else if path.trim_end_matches('/').is_empty() {
        Err("the path inside cannot be the root")
    } else if path.split('/').any(|part| part == "..") || path.contains('\0') {
        Err("the path inside cannot hold `..`")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_only_unless_it_says_otherwise() {
        assert!(Mount::parse("/a:/b").unwrap().readonly);
        assert!(Mount::parse("/a:/b:ro").unwrap().readonly);
        assert!(!Mount::parse("/a:/b:rw").unwrap().readonly);
    }

    #[test]
    fn a_mount_without_two_paths_is_refused() {
        for text in ["", "/a", ":/b", "/a:", "/a:b", "/a:rw"] {
            assert!(Mount::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
