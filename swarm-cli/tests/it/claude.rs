//! The real Claude Code CLI, which `SWARM_TEST_CLAUDE` names, asking a model that a test has written.

#[cfg(test)]
mod docker;
#[cfg(test)]
mod image;
#[cfg(test)]
mod process;
#[cfg(test)]
mod program;
#[cfg(test)]
mod stage;
