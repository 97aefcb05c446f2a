//! The files of this folder once more, on what systems other than Linux have: here it is compiled and tested where it would
//! otherwise be neither.
#![expect(dead_code, reason = "what only a worker calls")]
#![expect(clippy::duplicate_mod, reason = "that is what it is for")]

use super::{HEADROOM, LONGEST, SLOT, SLOTS};

#[path = "arena.rs"]
mod arena;
#[path = "outbox.rs"]
mod outbox;
#[path = "socket.rs"]
mod socket;
#[path = "plain.rs"]
mod system;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use arena::{Arena, Arrival};
use outbox::{Outbox, Run};
use socket::Socket;
