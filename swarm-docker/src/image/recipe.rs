//! What an image is made from, and what tells one recipe from another.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use swarm_core::hash;

use super::{
    certificates,
    context::Context,
    elf,
    kinds::{AgentCli, DEFAULT_BASE},
    program,
};

/// Marks images that were built here.
pub(super) const LABEL_IMAGE: &str = "swarm.image";
/// The kind of agents that an image is for.
pub(super) const LABEL_KIND: &str = "swarm.image.kind";
/// Which recipe it was built by.
pub(super) const LABEL_METHOD: &str = "swarm.image.method";
/// The hash of the recipe.
pub(super) const LABEL_RECIPE: &str = "swarm.image.recipe";
/// The base, if somebody chose it.
pub(super) const LABEL_BASE: &str = "swarm.image.base";
/// The version, if somebody chose it.
pub(super) const LABEL_VERSION: &str = "swarm.image.version";

const COMMAND: &str = "command";
/// Where the program of a kind goes.
const PROGRAMS: &str = "usr/local/bin";
const BASH: &str = "/bin/bash";
/// With it some CLIs search files, opencode for one. Those that find none want to fetch it, which an image without a registry
/// is the last place for.
const RIPGREP: [&str; 2] = ["/usr/bin/rg", "/usr/local/bin/rg"];
/// Where programs look for the certificates that they trust.
const CERTIFICATES: &str = "root/etc/ssl/certs/ca-certificates.crt";

/// What an image is made from. Each has `/tmp`, and `/workspace` that belongs to the user of agents.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageRecipe {
    /// Nothing but a statically linked busybox and the links to its tools, for command agents. Needs no registry.
    FromBusybox {
        /// The busybox, on this machine.
        path: PathBuf,
    },
    /// Another image, for command agents; the engine fetches it if it does not have it.
    From {
        /// Its name.
        base: String,
    },
    /// The CLI of a kind from npm, with git, jq, python3 and ripgrep from Debian. Needs these registries, and that of the base.
    Install {
        /// The kind of agents.
        kind: String,
        /// An image with apt; `None` is Debian with Node.
        base: Option<String>,
        /// The version of the CLI; `None` is the one that is known to work.
        version: Option<String>,
    },
    /// The program of a kind, with the libraries that it needs and a busybox, all of this machine. Needs no registry.
    Program {
        /// The kind of agents.
        kind: String,
        /// The program: an ELF file, or a script for a plain shell.
        path: PathBuf,
        /// A statically linked busybox.
        busybox: PathBuf,
        /// The certificates of authorities that are trusted, in one file. Without them few programs can ask a model.
        certificates: Option<PathBuf>,
    },
    /// A root file system that somebody made. Needs no registry.
    RootFs {
        /// The kind of agents.
        kind: String,
        /// A folder, or a tar, which may be compressed as the engine knows it.
        path: PathBuf,
        /// The program of the kind; `None` if it is in the root file system. It must run with the libraries there.
        program: Option<PathBuf>,
    },
}

/// The part of a recipe that is text: the same for the same recipe, on any machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) dockerfile: &'static str,
    pub(super) args: Vec<(&'static str, String)>,
}

impl Written {
    /// Stands for the recipe. Files of a machine do not count, nor does the user of agents.
    pub(super) fn hash(&self) -> String {
        let mut hasher = hash::Hasher::new();
        hasher.add(self.dockerfile.as_bytes());
        for (name, value) in &self.args {
            hasher.add(format!("\n{name}={value}").as_bytes());
        }
        hasher.finish()
    }
}

impl ImageRecipe {
    /// The kind of agents that the image is for.
    pub fn kind(&self) -> &str {
        match self {
            Self::FromBusybox { .. } | Self::From { .. } => COMMAND,
            Self::Install { kind, .. } | Self::Program { kind, .. } | Self::RootFs { kind, .. } => {
                kind
            }
        }
    }

    /// Whether files are fetched from registries while it is built.
    pub fn needs_registry(&self) -> bool {
        matches!(self, Self::From { .. } | Self::Install { .. })
    }

