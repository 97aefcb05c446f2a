//! `hearth-turn` as a program: coturn's own clients against it, its files, its signals.
//!
//! Each test starts the real program on ports that are free, on loopback, and waits for what it says.

mod coturn;
mod server;
mod service;
mod wire;
