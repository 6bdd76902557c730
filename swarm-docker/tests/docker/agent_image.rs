//! Images of kinds with a CLI, made without a registry, and images that runs miss.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::future::join_all;
use serde_json::json;
use swarm_core::{
    ids::RunId,
    runtime::{AgentJob, AgentRuntime as _, RuntimeError},
    testing::sink::VecSink,
};
use swarm_docker::{BuildMissing, BuildNews, DockerOptions, DockerRuntime, ImageRecipe};
use tokio_util::sync::CancellationToken;

use crate::{
    adoption::variable,
    support::{Bench, busybox, command, options},
};

/// Names for one test. The images go when it ends, whatever the end.
struct Name(String);

impl Name {
    fn fresh() -> Self {
        Self(format!("swarm-test-{}:latest", RunId::random()))
    }

    async fn remove(self, bench: &Bench) {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        let removed = bench
            .docker
            .remove_image(&self.0, Some(options), None)
            .await;
        removed.unwrap();
        assert_eq!(bench.runtime.show_image(&self.0).await.unwrap(), None);
    }
}

/// A program that says that it is the CLI, and is not.
fn fake(folder: &Path) -> PathBuf {
    says(folder, "2.1.329 (Claude Code)")
}

/// A program that says this to `--version`.
fn says(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join("some-name");
    // Else it could be that of another test, whose steps an engine takes, and which that test removes meanwhile.
    let unique = folder.file_name().unwrap().display();
    let text = format!(
        "#!/bin/sh\n# {unique}\n[ \"$1\" = --version ] && {{ echo '{version}'; exit; }}\necho \"fake $0\"; cat\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

fn program(path: PathBuf) -> ImageRecipe {
    ImageRecipe::Program {
        kind: "claude".to_owned(),
        path,
        busybox: "/bin/busybox".into(),
        certificates: None,
    }
}

fn claude(image: Option<&str>) -> AgentJob {
    let sandbox = image.map_or_else(|| json!({}), |image| json!({"image": image}));
    AgentJob {
        kind: "claude",
        ..command(sandbox, &["claude"])
    }
}

#[tokio::test]
async fn a_program_of_this_machine_becomes_the_image_of_its_kind() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let name = Name::fresh();
    let lines = Mutex::new(Vec::new());
    let tell = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let recipe = program(fake(folder.path()));
    let built = bench.runtime.build_image(&name.0, &recipe, &tell).await;
    let built = built.unwrap();
    let made = built.made.clone().unwrap();
    assert_eq!(
        (made.kind.as_str(), made.method.as_str()),
        ("claude", "program")
    );
    assert!(!made.has_changed);
    assert!(
        lines
            .into_inner()
            .unwrap()
            .iter()
            .any(|line| line.starts_with("Step "))
    );

    let (exit, sink) = bench.run(&claude(Some(&name.0))).await;
    assert!(exit.unwrap().reason.is_success());
    assert_eq!(sink.text(), "fake /usr/local/bin/claude\n");
    let image = sink.image().unwrap();
    assert_eq!((image.name, image.digest), (name.0.clone(), built.id));
    name.remove(&bench).await;
}

#[tokio::test]
async fn a_dynamically_linked_program_starts_with_the_libraries_that_were_packed() {
    let bench = Bench::new().await;
    let name = Name::fresh();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linked");
    let source = folder.path().join("linked.c");
    let text = "#include <stdio.h>\nint main(void) { puts(\"1.2.3 (Claude Code)\"); return 0; }\n";
    fs::write(&source, text).unwrap();
    let mut compiler = std::process::Command::new("cc");
    let compiled = compiler.arg("-o").arg(&path).arg(&source).status();
    assert!(compiled.unwrap().success());
    let recipe = program(path);
    bench
        .runtime
        .build_image(&name.0, &recipe, &|_| {})
        .await
        .unwrap();
    let job = AgentJob {
        kind: "claude",
        ..command(json!({"image": name.0}), &["claude"])
    };
    let (exit, sink) = bench.run(&job).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(sink.text(), "1.2.3 (Claude Code)\n");
    name.remove(&bench).await;
}

#[tokio::test]
async fn a_root_file_system_becomes_an_image_with_a_user_and_a_working_folder() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    for tool in ["sh", "grep", "cat", "id"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(tool)).unwrap();
    }
    let recipe = |program| ImageRecipe::RootFs {
        kind: "claude".to_owned(),
        path: root.clone(),
        program,
    };
    let name = Name::fresh();
    let without = bench
        .runtime
        .build_image(&name.0, &recipe(None), &|_| {})
        .await;
    let problem = without.unwrap_err().to_string();
    assert!(
        problem.contains("it has no claude in its PATH"),
        "{problem}"
    );
    assert_eq!(bench.runtime.show_image(&name.0).await.unwrap(), None);
    let other = recipe(Some(says(folder.path(), "1.2.3")));
    let other = bench.runtime.build_image(&name.0, &other, &|_| {}).await;
    let problem = other.unwrap_err().to_string();
    assert!(problem.contains("it is no claude"), "{problem}");

    let with = recipe(Some(fake(folder.path())));
    bench
        .runtime
        .build_image(&name.0, &with, &|_| {})
        .await
        .unwrap();
    let text = bench
        .text(
            json!({"image": name.0}),
            "claude </dev/null && id -un && echo x > y && cat y",
        )
        .await;
    assert_eq!(text, "fake /usr/local/bin/claude\nagent\nx\n");

    // Neither of those that failed has left anything of this root file system; the one that did not has.
    let layer = first_layer(&bench, &name.0).await.unwrap();
    let all = ListImagesOptionsBuilder::new().all(true).build();
    let mut of_this_root = Vec::new();
    for image in bench.docker.list_images(Some(all)).await.unwrap() {
        if first_layer(&bench, &image.id).await.as_ref() == Some(&layer) {
            of_this_root.push((image.parent_id, image.id));
        }
    }
    let (parents, images): (Vec<_>, Vec<_>) = of_this_root.into_iter().unzip();
    let roots = parents.iter().filter(|parent| !images.contains(parent));
    assert_eq!(roots.count(), 1, "{parents:?} {images:?}");
    name.remove(&bench).await;
}