    /// A word for it.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::FromBusybox { .. } => "busybox",
            Self::From { .. } => "base",
            Self::Install { .. } => "install",
            Self::Program { .. } => "program",
            Self::RootFs { .. } => "rootfs",
        }
    }

    /// Whether its steps use the network.
    pub(super) fn uses_network(&self) -> bool {
        matches!(self, Self::Install { .. })
    }

    /// The recipe without its files, or why there can be none.
    pub(super) fn written(&self) -> Result<Written, String> {
        let program = || {
            let kind = self.kind();
            match AgentCli::of(kind) {
                Some(cli) => Ok((cli.program, cli.says)),
                None if kind == COMMAND => Ok(("sh", "")),
                None => Err(format!("there is no kind of agents {kind:?}")),
            }
        };
        Ok(match self {
            Self::FromBusybox { .. } => Written {
                dockerfile: include_str!("scratch.Dockerfile"),
                args: Vec::new(),
            },
            Self::From { base } => Written {
                dockerfile: include_str!("base.Dockerfile"),
                args: vec![("BASE", named(base)?)],
            },
            Self::Install {
                kind,
                base,
                version,
            } => {
                let cli = AgentCli::of(kind).ok_or_else(|| {
                    format!("agents of kind {kind:?} have no CLI that could be installed")
                })?;
                Written {
                    dockerfile: include_str!("agent.Dockerfile"),
                    args: vec![
                        ("BASE", named(base.as_deref().unwrap_or(DEFAULT_BASE))?),
                        ("PACKAGE", cli.package.to_owned()),
                        ("PROGRAM", cli.program.to_owned()),
                        (
                            "VERSION",
                            version_of(version.as_deref().unwrap_or(cli.version))?,
                        ),
                    ],
                }
            }
            Self::Program { kind, .. } => {
                let cli = AgentCli::of(kind).ok_or_else(|| {
                    format!("agents of kind {kind:?} have no program of their own")
                })?;
                Written {
                    dockerfile: include_str!("program.Dockerfile"),
                    args: vec![
                        ("PROGRAM", cli.program.to_owned()),
                        ("SAYS", cli.says.to_owned()),
                    ],
                }
            }
            Self::RootFs {
                kind,
                program: Some(_),
                ..
            } if AgentCli::of(kind).is_none() => {
                return Err(format!(
                    "agents of kind {kind:?} have no program of their own"
                ));
            }
            Self::RootFs { .. } => {
                let (program, says) = program()?;
                Written {
                    dockerfile: include_str!("rootfs.Dockerfile"),
                    args: vec![("PROGRAM", program.to_owned()), ("SAYS", says.to_owned())],
                }
            }
        })
    }

    /// The labels of an image by this recipe, whose hash is `hash`.
    pub(super) fn labels(&self, hash: String) -> HashMap<String, String> {
        let mut labels = vec![
            (LABEL_IMAGE, "1".to_owned()),
            (LABEL_KIND, self.kind().to_owned()),
            (LABEL_METHOD, self.method().to_owned()),
            (LABEL_RECIPE, hash),
        ];
        let (base, version) = match self {
            Self::From { base } => (Some(base), None),
            Self::Install { base, version, .. } => (base.as_ref(), version.as_ref()),
            _ => (None, None),
        };
        labels.extend(base.map(|base| (LABEL_BASE, base.clone())));
        labels.extend(version.map(|version| (LABEL_VERSION, version.clone())));
        let labels = labels.into_iter();
        labels
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The hash that the recipe behind these labels has today; `None` if there is no such recipe any more.
    pub(super) fn hash_today(labels: &HashMap<String, String>) -> Option<String> {
        let kind = labels.get(LABEL_KIND)?.clone();
        let base = labels.get(LABEL_BASE).cloned();
        let path = PathBuf::new();
        let recipe = match labels.get(LABEL_METHOD)?.as_str() {
            "busybox" => Self::FromBusybox { path },
            "base" => Self::From { base: base? },
            "install" => Self::Install {
                kind,
                base,
                version: labels.get(LABEL_VERSION).cloned(),
            },
            "program" => Self::Program {
                kind,
                path: path.clone(),
                busybox: path,
                certificates: None,
            },
            "rootfs" => Self::RootFs {
                kind,
                path,
                program: None,
            },
            _ => return None,
        };
        Some(recipe.written().ok()?.hash())
    }

    /// The files to build from. Blocks.
    pub(super) fn context(&self, user: (u32, u32)) -> Result<Context, String> {
        let mut context = Context::default();
        context.text("Dockerfile", 0o644, self.written()?.dockerfile);
        context.folder("workspace", 0o755, user);
        match self {
            Self::From { .. } | Self::Install { .. } => {}
            Self::FromBusybox { path } => minimal(&mut context, path, user)?,
            Self::Program {
                kind,
                path,
                busybox,
                certificates,
            } => {
                minimal(&mut context, busybox, user)?;
                context.text("root/etc/nsswitch.conf", 0o644, "hosts: files dns\n");
                if let Some(certificates) = certificates {
                    certificates::check(certificates)?;
                    context.copy(CERTIFICATES, 0o644, certificates);
                }
                for (inside, file) in program::needs(path)? {
                    context.copy(&format!("root/{inside}"), 0o755, &file);
                }
                context.copy(&format!("root/{PROGRAMS}/{kind}"), 0o755, path);
                shell(&mut context)?;
                ripgrep(&mut context, &RIPGREP);
            }
            Self::RootFs { kind, program, .. } => {
                context.folder("program", 0o755, (0, 0));
                if let Some(program) = program {
                    context.copy(&format!("program/{kind}"), 0o755, program);
                }
            }
        }
        Ok(context)
    }
}

