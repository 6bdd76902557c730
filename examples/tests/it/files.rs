//! The files beside the programs.

use std::{fs, path::Path};

use swarm_core::{catalog::Catalog, spec::SandboxSpec};

use crate::programs::{examples, folder};

fn names(folder: &Path, extension: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(extension))
        .collect();
    names.sort();
    names
}

#[test]
fn every_sandbox_loads_and_makes_sense() {
    let sandboxes = folder().join("sandboxes");
    let names = names(&sandboxes, ".json");
    assert!(!names.is_empty());
    for name in names {
        let text = fs::read_to_string(sandboxes.join(&name)).unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut spec = SandboxSpec::from_json(value, &name).unwrap_or_else(|e| panic!("{e}"));
        for mount in spec.mounts.iter_mut().flatten() {
            // Whoever uses it says where `.` is.
            mount.host_path = folder().join(&mount.host_path).display().to_string();
        }
        spec.resolve().unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn every_sandbox_can_be_used_by_name() {
    let sandboxes = folder().join("sandboxes");
    let listed = Catalog::new(vec![sandboxes.clone()]).list();
    assert_eq!(listed.len(), names(&sandboxes, ".json").len());
    for entry in listed {
        assert!(entry.spec.is_ok(), "{}: {:?}", entry.name, entry.spec);
    }
}

#[test]
fn the_list_of_examples_is_complete() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let listed = examples();
    for program in names(&folder(), ".rs") {
        let name = program.strip_suffix(".rs").unwrap();
        assert!(listed.contains(&name), "{name} is not run by the tests");
        assert!(
            readme.contains(&format!("[{program}]({program})")),
            "{program} is not listed"
        );
        assert!(
            readme.contains(&format!("--example {name}`")),
            "no command for {name}"
        );
    }
    for sandbox in names(&folder().join("sandboxes"), ".json") {
        assert!(
            readme.contains(&format!("(sandboxes/{sandbox})")),
            "{sandbox} is not listed"
        );
    }
}
