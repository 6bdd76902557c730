//! An image of one program of this machine, with the libraries that it is linked to and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Stdio,
    time::Duration,
};

use swarm_core::{
    hash::{self, Hasher},
    runtime::RuntimeError,
};
use tokio::{process::Command, sync::Mutex, task::spawn_blocking, time::timeout};

use super::{Context, build_context, elf, show};
use crate::engine::Engine;

/// The images, with the hash of what is in them as their tag.
const NAME: &str = "swarm-forwarder";
/// Which program an image was made from. Its value is a hash of the path.
const LABEL: &str = "swarm.forwarder";
/// How long the loader may take to name the libraries.
const LIST: Duration = Duration::from_secs(30);

/// An image with one program in it.
#[derive(Clone, Debug)]
pub(crate) struct ProgramImage {
    /// The name of the image.
    pub(crate) name: String,
    /// Where the program is in it.
    pub(crate) program: String,
}

/// Absolute path to content.
type Files = BTreeMap<String, Vec<u8>>;

/// The image of the program at `path`; built if there is none. One is built at a time.
pub(crate) async fn ensure(
    engine: &Engine,
    path: &Path,
    building: &Mutex<()>,
) -> Result<ProgramImage, RuntimeError> {
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: NAME.to_owned(),
        problem,
    };
    let (program, files) = collect(path).await.map_err(failed)?;
    let libraries = folders(&program, &files).map_err(failed)?;
    let prepared = spawn_blocking(move || {
        let tag = hash_of(&files);
        let source = short(hash::hex(program.as_bytes()));
        (program, files, tag, source)
    });
    let (program, files, tag, source) =
        prepared.await.map_err(|error| failed(error.to_string()))?;
    let image = ProgramImage {
        name: format!("{NAME}:{tag}"),
        program,
    };
    if show(engine, &image.name).await?.is_some() {
        return Ok(image);
    }
    let _turn = building.lock().await;
    if show(engine, &image.name).await?.is_some() {
        return Ok(image);
    }
    let label = format!("{LABEL}={source}");
    let context = spawn_blocking(move || context(&files, &libraries, &label)).await;
    let context = context
        .map_err(|error| failed(error.to_string()))?
        .map_err(failed)?;
    build_context(engine, &image.name, context).await?;
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

/// The program and what it needs. Its own loader says what that is; it does not run the program for that.
async fn collect(path: &Path) -> Result<(String, Files), String> {
    let shown = path.display();
    let real = fs::canonicalize(path).map_err(|error| format!("cannot find {shown}: {error}"))?;
    let program = real
        .to_str()
        .ok_or("the path of the program is not UTF-8")?;
    let content = read(program).await?;
    let loader =
        elf::interpreter(&content).ok_or_else(|| format!("{shown} is not an ELF program"))?;
    let loader = match loader {
        elf::Loader::None => None,
        elf::Loader::Linker(path) => Some(path.to_owned()),
    };
    let mut files = Files::from([(program.to_owned(), content)]);
    let Some(loader) = loader else {
        return Ok((program.to_owned(), files));
    };
    let listing = Command::new(&loader)
        .arg("--list")
        .arg(program)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let failed =
        |problem: &str| format!("{loader} does not say which libraries {shown} needs: {problem}");
    let listed = timeout(LIST, listing)
        .await
        .map_err(|_| failed("it took too long"))?
        .map_err(|error| failed(&error.to_string()))?;
    if !listed.status.success() {
        return Err(failed(&String::from_utf8_lossy(&listed.stderr)));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    for library in libraries(&listed)?.into_iter().chain([loader]) {
        let content = read(&library).await?;
        files.insert(library, content);
    }
    Ok((program.to_owned(), files))
}

async fn read(path: &str) -> Result<Vec<u8>, String> {
    let path = path.to_owned();
    let reading = spawn_blocking(move || {
        fs::read(&path).map_err(|error| format!("cannot read {path}: {error}"))
    });
    reading.await.map_err(|error| error.to_string())?
}

/// The paths in what a loader lists, such as `libc.so.6 => /lib/libc.so.6 (0x00007f)`.
fn libraries(listed: &str) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for line in listed.lines().map(str::trim) {
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        if path.starts_with("not found") {
            return Err(format!("a library is missing: {line}"));
        }
        // What has no path is the kernel's own.
        if path.starts_with('/') {
            let path = path.rsplit_once(" (").map_or(path, |(path, _)| path);
            found.insert(path.to_owned());
        }
    }
    Ok(found)
}

