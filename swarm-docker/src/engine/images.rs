//! Requests about images.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bollard::{
    body_try_stream,
    errors::Error as ClientError,
    query_parameters::{
        BuildImageOptionsBuilder, CreateImageOptionsBuilder, ListImagesOptionsBuilder,
        RemoveImageOptionsBuilder,
    },
};
use futures_util::StreamExt as _;

use super::{Engine, Failure, resources::or_missing};
use crate::image::Body;

/// How long an engine may be silent while it builds or takes a large file.
const BUILD_TIMEOUT: Duration = Duration::from_hours(1);
/// How many of the last lines of a build say why it failed.
const LAST_LINES: usize = 6;
/// How much of a line is kept.
const LONGEST_LINE: usize = 300;

/// An image of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundImage {
    pub(crate) id: String,
    pub(crate) digest: Option<String>,
    pub(crate) names: Vec<String>,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) size: u64,
    pub(crate) labels: HashMap<String, String>,
}

/// How to build an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct BuildSteps {
    pub(crate) name: String,
    /// The values of the arguments of the Dockerfile.
    pub(crate) args: HashMap<String, String>,
    pub(crate) labels: HashMap<String, String>,
    /// Whether its steps may use the network of containers.
    pub(crate) network: bool,
}

/// Why an image could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildFailure {
    pub(crate) failure: Failure,
    /// Whether it was still about the base.
    pub(crate) at_base: bool,
    /// What the failed step printed last.
    pub(crate) last_lines: Vec<String>,
    /// The image that the last good step left, the start of its id; `None` if that is the base.
    pub(crate) last_image: Option<String>,
}

impl From<Failure> for BuildFailure {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            at_base: false,
            last_lines: Vec::new(),
            last_image: None,
        }
    }
}

impl Engine {
    /// The image of this name or id.
    pub(crate) async fn image(&self, name: &str) -> Result<Option<FoundImage>, Failure> {
        let found = self.docker.inspect_image(name).await;
        let found = or_missing(found.map_err(Failure::from))?;
        Ok(found.map(|image| FoundImage {
            id: image.id.unwrap_or_default(),
            names: image.repo_tags.unwrap_or_default(),
            digest: image.repo_digests.unwrap_or_default().into_iter().next(),
            created: image.created.unwrap_or_default(),
            size: image
                .size
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or_default(),
            labels: image
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default(),
        }))
    }

    /// The images with this label: id and names.
    pub(crate) async fn images_labelled(
        &self,
        label: (&str, &str),
    ) -> Result<Vec<(String, Vec<String>)>, Failure> {
        let filter = format!("{}={}", label.0, label.1);
        let options = ListImagesOptionsBuilder::new()
            .filters(&HashMap::from([("label", vec![filter])]))
            .build();
        let images = self.docker.list_images(Some(options)).await?;
        Ok(images
            .into_iter()
            .map(|image| (image.id, image.repo_tags))
            .collect())
    }

    /// Builds an image from a tar that holds a `Dockerfile`, and tells each line that the engine says of it.
    pub(crate) async fn build(
        &self,
        steps: BuildSteps,
        context: Body,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<(), BuildFailure> {
        let mut options = BuildImageOptionsBuilder::new()
            .dockerfile("Dockerfile")
            .t(&steps.name)
            .buildargs(&steps.args)
            .labels(&steps.labels)
            .rm(true)
            .forcerm(true);
        if !steps.network {
            options = options.networkmode("none");
        }
        let patient = self.docker.clone().with_timeout(BUILD_TIMEOUT);
        let body = body_try_stream(context);
        let mut answers = Box::pin(patient.build_image(options.build(), None, Some(body)));
        let mut at_base = false;
        let mut last_lines = VecDeque::new();
        let mut last_image = None;
        let mut lines = Lines::default();
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(said).and_then(|mut answer| {
                let detail = answer.error_detail.take();
                match detail.and_then(|detail| detail.message) {
                    Some(message) => Err(Failure::Garbled(message)),
                    None => Ok(answer),
                }
            });
            let answer = match answer {
                Ok(answer) => answer,
                Err(failure) => {
                    return Err(BuildFailure {
                        failure,
                        at_base,
                        last_lines: last_lines.into(),
                        last_image,
                    });
                }
            };
            if let Some(piece) = &answer.stream {
                lines.add(piece);
            } else if let Some(status) = &answer.status {
                lines.add(&format!("{status}\n"));
            }
            while let Some(line) = lines.take() {
                if line.starts_with("Step ") {
                    at_base = line.contains(" : ARG ") || line.contains(" : FROM ");
                    last_lines.clear();
                } else if let Some(id) = image_of_step(&line) {
                    last_image = Some(id.to_owned()).filter(|_| !at_base);
                } else if !is_about_layers(&line) {
                    last_lines.push_back(line.chars().take(LONGEST_LINE).collect());
                    if last_lines.len() > LAST_LINES {
                        last_lines.pop_front();
                    }
                }
                tell(&line);
            }
        }
        Ok(())
    }

