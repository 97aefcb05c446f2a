//! Between an Allocate and its answer: the shell opens the relays one by one, and some ports turn out to be taken.

use std::net::SocketAddr;
use std::time::Instant;

use super::allocate::allocated;
use super::allocation::{Opening, Phase, Protocol, Second};
use super::pool::{Demand, Family, NoPort};
use super::tuple::FiveTuple;
use super::{Output, Server};
use crate::codec::{Class, Method, Writer, attribute};
use crate::rest;

/// How many ports are tried before the client is told that there is none.
const ATTEMPTS: u8 = 8;
/// The code for a family that this server has no address of.
const FAMILY_NOT_SUPPORTED: u16 = 440;
/// The code for a port that is not to be had.
const CAPACITY: u16 = 508;

impl Server {
    /// A relay of `tuple` is open: goes on to the second one, or answers.
    pub(super) fn opened(&mut self, tuple: FiveTuple, now: Instant) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let protocol = allocation.protocol;
        let Phase::Opening(opening) = &mut allocation.phase else { return };
        let Some(family) = opening.wanted.take() else { return self.complete(tuple) };
        opening.failures = 0;
        opening.demand = Demand::Any(family);
        match self.pool.take(Demand::Any(family), tuple.local.ip(), now) {
            Ok(taken) => {
                self.table.set_second(&tuple, Second::Relay(taken.into()));
                self.emit(Output::OpenRelay { relay: taken.relay, protocol });
            }
            Err(no_port) => {
                let code = if no_port == NoPort::Family { FAMILY_NOT_SUPPORTED } else { CAPACITY };
                self.table.set_second(&tuple, Second::Refused(code, family));
                self.complete(tuple);
            }
        }
    }

    /// All that could be opened is: the allocation begins.
    fn complete(&mut self, tuple: FiveTuple) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let Phase::Opening(opening) = std::mem::replace(&mut allocation.phase, Phase::Live) else { return };
        let key = allocation.key.clone().signing(opening.integrity);
        let response = allocated(tuple, allocation);
        let (relays, protocol): (Vec<_>, _) = (allocation.relays().collect(), allocation.protocol);
        if protocol == Protocol::Udp {
            for relay in relays {
                self.commons.enliven(relay.bound, self.worker);
            }
        }
        self.stats.allocated += 1;
        self.answer(tuple, response, Some(&key), opening.fingerprinted);
    }

    /// A relay of `tuple` could not be opened: tries another port, or answers 508. One that breaks while it is in use ends
    /// its allocation; the client learns it by 437.
    pub(super) fn failed(&mut self, tuple: FiveTuple, relay: SocketAddr, now: Instant) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let Phase::Opening(opening) = &mut allocation.phase else { return self.close(tuple) };
        opening.failures += 1;
        let is_second = allocation.relay.bound != relay;
        let (demand, failures) = (opening.demand, opening.failures);
        let next = match demand {
            Demand::Any(_) | Demand::Even(_) | Demand::Pair(_) if failures < ATTEMPTS => {
                self.pool.take(demand, tuple.local.ip(), now).ok()
            }
            Demand::Any(_) | Demand::Even(_) | Demand::Pair(_) | Demand::Reserved(_) => None,
        };
        // Released only now, so that the same port is not tried twice in a row.
        self.pool.release(relay);
        match next {
            Some(taken) if is_second => {
                self.table.set_second(&tuple, Second::Relay(taken.into()));
                self.emit(Output::OpenRelay { relay: taken.relay, protocol: Protocol::Udp });
            }
            Some(taken) => {
                let Some(mut allocation) = self.table.remove(&tuple) else { return };
                if let Some(token) = allocation.reservation.take() {
                    self.pool.cancel(token);
                }
                (allocation.relay, allocation.reservation) = (taken.into(), taken.reservation);
                let protocol = allocation.protocol;
                self.table.insert(tuple, allocation);
                self.emit(Output::OpenRelay { relay: taken.relay, protocol });
            }
            None if is_second => {
                self.table.set_second(&tuple, Second::Refused(CAPACITY, family(demand)));
                self.complete(tuple);
            }
            None => self.give_up(tuple),
        }
    }

    /// No relay at all.
    fn give_up(&mut self, tuple: FiveTuple) {
        let Some(allocation) = self.table.remove(&tuple) else { return };
        if let Some(token) = allocation.reservation {
            self.pool.cancel(token);
        }
        self.commons.dismiss(rest::account(&allocation.username));
        self.stats.refused.capacity += 1;
        let Phase::Opening(opening) = &allocation.phase else { return };
        let Opening { fingerprinted, integrity, .. } = **opening;
        let response = Writer::new(Class::Error, Method::Allocate, allocation.transaction);
        let response = response.attribute(attribute::ERROR_CODE, &[0, 0, 5, 8]);
        self.answer(tuple, response, Some(&allocation.key.signing(integrity)), fingerprinted);
    }
}

fn family(demand: Demand) -> Family {
    match demand {
        Demand::Any(family) | Demand::Even(family) | Demand::Pair(family) => family,
        Demand::Reserved(_) => Family::V4, // is never asked for a second relay
    }
}
