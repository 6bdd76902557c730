//! `swarm doctor`

use clap::Args;
use serde::Serialize;
use swarm_core::agents;
use swarm_docker::{DockerRuntime, default_image};

use super::Context;
use crate::{
    config::{Config, RuntimeChoice},
    error::CliError,
    exit_code::Exit,
    output::table::table,
    runtime,
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Note,
    Warning,
    Error,
}

impl Doctor {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let wants_docker = config.settings.runtime == RuntimeChoice::Docker;
        let mut findings = vec![finding(
            "version",
            Status::Ok,
            format!("swarm {}", env!("CARGO_PKG_VERSION")),
        )];
        engine(&config, wants_docker, &mut findings).await;
        findings.push(home(config));
        context.out.list(&findings, || {
            let rows = findings.iter().map(|finding| {
                let status = match finding.status {
                    Status::Ok => "ok",
                    Status::Note => "note",
                    Status::Warning => "warning",
                    Status::Error => "ERROR",
                };
                [
                    status.to_owned(),
                    finding.check.to_owned(),
                    finding.detail.clone(),
                ]
            });
            table(["status", "check", "detail"], rows)
        })?;
        let broken = findings
            .iter()
            .any(|finding| finding.status == Status::Error);
        Ok(if broken { Exit::Failed } else { Exit::Ok })
    }
}

fn finding(check: &'static str, status: Status, detail: String) -> Finding {
    Finding {
        check,
        status,
        detail,
    }
}

async fn engine(config: &Config, wanted: bool, findings: &mut Vec<Finding>) {
    let missing = if wanted {
        Status::Error
    } else {
        Status::Warning
    };
    match runtime::connect(&config.settings).await {
        Ok(docker) => {
            match docker.engine_info().await {
                Ok(info) => findings.push(finding(
                    "engine",
                    Status::Ok,
                    format!(
                        "{} {} (API {})",
                        info.endpoint, info.version, info.api_version
                    ),
                )),
                Err(error) => findings.push(finding("engine", missing, error.to_string())),
            }
            for kind in agents::names().chain(["command"]) {
                findings.push(image(&docker, config, kind, missing).await);
            }
        }
        Err(error) => findings.push(finding("engine", missing, error.to_string())),
    }
}

async fn image(docker: &DockerRuntime, config: &Config, kind: &str, missing: Status) -> Finding {
    let name = config.settings.image_of(kind);
    let build = match kind {
        "command" => "swarm image build".to_owned(),
        kind => format!("swarm image build {kind}"),
    };
    let (status, detail) = match docker.show_image(name).await {
        Ok(Some(image)) if image.made.as_ref().is_some_and(|made| made.has_changed) => (
            Status::Note,
            format!("{name} is by a recipe that has changed since; `{build}` builds it again"),
        ),
        Ok(Some(image)) => (Status::Ok, format!("{name} {}", image.id)),
        // The first run that needs it builds it.
        Ok(None) if name == default_image(kind) => (
            Status::Note,
            format!("there is no {name} yet; `{build}` makes it, or the first run that needs it"),
        ),
        Ok(None) => (
            missing,
            format!("there is no {name}; build or pull it, or set another"),
        ),
        Err(error) => (missing, error.to_string()),
    };
    finding("image", status, format!("{kind}: {detail}"))
}

/// Opening the stores is the check: they refuse what they cannot use.
fn home(config: Config) -> Finding {
    let shown = config.settings.home.display().to_string();
    match Session::open(config) {
        Ok(_) => finding("home", Status::Ok, shown),
        Err(error) => finding("home", Status::Error, error.message().to_owned()),
    }
}