/// The layer that an image begins with; `None` if it is gone meanwhile.
async fn first_layer(bench: &Bench, image: &str) -> Option<String> {
    let found = bench.docker.inspect_image(image).await.ok()?;
    found.root_fs?.layers?.into_iter().next()
}

#[tokio::test]
async fn a_program_that_is_another_one_becomes_no_image() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let name = Name::fresh();
    for version in ["jq-1.6", "1.2.3", "codex-cli 0.1.0", ""] {
        let recipe = program(says(folder.path(), version));
        let built = bench.runtime.build_image(&name.0, &recipe, &|_| {}).await;
        let problem = built.unwrap_err().to_string();
        let said = format!("it is no claude: to --version it says \"{version}\"");
        assert!(problem.contains(&said), "{problem}");
        assert_eq!(bench.runtime.show_image(&name.0).await.unwrap(), None);
    }
    let failing = folder.path().join("failing");
    fs::write(&failing, "#!/bin/sh\necho 'unknown option' >&2; exit 2\n").unwrap();
    let recipe = program(failing);
    let built = bench.runtime.build_image(&name.0, &recipe, &|_| {});
    let problem = built.await.unwrap_err().to_string();
    // Which of the two comes first is the engine's business.
    for part in ["unknown option", "it is no claude"] {
        assert!(problem.contains(part), "{problem}");
    }
    assert!(!problem.contains("set -eu"), "{problem}");
}

