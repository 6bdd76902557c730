//! Whether an engine can give an agent a GPU.

use std::path::Path;

use swarm_core::runtime::RuntimeError;

use crate::engine::{Engine, GpuHints};

/// What a machine with the driver of a GPU has: those of Nvidia, of Windows below a Linux, and of AMD.
const DRIVERS: [&str; 4] = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd"];

/// Refuses a GPU that nobody has.
pub(crate) async fn check(engine: &Engine) -> Result<(), RuntimeError> {
    let hints = engine.gpu_hints().await;
    let hints = hints.map_err(|failure| engine.error("describe itself", failure))?;
    let is_here = engine.socket().is_some();
    let has_driver = DRIVERS.iter().any(|driver| Path::new(driver).exists());
    if is_possible(&hints, is_here.then_some(has_driver)) {
        return Ok(());
    }
    Err(RuntimeError::Unsupported {
        runtime: "docker",
        field: "gpu".to_owned(),
        hint: "looked for a runtime called nvidia and for CDI devices in the `info` of the engine, and for /dev/nvidiactl, \
               /dev/dxg and /dev/kfd on this machine; install the driver and the container toolkit of the GPU, or leave \
               `gpu` out",
    })
}

/// `has_driver` is known of this machine only. An engine need not name what it finds when it starts a container, so only
/// one without anything is sure to have none.
fn is_possible(hints: &GpuHints, has_driver: Option<bool>) -> bool {
    let is_gpu = |name: &String| name.contains("nvidia") || name.contains("gpu");
    hints.runtimes.iter().chain(&hints.devices).any(is_gpu) || has_driver.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_machine_without_any_trace_of_a_gpu_is_sure_to_have_none() {
        let hints = |runtimes: &[&str], devices: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            GpuHints {
                runtimes: owned(runtimes),
                devices: owned(devices),
            }
        };
        let plain = ["io.containerd.runc.v2", "runc"];
        for (hints, has_driver, possible) in [
            (hints(&plain, &[]), Some(false), false),
            (hints(&plain, &["vendor.com/net=eth1"]), Some(false), false),
            (hints(&plain, &[]), Some(true), true),
            (hints(&["runc", "nvidia"], &[]), Some(false), true),
            (hints(&plain, &["nvidia.com/gpu=0"]), Some(false), true),
            (hints(&plain, &["amd.com/gpu=all"]), Some(false), true),
            // Of another machine nobody here knows.
            (hints(&plain, &[]), None, true),
        ] {
            assert_eq!(is_possible(&hints, has_driver), possible, "{hints:?}");
        }
    }
}
