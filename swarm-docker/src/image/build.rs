//! From a recipe to an image.

use std::{collections::HashMap, io};

use swarm_core::runtime::RuntimeError;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{ImageInfo, ImageRecipe, context::streamed, missing::without_registry, rootfs, show};
use crate::{
    engine::{BuildFailure, BuildSteps, Engine, Failure},
    image_name,
};

/// Builds an image for agents that run as `user`, and tells each line that the engine says of it.
pub(crate) async fn build(
    engine: &Engine,
    name: &str,
    recipe: &ImageRecipe,
    user: (u32, u32),
    tell: &(dyn Fn(&str) + Sync),
) -> Result<ImageInfo, RuntimeError> {
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: name.to_owned(),
        problem,
    };
    let broken = |failure: Failure| match failure {
        Failure::Unreachable(_) | Failure::TimedOut => engine.error("build the image", failure),
        failure => failed(failure.problem().to_owned()),
    };
    image_name::check_tag(name)?;
    let written = recipe.written().map_err(failed)?;
    let labels = recipe.labels(written.hash());
    let mut args: HashMap<String, String> = written
        .args
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    args.insert("UID".to_owned(), user.0.to_string());
    args.insert("GID".to_owned(), user.1.to_string());
    let context = {
        let recipe = recipe.clone();
        let made = spawn_blocking(move || recipe.context(user)).await;
        made.map_err(|error| failed(error.to_string()))?
            .map_err(failed)?
    };

    let mut imported = None;
    if let ImageRecipe::RootFs { path, .. } = recipe {
        let path = path.clone();
        let (body, writing) = streamed(move |to| rootfs::write(&path, to));
        let id = engine.import(body).await;
        let id = answered(id, writing).await.map_err(failed)?;
        let id = id.map_err(broken)?;
        args.insert("BASE".to_owned(), id.clone());
        imported = Some(id);
    }
    let steps = BuildSteps {
        name: name.to_owned(),
        args,
        labels,
        network: recipe.uses_network(),
    };
    let (body, writing) = streamed(move |to| context.write(to));
    let built = engine.build(steps, body, tell).await;
    let built = answered(built, writing).await;
    if let (Some(base), false) = (&imported, matches!(built, Ok(Ok(())))) {
        // Nobody would find it: it has no name. Of other recipes the steps that were good stay, since a build that goes on
        // elsewhere may be using them.
        let last = match &built {
            Ok(Err(failure)) => failure.last_image.as_ref(),
            _ => None,
        };
        for left in last.into_iter().chain([base]) {
            remove_unnamed(engine, left).await;
        }
    }
    match built {
        Ok(Ok(())) => {}
        Ok(Err(BuildFailure {
            failure: failure @ (Failure::Unreachable(_) | Failure::TimedOut),
            ..
        })) => return Err(broken(failure)),
        Ok(Err(failure)) => return Err(failed(explain(recipe, &failure))),
        Err(problem) => return Err(failed(problem)),
    }
    let built = show(engine, name).await?;
    built.ok_or_else(|| failed("the engine built it, but does not have it".to_owned()))
}

/// Removes what a build that failed has left, with all that it was made from and nobody uses. What is used is not removed,
/// and what cannot be removed now, `docker image prune` removes.
async fn remove_unnamed(engine: &Engine, id: &str) {
    if let Ok(Some(found)) = engine.image(id).await
        && found.names.is_empty()
    {
        drop(engine.remove_image(id).await);
    }
}

/// The answer to a request whose body was `writing`. The outer error is that of the writer: the engine only knows that the
/// body broke off.
pub(super) async fn answered<T, E>(
    answer: Result<T, E>,
    writing: JoinHandle<io::Result<()>>,
) -> Result<Result<T, E>, String> {
    match writing.await {
        Ok(Err(error)) if answer.is_err() && error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error.to_string())
        }
        Err(error) if answer.is_err() => Err(error.to_string()),
        // An engine that needs no more than it has read does not read on.
        Ok(_) | Err(_) => Ok(answer),
    }
}

/// What the engine said, what the step said before, and what to do about it.
fn explain(recipe: &ImageRecipe, failure: &BuildFailure) -> String {
    let said = failure.failure.problem().trim();
    let hint = if recipe.needs_registry() {
        format!("; {}", without_registry(recipe.kind()))
    } else {
        String::new()
    };
    if failure.at_base {
        return format!("the engine cannot get its base: {said}{hint}");
    }
    let before = failure.last_lines.iter();
    let before: Vec<&str> = before.map(|line| line.trim()).collect();
    if before.is_empty() {
        format!("{said}{hint}")
    } else if said.starts_with("The command ") {
        // What it quotes is the step itself, which tells nobody anything.
        format!("{}{hint}", before.join(" | "))
    } else {
        format!("{said}: {}{hint}", before.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(at_base: bool) -> BuildFailure {
        BuildFailure {
            failure: Failure::Garbled("no such host".to_owned()),
            at_base,
            last_lines: vec!["E: gone".to_owned()],
            last_image: None,
        }
    }

    #[test]
    fn who_has_no_registry_is_told_what_to_do_instead() {
        let recipe = ImageRecipe::Install {
            kind: "claude".to_owned(),
            base: None,
            version: None,
        };
        let problem = explain(&recipe, &failure(true));
        assert!(
            problem.starts_with("the engine cannot get its base: no such host; "),
            "{problem}"
        );
        assert!(
            problem.contains("swarm image build claude --program"),
            "{problem}"
        );
        let problem = explain(&recipe, &failure(false));
        assert!(problem.starts_with("no such host: E: gone; "), "{problem}");
    }

    #[test]
    fn of_a_step_that_failed_only_what_it_said_is_told() {
        let failure = BuildFailure {
            failure: Failure::Garbled(
                "The command '/bin/sh -c x' returned a non-zero code: 1".to_owned(),
            ),
            ..failure(false)
        };
        let recipe = ImageRecipe::FromBusybox {
            path: "/bin/busybox".into(),
        };
        assert_eq!(explain(&recipe, &failure), "E: gone");
    }

    #[test]
    fn a_recipe_without_a_registry_is_not_told_about_one() {
        let recipe = ImageRecipe::FromBusybox {
            path: "/bin/busybox".into(),
        };
        assert_eq!(explain(&recipe, &failure(false)), "no such host: E: gone");
    }
}
