//! Tests of the public face of this crate, in one binary.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod breaker;
#[cfg(test)]
mod cache;
mod engine_down;
#[cfg(test)]
mod event_log;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod judging;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod process;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod run_ids;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod swarm;
