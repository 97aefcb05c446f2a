//! Between an Allocate and its answer: the shell opens the relays one by one, and some ports turn out to be taken.
//!
//! ```text
//!   the relay ──► the port above, reserved (EVEN-PORT with R = 1) ──┬─► answer
//!        │    └─► the relay of the other family ────────────────────┘
//!        └─ taken, or the port above is: another one, or another pair
//! ```

use std::net::SocketAddr;
use std::time::Instant;

use super::allocate::allocated;
use super::allocation::{AllocationPhase, PendingRelay, Protocol, Second};
use super::family::Family;
use super::pool::{NoPort, PortGrant, PortRequest};
use super::tuple::FiveTuple;
use super::{Output, Server};
use crate::codec::{Class, Method, Writer, attribute};
use crate::rest;

/// How many ports, or pairs of them, are tried before the client is told that there is none. None is tried twice.
const ATTEMPTS: u8 = 16;
/// The code for a family that this server has no address of.
const FAMILY_NOT_SUPPORTED: u16 = 440;
/// The code for a port that is not to be had.
const CAPACITY: u16 = 508;

impl Server {
    /// The socket of `relay` is open: goes on to the port above or the second relay of `tuple`, or answers.
    pub(super) fn opened(&mut self, tuple: FiveTuple, relay: SocketAddr, now: Instant) {
        let Some(allocation) = self.table.get(&tuple).filter(|allocation| !allocation.is_live()) else { return };
        // Section 7.2: the server must be able to give the port above to who shows the token, so it is bound now.
        match allocation.upper().map(|upper| upper.bound) {
            Some(upper) if upper == relay => self.reserve(tuple, now),
            Some(upper) => self.emit(Output::OpenRelay { relay: upper, protocol: allocation.protocol }),
            None => self.open_second(tuple),
        }
    }

    /// The port above is open: from now on a token is good for it.
    fn reserve(&mut self, tuple: FiveTuple, now: Instant) {
        let Some(upper) = self.table.take_upper(&tuple) else { return };
        let token = self.pool.reserve(upper, now);
        if let Some(allocation) = self.table.get_mut(&tuple) {
            allocation.relays.reservation = Some(token);
        }
        self.complete(tuple);
    }

