//! Images for agents: whether there is one, and how one is made.

mod elf;
pub(crate) mod program;

use std::{io, path::PathBuf};

use swarm_core::{runtime::RuntimeError, time::Timestamp};
use tokio::task::spawn_blocking;

use crate::engine::{Engine, Failure};

/// The image of agents whose sandbox names none, unless the options say otherwise.
pub const DEFAULT_IMAGE: &str = "swarm-agent:latest";
/// Marks images that were built here.
const LABEL_IMAGE: &str = "swarm.image";

/// What an image is made from. Each has `/tmp`, and `/workspace` that belongs to the user of agents.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageRecipe {
    /// Nothing but a statically linked busybox and the links to its tools. Needs no registry.
    FromBusybox {
        /// The busybox, on this machine.
        path: PathBuf,
    },
    /// Another image; the engine fetches it if it does not have it.
    From {
        /// Its name.
        base: String,
    },
}

/// An image that an engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The name that was asked for.
    pub name: String,
    /// Its id, which stands for its content.
    pub id: String,
    /// Its name in a registry, with the digest; `None` if it was built here.
    pub digest: Option<String>,
    /// When it was made; zero if the engine does not say.
    pub created: Timestamp,
    /// Its size in bytes.
    pub size: u64,
}

/// The image of this name, if the engine has it.
pub(crate) async fn show(engine: &Engine, name: &str) -> Result<Option<ImageInfo>, RuntimeError> {
    let found = engine
        .image(name)
        .await
        .map_err(|failure| engine.error("look up the image", failure))?;
    Ok(found.map(|found| ImageInfo {
        name: name.to_owned(),
        id: found.id,
        digest: found.digest,
        created: timestamp(&found.created),
        size: found.size,
    }))
}

fn timestamp(text: &str) -> Timestamp {
    let millis = text.parse().map_or(0, jiff::Timestamp::as_millisecond);
    Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// Builds an image for agents that run as `user`.
pub(crate) async fn build(
    engine: &Engine,
    name: &str,
    recipe: &ImageRecipe,
    user: (u32, u32),
) -> Result<ImageInfo, RuntimeError> {
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: name.to_owned(),
        problem,
    };
    let context = match recipe {
        ImageRecipe::From { base } => from_base(base, user),
        ImageRecipe::FromBusybox { path } => {
            let path = path.clone();
            let read = spawn_blocking(move || from_busybox(&path, user)).await;
            read.map_err(|error| failed(error.to_string()))?
        }
    }
    .map_err(failed)?;
    build_context(engine, name, context).await?;
    let built = show(engine, name).await?;
    built.ok_or_else(|| failed("the engine built it, but does not have it".to_owned()))
}

async fn build_context(engine: &Engine, name: &str, context: Vec<u8>) -> Result<(), RuntimeError> {
    engine
        .build(name, context)
        .await
        .map_err(|failure| match failure {
            Failure::Unreachable(_) | Failure::TimedOut => engine.error("build the image", failure),
            failure => RuntimeError::ImageBuild {
                image: name.to_owned(),
                problem: failure.problem().to_owned(),
            },
        })
}

fn from_base(base: &str, (uid, gid): (u32, u32)) -> Result<Vec<u8>, String> {
    // The name becomes a line of a Dockerfile.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if base.is_empty() || base.starts_with('-') || !base.chars().all(plain) {
        return Err(format!("{base:?} is not the name of an image"));
    }
    let dockerfile = format!(
        "FROM {base}\n\
         COPY --chown={uid}:{gid} workspace /workspace\n\
         WORKDIR /workspace\n\
         USER {uid}:{gid}\n\
         LABEL {LABEL_IMAGE}=1\n"
    );
    let mut context = Context::new(&dockerfile);
    context.folder("workspace", 0o755, user_of((uid, gid)));
    context.finish()
}

