//! Our servers: those of the room that we are in, and those that start or end.
//!
//! Owner of: the servers of the room.

use crate::engine::hosting::Hosting;

/// Our servers. Two sets of them would fight for one port, so one starts when no other starts or ends.
#[derive(Default)]
pub(super) struct Servers {
    /// Those of the room that we are in.
    pub(super) hosting: Option<Hosting>,
    is_starting: bool,
    /// Sets of them that end.
    ending: usize,
}

impl Servers {
    /// Whether servers beside those of the room start or end.
    pub(super) fn is_port_busy(&self) -> bool {
        self.is_starting || self.ending > 0
    }

    /// Some are on their way up.
    pub(super) fn on_starting(&mut self) {
        self.is_starting = true;
    }

    /// They are up, or will never be.
    pub(super) fn on_started(&mut self) {
        self.is_starting = false;
    }

    /// A set of them is on its way down.
    pub(super) fn on_ending(&mut self) {
        self.ending += 1;
    }

    /// It is down.
    pub(super) fn on_ended(&mut self) {
        self.ending = self.ending.saturating_sub(1);
    }

    /// Whatever started or ended never says that it has.
    pub(super) fn on_lost(&mut self) {
        (self.is_starting, self.ending) = (false, 0);
    }
}
