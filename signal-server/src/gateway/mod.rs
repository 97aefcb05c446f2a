//! The gateways: listener, HTTP, WebSockets, the old protocol, and the hub that owns the rooms.
//!
//! All input and output of the server is here; nothing is decided here that concerns a room.

pub(crate) mod addresses;
pub(crate) mod alive;
mod assets;
pub(crate) mod connection;
pub(crate) mod connection_limit;
mod deadline;
pub(crate) mod hosts;
pub(crate) mod http;
pub(crate) mod hub;
pub(crate) mod legacy;
pub(crate) mod listener;
pub(crate) mod metrics;
mod one_shot;
mod open_bytes;
pub(crate) mod ports;
pub(crate) mod proxies;
mod redirect;
pub(crate) mod relays;
mod request;
pub(crate) mod statics;