fn from_busybox(path: &std::path::Path, (uid, gid): (u32, u32)) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let busybox = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    elf::check_static(&busybox).map_err(|problem| {
        format!(
            "{shown} {problem}; an image from scratch needs a statically linked busybox, such as that of the \
             package busybox-static"
        )
    })?;
    // The links are made by the busybox itself, inside: it need not be able to run on this machine.
    let dockerfile = format!(
        "FROM scratch\n\
         COPY root /\n\
         RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n\
         COPY --chown={uid}:{gid} workspace /workspace\n\
         WORKDIR /workspace\n\
         USER {uid}:{gid}\n\
         ENV PATH=/bin\n\
         LABEL {LABEL_IMAGE}=1\n"
    );
    let root = (0, 0);
    let mut context = Context::new(&dockerfile);
    context.folder("root", 0o755, root);
    context.folder("root/bin", 0o755, root);
    context.file("root/bin/busybox", 0o755, &busybox);
    context.folder("root/etc", 0o755, root);
    let passwd = format!("root:x:0:0:root:/:/bin/sh\nagent:x:{uid}:{gid}:agent:/tmp:/bin/sh\n");
    context.file("root/etc/passwd", 0o644, passwd.as_bytes());
    let group = format!("root:x:0:\nagent:x:{gid}:\n");
    context.file("root/etc/group", 0o644, group.as_bytes());
    context.folder("root/tmp", 0o1777, root);
    context.folder("workspace", 0o755, user_of((uid, gid)));
    context.finish()
}

fn user_of((uid, gid): (u32, u32)) -> (u64, u64) {
    (uid.into(), gid.into())
}

/// What is sent to an engine to build from. The first error is kept until the end.
struct Context {
    tar: tar::Builder<Vec<u8>>,
    result: io::Result<()>,
}

impl Context {
    fn new(dockerfile: &str) -> Self {
        let mut context = Self {
            tar: tar::Builder::new(Vec::new()),
            result: Ok(()),
        };
        context.file("Dockerfile", 0o644, dockerfile.as_bytes());
        context
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(tar::EntryType::Regular, path, mode, (0, 0), content);
    }

    fn folder(&mut self, path: &str, mode: u32, owner: (u64, u64)) {
        let path = format!("{path}/");
        self.entry(tar::EntryType::Directory, &path, mode, owner, &[]);
    }

    fn entry(
        &mut self,
        kind: tar::EntryType,
        path: &str,
        mode: u32,
        (uid, gid): (u64, u64),
        content: &[u8],
    ) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_size(content.len() as u64);
        if self.result.is_ok() {
            self.result = self.tar.append_data(&mut header, path, content);
        }
    }

    fn finish(self) -> Result<Vec<u8>, String> {
        self.result
            .and_then(|()| self.tar.into_inner())
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_base_that_would_be_more_than_a_name_is_refused() {
        for base in ["", "a b", "a\nRUN x", "--platform=x", "$(x)", "a AS b"] {
            assert!(
                from_base(base, (1000, 1000)).is_err(),
                "{base:?} was accepted"
            );
        }
    }

    #[test]
    fn the_context_begins_with_the_dockerfile() {
        let context = from_base("localhost:5000/debian:12", (1000, 1000)).unwrap();
        let mut archive = tar::Archive::new(context.as_slice());
        let mut first = archive.entries().unwrap().next().unwrap().unwrap();
        let mut text = String::new();
        first.read_to_string(&mut text).unwrap();
        assert_eq!(
            text,
            "FROM localhost:5000/debian:12\nCOPY --chown=1000:1000 workspace /workspace\nWORKDIR /workspace\n\
             USER 1000:1000\nLABEL swarm.image=1\n"
        );
    }

    #[test]
    fn a_busybox_that_is_not_there_or_no_program_is_named() {
        let missing = from_busybox("/nonexistent/busybox".as_ref(), (1000, 1000)).unwrap_err();
        assert!(
            missing.starts_with("cannot read /nonexistent/busybox: "),
            "{missing}"
        );
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "#!/bin/sh\n").unwrap();
        let no_program = from_busybox(text.path(), (1000, 1000)).unwrap_err();
        assert!(no_program.contains("is not an ELF program"), "{no_program}");
    }
}
