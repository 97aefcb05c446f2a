//! When a relay that failed is tried again, and what is tried meanwhile.
//!
//! Each relay that the server named is tried once at a time: it is being opened, is there, or waits for its turn.

use std::time::{Duration, Instant};

use super::{Gathering, STAGE, Try};
use crate::path::Sink;
use crate::sockets::SocketId;

/// A relay that has served for so long and is no more was started again, or its stream was cut: it is tried again at
/// once.
const STEADY: Duration = Duration::from_secs(10);
/// The wait before a relay is tried again doubles from the first of these to the second.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

impl Gathering {
    /// The relay behind `socket` did not come to be, or is no more. Where it was to replace one that is still there,
    /// that one is replaced later: two that are tried in its place would be four after the next change.
    pub(super) fn retry(&mut self, socket: SocketId, mut relay: Try, now: Instant) {
        let wait = RETRY.saturating_mul(1 << relay.failures.min(16)).min(LONGEST_RETRY);
        relay.failures = relay.failures.saturating_add(1);
        let replaced = self.moves.take_replaced(socket);
        if let Some((old, _)) = replaced.and_then(|old| self.relays.get_mut(&old)) {
            *old = relay;
            self.moves.replace_by(now + wait);
        } else {
            self.later.push((now + wait, relay));
        }
    }

    /// A path is gone; whether there was one.
    pub(super) fn lose(&mut self, socket: SocketId, sink: &mut Sink<'_>, now: Instant) -> bool {
        let has_stood = self.paths.iter().any(|path| path.socket() == socket && path.address().is_some());
        let relay = self.relays.remove(&socket);
        let is_lost = self.remove(socket, sink);
        match relay {
            // What takes its place is there, or on its way.
            Some(_) if self.moves.take_superseded(socket) => {}
            Some((relay, since)) if has_stood && now.saturating_duration_since(since) >= STEADY => {
                self.later.push((now, Try { failures: 0, ..relay }));
            }
            Some((relay, _)) => self.retry(socket, relay, now),
            None => {}
        }
        if is_lost {
            self.call_spares(now);
        }
        is_lost
    }

    /// Where no relay is any more, those that were spared have their turn.
    pub(super) fn call_spares(&mut self, now: Instant) {
        if !self.has_relay() {
            self.later.extend(self.spare.drain(..).map(|relay| (now + STAGE, relay)));
        }
    }
}
