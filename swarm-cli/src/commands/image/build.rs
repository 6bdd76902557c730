//! `swarm image build`

use std::path::{Path, PathBuf};

use clap::Args;
use swarm_docker::{ImageRecipe, check_tag};

use super::{super::Context, COMMAND, human, kind, value};
use crate::{config::Config, error::CliError, exit_code::Exit, runtime};

/// Where distributions put a busybox.
const BUSYBOXES: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];
/// Where they put the certificates of the authorities that they trust.
const CERTIFICATES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// What the image of commands is made from if this machine has no busybox of its own.
const FALLBACK_BASE: &str = "busybox:stable";

#[derive(Debug, Args)]
// `--version` is that of the CLI here.
#[command(disable_version_flag = true)]
pub(crate) struct Build {
    /// The kind of agents: claude, codex, gemini, opencode or command [default: command]
    kind: Option<String>,
    /// Name of the image [default: that which agents of the kind run in]
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Make it from this image, which the engine fetches if it does not have it; one with a CLI needs apt in it
    #[arg(long, alias = "from", value_name = "IMAGE", conflicts_with_all = ["busybox", "program", "rootfs"])]
    base: Option<String>,
    /// Version of the CLI [default: the one that swarm was made with]
    #[arg(long, conflicts_with_all = ["busybox", "program", "rootfs"])]
    version: Option<String>,
    /// Without a registry: make it from this CLI, the libraries that it needs, and a busybox
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Without a registry: make it from this root file system, a folder or a tar
    #[arg(long, value_name = "PATH", conflicts_with_all = ["busybox", "certificates"])]
    rootfs: Option<PathBuf>,
    /// The statically linked busybox to take [default: that of this machine]
    #[arg(long, value_name = "FILE")]
    busybox: Option<PathBuf>,
    /// The certificates of trusted authorities that go with `--program` [default: those of this machine]
    #[arg(long, value_name = "FILE", requires = "program")]
    certificates: Option<PathBuf>,
}

impl Build {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let kind = kind(self.kind.as_deref())?;
        let name = self.tag.clone().unwrap_or_else(|| config.tag_of(kind));
        check_tag(&name)?;
        let recipe = self.recipe(context, &config, kind)?;
        let docker = runtime::connect(&config.settings).await?;
        let out = context.out;
        let tell = move |line: &str| out.working(line);
        let built = docker.build_image(&name, &recipe, &tell).await?;
        context.out.answer(&value(&built), || human(&built))?;
        let used = config.settings.image_of(kind);
        if used != name {
            context.out.notice(&format!(
                "agents of kind {kind} run in {used}; `--image {name}` takes this one"
            ));
        }
        Ok(Exit::Ok)
    }

    fn recipe(
        self,
        context: &Context,
        config: &Config,
        kind: &str,
    ) -> Result<ImageRecipe, CliError> {
        let absolute = |path: PathBuf| config.folders.absolute(&path);
        let owned = kind.to_owned();
        if kind == COMMAND {
            for (flag, is_given) in [
                ("--version", self.version.is_some()),
                ("--program", self.program.is_some()),
            ] {
                if is_given {
                    return Err(CliError::usage(format!(
                        "`{flag}` is about the CLI of a kind; name the kind, as in `swarm image build claude {flag} …`"
                    )));
                }
            }
        } else if self.busybox.is_some() && self.program.is_none() {
            return Err(CliError::usage(format!(
                "`--busybox` alone makes an image without {kind}; add `--program FILE`"
            )));
        }
        Ok(match self {
            Self {
                rootfs: Some(path),
                program,
                ..
            } => ImageRecipe::RootFs {
                kind: owned,
                path: absolute(path),
                program: program.map(absolute),
            },
            Self {
                program: Some(path),
                busybox,
                certificates,
                ..
            } => {
                let certificates = certificates.map(absolute).or_else(|| first(&CERTIFICATES));
                if certificates.is_none() {
                    context.out.warn(
                        "this machine has no certificates in any of the usual places, so the image has none; \
                         `--certificates FILE` names them",
                    );
                }
                ImageRecipe::Program {
                    kind: owned,
                    path: absolute(path),
                    busybox: match busybox {
                        Some(busybox) => absolute(busybox),
                        None => first(&BUSYBOXES).ok_or_else(|| {
                            CliError::usage(
                                "this machine has no busybox in any of the usual places; install one that is \
                                 statically linked (Debian: busybox-static), or name it with `--busybox FILE`",
                            )
                        })?,
                    },
                    certificates,
                }
            }
            Self {
                busybox: Some(path),
                ..
            } => ImageRecipe::FromBusybox {
                path: absolute(path),
            },
            Self { base, version, .. } if kind != COMMAND => ImageRecipe::Install {
                kind: owned,
                base,
                version,
            },
            Self {
                base: Some(base), ..
            } => ImageRecipe::From { base },
            Self { .. } => recipe(kind),
        })
    }
}

/// How the image of `kind` is made if nobody says otherwise. That of commands is made from the busybox of this machine if
/// it has one.
pub(crate) fn recipe(kind: &str) -> ImageRecipe {
    if kind != COMMAND {
        return ImageRecipe::Install {
            kind: kind.to_owned(),
            base: None,
            version: None,
        };
    }
    match first(&BUSYBOXES) {
        Some(path) => ImageRecipe::FromBusybox { path },
        None => ImageRecipe::From {
            base: FALLBACK_BASE.to_owned(),
        },
    }
}

fn first(files: &[&str]) -> Option<PathBuf> {
    let found = files.iter().map(Path::new).find(|path| path.is_file());
    found.map(Path::to_owned)
}
