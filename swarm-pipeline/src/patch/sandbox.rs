//! What a sandbox allows.

use std::path::Path;

use swarm_core::spec::{AllowedHosts, Mount, Network, Sandbox};

use super::power::is_within as tighter;

/// What a sandbox allows that `old` does not. A field that is new here has to be thought of before this compiles.
#[expect(clippy::too_many_lines, reason = "one field after the other")]
pub(super) fn beyond(new: &Sandbox, old: &Sandbox) -> Vec<String> {
    let Sandbox {
        model,
        tools,
        mcps,
        mounts,
        input_files,
        network,
        memory,
        cpus,
        pids,
        gpu,
        resources,
        timeout,
        env_vars,
        image,
        workdir,
        // Words for a model, like its prompt, how it answers, and how hard it thinks. A program is given none of them.
        system_prompt: _,
        claude_md: _,
        output_schema: _,
        effort: _,
        input_type: _,
        output_type: _,
        // Part of the worst case.
        max_budget: _,
        // A stored result of the same task is nothing new.
        cache: _,
    } = new;
    let mut beyond = Vec::new();
    let mut object = |is_fine: bool, objection: &dyn Fn() -> String| {
        if !is_fine {
            beyond.push(objection());
        }
    };
    for mount in mounts {
        object(
            old.mounts.iter().any(|old| is_mount_of(mount, old)),
            &|| {
                let kind = if mount.readonly {
                    "read-only"
                } else {
                    "writable"
                };
                format!(
                    "mounts {} at {} ({kind})",
                    mount.host_path, mount.container_path
                )
            },
        );
    }
    // Without a mount that lies in another, what it covered shows, and may be written.
    for gone in old.mounts.iter().filter(|old| {
        let is_there = mounts
            .iter()
            .any(|new| new.container_path == old.container_path);
        let is_covering =
            |new: &Mount| Path::new(&old.container_path).starts_with(&new.container_path);
        !is_there && mounts.iter().any(is_covering)
    }) {
        object(false, &|| {
            format!("lacks the mount at {}", gone.container_path)
        });
    }
    // `sh test.sh` is another program with another file or in another folder, and has the secrets and mounts of this one: so
    // exactly what one agent had, together with everything else that it had.
    for (path, content) in input_files {
        object(old.input_files.get(path) == Some(content), &|| {
            format!("has another file {}", new.inside(path))
        });
    }
    for path in old.input_files.keys() {
        object(input_files.contains_key(path), &|| {
            format!("lacks the file {}", old.inside(path))
        });
    }
    object(*workdir == old.workdir, &|| {
        format!("works in the folder {workdir}")
    });
    object(is_network_within(network, &old.network), &|| {
        format!("is on {}", shown_network(network))
    });
    for tool in tools.iter().filter(|tool| !old.tools.contains(tool)) {
        object(false, &|| format!("has the tool {tool}"));
    }
    for mcp in mcps.iter().filter(|mcp| !old.mcps.contains(mcp)) {
        object(false, &|| format!("has the MCP server {mcp}"));
    }
    for (name, value) in env_vars.iter() {
        let is_old = old.env_vars.iter().any(|old| old == (name, value));
        object(is_old, &|| {
            format!("has another value of the variable {name}")
        });
    }
    object(model == &old.model, &|| {
        format!(
            "asks the model {}",
            model.as_deref().unwrap_or("that its kind asks")
        )
    });
    object(image == &old.image, &|| {
        format!(
            "is in the image {}",
            image.as_deref().unwrap_or("of the runtime")
        )
    });
    object(tighter(memory.as_ref(), old.memory.as_ref()), &|| {
        "has more memory".to_owned()
    });
    object(tighter(cpus.as_ref(), old.cpus.as_ref()), &|| {
        "has more processors".to_owned()
    });
    object(tighter(pids.as_ref(), old.pids.as_ref()), &|| {
        "has more processes".to_owned()
    });
    object(!gpu || old.gpu, &|| "has the GPU".to_owned());
    // Who waits for fewer pools is one more than they allow; who waits for more keeps others out.
    let is_same = resources.iter().all(|pool| old.resources.contains(pool))
        && old.resources.iter().all(|pool| resources.contains(pool));
    object(is_same, &|| "waits for other pools".to_owned());
    object(*timeout <= old.timeout, &|| {
        format!("may run {} s", timeout.as_secs_f64())
    });
    beyond
}

fn is_mount_of(new: &Mount, old: &Mount) -> bool {
    new.host_path == old.host_path
        && new.container_path == old.container_path
        && (new.readonly || !old.readonly)
}

fn is_network_within(new: &Network, old: &Network) -> bool {
    let is_subset = |new: &AllowedHosts, old: &AllowedHosts| {
        new.iter().all(|host| old.iter().any(|known| known == host))
    };
    match (new, old) {
        (Network::None, _) | (Network::Own | Network::Allow(_), Network::Own) => true,
        (Network::Named(new), Network::Named(old)) => new == old,
        (Network::Allow(new), Network::Allow(old)) => is_subset(new, old),
        (Network::Own | Network::Named(_) | Network::Allow(_), _) => false,
    }
}

fn shown_network(network: &Network) -> String {
    match network {
        Network::None => "no network".to_owned(),
        Network::Own => "a network without limits".to_owned(),
        Network::Named(name) => format!("the network {name:?}"),
        Network::Allow(hosts) => {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            format!("a network with {}", hosts.join(", "))
        }
    }
}
