//! An image that is made to betray its user.

use bollard::query_parameters::{BuildImageOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::StreamExt as _;
use serde_json::json;
use swarm_core::ids::RunId;

use crate::support::{Background, Bench, IMAGE, shell};

const RECIPE: &str = r#"
USER root
ENV PATH=/evil:/bin LD_PRELOAD=/evil.so HOME=/evil SWARM=forged
VOLUME ["/workspace", "/tmp", "/etc", "/evil-volume"]
WORKDIR /proc/self/fd
ENTRYPOINT ["/bin/sh", "-c", "echo ENTRYPOINT"]
CMD ["forged"]
HEALTHCHECK --interval=1s CMD touch /tmp/health; echo health > /proc/1/fd/1
STOPSIGNAL SIGCONT
EXPOSE 80
LABEL swarm.run=forged swarm.agent=forged swarm.home=forged
"#;

#[tokio::test]
async fn an_image_decides_nothing_about_the_agent() {
    let bench = Bench::new().await;
    let image = format!("swarm-test-hostile-{}:1", RunId::random());
    build(&bench, &image).await;
    let script = "id -u; pwd; echo $HOME; ls /tmp; echo $0 $#; touch /bin/x /root-file 2>/dev/null && echo wrote; \
                  echo ready; cat /dev/zero > /dev/null";
    let mut job = shell(json!({"image": image}), script);
    // Longer than the interval of its check.
    job.timeout = std::time::Duration::from_secs(3);
    let agent = Background::start(&bench.runtime, &job);
    agent.printed("ready").await;
    let id = bench.running(&job).await;
    let shown = bench.docker.inspect_container(&id, None).await.unwrap();
    let config = shown.config.unwrap();
    let labels = config.labels.unwrap();
    assert_eq!(labels["swarm.run"], job.id.run.to_string());
    assert_eq!(labels["swarm.agent"], "agent-0");
    assert_eq!(labels["swarm.home"], bench.home);
    let host = shown.host_config.unwrap();
    assert_eq!(
        (host.privileged, host.readonly_rootfs),
        (Some(false), Some(true))
    );
    let volumes: Vec<String> = shown
        .mounts
        .unwrap()
        .into_iter()
        .filter_map(|mount| mount.name)
        .collect();
    let said = agent.sink.clone();
    let exit = agent.end().await.unwrap();
    assert!(
        exit.duration < std::time::Duration::from_secs(10),
        "{exit:?}"
    );
    assert_eq!(said.text(), "1000\n/workspace\n/tmp\nsh 0\nready\n");
    for volume in volumes {
        assert!(
            bench.docker.inspect_volume(&volume).await.is_err(),
            "a volume of the image stays: {volume}"
        );
    }
    bench.assert_nothing_left().await;
    let remove = RemoveImageOptionsBuilder::new().force(true).build();
    bench
        .docker
        .remove_image(&image, Some(remove), None)
        .await
        .unwrap();
}

async fn build(bench: &Bench, image: &str) {
    let mut tar = tar::Builder::new(Vec::new());
    let recipe = format!("FROM {IMAGE}\n{RECIPE}");
    let mut header = tar::Header::new_gnu();
    header.set_size(recipe.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "Dockerfile", recipe.as_bytes())
        .unwrap();
    let tar = tar.into_inner().unwrap();
    let options = BuildImageOptionsBuilder::new().t(image).rm(true).build();
    let body = bollard::body_full(tar.into());
    let mut building = bench.docker.build_image(options, None, Some(body));
    while let Some(step) = building.next().await {
        let step = step.unwrap();
        assert!(step.error_detail.is_none(), "{step:?}");
    }
}
