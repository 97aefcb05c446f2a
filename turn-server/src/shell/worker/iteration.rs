//! The loop.

use std::io;
use std::time::Duration;

use mio::Events;

use super::{EgressSocket, MOVED, PollSource, SWEEP, Worker};
use crate::FiveTuple;
use crate::shell::mailbox::WorkerMessage;
use crate::shell::{now, unix_now};

/// Events that one poll gives. More wait in the kernel.
const EVENTS: usize = 1024;

/// Whether there is another turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Another,
    Last,
}

impl Worker {
    /// Serves until it is told to stop, or the system gives no more events.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut sources = Vec::new();
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a worker of the relay gets no events any more; restart the server");
                break;
            }
            self.now = now();
            self.take_members();
            self.core.end_withdrawn();
            sources.append(&mut self.path.again);
            sources.extend(events.iter().map(|event| PollSource::of(event.token())));
            let mut turn = Turn::Another;
            for source in sources.drain(..) {
                if self.take(source) == Turn::Last {
                    turn = Turn::Last;
                }
            }
            self.resume();
            self.core.handle_timeout(self.now);
            self.carry_out();
            self.flush();
            self.deliver();
            self.sweep();
            if turn == Turn::Last {
                break;
            }
        }
        self.publish();
    }

    fn take(&mut self, source: PollSource) -> Turn {
        match source {
            PollSource::Listener(index) => self.read_datagrams(EgressSocket::Listener(index)),
            PollSource::Relay(key) => self.take_relay(key),
            PollSource::Door(index) => self.accept_clients(index),
            PollSource::Client(key) => self.take_client(key),
            PollSource::Peer(key) => self.take_peer(key),
            PollSource::Letters => return self.take_letters(),
        }
        Turn::Another
    }

    /// How long the poll may wait.
    fn timeout(&self) -> Option<Duration> {
        if !self.path.again.is_empty() {
            return Some(Duration::ZERO);
        }
        // Read again: the turn may have taken its time.
        let now = now();
        let due = [self.core.poll_timeout(), self.peers.next_share()].into_iter().flatten().min();
        let due = due.map(|at| at.saturating_duration_since(now));
        let is_busy = self.needs_sweep();
        let sweep = is_busy.then(|| (self.links.swept + SWEEP).saturating_duration_since(now));
        // Rounded up: a poll that ends a fraction of a millisecond early would be another turn for nothing.
        let rounded = |left: Duration| left + Duration::from_millis(1);
        [due, sweep].into_iter().flatten().min().map(rounded)
    }

    /// Whether anything is there that only a look each second finds.
    fn needs_sweep(&self) -> bool {
        let has_news = *self.core.stats() != *self.links.stats.borrow();
        has_news || !self.clients.all.is_empty() || !self.sessions.is_empty() || !self.moved.guests.is_empty()
    }

    pub(super) fn take_members(&mut self) {
        if let Some(members) = &mut self.links.members
            && members.has_changed().unwrap_or(false)
        {
            let members = members.borrow_and_update().clone();
            self.core.set_members(&members, self.now);
        }
    }

    /// Sends what the turn has gathered, and frees the arena.
    pub(super) fn flush(&mut self) {
        if !self.path.outbox.is_empty() {
            let sockets = &self.sockets;
            let unsent = self.path.outbox.flush(self.path.arena.bytes(), |exit| sockets.udp(exit));
            self.core.handle_unsent(unsent);
        }
        self.path.arena.clear();
    }

    /// Gives the other workers what is for their relays.
    fn deliver(&mut self) {
        for (parcels, postbox) in self.path.parcels.iter_mut().zip(&self.links.postboxes) {
            if parcels.all.is_empty() {
                continue;
            }
            let parcels = std::mem::take(parcels);
            let count = parcels.all.len() as u64;
            if postbox.post(WorkerMessage::Parcels(parcels)).is_err() {
                self.core.handle_unsent(count);
            }
        }
    }

    /// Tells the core the wall clock, before a request is judged by it: it may have been set, and nothing counts while
    /// a machine sleeps. Data on a channel is not judged by it, and costs no look.
    pub(super) fn set_clock(&mut self, is_data: bool) {
        if !is_data {
            self.core.handle_clock(self.now, unix_now());
        }
    }

    /// Once a second: counters, late clients, sessions that want to be woken, guests that have gone.
    pub(super) fn sweep(&mut self) {
        if self.now.saturating_duration_since(self.links.swept) < SWEEP {
            return;
        }
        self.links.swept = self.now;
        self.publish();
        self.sweep_clients();
        self.sweep_sessions();
        self.sweep_guests();
        self.carry_out();
        self.flush();
    }

    fn publish(&self) {
        self.links.stats.send_replace(*self.core.stats());
    }

    fn sweep_guests(&mut self) {
        let core = &self.core;
        // One whose session is here has not come to its answer yet.
        let sessions = &self.sessions;
        let is_gone = |tuple: &FiveTuple| !core.holds(tuple) && !sessions.has(tuple);
        let gone = self.moved.guests.extract_if(|tuple, _| is_gone(tuple)).take(MOVED);
        let gone: Vec<_> = gone.collect();
        for (tuple, home) in gone {
            let letter = WorkerMessage::Home { tuple, at: self.links.number };
            if self.links.postboxes.get(usize::from(home)).is_some_and(|postbox| postbox.post(letter).is_err()) {
                self.moved.guests.insert(tuple, home); // its box is full: said with the next sweep
            }
        }
    }
}
