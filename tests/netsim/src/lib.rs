//! A network as pure arithmetic, in virtual time and from one seed: links with rate, queue, delay, jitter and loss,
//! partitions, addresses that move, routers that translate them.
//!
//! [`Network`] owns every datagram in flight. It knows addresses and nodes, no sockets; what a datagram means is its
//! users' business. Used by the World test of `hearth-call`, and fit for an emulator between real devices.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "virtual time begins somewhere"))]

mod link;
mod nat;
mod network;

pub use link::{LinkConfig, Loss};
pub use nat::Filtering;
pub use network::{Counters, Delivery, Network, NodeId};
