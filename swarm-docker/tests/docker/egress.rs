//! Agents that may reach listed hosts reach those and nothing else.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use swarm_core::{
    outcome::ExitReason,
    runtime::{AgentJob, AgentRuntime as _, Launch, RuntimeError},
    testing::sink::VecSink,
};
use swarm_docker::{DockerOptions, DockerRuntime, EgressOptions};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::{Child, Command},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::support::{Background, Bench, eventually, options, shell};

/// This very program is the forwarder.
#[tokio::test]
#[ignore = "runs in a container of its own"]
async fn forwarder_process() {
    let args: Vec<String> = std::env::args().collect();
    let [.., address, path] = args.as_slice() else {
        return;
    };
    if let Ok(address) = address.parse() {
        swarm_docker::egress_forward(address, Path::new(path))
            .await
            .unwrap();
    }
}

fn with_egress(options: DockerOptions, folder: &Path) -> DockerOptions {
    let args = [
        "--exact",
        "egress::forwarder_process",
        "--ignored",
        "--nocapture",
    ];
    DockerOptions {
        egress: Some(EgressOptions {
            program: std::env::current_exe().unwrap(),
            args: args.map(str::to_owned).to_vec(),
            folder: folder.to_owned(),
        }),
        ..options
    }
}

/// A bench whose sockets are in a folder of its own.
struct Egress {
    bench: Bench,
    folder: TempDir,
}

impl Egress {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::with(with_egress(options(), folder.path())).await;
        Self { bench, folder }
    }

    async fn run(&self, job: &AgentJob) -> (Result<ExitReason, RuntimeError>, VecSink) {
        let (exit, sink) = self.bench.run(job).await;
        self.assert_nothing_left().await;
        (exit.map(|exit| exit.reason), sink)
    }

    /// The text that a script prints which must complete.
    async fn text(&self, hosts: &[String], script: &str) -> String {
        let (exit, sink) = self.run(&shell(allow(hosts), script)).await;
        let said = format!("{}{}", sink.text(), String::from_utf8_lossy(&sink.stderr()));
        assert_eq!(exit.unwrap(), ExitReason::Completed, "{said}");
        sink.text()
    }

    async fn assert_nothing_left(&self) {
        self.bench.assert_nothing_left().await;
        assert_eq!(self.sockets(), Vec::<String>::new());
    }

    fn sockets(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn allow(hosts: &[String]) -> Value {
    json!({"network": {"allow": hosts}})
}

/// A server of this machine that says hello to everybody.
struct Server {
    address: SocketAddr,
    _serving: JoinSet<Infallible>,
}

impl Server {
    async fn at(address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else {
                    continue;
                };
                let answer = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
                drop(stream.read(&mut [0; 4096]).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }

    async fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST).await
    }

    fn host(&self) -> String {
        self.address.to_string()
    }
}

fn decisions(sink: &VecSink) -> Vec<(String, bool)> {
    let decisions = sink.decisions().into_iter();
    decisions
        .map(|decision| {
            (
                format!("{}:{}", decision.host, decision.port),
                decision.allowed,
            )
        })
        .collect()
}

#[tokio::test]
async fn a_listed_host_is_reached_and_another_is_denied_and_both_are_told() {
    let egress = Egress::new().await;
    let (listed, other) = (Server::new().await, Server::new().await);
    let script = format!(
        "wget -q -O - http://{0}/; wget -q -O - http://{1}/ || echo no; \
         printf 'CONNECT {0} HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 61080 | tail -n 1; \
         printf 'CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n' | nc 127.0.0.1 61080 | head -n 1",
        listed.host(),
        other.host(),
    );
    let (exit, sink) = egress.run(&shell(allow(&[listed.host()]), &script)).await;
    assert_eq!(exit.unwrap(), ExitReason::Completed);
    assert_eq!(
        sink.text(),
        "hello\nno\nhello\nHTTP/1.1 403 Forbidden\r\n",
        "{}",
        String::from_utf8_lossy(&sink.stderr())
    );
    let told = decisions(&sink);
    assert_eq!(
        told,
        [
            (listed.host(), true),
            (other.host(), false),
            ("evil.example:443".to_owned(), false),
        ]
    );
    assert_eq!(sink.decisions()[0].count, 2);
}

