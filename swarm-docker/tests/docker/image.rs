//! Images that are built here.

use std::collections::HashMap;

use bollard::query_parameters::{EventsOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::{StreamExt as _, future::join_all};
use serde_json::json;
use swarm_core::{ids::RunId, runtime::RuntimeError};
use swarm_docker::ImageRecipe;

use crate::support::{Bench, IMAGE, busybox, now};

fn fresh_name() -> String {
    format!("swarm-test-{}:latest", RunId::random())
}

async fn remove(bench: &Bench, name: &str) {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    bench
        .docker
        .remove_image(name, Some(options), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn ten_who_miss_an_image_build_it_once() {
    let bench = Bench::new().await;
    let name = fresh_name();
    assert_eq!(bench.runtime.show_image(&name).await.unwrap(), None);
    let recipe = busybox();
    let built = join_all((0..10).map(|_| bench.runtime.ensure_image(&name, &recipe))).await;
    let first = built[0].as_ref().unwrap();
    assert!(built.iter().all(|one| one.as_ref().unwrap() == first));
    assert_eq!(
        bench.runtime.show_image(&name).await.unwrap().as_ref(),
        Some(first)
    );
    assert!(first.size > 100_000, "{first:?}");
    assert!(first.created.seconds() > 1_500_000_000, "{first:?}");

    let now = now(&bench.docker).await;
    let options = EventsOptionsBuilder::new()
        .since("0")
        .until(&now)
        .filters(&HashMap::from([
            ("event", vec!["tag"]),
            ("image", vec![first.id.as_str()]),
        ]))
        .build();
    let tagged = bench
        .docker
        .events(Some(options))
        .filter(|event| {
            let named = event.as_ref().unwrap().actor.as_ref().is_some_and(|actor| {
                let attributes = actor.attributes.as_ref().unwrap();
                attributes.get("name") == Some(&name)
            });
            std::future::ready(named)
        })
        .count()
        .await;
    assert_eq!(tagged, 1);
    remove(&bench, &name).await;
}

#[tokio::test]
async fn an_image_from_another_has_a_working_folder_for_agents() {
    let bench = Bench::new().await;
    let name = fresh_name();
    let recipe = ImageRecipe::From {
        base: IMAGE.to_owned(),
    };
    bench
        .runtime
        .build_image(&name, &recipe, &|_| {})
        .await
        .unwrap();
    let text = bench
        .text(
            json!({"image": name, "input_files": {"a": "text\n"}}),
            "touch b && cat a && stat -c %u .",
        )
        .await;
    remove(&bench, &name).await;
    assert_eq!(text, "text\n1000\n");
}

#[tokio::test]
async fn an_image_is_marked_and_its_user_is_not_root() {
    let bench = Bench::new().await;
    let config = bench.docker.inspect_image(IMAGE).await.unwrap().config;
    let config = config.unwrap();
    assert_eq!(config.user.as_deref(), Some("1000:1000"));
    assert_eq!(config.labels.unwrap()["swarm.image"], "1");
}

#[tokio::test]
async fn what_cannot_be_an_image_is_named() {
    let bench = Bench::new().await;
    let name = fresh_name();
    for (recipe, problem) in [
        (
            ImageRecipe::FromBusybox {
                path: std::env::current_exe().unwrap(),
            },
            "is dynamically linked",
        ),
        (
            ImageRecipe::FromBusybox {
                path: "/nonexistent".into(),
            },
            "cannot read /nonexistent",
        ),
        (
            ImageRecipe::From {
                base: "localhost:1/no-such-image:1".to_owned(),
            },
            "localhost:1",
        ),
        (
            ImageRecipe::From {
                base: "x\nRUN id".to_owned(),
            },
            "not the name of an image",
        ),
    ] {
        let error = bench
            .runtime
            .build_image(&name, &recipe, &|_| {})
            .await
            .unwrap_err();
        assert!(
            matches!(error, RuntimeError::ImageBuild { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(problem), "{error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
    assert_eq!(bench.runtime.show_image(&name).await.unwrap(), None);
}
