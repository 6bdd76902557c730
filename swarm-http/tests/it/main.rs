//! Tests of the daemon through a real socket, in one binary.

#[cfg(test)]
mod api;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod documented;
#[cfg(test)]
mod events;
#[cfg(test)]
mod history;
#[cfg(test)]
mod import;
#[cfg(test)]
mod push;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod security;
