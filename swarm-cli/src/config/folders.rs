//! Where things are kept and looked for.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use swarm_core::error_code::ErrorCode;

use crate::error::CliError;

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
    /// `SWARM_PROJECT_DIR`
    project_dir: Option<PathBuf>,
    /// The nearest folder up from the current one that has a `.swarm` folder.
    project: Option<PathBuf>,
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
        Ok(Self {
            project: current
                .ancestors()
                .find(|folder| folder.join(".swarm").is_dir())
                .map(Path::to_owned),
            current,
            user: base.home_dir().to_owned(),
            data: base.data_dir().join("swarm"),
            config: base.config_dir().join("swarm"),
            project_dir: std::env::var_os("SWARM_PROJECT_DIR").map(PathBuf::from),
        })
    }

    pub(crate) fn user_config(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The settings of the project, if it has any.
    pub(crate) fn project_config(&self) -> Option<PathBuf> {
        let file = self.project.as_ref()?.join(".swarm/config.toml");
        file.is_file().then_some(file)
    }

    /// Where sandboxes are looked for by name. They are saved in the first of these.
    pub(crate) fn sandboxes(&self) -> Vec<PathBuf> {
        let project = self
            .project
            .as_ref()
            .map(|folder| folder.join(".swarm/sandboxes"));
        let project_dir = self
            .project_dir
            .as_ref()
            .map(|folder| folder.join("sandboxes"));
        let users = [
            self.config.join("sandboxes"),
            self.user.join(".claude/sandboxes"),
        ];
        project
            .into_iter()
            .chain(project_dir)
            .chain(users)
            .collect()
    }

    /// `path` with `~` and the current folder filled in.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(rest) => self.user.join(rest),
            Err(_) => self.current.join(path),
        }
    }
}
