//! Where things are kept and looked for.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use swarm_core::error_code::ErrorCode;

use crate::{error::CliError, ownership};

/// The folders of this user and this project.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// The current folder, against which relative paths are read.
    pub(crate) current: PathBuf,
    /// The user's home.
    pub(crate) user: PathBuf,
    /// Default of the setting `home`.
    pub(crate) data: PathBuf,
    /// Settings and sandboxes of the user.
    config: PathBuf,
    /// `SWARM_PROJECT_DIR`, absolute.
    pub(super) project_dir: Option<PathBuf>,
    /// The nearest folder up from the current one that has a `.swarm` folder.
    pub(super) project: Option<PathBuf>,
    /// A `.swarm` folder on the way there that somebody else may have made, and why.
    not_taken: Option<(PathBuf, &'static str)>,
}

impl Folders {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the binary's configuration"
    )]
    pub(super) fn find() -> Result<Self, CliError> {
        let base = etcetera::choose_base_strategy().map_err(|_| {
            CliError::new(
                ErrorCode::InvalidInput,
                "cannot find your home folder; set HOME, or SWARM_HOME and XDG_CONFIG_HOME",
            )
        })?;
        let current = std::env::current_dir()
            .map_err(|error| CliError::file("use", Path::new("the current folder"), &error))?;
        let mut found = Self {
            project: None,
            not_taken: None,
            current,
            user: base.home_dir().to_owned(),
            data: base.data_dir().join("swarm"),
            config: base.config_dir().join("swarm"),
            project_dir: None,
        };
        found.look_around();
        let named = std::env::var_os("SWARM_PROJECT_DIR").filter(|named| !named.is_empty());
        found.project_dir = named.map(|named| found.absolute(Path::new(&named)));
        Ok(found)
    }

    /// Finds the project around the current folder.
    fn look_around(&mut self) {
        for folder in self.current.ancestors() {
            let place = folder.join(".swarm");
            if !place.is_dir() {
                continue;
            }
            match ownership::distrust_at(&place) {
                None => {
                    self.project = Some(folder.to_owned());
                    return;
                }
                Some(why) => self.not_taken = self.not_taken.take().or(Some((place, why))),
            }
        }
    }

    /// What a user should know who expected the project here to count.
    pub(crate) fn warning(&self) -> Option<String> {
        let (place, why) = self.not_taken.as_ref()?;
        Some(format!(
            "{} is left out: {why}; make it yours alone (chown, chmod) if it is to count",
            place.display()
        ))
    }

    pub(crate) fn user_config(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The settings of the project, if it has any.
    pub(crate) fn project_config(&self) -> Option<PathBuf> {
        let file = self.project.as_ref()?.join(".swarm/config.toml");
        file.is_file().then_some(file)
    }

    /// Where the user has `sandboxes` or `types` that belong to no project.
    pub(super) fn own(&self, kind: &str) -> [PathBuf; 2] {
        let claude = self.user.join(".claude");
        [self.config.join(kind), claude.join(kind)]
    }

    /// `path` with `~` and the current folder filled in.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(rest) => self.user.join(rest),
            Err(_) => self.current.join(path),
        }
    }
}
