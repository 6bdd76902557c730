//! The files in `examples`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use swarm_core::{
    catalog::Catalog,
    spec::{SandboxSpec, Sandboxes, SpecError},
    types::TypeRegistry,
};
use swarm_pipeline::{GovernorFolders, PipelineFolders, Pipelines as _, Surroundings, compile};

/// Saved sandboxes with absolute paths.
#[derive(Debug)]
struct Absolute(Catalog);
impl Sandboxes for Absolute {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        let mut spec = self.0.sandbox(name)?;
        for mount in spec.mounts.iter_mut().flatten() {
            mount.host_path = mount.host_path.replacen('.', "/checkout", 1);
        }
        Ok(spec)
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

#[test]
fn every_pipeline_compiles_without_a_warning_and_says_what_it_is_for() {
    let folder = examples();
    let pipelines = PipelineFolders::new(vec![folder.join("pipelines")]);
    // Those of a user are made absolute where they are read.
    let localize = |spec: &mut SandboxSpec| {
        for mount in spec.mounts.iter_mut().flatten() {
            mount.host_path = mount.host_path.replacen('.', "/checkout", 1);
        }
    };
    let sandboxes = Absolute(Catalog::new(vec![folder.join("sandboxes")]));
    let governors = GovernorFolders::new(vec![folder.join("governors")]);
    let types = TypeRegistry::default();
    let around = Surroundings::new(&sandboxes, &types)
        .with_governors(&governors)
        .with_pipelines(&pipelines)
        .with_paths(&localize);
    let listed = pipelines.list();
    assert_eq!(
        listed.len(),
        fs::read_dir(folder.join("pipelines")).unwrap().count()
    );
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    for listed in listed {
        let name = &listed.name;
        assert!(matches!(listed.description, Ok(Some(_))), "{name}");
        let source = pipelines.pipeline(name).unwrap();
        let compiled = compile(&source, &around).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert_eq!(compiled.program.name.as_ref(), Some(name));
        assert_eq!(compiled.warnings, [], "{name}");
        let file = listed.path.file_name().unwrap().to_str().unwrap();
        assert!(
            readme.contains(&format!("(pipelines/{file})")),
            "{file} is not listed"
        );
    }
}

#[test]
fn every_governor_can_be_used_by_name() {
    let folder = examples();
    let listed = GovernorFolders::new(vec![folder.join("governors")]).list();
    assert!(!listed.is_empty());
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    for listed in listed {
        assert!(matches!(listed.description, Ok(Some(_))), "{listed:?}");
        let file = listed.path.file_name().unwrap().to_str().unwrap();
        assert!(
            readme.contains(&format!("(governors/{file})")),
            "{file} is not listed"
        );
    }
}
