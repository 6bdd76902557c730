//! Files that are put in before the agent starts.
//!
//! The root of a container is read-only, and the engine refuses an upload into it, so each folder that gets
//! a file becomes a volume: one for the working folder, one for each other parent folder. The volumes have
//! no name: the engine removes them together with the container. What the image has in such a folder, the
//! engine copies into the volume, so nothing of it disappears.

use std::{collections::BTreeMap, io};

use swarm_core::{agents::Invocation, runtime::RuntimeError, spec::Sandbox};

/// Folders of the kernel; nothing is ever put there.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A folder that becomes a volume, and the files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputVolume<'a> {
    /// Absolute and clean.
    pub(crate) folder: String,
    /// The mode of the folder itself, if the agent is to own it.
    pub(crate) owned: Option<u32>,
    /// Path below the folder to content.
    pub(crate) files: BTreeMap<String, &'a str>,
}

/// `path` without double slashes, dots and trailing slashes.
pub(crate) fn clean(path: &str) -> String {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .fold(String::new(), |clean, part| clean + "/" + part)
}

/// Whether `path` is `folder` or lies below it. Both clean.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn unsupported(field: String, hint: &'static str) -> RuntimeError {
    RuntimeError::Unsupported {
        runtime: "docker",
        field,
        hint,
    }
}

/// The volumes that the input files of `sandbox` need, by folder.
pub(crate) fn plan(sandbox: &Sandbox) -> Result<Vec<InputVolume<'_>>, RuntimeError> {
    let workdir = clean(&sandbox.workdir);
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    for (written, content) in &sandbox.input_files {
        let field = || format!("input_files {written:?}");
        let path = clean(&sandbox.inside(written));
        check_target(&path, &field)?;
        if is_within(&workdir, &path) {
            return Err(unsupported(
                field(),
                "the working folder is there; choose a file name inside it",
            ));
        }
        let mounted = |m: &&swarm_core::spec::Mount| is_within(&path, &clean(&m.container_path));
        if sandbox.mounts.iter().any(|mount| mounted(&mount)) {
            return Err(unsupported(
                field(),
                "a mount covers it, and writing it would change the folder on the host; put the file into that \
                 folder yourself, or mount the folder elsewhere",
            ));
        }
        if files.insert(path, content).is_some() {
            return Err(unsupported(
                field(),
                "another entry names the same file; keep one",
            ));
        }
    }

    let mut volumes: Vec<InputVolume<'_>> = Vec::new();
    // Sorted, so that a folder comes before those below it and takes their files.
    let mut folders: Vec<String> = files
        .keys()
        .map(|path| {
            if is_within(path, &workdir) {
                workdir.clone()
            } else {
                parent(path).to_owned()
            }
        })
        .collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        let own = folder == workdir;
        let covered = volumes
            .iter()
            .any(|volume| is_within(&folder, &volume.folder));
        if own || !covered {
            let owned = if own {
                Some(0o755)
            } else if folder == "/tmp" {
                Some(0o1777)
            } else {
                None
            };
            volumes.push(InputVolume {
                folder,
                owned,
                files: BTreeMap::new(),
            });
        }
    }
    for (path, content) in files {
        // The deepest volume hides what the others have there.
        let deepest = volumes
            .iter_mut()
            .filter(|volume| is_within(&path, &volume.folder))
            .max_by_key(|volume| volume.folder.len());
        if let Some(volume) = deepest
            && let Some(below) = path.strip_prefix(&volume.folder)
        {
            let below = below.trim_start_matches('/').to_owned();
            volume.files.insert(below, content);
        }
    }
    Ok(volumes)
}

/// The mode of a folder that is its owner's alone.
const PRIVATE: u32 = 0o700;

/// Where an agent whose kind puts files into its home has that.
pub(crate) const HOME: &str = "/home/agent";

/// The volume of a home with files in it; the agent owns it, and nobody else sees into it.
pub(crate) fn home(invocation: &Invocation) -> Option<InputVolume<'_>> {
    let files = invocation.home.iter();
    (!invocation.home.is_empty()).then(|| InputVolume {
        folder: HOME.to_owned(),
        owned: Some(PRIVATE),
        files: files
            .map(|(path, content)| (path.clone(), content.as_str()))
            .collect(),
    })
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether `path`, which is clean, is in a folder of the kernel.
pub(crate) fn is_of_kernel(path: &str) -> bool {
    KERNEL.iter().any(|folder| is_within(path, folder))
}

fn check_target(path: &str, field: &dyn Fn() -> String) -> Result<(), RuntimeError> {
    if path.split('/').any(|part| part == "..") || path.contains('\0') {
        return Err(RuntimeError::Refused {
            field: field(),
            reason: "the path inside cannot hold `..`".to_owned(),
        });
    }
    if parent(path).is_empty() {
        return Err(unsupported(
            field(),
            "the root of a container is read-only; use a folder, such as the working folder",
        ));
    }
    if is_of_kernel(path) {
        return Err(RuntimeError::Refused {
            field: field(),
            reason: "/proc, /sys and /dev belong to the kernel; use another folder".to_owned(),
        });
    }
    Ok(())
}