#[tokio::test]
async fn an_image_of_a_program_has_the_bash_of_this_machine() {
    if !Path::new("/bin/bash").is_file() {
        return;
    }
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let name = Name::fresh();
    let recipe = program(fake(folder.path()));
    let built = bench.runtime.build_image(&name.0, &recipe, &|_| {}).await;
    built.unwrap();
    let script = r#"words=(one two); [[ ${words[1]} =~ ^t(.)o$ ]] && echo "${BASH_REMATCH[1]} ${#words[@]} ${BASH_VERSION%%.*}""#;
    let here = std::process::Command::new("/bin/bash")
        .args(["-c", script])
        .output();
    let job = AgentJob {
        kind: "claude",
        ..command(json!({"image": name.0}), &["/bin/bash", "-c", script])
    };
    let (exit, sink) = bench.run(&job).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert!(sink.text().starts_with("w 2 "), "{}", sink.text());
    assert_eq!(sink.text().as_bytes(), here.unwrap().stdout);
    name.remove(&bench).await;
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_before_the_engine_is_asked() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recipe = program(fake(folder.path()));
    let digest = format!("swarm-test@sha256:{}", "0".repeat(64));
    for (name, problem) in [("", "empty"), ("No Name", "no spaces"), (&digest, "digest")] {
        let told = Mutex::new(0);
        let tell = |_: &str| *told.lock().unwrap() += 1;
        let built = bench.runtime.build_image(name, &recipe, &tell).await;
        let error = built.unwrap_err();
        assert!(matches!(error, RuntimeError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(told.into_inner().unwrap(), 0);
    }
    let certificates = folder.path().join("ca.crt");
    fs::write(&certificates, "none").unwrap();
    for (path, problem) in [
        (certificates, "has no certificate"),
        (
            "/nonexistent/ca.crt".into(),
            "cannot read the certificates in /nonexistent/ca.crt",
        ),
    ] {
        let recipe = ImageRecipe::Program {
            kind: "claude".to_owned(),
            path: fake(folder.path()),
            busybox: "/bin/busybox".into(),
            certificates: Some(path),
        };
        let name = Name::fresh();
        let tell = |line: &str| panic!("the engine was asked: {line}");
        let built = bench.runtime.build_image(&name.0, &recipe, &tell).await;
        let error = built.unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_by_todays_recipe_says_so() {
    let bench = Bench::new().await;
    let name = Name::fresh();
    let dockerfile = format!(
        "FROM {}\nLABEL swarm.image=1 swarm.image.kind=claude swarm.image.method=program swarm.image.recipe=old\n",
        crate::support::IMAGE
    );
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "Dockerfile", dockerfile.as_bytes())
        .unwrap();
    let options = bollard::query_parameters::BuildImageOptionsBuilder::new()
        .t(&name.0)
        .build();
    let body = bollard::body_full(tar.into_inner().unwrap().into());
    let steps = bench.docker.build_image(options, None, Some(body));
    let steps: Vec<_> = futures_util::StreamExt::collect(steps).await;
    assert!(steps.iter().all(Result::is_ok), "{steps:?}");
    let made = bench
        .runtime
        .show_image(&name.0)
        .await
        .unwrap()
        .unwrap()
        .made;
    assert!(made.unwrap().has_changed);
    name.remove(&bench).await;
}

/// A runtime of its own, as another process has one, whose runs miss `image`.
async fn who_misses(
    image: &str,
    recipe: ImageRecipe,
    locks: &Path,
) -> (DockerRuntime, Arc<Mutex<Vec<String>>>) {
    let news = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&news);
    let runtime = DockerRuntime::connect(DockerOptions {
        images: BTreeMap::from([("claude".to_owned(), image.to_owned())]),
        build_missing: Some(BuildMissing {
            recipes: BTreeMap::from([("claude".to_owned(), recipe)]),
            locks: locks.to_owned(),
            tell: Arc::new(move |news| {
                let word = match news {
                    BuildNews::Begins { .. } => "begins",
                    BuildNews::Ends { .. } => "ends",
                    _ => return,
                };
                said.lock().unwrap().push(word.to_owned());
            }),
        }),
        ..options()
    })
    .await
    .unwrap();
    (runtime, news)
}

async fn run(runtime: &DockerRuntime, job: &AgentJob) -> (Result<bool, RuntimeError>, VecSink) {
    let mut sink = VecSink::default();
    let stop = CancellationToken::new();
    let exit = runtime.run(job, &mut sink, &stop).await;
    (exit.map(|exit| exit.reason.is_success()), sink)
}

#[tokio::test]
async fn runs_of_many_runtimes_that_miss_an_image_have_it_built_once() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let name = Name::fresh();
    let recipe = program(fake(folder.path()));
    let mut runtimes = Vec::new();
    for _ in 0..4 {
        runtimes.push(who_misses(&name.0, recipe.clone(), &folder.path().join("locks")).await);
    }
    let jobs: Vec<_> = (0..8).map(|_| claude(None)).collect();
    let runs = jobs.iter().zip(runtimes.iter().cycle());
    let ended = join_all(runs.map(|(job, (runtime, _))| run(runtime, job))).await;
    let id = bench.runtime.show_image(&name.0).await.unwrap().unwrap().id;
    for (success, sink) in ended {
        assert!(success.unwrap(), "{sink:?}");
        assert_eq!(sink.image().unwrap().digest, id);
    }
    let news = runtimes
        .iter()
        .map(|(_, news)| news.lock().unwrap().join(" "));
    let news: Vec<String> = news.filter(|news| !news.is_empty()).collect();
    assert_eq!(news, ["begins ends"]);
    name.remove(&bench).await;
}

/// One of the ten.
#[tokio::test]
#[ignore = "another test starts it as a process of its own"]
async fn process_that_misses_an_image() {
    let Some(image) = variable("SWARM_TEST_IMAGE") else {
        return;
    };
    let folder = PathBuf::from(variable("SWARM_TEST_FOLDER").unwrap());
    let recipe = program(folder.join("some-name"));
    let (runtime, news) = who_misses(&image, recipe, &folder.join("locks")).await;
    let (success, sink) = run(&runtime, &claude(None)).await;
    assert!(success.unwrap(), "{sink:?}");
    // The name tells who it was; the number of files, how many.
    for word in news.lock().unwrap().iter() {
        fs::write(folder.join(format!("{word}-{}", std::process::id())), "").unwrap();
    }
}

#[tokio::test]
async fn ten_processes_that_miss_an_image_build_it_once() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    fake(folder.path());
    let name = Name::fresh();
    let start = |_| {
        tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "agent_image::process_that_misses_an_image"])
            .args(["--ignored", "--nocapture"])
            .env("SWARM_TEST_IMAGE", &name.0)
            .env("SWARM_TEST_FOLDER", folder.path())
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output()
    };
    for output in join_all((0..10).map(start)).await {
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let files = fs::read_dir(folder.path()).unwrap().flatten();
    let files: Vec<_> = files.map(|file| file.file_name()).collect();
    let count = |word: &str| {
        let names = files.iter().filter_map(|name| name.to_str());
        names.filter(|name| name.starts_with(word)).count()
    };
    assert_eq!((count("begins"), count("ends")), (1, 1), "{files:?}");
    name.remove(&bench).await;
}

