//! `swarm demo`: the main job on real input.

mod files;
mod work;

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use swarm_core::{RunView, machine::End, report::Report};

use self::files::File;
use super::{Context, image::recipe};
use crate::{
    args::Overrides,
    config::{self, RuntimeChoice},
    error::CliError,
    execute::Driver,
    exit_code::Exit,
    output::table::table,
    runtime::{self, Chosen},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where agents run [default: docker if an engine answers, else process]
    #[arg(long, value_enum)]
    runtime: Option<RuntimeChoice>,
}

#[derive(Serialize)]
struct Shown<'a> {
    runtime: &'a str,
    map: Report,
    race: Report,
    reduce: Report,
}

impl Demo {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let overrides = Overrides {
            runtime: self.runtime,
            ..context.overrides()
        };
        let mut session = Session::open(config::load(&overrides)?)?;
        let chosen = ready(context, &mut session).await?;
        let shown = show(context, &session, &chosen).await;
        chosen.close().await;
        shown
    }
}

/// A runtime that has what the demo needs: if the image is missing and cannot be made, processes will do.
async fn ready(context: &Context, session: &mut Session) -> Result<Chosen, CliError> {
    let chosen = runtime::choose(session, context.out).await?;
    let Some(docker) = chosen.docker() else {
        return Ok(chosen);
    };
    let image = session.config.settings.image.clone();
    match docker.ensure_image(&image, &recipe("command")).await {
        Ok(_) => Ok(chosen),
        Err(error) if session.config.settings.runtime == RuntimeChoice::Auto => {
            context.out.notice(&format!(
                "{error}: agents run as plain processes, without isolation"
            ));
            session.config.settings.runtime = RuntimeChoice::Process;
            runtime::choose(session, context.out).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn show(context: &Context, session: &Session, chosen: &Chosen) -> Result<Exit, CliError> {
    let out = context.out;
    let files = files::some(&session.config.folders.current);
    let driver = Driver {
        session,
        out,
        chosen,
        recording: None,
    };
    let step = |text: &str| {
        if !out.is_json() {
            out.notice(text);
        }
    };

    step(&format!(
        "map: one agent per file counts its words, {} files side by side",
        files.len()
    ));
    let map = driver.start(work::map(&files)?.into()).await?;
    if !out.is_json() {
        out.answer(&(), || counted(&map, &files))?;
    }
    step("race: two ways to find the longest line; the first to answer wins, the other is stopped");
    let race = driver.start(work::race(&files)?.into()).await?;
    step("reduce: one agent adds the counts up, reading the results by their refs");
    let counts = match map.end() {
        Some(End::Succeeded { refs }) => refs.clone(),
        Some(End::Failed { succeeded, .. }) => succeeded.clone(),
        Some(End::Cancelled) | None => Vec::new(),
    };
    let reduce = driver.start(work::reduce(counts)?.into()).await?;

    let exits = [&map, &race, &reduce].map(Exit::of_run);
    let shown = Shown {
        runtime: chosen.runtime.name(),
        map: Report::new(&map, session.store.as_ref()).await?,
        race: Report::new(&race, session.store.as_ref()).await?,
        reduce: Report::new(&reduce, session.store.as_ref()).await?,
    };
    let text = summary(
        session,
        [("longest line", &race), ("words in all", &reduce)],
    )
    .await?;
    out.answer(&shown, || text)?;
    Ok(exits
        .into_iter()
        .find(|exit| *exit != Exit::Ok)
        .unwrap_or(Exit::Ok))
}

fn counted(view: &RunView, files: &[File]) -> String {
    let rows = view.agents.values().zip(files).map(|(agent, file)| {
        let id = agent
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.result.as_ref());
        [
            file.name.clone(),
            id.map(ToString::to_string).unwrap_or_default(),
        ]
    });
    format!("{}\n", table(["file", "ref"], rows))
}

/// What the last two runs found, and how to read it.
async fn summary(session: &Session, found: [(&str, &RunView); 2]) -> Result<String, CliError> {
    use swarm_core::refs::RefStore as _;
    let store = Arc::clone(&session.store);
    let mut rows = Vec::new();
    let mut last = None;
    for (what, view) in found {
        let Some(End::Succeeded { refs }) = view.end() else {
            continue;
        };
        for id in refs {
            let read = store.text(id).await?.read();
            let text =
                read.map_err(|error| CliError::file("read", id.to_string().as_ref(), &error))?;
            let text = crate::output::first_line(&String::from_utf8_lossy(&text), 60);
            rows.push([what.to_owned(), text, id.to_string()]);
            last = Some(id);
        }
    }
    let hint = last.map(|id| {
        format!("\n\n`swarm unwrap --print {id}` reads a result, `swarm runs list` shows the runs")
    });
    Ok(format!(
        "{}{}",
        table(["result", "text", "ref"], rows),
        hint.unwrap_or_default()
    ))
}
