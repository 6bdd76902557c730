//! The way through a pipeline.

use swarm_core::{
    machine::{Entered, PipelineState, VisitEnd},
    report::{PipelineReport, StepReport},
};

use crate::output::{
    first_line, printable,
    table::{seconds, table},
};

const COLUMNS: [&str; 6] = [
    "step",
    "came by",
    "state",
    // That of all its agents together, who may have worked side by side.
    "agents' time",
    "cost",
    "what came of it",
];

/// Each step that was entered, how it ended, and why the pipeline ended where it did.
pub(crate) fn way(report: &PipelineReport) -> String {
    let rows: Vec<[String; 6]> = report.steps.iter().map(row).collect();
    let name = report.name.as_deref().map_or_else(String::new, |name| {
        format!("pipeline {}: ", first_line(name, 60))
    });
    let status = match report.status {
        PipelineState::Running => "running",
        PipelineState::Done => "done",
        PipelineState::Broken => "broken",
        PipelineState::Killed => "killed",
    };
    let reason = report.reason.as_deref().map_or_else(String::new, |reason| {
        format!(", {}", printable(&first_line(reason, 200)))
    });
    let (run, asks) = (&report.run_id, report.approvals.iter());
    let asks = asks.filter(|asked| asked.approved.is_none()).map(|asked| {
        let question = printable(&first_line(&asked.question, 200));
        format!(
            "{} asks: {question}\n  `swarm runs approve {run} {}` or `swarm runs reject {run} {}` answers\n",
            asked.name, asked.name, asked.name
        )
    });
    let answers = report.answers.iter().map(|answer| {
        let said = if answer.approved { "yes" } else { "no" };
        let note = answer.note.as_deref().map_or_else(String::new, |note| {
            format!(": {}", printable(&first_line(note, 200)))
        });
        format!("{} was answered with {said}{note}\n", answer.name)
    });
    format!(
        "{}\n{name}{status}{reason}\n{}{}\n",
        table(COLUMNS, rows),
        answers.collect::<String>(),
        asks.collect::<String>()
    )
}

fn row(step: &StepReport) -> [String; 6] {
    let visit = if step.visit > 1 {
        format!(" ({})", step.visit)
    } else {
        String::new()
    };
    let entered = match step.entered {
        Entered::InOrder => "order",
        Entered::Next => "next",
        Entered::OnFail => "on_fail",
        Entered::RetryIf => "retry_if",
        Entered::Governor => "governor",
        Entered::Resumed => "resume",
    };
    let state = match step.end {
        None => "not ended",
        Some(VisitEnd::Succeeded) => "succeeded",
        Some(VisitEnd::Failed) => "failed",
        Some(VisitEnd::Cancelled) => "cancelled",
        Some(VisitEnd::Skipped) => "left out",
    };
    let came = step.decision.as_ref().or_else(|| step.errors.first());
    [
        format!("{}{visit}", step.step_id),
        entered.to_owned(),
        state.to_owned(),
        seconds(step.duration_seconds),
        step.cost_usd.to_string(),
        came.map(|came| first_line(came, 60)).unwrap_or_default(),
    ]
}
