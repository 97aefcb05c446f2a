//! `hearth-turn` as a program: coturn's own clients against it, its files, its signals.
//!
//! Each test starts the real program on ports that are free, on loopback, and waits for what it says.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod coturn;
mod files;
mod flood;
mod logs;
mod server;
mod service;
mod wire;
