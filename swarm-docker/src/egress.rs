//! The only way out of an agent that may reach listed hosts.
//!
//! Its container has loopback and nothing else. On loopback listens a *forwarder*: a container of ours that the agent
//! shares its network with, and that copies bytes to a socket in a folder on the host. There a *proxy* in our own
//! process decides by name, looks names up itself, and writes down what it decided.

mod address;
mod container;
mod folder;
mod forward;
mod gateway;
mod idle;
mod ledger;
mod options;
mod policy;
mod proxy;
mod relay;
mod target;

pub(crate) use container::environment;
pub use forward::forward;
pub(crate) use gateway::Gateway;
pub use options::EgressOptions;
