//! The surface of claude-peers and claude-swarm, as their specification has it, through real sockets.

mod delivery;
mod doors;
mod frames;
mod routes;
mod shared;
mod survival;
pub(crate) mod theirs;
