//! The deadlines of sessions and connections, as data.
//!
//! Each timer is at most once; setting it again moves it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hearth_protocol::PeerId;

use super::ConnId;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The connection has not said hello.
    Hello(ConnId),
    /// The session that is away has not come back.
    Grace(PeerId),
    /// The member's TURN credentials grow old.
    Ice(PeerId),
    /// Who has left needs its TURN credentials no more.
    Credential(PeerId),
    /// A host's seat was kept long enough.
    Seats,
    /// The host has not heard yet of the last wrong guesses.
    WrongGuesses(PeerId),
    /// The member's ticket grows old.
    Ticket(PeerId),
    /// The others have not heard yet what is true of this one now.
    News(PeerId),
}

/// All deadlines.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    due: BTreeMap<Timer, Instant>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.cancel(timer);
        self.due.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.due.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.by_time.first()?;
        (at <= now).then(|| {
            self.cancel(timer);
            timer
        })
    }
}
