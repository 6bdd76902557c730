//! `swarm torture`

mod clients;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use clients::{Ledger, Traffic};
use serde::Serialize;
use swarm_core::error_code::ErrorCode;
use swarm_http::{Client, DaemonHome};
use tokio::time::{Instant, sleep};

use super::Context;
use crate::{error::CliError, exit_code::Exit};

/// How long a daemon may take to be ready after it was killed.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(1);

#[derive(Debug, Args)]
pub(crate) struct Torture {
    /// The same seed kills at the same moments [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// How long to go on
    #[arg(long, value_name = "MINUTES", conflicts_with = "points")]
    minutes: Option<u64>,
    /// How often to kill the daemon
    #[arg(long, value_name = "N", default_value = "100")]
    points: u32,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    seed: u64,
    kills: u32,
    acknowledged: usize,
    received: usize,
    lost: usize,
    doubled: usize,
    out_of_order: usize,
    slowest_start_ms: u128,
}

impl Torture {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let folder = tempfile::Builder::new().prefix("swarm-torture-").tempdir();
        let folder = folder
            .map_err(|error| CliError::file("make a folder in", &std::env::temp_dir(), &error))?;
        let home = DaemonHome::new(folder.path());
        let seed = self
            .seed
            .unwrap_or_else(|| u64::from(std::process::id()) * 2_654_435_761);
        let ended = self.run(context, &home, seed).await;
        if matches!(&ended, Ok(outcome) if outcome.is_fine()) {
            drop(folder);
        } else {
            context.out.notice(&format!(
                "what is left is in {}; --seed {seed} does the same again",
                folder.keep().display()
            ));
        }
        let outcome = ended?;
        context.out.answer(&outcome, || outcome.human())?;
        Ok(if outcome.is_fine() {
            Exit::Ok
        } else {
            Exit::Failed
        })
    }

    async fn run(
        &self,
        context: &Context,
        home: &DaemonHome,
        seed: u64,
    ) -> Result<Outcome, CliError> {
        let mut dice = Dice(seed);
        let until = self
            .minutes
            .map(|minutes| Instant::now() + Duration::from_mins(minutes));
        let mut slowest = Duration::ZERO;
        let mut kills = 0;
        let mut daemon = start(home.home())?;
        let (client, _) = ready(home, &mut daemon).await?;
        let ledger = Arc::new(Ledger::default());
        let mut traffic = Traffic::begin(client, home.clone(), Arc::clone(&ledger)).await?;
        loop {
            let enough = until.map_or(kills >= self.points, |until| Instant::now() >= until);
            if enough {
                break;
            }
            sleep(Duration::from_micros(dice.up_to(60_000))).await;
            // Also in the middle of a start.
            drop(daemon.kill());
            drop(daemon.wait());
            kills += 1;
            if kills % 50 == 0 {
                context.out.working(&format!(
                    "{kills} kills, {} acknowledged",
                    ledger.acknowledged()
                ));
            }
            daemon = start(home.home())?;
            if dice.up_to(5) != 0 {
                let (_, took) = ready(home, &mut daemon).await?;
                slowest = slowest.max(took);
            }
        }
        let (client, took) = ready(home, &mut daemon).await?;
        traffic.end(client).await?;
        drop(daemon.kill());
        drop(daemon.wait());
        let (lost, doubled, out_of_order) = ledger.check();
        Ok(Outcome {
            seed,
            kills,
            acknowledged: ledger.acknowledged(),
            received: ledger.received(),
            lost,
            doubled,
            out_of_order,
            slowest_start_ms: slowest.max(took).as_millis(),
        })
    }
}

impl Outcome {
    fn is_fine(&self) -> bool {
        self.lost + self.doubled + self.out_of_order == 0
    }

    fn human(&self) -> String {
        format!(
            "seed {}: {} kills; {} messages acknowledged, {} received; {} lost, {} doubled, {} out of order; slowest start {} ms",
            self.seed,
            self.kills,
            self.acknowledged,
            self.received,
            self.lost,
            self.doubled,
            self.out_of_order,
            self.slowest_start_ms
        )
    }
}

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

fn start(home: &Path) -> Result<Child, CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::file("find", "this program".as_ref(), &error))?;
    Command::new(&program)
        .args(["serve", "--port", "0", "--home"])
        .arg(home)
        .env("SWARM_MESSAGES_PER_MINUTE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| CliError::file("start", &program, &error))
}

/// Waits until the daemon answers; how long that took.
async fn ready(home: &DaemonHome, daemon: &mut Child) -> Result<(Client, Duration), CliError> {
    let began = Instant::now();
    loop {
        let address = home.address()?.filter(|address| address.pid == daemon.id());
        if let (Some(address), Some(token)) = (address, home.token()?)
            && let Ok(client) = Client::connect_to(address, &token).await
        {
            return Ok((client, began.elapsed()));
        }
        let ended = daemon.try_wait().unwrap_or_default();
        if ended.is_some() || began.elapsed() > PATIENCE {
            return Err(CliError::new(
                ErrorCode::DaemonUnreachable,
                format!(
                    "the daemon did not come back after it was killed ({ended:?}); `swarm serve --home {}` shows why",
                    home.home().display()
                ),
            ));
        }
        sleep(LOOK).await;
    }
}
