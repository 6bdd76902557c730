//! The settings, by name.

use super::{IMAGE_PREFIX, POOL_PREFIX};

/// One thing that can be set.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its key in a file.
    pub(super) key: &'static str,
    /// Its environment variable; for `resources` and `agents`, how those of the pools and kinds begin.
    pub(super) variable: &'static str,
    /// What it must be.
    pub(super) must_be: &'static str,
    /// Whether a variable that looks like a number is one. A folder may be called `12`.
    pub(super) is_number: bool,
    /// Whether it is on or off.
    pub(super) is_switch: bool,
    /// Another variable, which counts if the first is not set.
    pub(super) also: Option<&'static str>,
}

pub(super) const SETTINGS: [Setting; 16] = [
    text("agents", IMAGE_PREFIX, "the name of an image"),
    switch("compat", "SWARM_COMPAT"),
    Setting {
        also: Some("CLAUDE_PEERS_PORT"),
        ..number(
            "compat_port",
            "CLAUDE_SWARM_PORT",
            "a port of this machine above zero",
        )
    },
    text(
        "docker_host",
        "DOCKER_HOST",
        "the address of an engine, such as unix:///var/run/docker.sock",
    ),
    text("home", "SWARM_HOME", "the path of a folder"),
    text("image", "SWARM_IMAGE", "the name of an image"),
    number(
        "keep_messages",
        "SWARM_KEEP_MESSAGES",
        "a number of hours above zero",
    ),
    switch("local", "SWARM_LOCAL"),
    number(
        "max_concurrent",
        "SWARM_MAX_CONCURRENT",
        "a whole number above zero",
    ),
    number(
        "max_output",
        "SWARM_MAX_OUTPUT",
        "a number of bytes, at least 64k, such as 256m",
    ),
    number(
        "messages_per_minute",
        "SWARM_MESSAGES_PER_MINUTE",
        "a whole number up to 1000, or 0 for no limit",
    ),
    number(
        "port",
        "SWARM_PORT",
        "a port of this machine, or 0 for the usual one or any that is free",
    ),
    text(
        "prices",
        "SWARM_PRICES",
        "the path of a file with prices of models",
    ),
    number(
        "queue_timeout",
        "SWARM_QUEUE_TIMEOUT",
        "a number of seconds above zero",
    ),
    number("resources", POOL_PREFIX, "a whole number above zero"),
    text("runtime", "SWARM_RUNTIME", "auto, docker or process"),
];

const fn text(key: &'static str, variable: &'static str, must_be: &'static str) -> Setting {
    Setting {
        key,
        variable,
        must_be,
        is_number: false,
        is_switch: false,
        also: None,
    }
}

const fn number(key: &'static str, variable: &'static str, must_be: &'static str) -> Setting {
    Setting {
        is_number: true,
        ..text(key, variable, must_be)
    }
}

const fn switch(key: &'static str, variable: &'static str) -> Setting {
    Setting {
        is_switch: true,
        ..text(key, variable, "true or false")
    }
}

impl Setting {
    /// Whether a variable of the environment with this name sets something.
    pub(super) fn is_set_by(name: &str) -> bool {
        let by_name = |setting: &Self| setting.variable == name || setting.also == Some(name);
        let prefixes = [POOL_PREFIX, IMAGE_PREFIX];
        SETTINGS.iter().any(by_name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The setting with this key.
    pub(super) fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}
