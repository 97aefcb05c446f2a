//! The network under a call: addresses of this machine that come and go, and sleep, after which nothing is certain.

use std::time::Instant;

use super::Call;
use crate::addresses::LocalAddress;
use crate::transport::AddressChange;

impl Call {
    pub(super) fn on_interfaces(&mut self, interfaces: Vec<LocalAddress>, now: Instant) {
        let before = std::mem::replace(&mut self.shared.ice.config.interfaces, interfaces);
        let now_there = &self.shared.ice.config.interfaces;
        let has = |all: &[LocalAddress], one: &LocalAddress| all.iter().any(|known| known.address == one.address);
        let is_lost = before.iter().any(|old| !has(now_there, old));
        let is_gained = now_there.iter().any(|new| !has(&before, new));
        if !is_lost && !is_gained {
            return;
        }
        let change = if is_lost { AddressChange::Lost } else { AddressChange::Gained };
        self.participants.handle_interfaces(change, &mut self.shared, now);
        self.dial_now(now);
    }

    /// This machine has slept, or the clock leapt: paths are looked at before silence tells, and what was measured of
    /// them is forgotten.
    pub(super) fn on_woken(&mut self, now: Instant) {
        self.participants.handle_woken(&mut self.shared, now);
        self.dial_now(now);
    }

    /// Where the server is out of reach, the wait before it is tried again was for the network that was. A network that
    /// changes all the time is no reason to dial all the time: then the wait is what it was.
    fn dial_now(&mut self, now: Instant) {
        if self.server.dial_at.is_some() && self.server.hurries.take(now) {
            self.server.backoff.reset();
            self.server.dial_at = Some(now);
        }
    }
}
