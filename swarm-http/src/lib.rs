//! The daemon of swarm, and the client that talks to it.
//!
//! One process per home folder owns the state: [`App`] has everything that a request may touch, [`serve`] lets clients of this
//! machine in. What can be asked for is an [`Operation`]: a type with a name, a request, an answer and who may ask; routes, the
//! [`Client`] and the [OpenAPI document](openapi::document) are made of the same list.
//!
//! # Theory of operation
//!
//! *One writer.* Commands go to the keeper of `swarm_core::journal`, which decides, records and applies them, and answers after the
//! commit. *One read path.* Whoever is told something reads on from where it was: a mailbox from its cursor, the log from a sequence
//! number. A bell (`bells.rs`) only says that there is more. *Closed by default.* Loopback only; `Host` and `Origin` are checked on every
//! request; without the token of the home, or the credential of a peer, nothing but `/health` and `/ready` answers ([`server::gate`]).

pub mod app;
mod attendance;
mod autostart;
mod bells;
mod caller;
mod client;
pub mod compat;
mod credentials;
pub mod daemon;
pub mod engines;
mod failure;
mod history;
mod home;
pub mod import;
pub mod openapi;
mod operation;
pub mod operations;
pub mod place;
pub mod runs;
pub mod server;

pub use app::App;
pub use autostart::{Starter, connect_or_start};
pub use caller::Caller;
pub use client::{Client, ClientError, Watched};
pub use failure::{Failure, Problem, ProblemDetail};
pub use history::{Receipt, Shown};
pub use home::{Address, DaemonHome, DaemonLock, HomeError, Kept};
pub use operation::{Kind, Operation, Who};
pub use server::serve;
