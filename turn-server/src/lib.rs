//! A STUN and TURN server: a sans-IO core, [`Server`], and the shell that gives it sockets, [`shell`].
//!
//! STUN is RFC 8489, TURN is RFC 8656; credentials are of long-term users and of time-limited names ([`rest`]). It
//! relays UDP for clients that come by UDP, to peers that the [`PeerPolicy`] permits: nobody on a special-purpose
//! address, unless the operator opened that range; or, told who the members of a call are, for them alone
//! ([`shell::Shell::restrict`]).

mod codec;
mod config;
mod crypto;
pub mod fuzz;
pub mod logging;
pub mod metrics;
mod peers;
pub mod probe;
pub mod rest;
mod server;
pub mod settings;
pub mod shell;
mod stats;

pub use config::{
    BindingRule, Changes, Config, DefaultFamily, EmptySecret, NameRule, Options, Quotas, RelayAddress, Secret, User,
};
pub use peers::PeerPolicy;
pub use server::{
    ConnectionId, DataRate, Discovery, FiveTuple, Forward, FromPeer, NextHop, Output, Protocol, Server, SharedState,
    Transport, Worker,
};
pub use stats::{DropCounts, RefusalCounts, Requests, Stats, Traffic};