/// The folders of the libraries, as the loader takes them: inside there is no cache that says where they are.
fn folders(program: &str, files: &Files) -> Result<String, String> {
    let libraries = files.keys().filter(|path| *path != program);
    let folders: BTreeSet<&str> = libraries
        .filter_map(|path| path.rsplit_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    match folders.iter().find(|folder| !folder.chars().all(plain)) {
        Some(odd) => Err(format!(
            "a library is in a folder with an odd name: {odd:?}"
        )),
        None => Ok(folders.into_iter().collect::<Vec<_>>().join(":")),
    }
}

fn context(files: &Files, libraries: &str, label: &str) -> Result<Vec<u8>, String> {
    let path = if libraries.is_empty() {
        String::new()
    } else {
        format!("ENV LD_LIBRARY_PATH={libraries}\n")
    };
    let dockerfile = format!("FROM scratch\nCOPY root /\n{path}LABEL {label}\n");
    let mut context = Context::new(&dockerfile);
    let root = (0, 0);
    context.folder("root", 0o755, root);
    // Whatever modes the folders have here, the forwarder, who is nobody, gets at its files.
    let folders: BTreeSet<&str> = files
        .keys()
        .flat_map(|path| {
            path.match_indices('/')
                .filter_map(|(at, _)| path.get(1..at))
        })
        .collect();
    for folder in folders {
        context.folder(&format!("root/{folder}"), 0o755, root);
    }
    for (path, content) in files {
        context.file(&format!("root{path}"), 0o755, content);
    }
    context.finish()
}

fn hash_of(files: &Files) -> String {
    let mut hasher = Hasher::new();
    for (path, content) in files {
        hasher.add(format!("{} {} {path}\n", path.len(), content.len()).as_bytes());
        hasher.add(content);
    }
    short(hasher.finish())
}

fn short(mut hash: String) -> String {
    hash.truncate(16);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loader_lists_is_read_whoever_made_it() {
        let gnu = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0e)\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x00007f0f)\n";
        let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
        let list = |text| libraries(text).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(
            list(gnu),
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert_eq!(list(musl), ["/lib/ld-musl-x86_64.so.1"]);
        assert!(libraries("\tlibx.so => not found\n").is_err());
    }

    #[tokio::test]
    async fn a_program_comes_with_its_loader_and_libraries() {
        let (program, files) = collect("/proc/self/exe".as_ref()).await.unwrap();
        assert!(files[&program].starts_with(b"\x7fELF"));
        if files.len() > 1 {
            let libraries = folders(&program, &files).unwrap();
            assert!(libraries.starts_with('/'), "{libraries}");
        }
        let other = {
            let mut other = files.clone();
            other.insert("/lib/x.so".to_owned(), Vec::new());
            other
        };
        assert_ne!(hash_of(&files), hash_of(&other));
    }

    #[tokio::test]
    async fn what_is_no_program_is_named() {
        let text = tempfile::NamedTempFile::new().unwrap();
        fs::write(text.path(), "#!/bin/sh\n").unwrap();
        let error = collect(text.path()).await.unwrap_err();
        assert!(error.ends_with("is not an ELF program"), "{error}");
        let error = collect("/nonexistent/swarm".as_ref()).await.unwrap_err();
        assert!(
            error.starts_with("cannot find /nonexistent/swarm"),
            "{error}"
        );
    }
}
