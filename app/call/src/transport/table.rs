//! All transports of a call, by their ids, and when each wants to be looked after.
//!
//! Owner of: the transports, and the time that each gave when it was last told something. So asking when the call is to
//! be looked after costs a comparison for each transport, and not a look into each of its timers.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Transport;
use crate::sockets::TransportId;

/// The transports.
#[derive(Default)]
pub(crate) struct Transports {
    all: BTreeMap<TransportId, Timed>,
    next: u32,
}

struct Timed {
    transport: Transport,
    due: Option<Instant>,
}

impl Transports {
    /// Adds one, made for the id that it is given, which is returned.
    pub(crate) fn add(&mut self, make: impl FnOnce(TransportId) -> Transport) -> TransportId {
        let id = TransportId(self.next);
        self.next += 1;
        self.all.insert(id, Timed { transport: make(id), due: None });
        id
    }

    pub(crate) fn remove(&mut self, id: TransportId) -> Option<Transport> {
        self.all.remove(&id).map(|timed| timed.transport)
    }

    pub(crate) fn get(&self, id: TransportId) -> Option<&Transport> {
        self.all.get(&id).map(|timed| &timed.transport)
    }

    /// For telling it something; [`Self::look_at`] it afterwards.
    pub(crate) fn get_mut(&mut self, id: TransportId) -> Option<&mut Transport> {
        self.all.get_mut(&id).map(|timed| &mut timed.transport)
    }

    /// Tells each of these something.
    pub(crate) fn each(&mut self, ids: impl IntoIterator<Item = TransportId>, mut act: impl FnMut(&mut Transport)) {
        ids.into_iter().for_each(|id| self.get_mut(id).into_iter().for_each(&mut act));
    }

    /// Asks a transport that was told something when it wants to be looked after.
    pub(crate) fn look_at(&mut self, id: TransportId) {
        if let Some(timed) = self.all.get_mut(&id) {
            timed.due = timed.transport.poll_timeout();
        }
    }

    /// When one of them wants to be looked after.
    pub(crate) fn due(&self, id: TransportId) -> Option<Instant> {
        self.all.get(&id)?.due
    }

    /// When the first of them wants to be looked after.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.all.values().filter_map(|timed| timed.due).min()
    }
}