#[tokio::test]
async fn an_image_that_cannot_be_built_is_tried_once_and_the_error_says_what_to_do() {
    let _bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recipe = ImageRecipe::Install {
        kind: "claude".to_owned(),
        base: Some("localhost:1/no-such-base:1".to_owned()),
        version: None,
    };
    let (runtime, news) = who_misses(&Name::fresh().0, recipe, folder.path()).await;
    let jobs: Vec<_> = (0..5).map(|_| claude(None)).collect();
    for (ended, _) in join_all(jobs.iter().map(|job| run(&runtime, job))).await {
        let error = ended.unwrap_err();
        assert_eq!(
            error.exit_reason(),
            swarm_core::outcome::ExitReason::NotStarted
        );
        let error = error.to_string();
        for part in [
            "cannot get its base",
            "`swarm image build claude --program FILE`",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
    assert_eq!(*news.lock().unwrap(), ["begins"]);
}

#[tokio::test]
async fn an_image_that_somebody_named_is_never_built_unasked() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let name = Name::fresh();
    let (runtime, news) = who_misses(&name.0, busybox(), folder.path()).await;
    let (ended, _) = run(&runtime, &claude(Some(&name.0))).await;
    let error = ended.unwrap_err();
    assert!(
        matches!(error, RuntimeError::ImageMissing { .. }),
        "{error:?}"
    );
    // Nor one that nobody said how to make.
    let (ended, _) = run(&bench.runtime, &claude(None)).await;
    if let Err(error) = ended {
        assert!(
            error.to_string().contains("`swarm image build claude`"),
            "{error}"
        );
    }
    assert!(news.lock().unwrap().is_empty());
}
