//! A STUN and TURN server: a sans-IO core, [`Server`], and the shell that gives it sockets, [`shell`].
//!
//! STUN is RFC 8489, TURN is RFC 8656; credentials are of long-term users and of time-limited names ([`rest`]). Clients
//! come by UDP, TCP, TLS or DTLS, and are relayed by UDP, or by TCP where that is allowed (RFC 6062), to peers that the
//! [`PeerPolicy`] permits: nobody on a special-purpose address, unless the operator opened that range; or, told who the
//! members of a call are, for them alone ([`shell::Shell::restrict`]).
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use hearth_turn::{Config, Output, Server};
//!
//! let now = Instant::now(); // the shell's clocks; the core reads none
//! let mut server = Server::new(&Config::new([7; 32]), now, Duration::from_secs(1_700_000_000));
//! // A Binding request (RFC 8489 section 5): type, length, magic cookie, transaction id.
//! let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat();
//! server.handle_listener("192.0.2.7:5000".parse()?, "198.51.100.1:3478".parse()?, &request, now);
//!
//! let Some(Output::Transmit { to, payload }) = server.poll_output() else { panic!("it is answered") };
//! assert_eq!((to.client.port(), &payload[..2]), (5000, &[1, 1][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
