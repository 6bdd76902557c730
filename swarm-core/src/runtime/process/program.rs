//! Finding the program of an agent.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use crate::{cache::file_hash::FileHashes, runtime::RuntimeError};

/// The file to execute for `program`: itself if it holds a `/` (seen from `folder`), else the first of that
/// name in `path`.
///
/// Looked up here and not by the kernel's caller, because the agent's `PATH` counts and not ours, and
/// because a reader needs to know where was looked.
pub(super) fn find(program: &str, path: &str, folder: &Path) -> Result<PathBuf, RuntimeError> {
    let missing = |problem: String| RuntimeError::ProgramMissing {
        program: program.to_owned(),
        problem,
    };
    if program.contains('/') {
        let file = folder.join(program);
        return match can_be_run(&file) {
            Ok(()) => Ok(file),
            Err(problem) => Err(missing(if program.starts_with('/') {
                format!("{program} {problem}")
            } else {
                format!(
                    "{} {problem}; an agent starts in a folder of its own, so give the full path of the program",
                    file.display()
                )
            })),
        };
    }
    let mut unfit = None;
    // An empty or relative entry would mean "wherever the agent happens to work": never.
    for dir in path.split(':').filter(|dir| dir.starts_with('/')) {
        let file = Path::new(dir).join(program);
        match can_be_run(&file) {
            Ok(()) => return Ok(file),
            Err(NOT_THERE) => {}
            Err(problem) => unfit = Some(format!("{} {problem}", file.display())),
        }
    }
    Err(missing(unfit.unwrap_or_else(|| {
        format!("no such program in {path}; install it, or give its full path")
    })))
}

/// The file of `program` without links on the way, and a hash of what is in it; `None` if it cannot be found before there is a
/// folder to start in, or cannot be read. What it calls in turn, such as the interpreter of a script, is not looked at.
pub(super) fn identity(program: &str, path: &str, hashes: &FileHashes) -> Option<String> {
    if program.contains('/') && !program.starts_with('/') {
        return None;
    }
    let file = find(program, path, Path::new("/")).ok()?;
    let file = file.canonicalize().ok()?;
    let (hash, _) = hashes.hash(&mut File::open(&file).ok()?).ok()?;
    Some(format!("{} {hash}", file.display()))
}

const NOT_THERE: &str = "does not exist";

fn can_be_run(file: &Path) -> Result<(), &'static str> {
    match file.metadata() {
        Err(_) => Err(NOT_THERE),
        Ok(found) if !found.is_file() => Err("is not a file"),
        Ok(_) if access(file, Access::EXEC_OK).is_err() => Err("is not executable"),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn problem(found: Result<PathBuf, RuntimeError>) -> String {
        found.unwrap_err().to_string()
    }

    #[test]
    fn a_name_is_looked_for_in_the_path_of_the_agent_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tool");
        fs::write(&file, "").unwrap();
        let path = format!("/nowhere:relative::{}", dir.path().display());

        let refused = problem(find("tool", &path, dir.path()));
        assert!(refused.ends_with("tool is not executable"), "{refused}");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", &path, dir.path()).unwrap(), file);
        assert_eq!(
            problem(find("tool", "/nowhere::.", dir.path())),
            "cannot start \"tool\": no such program in /nowhere::.; install it, or give its full path"
        );
    }

    #[test]
    fn a_path_is_seen_from_the_working_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let refused = problem(find("./bin", "/bin", dir.path()));
        let expected = "bin is not a file; an agent starts in a folder of its own, so give the full path of the program";
        assert!(refused.ends_with(expected), "{refused}");
        assert_eq!(
            problem(find("/nowhere/tool", "/bin", dir.path())),
            "cannot start \"/nowhere/tool\": /nowhere/tool does not exist"
        );
    }
}