#[tokio::test]
async fn there_is_no_way_around_the_proxy() {
    let egress = Egress::new().await;
    // On every address of this machine, those of its bridges included.
    let open = Server::at(Ipv4Addr::UNSPECIFIED).await;
    let port = open.address.port();
    let networks = egress
        .bench
        .docker
        .inspect_network("bridge", None)
        .await
        .unwrap();
    let gateway = networks
        .ipam
        .and_then(|ipam| ipam.config)
        .into_iter()
        .flatten();
    let mut addresses: Vec<String> = gateway.filter_map(|config| config.gateway).collect();
    addresses.extend(["127.0.0.1", "10.0.0.1", "1.1.1.1", "169.254.169.254"].map(str::to_owned));
    let script = format!(
        "ls /sys/class/net; ip route; \
         for a in {}; do nc -w 2 $a {port} </dev/null 2>/dev/null && echo reached $a; done; \
         nslookup example.com 127.0.0.1 >/dev/null 2>&1 && echo resolved; \
         nslookup example.com 1.1.1.1 >/dev/null 2>&1 && echo resolved; \
         ping -c 1 -W 1 1.1.1.1 >/dev/null 2>&1 && echo pinged; \
         ls /run/swarm 2>/dev/null; grep -c . /proc/net/unix; \
         wget -q -O - http://127.0.0.1:{port}/ 2>/dev/null || echo denied",
        addresses.join(" ")
    );
    let text = egress.text(&["127.0.0.1:1".to_owned()], &script).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"lo"), "{text}");
    assert_eq!(lines.last(), Some(&"denied"), "{text}");
    assert_eq!(lines.len(), 3, "{text}");
}

#[tokio::test]
async fn an_agent_reaches_no_other_and_uses_no_other_ones_list() {
    let egress = Egress::new().await;
    let server = Server::new().await;
    let first = shell(
        allow(&[server.host()]),
        "echo there; nc -l -p 5000 -s 127.0.0.1 -e echo caught",
    );
    let running = Background::start(&egress.bench.runtime, &first);
    running.printed("there").await;
    let script = format!(
        "nc -w 1 127.0.0.1 5000 </dev/null 2>/dev/null && echo reached; \
         wget -q -O - http://{}/ 2>/dev/null || echo denied; hostname -i 2>/dev/null; true",
        server.host()
    );
    let second = Background::start(&egress.bench.runtime, &shell(allow(&[]), &script));
    let heard = second.sink.clone();
    assert_eq!(second.end().await.unwrap().reason, ExitReason::Completed);
    assert!(heard.text().starts_with("denied\n"), "{}", heard.text());
    assert_eq!(decisions(&heard), [(server.host(), false)]);
    let told = running.sink.clone();
    running.stop.cancel();
    running.end().await.unwrap();
    assert_eq!(decisions(&told), []);
    egress.assert_nothing_left().await;
}

#[tokio::test]
async fn the_variables_of_a_sandbox_win_over_those_of_the_proxy() {
    let egress = Egress::new().await;
    let script = "env | grep -i _proxy | sort";
    let text = egress.text(&[], script).await;
    assert_eq!(
        text,
        "ALL_PROXY=http://127.0.0.1:61080\nHTTPS_PROXY=http://127.0.0.1:61080\n\
         HTTP_PROXY=http://127.0.0.1:61080\nNODE_USE_ENV_PROXY=1\nNO_PROXY=\n\
         all_proxy=http://127.0.0.1:61080\nhttp_proxy=http://127.0.0.1:61080\n\
         https_proxy=http://127.0.0.1:61080\nno_proxy=\n"
    );
    let sandbox = json!({"network": {"allow": []}, "env_vars": {"NO_PROXY": "localhost"}});
    let (_, sink) = egress.run(&shell(sandbox, script)).await;
    assert!(
        sink.text().contains("NO_PROXY=localhost\n"),
        "{}",
        sink.text()
    );
}

