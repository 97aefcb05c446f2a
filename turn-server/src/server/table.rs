//! All allocations of one worker, found by client, by relay, by ticket and by deadline. The indices move together here
//! and nowhere else.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::allocation::{Allocation, AllocationPhase, Second, Ticket};
use super::pool::RelayEndpoint;
use super::tuple::{AddressKey, FiveTuple};

/// The allocations. Each relayed datagram is looked up here, so the hash is a fast one; it is seeded by chance, so that
/// nobody chooses addresses that collide.
#[derive(Default)]
pub(super) struct Table {
    allocations: HashMap<FiveTuple, Allocation, RandomState>,
    relays: HashMap<AddressKey, FiveTuple, RandomState>,
    tickets: HashMap<Ticket, FiveTuple, RandomState>,
    deadlines: BTreeSet<(Instant, FiveTuple)>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.allocations.len()
    }

    pub(super) fn get(&self, tuple: &FiveTuple) -> Option<&Allocation> {
        self.allocations.get(tuple)
    }

    /// An allocation to change; its deadline, relays and ticket only by the methods of this table.
    pub(super) fn get_mut(&mut self, tuple: &FiveTuple) -> Option<&mut Allocation> {
        self.allocations.get_mut(tuple)
    }

    /// Whose relay is on `relay`, as it is bound; while sockets are opened, also whose reserved port it should be.
    pub(super) fn owner(&self, relay: SocketAddr) -> Option<FiveTuple> {
        self.relays.get(&AddressKey(relay)).copied()
    }

    /// Whose ticket it is, or was last.
    pub(super) fn holder(&self, ticket: &Ticket) -> Option<FiveTuple> {
        self.tickets.get(ticket).copied()
    }

    pub(super) fn insert(&mut self, tuple: FiveTuple, allocation: Allocation) {
        self.relays
            .extend(allocation.relays.all().chain(allocation.upper()).map(|relay| (AddressKey(relay.bound), tuple)));
        for ticket in tickets(&allocation) {
            self.tickets.insert(ticket, tuple);
        }
        self.deadlines.insert((allocation.expires, tuple));
        self.allocations.insert(tuple, allocation);
    }

    pub(super) fn remove(&mut self, tuple: &FiveTuple) -> Option<Allocation> {
        let allocation = self.allocations.remove(tuple)?;
        for relay in allocation.relays.all().chain(allocation.upper()) {
            self.relays.remove(&AddressKey(relay.bound));
        }
        for ticket in tickets(&allocation) {
            self.tickets.remove(&ticket);
        }
        self.deadlines.remove(&(allocation.expires, *tuple));
        Some(allocation)
    }

    /// Gives an allocation `lifetime` from `now`.
    pub(super) fn extend(&mut self, tuple: &FiveTuple, lifetime: Duration, now: Instant) {
        let Some(allocation) = self.allocations.get_mut(tuple) else { return };
        self.deadlines.remove(&(allocation.expires, *tuple));
        allocation.lifetime = lifetime;
        allocation.expires = now + lifetime;
        self.deadlines.insert((allocation.expires, *tuple));
    }

    /// Gives an allocation its second relay, or takes it.
    pub(super) fn set_second(&mut self, tuple: &FiveTuple, second: Second) {
        let Some(allocation) = self.allocations.get_mut(tuple) else { return };
        if let Second::Relay(RelayEndpoint { bound, .. }) = allocation.relays.second {
            self.relays.remove(&AddressKey(bound));
        }
        if let Second::Relay(RelayEndpoint { bound, .. }) = second {
            self.relays.insert(AddressKey(bound), *tuple);
        }
        allocation.relays.second = second;
    }

    /// Takes the port above from an allocation whose relays are being opened.
    pub(super) fn take_upper(&mut self, tuple: &FiveTuple) -> Option<RelayEndpoint> {
        let AllocationPhase::Opening(opening) = &mut self.allocations.get_mut(tuple)?.phase else { return None };
        let upper = opening.upper.take()?;
        self.relays.remove(&AddressKey(upper.bound));
        Some(upper)
    }

    /// The clients of all allocations.
    pub(super) fn tuples(&self) -> impl Iterator<Item = FiveTuple> {
        self.deadlines.iter().map(|(_, tuple)| *tuple)
    }

    /// The allocations whose client's address is not one of those.
    pub(super) fn clients_outside(&self, is_inside: impl Fn(IpAddr) -> bool) -> Vec<FiveTuple> {
        self.tuples().filter(|tuple| !is_inside(tuple.client.ip())).collect()
    }

    /// Ends permissions and channels with those peers.
    pub(super) fn forbid_peers(&mut self, is_forbidden: impl Fn(IpAddr) -> bool) {
        for (_, tuple) in &self.deadlines {
            if let Some(allocation) = self.allocations.get_mut(tuple) {
                allocation.permissions.forbid(&is_forbidden);
                allocation.channels.forbid(&is_forbidden);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// An allocation whose time is over.
    pub(super) fn expired(&self, now: Instant) -> Option<FiveTuple> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, tuple)| *tuple)
    }
}

fn tickets(allocation: &Allocation) -> impl Iterator<Item = Ticket> + use<> {
    let tickets = allocation.ticket.as_deref();
    let used = tickets.and_then(|tickets| tickets.used).map(|(ticket, _)| ticket);
    tickets.map(|tickets| tickets.current).into_iter().chain(used)
}
