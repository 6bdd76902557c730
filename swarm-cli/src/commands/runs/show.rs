//! `swarm runs show`

use clap::Args;
use serde::Serialize;
use swarm_core::{
    RunView,
    ids::RunId,
    money::Usd,
    report::{AgentReport, Report},
    run_view::{AgentView, WaitingAgent},
};

use super::{super::Context, Summary};
use crate::{
    error::CliError,
    execute::known,
    exit_code::Exit,
    output::{
        report::{COLUMNS, how_to_resume, pipeline::way, rows},
        table::table,
    },
};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run
    run: RunId,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    summary: Summary,
    agents_seen: Vec<Seen>,
    /// Agents that wait until their provider takes requests again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<WaitingAgent>,
    report: Report,
}

/// One agent, and what counts for it in the total.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    agent: AgentReport,
    counted_usd: Usd,
}

impl Show {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let view = known(&session, &self.run).await?;
        let agents = Report::agents(&view, session.store.as_ref()).await?;
        let counted = view.agents.values().map(AgentView::counted);
        let shown = Shown {
            summary: Summary::new(&view, &session),
            agents_seen: agents.into_iter().zip(counted).map(Seen::from).collect(),
            waiting: view.waiting.values().cloned().collect(),
            report: Report::new(&view, session.store.as_ref()).await?,
        };
        context.out.answer(&shown, || human(&shown, &view))?;
        Ok(Exit::Ok)
    }
}

fn human(shown: &Shown, view: &RunView) -> String {
    let run = &shown.summary;
    let mut budget = run
        .budget_usd
        .map(|budget| format!(" of {budget}"))
        .unwrap_or_default();
    if run.reserved_usd > Usd::ZERO {
        let under_way = format!(", up to {} more by agents under way", run.reserved_usd);
        budget.push_str(&under_way);
    }
    let agents = shown.agents_seen.iter().map(|seen| &seen.agent);
    let rows = rows(view, agents.clone());
    let agents = agents.zip(rows).map(|(agent, mut row)| {
        let has_ended = !matches!(agent, AgentReport::Missing(missing) if missing.exit.is_none());
        if run.state == "running" && !has_ended {
            let [_, state, ..] = &mut row;
            "running".clone_into(state);
        }
        row
    });
    let agents = table(COLUMNS, agents);
    let way = match &shown.report {
        Report::Pipeline(report) => format!("{}\n", way(report)),
        _ => String::new(),
    };
    // Of a run that nobody drives, nobody waits.
    let is_driven = run.state == "running";
    let waiting = shown.waiting.iter().filter(|_| is_driven).map(|waiting| {
        format!(
            "\n{} waits until {}: the provider of {} takes no more requests",
            waiting.agent, waiting.until, waiting.kind
        )
    });
    let waiting = waiting.collect::<Vec<_>>().concat();
    let hint = match run.state {
        "interrupted" => format!("\n\n`{}` goes on", how_to_resume(view)),
        _ => String::new(),
    };
    format!(
        "run      {}\nstate    {}\nop       {}\nruntime  {}\nstarted  {}\nupdated  {}\nspent    {}{budget}\n\n{way}{agents}{waiting}{hint}",
        run.run_id,
        run.state,
        run.command(),
        run.runtime,
        run.started,
        run.updated,
        run.spent_usd,
    )
}

impl From<(AgentReport, Usd)> for Seen {
    fn from((agent, counted_usd): (AgentReport, Usd)) -> Self {
        Self { agent, counted_usd }
    }
}