/// CLIs of agents run commands in a bash, and have no such tool where there is none. That of a busybox passes for one.
fn shell(context: &mut Context) -> Result<(), String> {
    let bash = Path::new(BASH);
    if !bash.is_file() {
        context.text("root/bin/bash", 0o755, "#!/bin/sh\nexec /bin/sh \"$@\"\n");
        return Ok(());
    }
    for (inside, file) in program::needs(bash)? {
        context.copy(&format!("root/{inside}"), 0o755, &file);
    }
    context.copy("root/bin/bash", 0o755, bash);
    Ok(())
}

/// The first ripgrep there is, if any can be packed.
fn ripgrep(context: &mut Context, places: &[&str]) {
    let mut places = places.iter().map(Path::new);
    let found = places.find_map(|path| Some((path, program::needs(path).ok()?)));
    let Some((path, needs)) = found else {
        return;
    };
    for (inside, file) in needs {
        context.copy(&format!("root/{inside}"), 0o755, &file);
    }
    context.copy(&format!("root/{PROGRAMS}/rg"), 0o755, path);
}

/// A busybox and what a program expects around it.
fn minimal(context: &mut Context, busybox: &Path, (uid, gid): (u32, u32)) -> Result<(), String> {
    let shown = busybox.display();
    let file = std::fs::File::open(busybox);
    file.and_then(|mut file| elf::check_static(&mut file))
        .map_err(|error| format!("cannot read {shown}: {error}"))?
        .map_err(|problem| {
            format!(
                "{shown} {problem}; an image from scratch needs a statically linked busybox, such as that of the \
                 package busybox-static"
            )
        })?;
    context.copy("root/bin/busybox", 0o755, busybox);
    let passwd = format!("root:x:0:0:root:/:/bin/sh\nagent:x:{uid}:{gid}:agent:/tmp:/bin/sh\n");
    context.text("root/etc/passwd", 0o644, &passwd);
    let group = format!("root:x:0:\nagent:x:{gid}:\n");
    context.text("root/etc/group", 0o644, &group);
    context.folder("root/tmp", 0o1777, (0, 0));
    Ok(())
}

/// The name of an image, if it can be nothing else.
fn named(base: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if base.is_empty() || base.starts_with('-') || !base.chars().all(plain) {
        return Err(format!("{base:?} is not the name of an image"));
    }
    Ok(base.to_owned())
}