#[tokio::test]
async fn however_it_ends_nothing_is_left() {
    let egress = Egress::new().await;
    let job = |script: &str| shell(allow(&[]), script);
    let (exit, _) = egress.run(&job("exit 7")).await;
    assert_eq!(exit.unwrap(), ExitReason::Failed { code: 7 });

    let mut slow = job("sleep 600");
    slow.timeout = Duration::from_secs(1);
    let (exit, _) = egress.run(&slow).await;
    assert_eq!(
        exit.unwrap(),
        ExitReason::TimedOut {
            after: slow.timeout
        }
    );

    let mut missing = job("true");
    missing.invocation.argv = vec!["no-such-program".to_owned()];
    let (exit, _) = egress.run(&missing).await;
    assert!(
        matches!(exit, Err(RuntimeError::ProgramMissing { .. })),
        "{exit:?}"
    );

    let mut imageless = job("true");
    imageless.sandbox.image = Some("no-such-image:1".to_owned());
    let (exit, _) = egress.run(&imageless).await;
    assert!(
        matches!(exit, Err(RuntimeError::ImageMissing { .. })),
        "{exit:?}"
    );

    let cancelled = Background::start(&egress.bench.runtime, &job("echo there; sleep 600"));
    cancelled.printed("there").await;
    cancelled.stop.cancel();
    assert_eq!(cancelled.end().await.unwrap().reason, ExitReason::Cancelled);
    egress.assert_nothing_left().await;

    // Nobody waits for it any more.
    let dropped = Background::start(&egress.bench.runtime, &job("echo there; sleep 600"));
    dropped.printed("there").await;
    drop(dropped);
    eventually("its socket is gone", async || {
        egress.sockets().is_empty().then_some(())
    })
    .await;
    egress.bench.runtime.shutdown().await;
    egress.assert_nothing_left().await;
}

#[tokio::test]
async fn an_agent_whose_forwarder_is_gone_has_nothing_instead() {
    let egress = Egress::new().await;
    let server = Server::new().await;
    let script = format!(
        "echo there; read x; wget -q -O - http://{}/ 2>/dev/null || echo nothing; ls /sys/class/net",
        server.host()
    );
    let mut job = shell(allow(&[server.host()]), &script);
    let gate = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(gate.path(), mode).unwrap();
    job.sandbox.mounts = serde_json::from_value(json!([
        {"host_path": gate.path(), "container_path": "/gate"}
    ]))
    .unwrap();
    job.invocation.argv[2] =
        script.replace("read x", "until [ -e /gate/open ]; do sleep 0.1; done");
    let running = Background::start(&egress.bench.runtime, &job);
    running.printed("there").await;
    let forwarder = format!("swarm-{}-{}..egress", job.id.run, job.id.agent);
    let options = bollard::query_parameters::KillContainerOptionsBuilder::new()
        .signal("SIGKILL")
        .build();
    let killed = egress
        .bench
        .docker
        .kill_container(&forwarder, Some(options));
    killed.await.unwrap();
    std::fs::write(gate.path().join("open"), "").unwrap();
    let sink = running.sink.clone();
    assert_eq!(running.end().await.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "there\nnothing\nlo\n");
    egress.assert_nothing_left().await;
}

#[tokio::test]
async fn without_a_forwarder_a_list_is_refused_before_anything_starts() {
    let bench = Bench::new().await;
    let job = shell(allow(&[]), "true");
    let refused = bench.runtime.check(&job.sandbox).unwrap_err();
    assert!(
        matches!(refused, RuntimeError::Unsupported { .. }),
        "{refused:?}"
    );
    assert!(bench.run(&job).await.0.is_err());
}

