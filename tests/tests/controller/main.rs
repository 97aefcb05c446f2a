//! The controller with real parts, below the window: TLS, mDNS, the relay, sockets, codecs, on a LAN of network
//! namespaces.
//!
//! Each person is a [`AppController`](hearth::engine::controller::AppController) of their own in this process, on a
//! host of their own. A test does what a person does, by actions, and reads what they would see, in views. Waits are on
//! views with a deadline.

#![expect(clippy::print_stdout, reason = "a test prints what it measured")]
#![expect(unreachable_pub, reason = "the modules of one test binary")]

mod child;
mod devices;
mod faults;
#[expect(dead_code, reason = "the LAN without IPv4 is for the end-to-end tests")]
#[path = "../e2e/lan.rs"]
mod lan;
mod later;
mod life;
mod names;
mod passwords;
mod person;
mod place;
mod room;
mod server;
mod stranger;