/// A version, if it can be nothing else: it becomes an argument of a package manager.
fn version_of(version: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
    if !version.starts_with(|c: char| c.is_ascii_alphanumeric()) || !version.chars().all(plain) {
        return Err(format!(
            "{version:?} is not a version; write one such as 2.1.329, or a tag such as latest"
        ));
    }
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(base: Option<&str>, version: Option<&str>) -> ImageRecipe {
        ImageRecipe::Install {
            kind: "claude".to_owned(),
            base: base.map(str::to_owned),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_base_or_a_version_that_would_be_more_is_refused() {
        for bad in [
            "",
            "a b",
            "a\nRUN x",
            "--platform=x",
            "$(x)",
            "a AS b",
            "x;y",
        ] {
            let from = ImageRecipe::From {
                base: bad.to_owned(),
            };
            assert!(from.written().is_err(), "{bad:?} was accepted");
            assert!(install(Some(bad), None).written().is_err(), "{bad:?}");
            assert!(install(None, Some(bad)).written().is_err(), "{bad:?}");
        }
        install(Some("localhost:5000/debian:12"), Some("2.1.329-rc.1"))
            .written()
            .unwrap();
    }

    #[test]
    fn every_kind_installs_a_pinned_version_of_a_package() {
        for cli in AgentCli::all() {
            let recipe = ImageRecipe::Install {
                kind: cli.kind.to_owned(),
                base: None,
                version: None,
            };
            let args = recipe.written().unwrap().args;
            assert!(
                args.contains(&("VERSION", cli.version.to_owned())),
                "{args:?}"
            );
            assert!(cli.version.split('.').count() == 3, "{}", cli.version);
        }
        let command = ImageRecipe::Install {
            kind: COMMAND.to_owned(),
            base: None,
            version: None,
        };
        assert!(command.written().is_err());
    }

    #[test]
    fn every_argument_of_a_recipe_is_declared_in_its_dockerfile() {
        let path = PathBuf::new;
        for recipe in [
            ImageRecipe::FromBusybox { path: path() },
            ImageRecipe::From {
                base: "debian".to_owned(),
            },
            install(None, None),
            ImageRecipe::Program {
                kind: "claude".to_owned(),
                path: path(),
                busybox: path(),
                certificates: None,
            },
            ImageRecipe::RootFs {
                kind: "claude".to_owned(),
                path: path(),
                program: None,
            },
        ] {
            let written = recipe.written().unwrap();
            let names = written.args.iter().map(|(name, _)| *name);
            for name in names.chain(["UID", "GID"]) {
                let line = format!("\nARG {name}\n");
                assert!(written.dockerfile.contains(&line), "{recipe:?}: {name}");
            }
            let last = written.dockerfile.trim_end();
            assert!(!last.contains("USER 0:0\nCOPY"), "{last}");
            assert!(last.contains("\nUSER ${UID}:${GID}"), "{last}");
        }
    }

    #[test]
    fn labels_tell_which_recipe_it_was_and_whether_it_is_still_the_same() {
        let path = PathBuf::from("/x");
        for recipe in [
            ImageRecipe::FromBusybox { path: path.clone() },
            ImageRecipe::From {
                base: "debian:12".to_owned(),
            },
            install(None, None),
            install(Some("debian:13"), Some("2.0.0")),
            ImageRecipe::Program {
                kind: "codex".to_owned(),
                path: path.clone(),
                busybox: path.clone(),
                certificates: None,
            },
            ImageRecipe::RootFs {
                kind: "command".to_owned(),
                path,
                program: None,
            },
        ] {
            let hash = recipe.written().unwrap().hash();
            let labels = recipe.labels(hash.clone());
            assert_eq!(ImageRecipe::hash_today(&labels), Some(hash), "{recipe:?}");
        }
        let mut labels = install(None, None).labels(String::new());
        labels.insert(LABEL_METHOD.to_owned(), "magic".to_owned());
        assert_eq!(ImageRecipe::hash_today(&labels), None);
    }

    #[test]
    fn another_version_is_another_recipe_and_another_file_is_not() {
        let hash = |recipe: &ImageRecipe| recipe.written().unwrap().hash();
        assert_ne!(
            hash(&install(None, None)),
            hash(&install(None, Some("2.0.0")))
        );
        let busybox = |path: &str| ImageRecipe::FromBusybox { path: path.into() };
        assert_eq!(hash(&busybox("/a")), hash(&busybox("/b")));
    }

    #[test]
    fn a_busybox_that_is_not_there_or_no_program_is_named() {
        let context = |path: &Path| {
            ImageRecipe::FromBusybox { path: path.into() }
                .context((1000, 1000))
                .unwrap_err()
        };
        let missing = context("/nonexistent/busybox".as_ref());
        assert!(
            missing.starts_with("cannot read /nonexistent/busybox: "),
            "{missing}"
        );
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "#!/bin/sh\n").unwrap();
        let no_program = context(text.path());
        assert!(no_program.contains("is not an ELF program"), "{no_program}");
    }

    #[test]
    fn a_ripgrep_is_packed_with_what_it_needs_and_none_is_no_error() {
        let paths = |context: Context| {
            let mut tar = Vec::new();
            context.write(&mut tar).unwrap();
            let mut archive = tar::Archive::new(tar.as_slice());
            let entries = archive.entries().unwrap();
            let paths = entries.map(|entry| entry.unwrap().path().unwrap().display().to_string());
            paths.collect::<Vec<_>>()
        };
        let mut context = Context::default();
        ripgrep(&mut context, &["/nonexistent/rg", "/etc"]);
        assert!(paths(context).is_empty());
        let mut context = Context::default();
        let this = std::env::current_exe().unwrap();
        ripgrep(&mut context, &["/nonexistent/rg", this.to_str().unwrap()]);
        let paths = paths(context);
        assert!(
            paths.contains(&"root/usr/local/bin/rg".to_owned()),
            "{paths:?}"
        );
        assert!(paths.iter().any(|path| path.contains("libc.")), "{paths:?}");
    }
}