    /// Makes an image without a name of a root file system, and returns its id.
    pub(crate) async fn import(&self, root: Body) -> Result<String, Failure> {
        let options = CreateImageOptionsBuilder::new().from_src("-").build();
        let patient = self.docker.clone().with_timeout(BUILD_TIMEOUT);
        let body = body_try_stream(root);
        let mut answers = Box::pin(patient.create_image(Some(options), Some(body), None));
        let mut id = None;
        while let Some(answer) = answers.next().await {
            let status = answer.map_err(said)?.status;
            // The id is the last thing that it says.
            id = status.filter(|status| status.starts_with("sha256:")).or(id);
        }
        id.ok_or_else(|| Failure::Garbled("it does not say which image it made".to_owned()))
    }

    /// Removes a name of an image, and the image if it has no other. Fine if it is gone.
    pub(crate) async fn remove_image(&self, name: &str) -> Result<(), Failure> {
        let options = RemoveImageOptionsBuilder::new().build();
        let removed = self.docker.remove_image(name, Some(options), None).await;
        or_missing(removed.map_err(Failure::from)).map(drop)
    }
}

/// Whether the engine says this of its own work, not of that of a step.
fn is_about_layers(line: &str) -> bool {
    line.starts_with(" ---> ") || line.starts_with("Removing intermediate container")
}

/// The image that a step has made or found.
fn image_of_step(line: &str) -> Option<&str> {
    let id = line.strip_prefix(" ---> ")?;
    let is_id = id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit());
    is_id.then_some(id)
}

/// Puts lines together. An engine tells what a step prints to stderr in pieces, each in red.
#[derive(Debug, Default)]
struct Lines {
    open: String,
}

impl Lines {
    fn add(&mut self, piece: &str) {
        let plain = piece.replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
        self.open.push_str(&plain);
    }

    /// The next whole line that is not empty.
    fn take(&mut self) -> Option<String> {
        loop {
            let (line, rest) = self.open.split_once('\n')?;
            let (line, rest) = (line.trim_end().to_owned(), rest.to_owned());
            self.open = rest;
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

/// What the engine said, without the words of the client library around it.
fn said(error: ClientError) -> Failure {
    match error {
        ClientError::DockerStreamError { error } => Failure::Garbled(error),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_red_become_whole_lines() {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for piece in [
            "\u{1b}[91mnpm\u{1b}[0m",
            "\u{1b}[91m ERR! gone\n\u{1b}[0m",
            "\u{1b}[91m\n\u{1b}[0m",
            "Step 2/3 : RUN x\n ---> 0a\nhalf",
        ] {
            lines.add(piece);
            while let Some(line) = lines.take() {
                all.push(line);
            }
        }
        assert_eq!(all, ["npm ERR! gone", "Step 2/3 : RUN x", " ---> 0a"]);
        assert!(is_about_layers(" ---> 0a") && !is_about_layers("npm"));
        assert_eq!(image_of_step(" ---> 0123456789ab"), Some("0123456789ab"));
        assert_eq!(image_of_step(" ---> Using cache"), None);
        assert_eq!(image_of_step(" ---> Running in 0123456789ab"), None);
    }
}
