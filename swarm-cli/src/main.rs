//! The `swarm` command.

mod agent_input;
mod agent_user;
mod args;
mod commands;
mod config;
mod control;
mod daemon;
mod duration;
mod error;
mod execute;
mod exit_code;
mod host_machine;
mod localize;
mod output;
mod ownership;
mod pipeline_input;
mod playback;
mod remote;
mod runtime;
mod session;
mod trust;
mod trusted;
mod warm;
mod words;

fn main() -> std::process::ExitCode {
    commands::main().into()
}
