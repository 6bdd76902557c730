//! What was judged, as a person reads it.

use swarm_core::{
    evaluate::{Score, Verdict},
    ids::RefId,
    report::{
        BeamReport, FilterReport, HuntReport, IterateReport, Report, ScoreListReport, Scored,
        ValidateReport,
    },
};

use super::{first_line, printable, table::table};

/// How many characters of what was said have room in a table.
const SAID: usize = 60;

/// The answer, if it is about results that were judged.
pub(crate) fn judged(report: &Report) -> Option<String> {
    let text = match report {
        Report::Filter(report) => filter(report),
        Report::Validate(report) => validate(report),
        Report::Beam(report) => beam(report),
        Report::Iterate(report) => iterate(report),
        Report::ScoreList(report) => score_list(report),
        Report::Hunt(report) => hunt(report),
        _ => return None,
    };
    Some(format!("{text}\n\n"))
}

fn filter(report: &FilterReport) -> String {
    let rows = report.judged.iter().map(|scored| {
        [
            name(scored.result.as_ref()),
            if scored.pruned { "rejected" } else { "kept" }.to_owned(),
            scored.verdict.to_string(),
            score(scored.score),
            said(scored),
        ]
    });
    format!(
        "{}\n\n{} of {} valid by {}",
        table(["ref", "", "verdict", "score", "issues"], rows),
        report.valid,
        report.total,
        first_line(&report.evaluator, SAID),
    )
}

fn validate(report: &ValidateReport) -> String {
    let mut lines = vec![format!(
        "{} as {}, score {}",
        report.verdict,
        first_line(&report.declared_type, SAID),
        score(report.score)
    )];
    let issues = report.issues.iter();
    lines.extend(issues.map(|issue| format!("- {}", printable(issue))));
    lines.join("\n")
}

fn beam(report: &BeamReport) -> String {
    let candidates = report.scores.iter().chain(&report.candidates);
    let rows = candidates.map(|candidate| {
        [
            candidate.agent_id.to_string(),
            score(candidate.score),
            first_line(&candidate.reason, SAID),
        ]
    });
    let table = table(["agent", "score", "reason"], rows);
    let winner = report.winner.as_ref().and_then(|winner| winner.id());
    let won = match (winner, report.error) {
        (Some(winner), _) => format!("{winner} wins"),
        (None, error) => error.unwrap_or("nobody has won yet").to_owned(),
    };
    let budget = if report.budget_exhausted {
        "; the budget did not cover all of it"
    } else {
        ""
    };
    format!("{table}\n\n{won}{budget}")
}

fn iterate(report: &IterateReport) -> String {
    let rows = report.attempts.iter().map(|attempt| {
        [
            attempt.iteration.to_string(),
            name(attempt.result.as_ref()),
            attempt.verdict.to_string(),
            score(attempt.score),
            first_line(attempt.issues.first().map_or("", String::as_str), SAID),
        ]
    });
    let table = table(["", "ref", "verdict", "score", "issues"], rows);
    let halted = report.halted_because.map_or("not yet", |why| why.name());
    let best = match (report.best_iteration, report.error) {
        (_, Some(error)) => error.to_owned(),
        (Some(best), None) => format!("iteration {best} is the best"),
        (None, None) => "no iteration has ended".to_owned(),
    };
    format!("{table}\n\n{best}; halted: {halted}")
}

fn score_list(report: &ScoreListReport) -> String {
    let rows = report.ranked.iter().map(|scored| {
        [
            scored.rank.to_string(),
            name(scored.result.as_ref()),
            score(scored.score),
            if scored.pruned { "" } else { "kept" }.to_owned(),
            said(scored),
        ]
    });
    table(["", "ref", "score", "", "issues"], rows)
}

fn hunt(report: &HuntReport) -> String {
    let rows = report.leaderboard.iter().map(|leader| {
        let seed = leader.seed_preview.as_deref().unwrap_or_default();
        [
            leader.global_rank.to_string(),
            leader.strategy.clone(),
            name(leader.result.as_ref()),
            score(leader.score),
            first_line(seed, SAID / 2),
            first_line(&leader.reason, SAID / 2),
        ]
    });
    let table = table(["", "strategy", "ref", "score", "seed", "reason"], rows);
    let strategies = report.strategies.iter().map(|strategy| {
        let error = strategy.error.as_ref();
        format!(
            "{}: {} seeds, {} results, {} spent{}",
            strategy.name,
            strategy.seeds_count,
            strategy.plans_count,
            strategy.total_cost,
            error.map_or(String::new(), |error| format!("; {}", printable(error)))
        )
    });
    let strategies = strategies.collect::<Vec<_>>().join("\n");
    format!("{table}\n\n{strategies}")
}

fn name(id: Option<&RefId>) -> String {
    id.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn score(score: Score) -> String {
    score.to_string()
}

fn said(scored: &Scored) -> String {
    // What is valid and has no issues needs no words; else there is at least a reason.
    let reason = Some(&scored.reason).filter(|_| scored.verdict != Verdict::Valid);
    let issue = scored.issues.first().or(reason);
    first_line(issue.map_or("", String::as_str), SAID)
}
