//! The gateways: listener, HTTP, WebSockets, the old protocol, and the hub that owns the rooms.
//!
//! All input and output of the server is here; nothing is decided here that concerns a room.

mod assets;
mod connection;
mod counted;
pub(crate) mod hosts;
pub(crate) mod http;
pub(crate) mod hub;
pub(crate) mod legacy;
pub(crate) mod listener;
mod redirect;
