//! A room that was there before the server was restarted: what its tickets have shown so far.
//!
//! Owned by the room. Everything here was in tickets, sealed in earlier runs; nothing that is done in this run changes
//! it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_protocol::PeerId;

/// How long the host's seat is kept after the newest ticket so far. Clients try every four seconds: by then those who
/// are on their way have shown theirs, and it is known who was host and who was put out.
const SEAT: Duration = Duration::from_secs(30);

/// When a ticket was sealed, and what its room's rules were by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The run, by its place among the earlier ones.
    pub(super) run: usize,
    /// Seconds after the start of that run.
    pub(super) at_s: u64,
    /// Of the rules.
    pub(super) generation: u32,
}

/// What is known of a room from before.
#[derive(Debug)]
pub(super) struct Restored {
    /// Of the newest rules that a ticket has shown.
    newest: Sealed,
    /// Until when the host's seat is kept; nobody is host before that.
    pub(super) seat_until: Option<Instant>,
    /// Who was host, by tickets of which rules.
    claims: BTreeMap<PeerId, Sealed>,
}

impl Sealed {
    /// Rules change within a run by their generation; a later run's come after all of an earlier one's.
    fn rules(self) -> (usize, u32) {
        (self.run, self.generation)
    }

    fn moment(self) -> (usize, u64) {
        (self.run, self.at_s)
    }
}

impl Restored {
    pub(super) fn new(sealed: Sealed, now: Instant) -> Self {
        Self { newest: sealed, seat_until: Some(now + SEAT), claims: BTreeMap::new() }
    }

    /// Whether the rules of that ticket are newer than all that were shown.
    pub(super) fn is_older_than(&self, sealed: Sealed) -> bool {
        self.newest.rules() < sealed.rules()
    }

    /// Whether a room of the same name, which that ticket is of, came after this one.
    pub(super) fn ended_before(&self, sealed: Sealed) -> bool {
        self.newest.moment() < sealed.moment()
    }

    /// Newer rules were shown: who claims the seat by them is to have the time for it.
    pub(super) fn prove(&mut self, sealed: Sealed, now: Instant) {
        self.newest = sealed;
        self.seat_until = Some(now + SEAT);
    }

    /// `peer` was the host, as its ticket has it.
    pub(super) fn claim(&mut self, peer: PeerId, sealed: Sealed) {
        self.claims.insert(peer, sealed);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.seat_until.is_some_and(|until| until <= now)
    }

    /// The seat was kept long enough: whose it is by the newest rules.
    pub(super) fn give_up_seat(&mut self) -> Option<PeerId> {
        self.seat_until = None;
        let claims = std::mem::take(&mut self.claims);
        claims.into_iter().find(|(_, sealed)| sealed.rules() == self.newest.rules()).map(|(peer, _)| peer)
    }
}
