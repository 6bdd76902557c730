//! The image of the forwarder: one program of this machine, with the libraries that it is linked to and nothing else.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use swarm_core::{
    hash::{self, Hasher},
    runtime::RuntimeError,
};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    build::answered,
    context::{Context, streamed},
    program, show,
};
use crate::engine::{BuildSteps, Engine, Failure};

/// The images, with the hash of what is in them as their tag.
const NAME: &str = "swarm-forwarder";
/// Which program an image was made from. Its value is a hash of the path.
const LABEL: &str = "swarm.forwarder";
/// Where the program is in it.
const PROGRAM: &str = "/forwarder";

/// An image with one program in it.
#[derive(Clone, Debug)]
pub(crate) struct ForwarderImage {
    /// The name of the image.
    pub(crate) name: String,
    /// Where the program is in it.
    pub(crate) program: String,
}

/// What goes into the image: path inside to path on this machine.
type Files = BTreeMap<String, PathBuf>;

/// The image of the program at `path`; built if there is none. One is built at a time.
pub(crate) async fn ensure(
    engine: &Engine,
    path: &Path,
    building: &Mutex<()>,
) -> Result<ForwarderImage, RuntimeError> {
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: NAME.to_owned(),
        problem,
    };
    let path = path.to_owned();
    let looked_at = spawn_blocking(move || {
        let files = collect(&path)?;
        let tag = hash_of(&files).map_err(|error| error.to_string())?;
        let source = short(hash::hex(path.as_os_str().as_encoded_bytes()));
        Ok::<_, String>((files, tag, source))
    });
    let (files, tag, source) = looked_at
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(failed)?;
    let image = ForwarderImage {
        name: format!("{NAME}:{tag}"),
        program: PROGRAM.to_owned(),
    };
    if show(engine, &image.name).await?.is_some() {
        return Ok(image);
    }
    let _turn = building.lock().await;
    if show(engine, &image.name).await?.is_some() {
        return Ok(image);
    }
    let steps = BuildSteps {
        name: image.name.clone(),
        labels: HashMap::from([(LABEL.to_owned(), source.clone())]),
        ..BuildSteps::default()
    };
    let context = context(&files);
    let (body, writing) = streamed(move |to| context.write(to));
    let built = engine.build(steps, body, &|_| {}).await;
    match answered(built, writing).await.map_err(failed)? {
        Ok(()) => {}
        Err(failure) => {
            return Err(match failure.failure {
                failure @ (Failure::Unreachable(_) | Failure::TimedOut) => {
                    engine.error("build the image of the forwarder", failure)
                }
                failure => failed(failure.problem().to_owned()),
            });
        }
    }
    forget_older(engine, &source, &image.name).await;
    Ok(image)
}

/// Removes images of what the program was before. Those in use stay.
async fn forget_older(engine: &Engine, source: &str, newest: &str) {
    let Ok(images) = engine.images_labelled((LABEL, source)).await else {
        return;
    };
    for (id, names) in images {
        // Two processes that build the same leave one without a name.
        if !names.iter().any(|name| name == newest)
            && let Err(failure) = engine.remove_image(&id).await
        {
            tracing::debug!(id, problem = failure.problem(), "an older image stays");
        }
    }
}

/// The program and what it needs. Blocks.
fn collect(path: &Path) -> Result<Files, String> {
    let real = fs::canonicalize(path)
        .map_err(|error| format!("cannot find {}: {error}", path.display()))?;
    let mut files = program::needs(&real)?;
    files.insert(PROGRAM.trim_start_matches('/').to_owned(), real);
    Ok(files)
}

fn context(files: &Files) -> Context {
    let mut context = Context::default();
    context.text("Dockerfile", 0o644, "FROM scratch\nCOPY root /\n");
    for (inside, path) in files {
        // Whatever modes they have here, the forwarder, who is nobody, gets at its files.
        context.copy(&format!("root/{inside}"), 0o755, path);
    }
    context
}

/// Blocks.
fn hash_of(files: &Files) -> io::Result<String> {
    let mut hasher = Hasher::new();
    let mut piece = vec![0; 256 * 1024];
    for (inside, path) in files {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        hasher.add(format!("{} {length} {inside}\n", inside.len()).as_bytes());
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hasher.add(piece.get(..read).unwrap_or_default());
        }
    }
    Ok(short(hasher.finish()))
}

fn short(mut hash: String) -> String {
    hash.truncate(16);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_image_changes_with_any_file_in_it() {
        let files = collect("/proc/self/exe".as_ref()).unwrap();
        assert!(files.contains_key("forwarder"));
        let mut other = files.clone();
        other.insert("lib/x.so".to_owned(), "/etc/hostname".into());
        assert_ne!(hash_of(&files).unwrap(), hash_of(&other).unwrap());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = collect("/nonexistent/swarm".as_ref()).unwrap_err();
        assert!(
            error.starts_with("cannot find /nonexistent/swarm"),
            "{error}"
        );
    }
}
