//! What a runtime is told when it is made.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use swarm_core::runtime::RuntimeError;

use crate::{
    egress::EgressOptions,
    image::{AgentCli, BuildMissing, DEFAULT_IMAGE, default_image},
    image_name,
};

/// Where the engine is, and what holds for every agent.
#[derive(Clone, Debug)]
pub struct DockerOptions {
    /// `unix:///path/of/socket` or `tcp://host:port`; `None` is the local default socket.
    pub endpoint: Option<String>,
    /// The image of agents whose sandbox names none, and whose kind has none in `images`.
    pub image: String,
    /// The image of agents whose sandbox names none, by the name of their kind.
    pub images: BTreeMap<String, String>,
    /// Which of these are built when they are missing; `None` builds nothing.
    pub build_missing: Option<BuildMissing>,
    /// Stands for one `SWARM_HOME` in labels, so that two homes can share an engine. Not empty.
    pub home: String,
    /// Folders of swarm itself, absolute: no agent may see what is in them, and no mount may lead there. Whoever keeps
    /// records and keys in files names their folder here.
    pub private: Vec<PathBuf>,
    /// The user and group that agents run as. Neither may be 0.
    pub user: (u32, u32),
    /// How long an agent has between the polite signal and the final one.
    pub stop_grace: Duration,
    /// The name of swarm's own bridge network. It is made on first use, and stays.
    pub network: String,
    /// A folder, absolute, for the homes of agents that need files there, while they work; it is made if it is not there.
    /// Without it, or where the engine cannot use it, they are volumes of the engine, which take longer to make.
    pub homes: Option<PathBuf>,
    /// What agents that may reach listed hosts need; without it they are refused.
    pub egress: Option<EgressOptions>,
}

impl DockerOptions {
    /// The defaults: local socket, image `swarm-agent-KIND:latest` for each kind with a CLI and `swarm-agent:latest` for
    /// commands, nothing built unasked, user 1000:1000, 100 ms of grace, network `swarm`, no lists of hosts.
    pub fn new(home: impl Into<String>) -> Self {
        Self {
            endpoint: None,
            image: DEFAULT_IMAGE.to_owned(),
            images: AgentCli::all()
                .map(|cli| (cli.kind.to_owned(), default_image(cli.kind)))
                .collect(),
            build_missing: None,
            home: home.into(),
            private: Vec::new(),
            user: (1000, 1000),
            stop_grace: Duration::from_millis(100),
            network: "swarm".to_owned(),
            homes: None,
            egress: None,
        }
    }

    /// The image of agents of `kind` whose sandbox names none.
    pub(crate) fn image_of(&self, kind: &str) -> &str {
        self.images.get(kind).unwrap_or(&self.image)
    }

    /// Refuses what would take a protection away.
    pub(crate) fn check(&self) -> Result<(), RuntimeError> {
        let refused = |field: String, reason: &str| {
            Err(RuntimeError::Refused {
                field,
                reason: reason.to_owned(),
            })
        };
        let (uid, gid) = self.user;
        if uid == 0 || gid == 0 {
            return refused(
                format!("user {uid}:{gid}"),
                "agents never run as root or in its group; use another number",
            );
        }
        if self.home.is_empty() || self.home.contains(char::is_control) {
            return refused(
                "home".to_owned(),
                "it tells the containers of one home from those of another; use a non-empty id",
            );
        }
        for image in self.images.values().chain([&self.image]) {
            image_name::check(image)?;
        }
        if let Some(egress) = &self.egress
            && !(egress.program.is_absolute() && egress.folder.is_absolute())
        {
            return refused(
                "egress".to_owned(),
                "the program and the folder are named by absolute paths",
            );
        }
        if let Some(homes) = &self.homes
            && !(homes.is_absolute() && homes.to_str().is_some())
        {
            return refused(
                format!("homes {}", homes.display()),
                "the engine finds it by an absolute path in UTF-8 only; name one",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.network.is_empty()
            || !self.network.chars().all(plain)
            || ["host", "none", "bridge", "default", "private"].contains(&self.network.as_str())
        {
            return refused(
                format!("network {:?}", self.network),
                "swarm makes this network itself; use a name of its own, such as \"swarm\"",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        DockerOptions::new("home").check().unwrap();
    }

    #[test]
    fn root_and_networks_of_the_engine_are_refused() {
        let change: [fn(&mut DockerOptions); 7] = [
            |o| o.homes = Some("relative".into()),
            |o| o.user = (0, 1000),
            |o| o.user = (1000, 0),
            |o| o.home = String::new(),
            |o| o.network = "host".to_owned(),
            |o| o.network = "bridge".to_owned(),
            |o| o.network = "container:db".to_owned(),
        ];
        for (i, change) in change.iter().enumerate() {
            let mut options = DockerOptions::new("home");
            change(&mut options);
            assert!(
                matches!(options.check(), Err(RuntimeError::Refused { .. })),
                "change {i} was accepted"
            );
        }
    }

    #[test]
    fn each_kind_has_an_image_of_its_own_and_others_share_one() {
        let mut options = DockerOptions::new("home");
        assert_eq!(options.image_of("claude"), "swarm-agent-claude:latest");
        assert_eq!(options.image_of("command"), "swarm-agent:latest");
        assert_eq!(options.image_of("homemade"), "swarm-agent:latest");
        options
            .images
            .insert("claude".to_owned(), "no name".to_owned());
        assert!(options.check().is_err());
        options.images.clear();
        options.check().unwrap();
        options.image = String::new();
        assert!(options.check().is_err());
    }
}
