//! A network as pure arithmetic, in virtual time and from one seed: links with rate, queue, delay, jitter and loss,
//! access links that all of a node's traffic shares, traffic of others, partitions, addresses that move, routers that
//! translate them.
//!
//! A datagram passes the uplink of its sender, the link to its receiver, and the receiver's downlink, each with a queue
//! (drop-tail or CoDel) before a rate that may change at set times; [`Hop`] names them. Access links are there once
//! they are set.
//!
//! [`Network`] owns every datagram in flight. It knows addresses and nodes, no sockets; what a datagram means is its
//! users' business. Used by the World test of `hearth-call`, and fit for an emulator between real devices.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::{Duration, Instant};
//!
//! use hearth_netsim::{LinkConfig, Network, NodeId};
//!
//! let (ann, bea): (SocketAddr, SocketAddr) = ("10.0.0.1:4000".parse()?, "10.0.0.2:4000".parse()?);
//! let start = Instant::now(); // the only look at a clock: the rest is arithmetic
//! let mut network = Network::new(7, LinkConfig::delayed(Duration::from_millis(25)));
//! network.add_address(NodeId(1), ann.ip());
//! network.add_address(NodeId(2), bea.ip());
//! network.send(ann, bea, b"hello".to_vec(), start);
//!
//! let arrival = network.poll_timeout().expect("it is on its way");
//! assert_eq!(arrival - start, Duration::from_millis(25));
//! assert_eq!(network.poll_delivery(arrival).expect("it has arrived").payload, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "virtual time begins somewhere"))]

mod codel;
mod fabric;
mod hop;
mod link;
mod nat;
mod network;
mod queue;
mod rate;
mod traffic;

pub use hop::{Hop, NodeId};
pub use link::{LinkConfig, Loss};
pub use nat::{Filtering, Mapping, NatConfig, Ports};
pub use network::{Counters, Delivery, Network};
pub use queue::{AccessConfig, Discipline, QueueStats};
pub use rate::RateSchedule;
pub use traffic::{FlowConfig, FlowId, FlowStats, Traffic};
