//! Attempts to get out, from inside the container. None may succeed.
//!
//! Most are scripts that exit with 0 exactly if they got what they wanted, and run one after the other in one container. So
//! that none fails for a reason of its own, such as a program that is not there, each has a proof that it is a real attempt:
//! the same script succeeds where the walls are missing, or the kernel says why it refuses.

mod attempt;
mod files;
mod host;
mod image;
mod kernel;
mod lifetime;
mod network;
mod resources;