#[tokio::test]
async fn a_program_that_is_no_forwarder_is_an_error_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = with_egress(options(), folder.path());
    if let Some(egress) = &mut options.egress {
        egress.program = "/bin/busybox".into();
        egress.args = vec!["cat".to_owned()];
    }
    let bench = Bench::with(options).await;
    let (exit, _) = bench.run(&shell(allow(&[]), "true")).await;
    let error = exit.unwrap_err().to_string();
    assert!(error.contains("did not come up"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Another process that runs an agent, to be killed.
struct Owner(Child);

impl Owner {
    fn start(egress: &Egress, job: &AgentJob) -> Self {
        let sandbox = serde_json::to_string(&job.sandbox.network).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "egress::owner_process",
                "--ignored",
                "--nocapture",
            ])
            .env("SWARM_TEST_HOME", &egress.bench.home)
            .env("SWARM_TEST_FOLDER", egress.folder.path())
            .env("SWARM_TEST_RUN", job.id.run.as_str())
            .env("SWARM_TEST_NETWORK", sandbox)
            .env("SWARM_TEST_SCRIPT", job.invocation.argv.last().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self(child)
    }

    async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the other tests start this one with variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test]
#[ignore = "other tests start it as a process of its own"]
async fn owner_process() {
    let (Some(home), Some(folder)) = (variable("SWARM_TEST_HOME"), variable("SWARM_TEST_FOLDER"))
    else {
        return;
    };
    let options = with_egress(DockerOptions { home, ..options() }, Path::new(&folder));
    let runtime = DockerRuntime::connect(options).await.unwrap();
    let mut job = shell(json!({}), &variable("SWARM_TEST_SCRIPT").unwrap());
    job.id.run = variable("SWARM_TEST_RUN").unwrap().parse().unwrap();
    job.sandbox.network = serde_json::from_str(&variable("SWARM_TEST_NETWORK").unwrap()).unwrap();
    let stop = CancellationToken::new();
    drop(runtime.run(&job, &mut VecSink::default(), &stop).await);
}

#[tokio::test]
async fn an_agent_that_is_taken_over_has_its_way_out_again() {
    let egress = Egress::new().await;
    let server = Server::new().await;
    let script = format!(
        "wget -q -O - http://{0}/; wget -q -O - http://evil.example/ 2>/dev/null; echo waiting; \
         while true; do sleep 0.2; wget -q -O - http://{0}/ 2>/dev/null || break; done; echo alone; \
         until wget -q -O - http://{0}/ 2>/dev/null; do sleep 0.2; done; echo back",
        server.host()
    );
    let mut job = shell(allow(&[server.host()]), &script);
    let owner = Owner::start(&egress, &job);
    let container = egress.bench.running(&job).await;
    let printed = async |text: &str| {
        eventually(text, async || {
            let options = bollard::query_parameters::LogsOptionsBuilder::new()
                .stdout(true)
                .build();
            let mut log = egress.bench.docker.logs(&container, Some(options));
            let mut all = String::new();
            while let Some(Ok(chunk)) = futures_util::StreamExt::next(&mut log).await {
                all.push_str(&chunk.to_string());
            }
            all.contains(text).then_some(())
        })
        .await;
    };
    printed("waiting").await;
    owner.kill().await;
    printed("alone").await;
    assert_eq!(egress.bench.leftovers().await.len(), 2);
    assert_eq!(egress.sockets().len(), 1);
    job.launch = Launch::TakeOver;
    assert!(egress.bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = egress.run(&job).await;
    assert_eq!(exit.unwrap(), ExitReason::Completed);
    assert!(
        sink.text().ends_with("alone\nhello\nback\n"),
        "{}",
        sink.text()
    );
    // What was denied before is not forgotten.
    assert_eq!(
        decisions(&sink),
        [(server.host(), true), ("evil.example:80".to_owned(), false)]
    );
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_away() {
    let egress = Egress::new().await;
    let job = shell(allow(&[]), "sleep 600");
    let owner = Owner::start(&egress, &job);
    egress.bench.running(&job).await;
    owner.kill().await;
    let run = job.id.run.clone();
    let removed = egress.bench.runtime.sweep(&|live| *live == run).await;
    assert_eq!(removed.unwrap(), []);
    assert_eq!(egress.bench.leftovers().await.len(), 2);
    let removed = egress.bench.runtime.sweep(&|_| false).await.unwrap();
    assert_eq!(removed, [job.id]);
    egress.assert_nothing_left().await;
}
