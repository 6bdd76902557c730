//! Containers that are started ahead of their agents.

use swarm_core::{
    Plan,
    agents::kind_of,
    ids::RunId,
    spec::{ByteSize, Sandbox},
};

use swarm_http::engines::{Said, Tell};

use crate::runtime::Chosen;

/// Keeps `ahead` containers started for the agents of each sandbox in `plan`, and says if there can be none.
pub(crate) fn keep(
    chosen: &Chosen,
    tell: &Tell,
    run: &RunId,
    plan: &Plan,
    ahead: u8,
    max_output: ByteSize,
) {
    let Some(docker) = chosen.docker() else {
        tell(Said::Notice(
            "--warm has no effect: agents run as plain processes".to_owned(),
        ));
        return;
    };
    let mut groups: Vec<(&Sandbox, usize)> = Vec::new();
    for agent in plan.agents() {
        if !kind_of(&agent.agent).is_ok_and(|kind| kind.name() == "command") {
            continue;
        }
        match groups
            .iter_mut()
            .find(|(sandbox, _)| **sandbox == agent.sandbox)
        {
            Some((_, agents)) => *agents += 1,
            None => groups.push((&agent.sandbox, 1)),
        }
    }
    let mut any = false;
    for (sandbox, agents) in groups {
        any |= docker.keep_warm(run, sandbox, max_output, ahead.into(), agents);
    }
    if !any {
        tell(Said::Notice(
            "--warm has no effect: only agents of a program, without mounts, input files, a GPU and lists of hosts, can have \
             their containers started ahead"
                .to_owned(),
        ));
    }
}
