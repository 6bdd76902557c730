//! What a project may not decide unless the user trusts it: what runs with the accounts and MCP servers of the user, and
//! which folders of theirs an agent sees.
//!
//! A repository can bring sandboxes and settings, and whoever works in it chooses them by a name that they may know from
//! somewhere else.

use std::path::{Component, Path, PathBuf};

use swarm_core::{
    Plan,
    error_code::ErrorCode,
    spec::{AgentSpec, SandboxSpec},
    supplies::Supplies,
};

use crate::{
    config::{Config, RuntimeChoice},
    error::CliError,
};

/// Where an agent works unless somebody says otherwise. No program is looked for there.
const WORKSPACE: &str = "/workspace";

/// A sandbox that comes with a project.
#[derive(Debug)]
pub(crate) struct Foreign<'a> {
    pub(crate) project: &'a Path,
    pub(crate) file: PathBuf,
    /// What it says.
    pub(crate) says: SandboxSpec,
}

impl Foreign<'_> {
    /// Refuses `spec`, which this became together with what the user said.
    pub(crate) fn check(&self, user: &SandboxSpec, spec: &AgentSpec) -> Result<(), CliError> {
        let decides = |by_project: bool, by_user: bool| by_project && !by_user;
        if decides(self.says.mounts.is_some(), user.mounts.is_some())
            && let Some(mount) = spec.sandbox.mounts.iter().find(|mount| {
                let source = Path::new(&mount.host_path).canonicalize();
                // What is not there is refused for that.
                source.is_ok_and(|source| !is_in(&source, self.project))
            })
        {
            return Err(self.refused(&format!(
                "it mounts {}, which is not in that project; add the mounts yourself with `--mount`",
                mount.host_path
            )));
        }
        if !Supplies::are_needed([spec]) {
            return Ok(());
        }
        // Elsewhere it could take the place of the program, or of what that is made of.
        let sandbox = &spec.sandbox;
        let mut places: Vec<(&str, String)> = Vec::new();
        if decides(self.says.mounts.is_some(), user.mounts.is_some()) {
            let mounts = sandbox.mounts.iter();
            places.extend(mounts.map(|mount| ("mounts", mount.container_path.clone())));
        }
        if decides(self.says.input_files.is_some(), user.input_files.is_some()) {
            let files = sandbox.input_files.keys();
            places.extend(files.map(|file| ("input_files", sandbox.inside(file))));
        }
        if decides(self.says.workdir.is_some(), user.workdir.is_some()) {
            places.push(("workdir", sandbox.workdir.clone()));
        }
        if let Some((field, place)) = places.iter().find(|(_, place)| !is_in_workspace(place)) {
            return Err(self.refused(&format!(
                "its `{field}` reach {place}, where they could replace the program that gets your account or your MCP servers; \
                 keep them below {WORKSPACE}, or set `{field}` yourself"
            )));
        }
        for (field, by_project, by_user) in [
            ("image", self.says.image.is_some(), user.image.is_some()),
            (
                "env_vars",
                self.says.env_vars.is_some(),
                user.env_vars.is_some(),
            ),
        ] {
            if decides(by_project, by_user) {
                return Err(self.refused(&format!(
                    "it sets `{field}`, and so decides what runs with your account or your MCP servers; set that yourself, or \
                     give the agent an account of its own in `env_vars`"
                )));
            }
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> CliError {
        CliError::new(
            ErrorCode::Refused,
            format!(
                "the sandbox {} is refused: {why}; or say `swarm project trust {}` if you trust everybody who writes there",
                self.file.display(),
                self.project.display()
            ),
        )
    }
}

/// Refuses agents that would get something of the user's in an image that the settings of a project name.
pub(crate) fn check_images(config: &Config, plan: &Plan) -> Result<(), CliError> {
    if config.settings.runtime == RuntimeChoice::Process {
        return Ok(());
    }
    for spec in plan.agents() {
        if spec.sandbox.image.is_some() || !Supplies::are_needed([spec]) {
            continue;
        }
        let kind = swarm_core::agents::kind_of(&spec.agent)?.name();
        if let Some(project) = config.project_of_image(kind)
            && !config.shelves()?.trusts(project)
        {
            return Err(CliError::new(
                ErrorCode::Refused,
                format!(
                    "the image {} is refused: the settings of {} name it, and so decide what runs with your account or your \
                     MCP servers; name the image yourself with `--image`, or say `swarm project trust {1}` if you trust \
                     everybody who writes there",
                    config.settings.image_of(kind),
                    project.display()
                ),
            ));
        }
    }
    Ok(())
}

/// Whether a path inside leads nowhere else.
fn is_in_workspace(path: &str) -> bool {
    let path = Path::new(path);
    path.starts_with(WORKSPACE) && !path.components().any(|part| part == Component::ParentDir)
}

fn is_in(path: &Path, project: &Path) -> bool {
    let real = project.canonicalize();
    path.starts_with(real.as_deref().unwrap_or(project))
}
