//! The legacy gateway: Socket.IO as signalmaster's clients speak it, on `/socket.io/`.
//!
//! `engineioxide` carries it (Engine.IO 3: long polling, WebSocket, the upgrade from one to the other). It calls us in
//! the order in which messages came, on the task that read them, so order is kept without a queue a page. What it hands
//! up is read at once and put into one bounded queue to the hub, which owns the rooms; nothing is decided here.

mod engine_io;
mod guard;
mod pages;
mod payload;

pub(crate) use guard::{LegacyGuard, mount};
pub(crate) use pages::Pages;