impl InputVolume<'_> {
    /// The files as a tar that is unpacked at the folder, all owned by `user`.
    pub(crate) fn tar(&self, (uid, gid): (u32, u32)) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let header = |kind: tar::EntryType, mode: u32, size: usize| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(uid.into());
            header.set_gid(gid.into());
            header.set_size(size as u64);
            header
        };
        if let Some(mode) = self.owned {
            // Engines skip an entry named `.`, but apply owner and mode of one named `/` to the folder that
            // they unpack at. Without this the folder would belong to root, and the agent could not write.
            let mut root = header(tar::EntryType::Directory, mode, 0);
            if let Some(first) = root.as_old_mut().name.first_mut() {
                *first = b'/';
            }
            root.set_cksum();
            tar.append(&root, io::empty())?;
        }
        // Below a folder that is its owner's alone, so is everything: it may hold secrets.
        let is_private = self.owned == Some(PRIVATE);
        let (folder_mode, file_mode) = if is_private {
            (PRIVATE, 0o600)
        } else {
            (0o755, 0o644)
        };
        let mut made: Vec<&str> = Vec::new();
        for (path, content) in &self.files {
            for (at, _) in path.match_indices('/') {
                let folder = path.get(..at).unwrap_or_default();
                if !made.contains(&folder) {
                    made.push(folder);
                    let mut header = header(tar::EntryType::Directory, folder_mode, 0);
                    tar.append_data(&mut header, format!("{folder}/"), io::empty())?;
                }
            }
            let mut header = header(tar::EntryType::Regular, file_mode, content.len());
            tar.append_data(&mut header, path, content.as_bytes())?;
        }
        tar.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;
    use serde_json::json;
    use swarm_core::spec::SandboxSpec;

    use super::*;

    fn sandbox(value: serde_json::Value) -> Sandbox {
        SandboxSpec::from_json(value, "sandbox")
            .unwrap()
            .resolve()
            .unwrap()
    }

    fn folders(sandbox: &Sandbox) -> Vec<(String, Vec<String>)> {
        plan(sandbox)
            .unwrap()
            .into_iter()
            .map(|volume| (volume.folder, volume.files.into_keys().collect()))
            .collect()
    }

    #[test]
    fn files_of_the_working_folder_share_its_volume() {
        let sandbox =
            sandbox(json!({"input_files": {"a.txt": "", "d/b.txt": "", "/workspace//c": ""}}));
        assert_eq!(
            folders(&sandbox),
            [(
                "/workspace".to_owned(),
                vec!["a.txt".to_owned(), "c".to_owned(), "d/b.txt".to_owned()]
            )]
        );
    }

    #[test]
    fn a_file_elsewhere_gets_the_volume_of_its_parent_or_of_one_above() {
        let sandbox = sandbox(
            json!({"input_files": {"/opt/x/a": "", "/opt/x/y/b": "", "/home/c": ""}, "workdir": "/home/ws"}),
        );
        assert_eq!(
            folders(&sandbox),
            [
                ("/home".to_owned(), vec!["c".to_owned()]),
                ("/opt/x".to_owned(), vec!["a".to_owned(), "y/b".to_owned()]),
            ]
        );
    }

    #[test]
    fn the_working_folder_keeps_a_volume_of_its_own_below_another() {
        let sandbox =
            sandbox(json!({"input_files": {"/home/c": "", "d": ""}, "workdir": "/home/ws"}));
        assert_eq!(
            folders(&sandbox),
            [
                ("/home".to_owned(), vec!["c".to_owned()]),
                ("/home/ws".to_owned(), vec!["d".to_owned()]),
            ]
        );
    }

    #[test]
    fn places_that_cannot_take_a_file_are_refused() {
        for (files, mounts) in [
            (json!({"/passwd": ""}), json!([])),
            (json!({"/proc/x/y": ""}), json!([])),
            (json!({"/dev/shm/y": ""}), json!([])),
            (json!({"a": "", "/workspace/a": ""}), json!([])),
            (json!({".": ""}), json!([])),
            (
                json!({"src/a": ""}),
                json!([{"host_path": "/srv", "container_path": "/workspace/src/", "readonly": false}]),
            ),
            (
                json!({"a": ""}),
                json!([{"host_path": "/srv", "container_path": "/workspace", "readonly": true}]),
            ),
        ] {
            let sandbox = sandbox(json!({"input_files": files, "mounts": mounts}));
            assert!(plan(&sandbox).is_err(), "{files} was accepted");
        }
    }

    #[test]
    fn a_mount_beside_an_input_file_is_fine() {
        let sandbox = sandbox(json!({
            "input_files": {"a": ""},
            "mounts": [{"host_path": "/srv", "container_path": "/workspace/src"}],
        }));
        assert_eq!(plan(&sandbox).unwrap().len(), 1);
    }

    #[test]
    fn the_tar_gives_everything_to_the_user_of_the_agent() {
        let sandbox = sandbox(json!({"input_files": {"d/e/f.txt": "text"}}));
        let bytes = plan(&sandbox).unwrap().remove(0).tar((1234, 99)).unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().uid().unwrap(), 1234);
            assert_eq!(entry.header().gid().unwrap(), 99);
            names.push(String::from_utf8(entry.path_bytes().into_owned()).unwrap());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert!(text.is_empty() || text == "text");
        }
        assert_eq!(names, ["/", "d/", "d/e/", "d/e/f.txt"]);
    }

    proptest! {
        #[test]
        fn every_file_is_in_exactly_one_volume_at_its_own_path(
            names in prop::collection::btree_set("(/[a-c]{1,2}){2,5}", 1..8),
            workdir in "(/[a-c]{1,2}){1,3}",
        ) {
            prop_assume!(!names.iter().any(|name| is_within(&workdir, name)));
            let files: serde_json::Map<_, _> = names.iter().map(|n| (n.clone(), json!(""))).collect();
            let sandbox = sandbox(json!({"input_files": files, "workdir": workdir}));
            let mut placed: Vec<String> = plan(&sandbox)
                .unwrap()
                .iter()
                .flat_map(|v| v.files.keys().map(|f| format!("{}/{f}", v.folder)).collect::<Vec<_>>())
                .collect();
            placed.sort();
            prop_assert_eq!(placed, names.into_iter().collect::<Vec<_>>());
        }
    }
}
