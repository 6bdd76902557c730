//! How soon the daemon is there, what it takes of memory, and what the commands of peers take.
//!
//! `cargo bench -p swarm-cli --bench daemon` (Linux, since it reads `/proc`)
//!
//! Times depend on the machine: the first line says what starting any program takes here.

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use swarm_http::{Client, DaemonHome, operations::peers::Join};
use swarm_peers::{Identity, PeerName, peer::Reach};
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    WebSocketStream, client_async, tungstenite::client::IntoClientRequest as _,
};

/// Peers that are connected at once.
const PEERS: usize = 10_000;

const TIMES: usize = 40;
/// How often it is looked for something, so that it costs little and is seen soon.
const LOOK: Duration = Duration::from_micros(200);

fn main() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    let mut out = io::stdout().lock();
    writeln!(out, "{:<52} {:>10} {:>10}", "what", "figure", "target")?;
    let bare = median(TIMES, || timed(|| Command::new("true").status().map(drop)))?;
    line(&mut out, "`true`, spawned by the same bench", bare, None)?;

    let started = median(10, || {
        let empty = tempfile::tempdir()?;
        let (daemon, took) = start(empty.path())?;
        end(daemon)?;
        Ok(took)
    })?;
    let target = Some(Duration::from_millis(15));
    line(
        &mut out,
        "swarm serve, empty home, until it answers",
        started,
        target,
    )?;

    let (daemon, _) = start(home)?;
    let kib = memory(&daemon)?;
    writeln!(
        out,
        "{:<52} {:>6} MiB {:>10} {}",
        "the daemon, idle",
        kib.div_ceil(1024),
        "15 MiB",
        verdict(kib <= 15 * 1024)
    )?;
    for name in ["alice", "bob"] {
        swarm(home, &["join", "--name", name]).status()?;
    }
    let send = ["send", "bob", "hello", "--as", "alice", "--quiet"];
    let sent = median(TIMES, || timed(|| swarm(home, &send).status().map(drop)))?;
    line(&mut out, "swarm send", sent, Some(Duration::from_millis(3)))?;
    swarm(home, &["inbox", "--as", "bob"]).status()?;
    let woken = median(TIMES, || {
        let waiting = swarm(home, &["inbox", "--wait", "30", "--as", "bob"]).spawn()?;
        until(|| connections(home))?;
        let began = Instant::now();
        swarm(home, &send).status()?;
        end_of(waiting)?;
        Ok(began.elapsed())
    })?;
    let target = Some(Duration::from_millis(5));
    line(
        &mut out,
        "swarm send until `inbox --wait` has returned",
        woken,
        target,
    )?;
    end(daemon)?;

    let many = tempfile::tempdir()?;
    let (daemon, _) = start(many.path())?;
    let open = connect(many.path(), PEERS).map_err(io::Error::other)?;
    let kib = memory(&daemon)?;
    writeln!(
        out,
        "{:<52} {:>6} MiB {:>10} {}",
        format!("the daemon with {} connected peers", open.sockets.len()),
        kib.div_ceil(1024),
        "250 MiB",
        verdict(kib <= 250 * 1024)
    )?;
    drop(open);
    end(daemon)
}

/// Peers, each with a connection that is open.
struct Open {
    sockets: Vec<WebSocketStream<TcpStream>>,
    _runtime: tokio::runtime::Runtime,
}

fn connect(home: &Path, count: usize) -> Result<Open, Box<dyn Error + Send + Sync>> {
    let limit = getrlimit(Resource::Nofile);
    let more = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, more)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sockets = runtime.block_on(async {
        let mut owner = Client::connect(&DaemonHome::new(home)).await?;
        let address = owner.address().listens;
        let mut sockets = Vec::with_capacity(count);
        for n in 0..count {
            let joined = owner.call(&join(&format!("peer-{n}"))?).await?;
            let mut request = format!("ws://{address}/v1/socket").into_client_request()?;
            let bearer = format!("Bearer {}", joined.credential).parse()?;
            request.headers_mut().insert("authorization", bearer);
            let stream = TcpStream::connect(address).await?;
            sockets.push(client_async(request, stream).await?.0);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(sockets)
    })?;
    Ok(Open {
        sockets,
        _runtime: runtime,
    })
}

fn join(name: &str) -> Result<Join, Box<dyn Error + Send + Sync>> {
    Ok(Join {
        identity: Identity {
            client: "bench".to_owned(),
            host: "here".to_owned(),
            cwd: "/".to_owned(),
            session: Some(name.to_owned()),
            worktree: None,
            repository: None,
            tty: None,
            pid: None,
        },
        name: Some(PeerName::new(name)?),
        reach: Reach::Push,
        credential: None,
    })
}

fn swarm(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm"));
    command
        .args(args)
        .env("SWARM_HOME", home)
        .env("SWARM_MESSAGES_PER_MINUTE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A daemon, and how long it took until it was ready: it says where it listens then.
fn start(home: &Path) -> io::Result<(Child, Duration)> {
    let began = Instant::now();
    let mut command = swarm(home, &["serve", "--port", "0"]);
    let mut daemon = command.stdout(Stdio::piped()).spawn()?;
    let mut said = daemon.stdout.take().ok_or(io::ErrorKind::Other)?;
    io::Read::read_exact(&mut said, &mut [0])?;
    Ok((daemon, began.elapsed()))
}

fn end(mut daemon: Child) -> io::Result<()> {
    daemon.kill()?;
    daemon.wait().map(drop)
}

fn end_of(mut child: Child) -> io::Result<()> {
    child.wait().map(drop)
}

/// What it has in memory now, in KiB.
fn memory(daemon: &Child) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Whether somebody waits at the daemon.
fn connections(home: &Path) -> io::Result<bool> {
    let status = swarm(home, &["status", "--json"])
        .stdout(Stdio::piped())
        .output()?;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
    Ok(status
        .get("connections")
        .and_then(serde_json::Value::as_u64)
        == Some(1))
}

fn until(mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    while !condition()? {
        std::thread::park_timeout(LOOK);
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

fn median(count: usize, mut one: impl FnMut() -> io::Result<Duration>) -> io::Result<Duration> {
    let mut times: Vec<Duration> = (0..count).map(|_| one()).collect::<io::Result<_>>()?;
    times.sort_unstable();
    Ok(times.get(count / 2).copied().unwrap_or_default())
}

fn line(
    out: &mut impl io::Write,
    what: &str,
    figure: Duration,
    target: Option<Duration>,
) -> io::Result<()> {
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    writeln!(
        out,
        "{what:<52} {:>10} {:>10} {}",
        ms(figure),
        target.map_or_else(|| "-".to_owned(), ms),
        target.map_or("", |target| verdict(figure <= target)),
    )
}

const fn verdict(met: bool) -> &'static str {
    if met { "PASS" } else { "MISS" }
}