    /// Goes on to the relay of the other family, where one is wanted.
    fn open_second(&mut self, tuple: FiveTuple) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let protocol = allocation.protocol;
        let AllocationPhase::Opening(opening) = &mut allocation.phase else { return };
        let Some(family) = opening.wanted.take() else { return self.complete(tuple) };
        opening.failures = 0;
        opening.demand = PortRequest::Any(family);
        match self.pool.take(PortRequest::Any(family), tuple.local.ip()) {
            Ok(PortGrant { relay, .. }) => {
                self.table.set_second(&tuple, Second::Relay(relay));
                self.emit(Output::OpenRelay { relay: relay.bound, protocol });
            }
            Err(no_port) => {
                let code = if no_port == NoPort::Family { FAMILY_NOT_SUPPORTED } else { CAPACITY };
                self.table.set_second(&tuple, Second::Refused(code, family));
                self.complete(tuple);
            }
        }
    }

    /// All that could be opened is: the allocation begins.
    pub(super) fn complete(&mut self, tuple: FiveTuple) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let AllocationPhase::Opening(opening) = std::mem::replace(&mut allocation.phase, AllocationPhase::Live) else {
            return;
        };
        let key = allocation.owner.key.clone().signing(opening.integrity);
        let response = allocated(tuple, allocation);
        let (relays, protocol): (Vec<_>, _) = (allocation.relays.all().collect(), allocation.protocol);
        if protocol == Protocol::Udp {
            for relay in relays {
                self.commons.enliven(relay.bound, self.worker);
            }
        }
        self.wake(&opening.tried);
        self.stats.allocated += 1;
        self.answer(tuple, response, Some(&key), opening.fingerprinted);
    }

    /// A relay of `tuple` could not be opened: tries another port, or answers 508. One that breaks while it is in use
    /// ends its allocation; the client learns it by 437.
    pub(super) fn failed(&mut self, tuple: FiveTuple, relay: SocketAddr) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let (first, upper) = (allocation.relays.first.bound, allocation.upper().map(|upper| upper.bound));
        let AllocationPhase::Opening(opening) = &mut allocation.phase else { return self.close(tuple) };
        opening.failures += 1;
        opening.tried.push(relay);
        let (demand, failures) = (opening.demand, opening.failures);
        let next = match demand {
            PortRequest::Any(_) | PortRequest::Even(_) | PortRequest::Pair(_) if failures < ATTEMPTS => {
                self.pool.take(demand, tuple.local.ip()).ok()
            }
            PortRequest::Any(_) | PortRequest::Even(_) | PortRequest::Pair(_) | PortRequest::Reserved(_) => None,
        };
        let is_second = relay != first && Some(relay) != upper;
        match next {
            Some(PortGrant { relay, .. }) if is_second => {
                self.table.set_second(&tuple, Second::Relay(relay));
                self.emit(Output::OpenRelay { relay: relay.bound, protocol: Protocol::Udp });
            }
            Some(taken) => self.replace(tuple, relay, taken),
            None if is_second => {
                self.table.set_second(&tuple, Second::Refused(CAPACITY, family(demand)));
                self.complete(tuple);
            }
            None => self.give_up(tuple, relay),
        }
    }

    /// Puts other ports in the place of those of which one turned out to be taken.
    fn replace(&mut self, tuple: FiveTuple, failed: SocketAddr, taken: PortGrant) {
        let Some(mut allocation) = self.table.remove(&tuple) else { return };
        let (first, protocol) = (allocation.relays.first.bound, allocation.protocol);
        if let AllocationPhase::Opening(opening) = &mut allocation.phase {
            // The other half of a pair rests as well.
            let halves = std::iter::once(first).chain(opening.upper.map(|upper| upper.bound));
            opening.tried.extend(halves.filter(|half| *half != failed));
            opening.upper = taken.upper;
        }
        if first != failed {
            self.emit(Output::CloseRelay { relay: first }); // it was the port above that failed
        }
        allocation.relays.first = taken.relay;
        self.table.insert(tuple, allocation);
        self.emit(Output::OpenRelay { relay: taken.relay.bound, protocol });
    }

    /// No relay at all.
    fn give_up(&mut self, tuple: FiveTuple, failed: SocketAddr) {
        let Some(allocation) = self.table.remove(&tuple) else { return };
        self.commons.dismiss(rest::account(&allocation.owner.username), allocation.owner.source);
        self.stats.refused.capacity += 1;
        let first = allocation.relays.first.bound;
        if first != failed {
            self.emit(Output::CloseRelay { relay: first });
        }
        let AllocationPhase::Opening(opening) = &allocation.phase else { return };
        self.wake(&opening.tried);
        // Once each: what is free may be another worker's the next moment.
        let halves = std::iter::once(allocation.relays.first).chain(allocation.upper()).map(|half| half.bound);
        for half in halves.filter(|half| !opening.tried.contains(half)) {
            self.pool.release(half);
        }
        let PendingRelay { fingerprinted, integrity, .. } = **opening;
        let response = Writer::new(Class::Error, Method::Allocate, allocation.transaction);
        let response = response.attribute(attribute::ERROR_CODE, &[0, 0, 5, 8]);
        self.answer(tuple, response, Some(&allocation.owner.key.signing(integrity)), fingerprinted);
    }

    /// Ports that turned out to be taken may be tried again, by the next request.
    pub(super) fn wake(&mut self, tried: &[SocketAddr]) {
        for relay in tried {
            self.pool.release(*relay);
        }
    }
}

fn family(demand: PortRequest) -> Family {
    match demand {
        PortRequest::Any(family) | PortRequest::Even(family) | PortRequest::Pair(family) => family,
        PortRequest::Reserved(_) => Family::V4, // is never asked for a second relay
    }
}
