//! All allocations of a server, found by client, by relay, by user and by deadline. The four indices move together here
//! and nowhere else.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::allocation::{Allocation, FiveTuple};
use crate::rest;

/// The allocations.
#[derive(Default)]
pub(super) struct Table {
    allocations: HashMap<FiveTuple, Allocation>,
    relays: HashMap<SocketAddr, FiveTuple>,
    accounts: HashMap<Box<[u8]>, usize>,
    deadlines: BTreeSet<(Instant, FiveTuple)>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.allocations.len()
    }

    pub(super) fn get(&self, tuple: &FiveTuple) -> Option<&Allocation> {
        self.allocations.get(tuple)
    }

    /// An allocation to change; its deadline and relay only by [`Table::extend`], [`Table::remove`] and [`Table::insert`].
    pub(super) fn get_mut(&mut self, tuple: &FiveTuple) -> Option<&mut Allocation> {
        self.allocations.get_mut(tuple)
    }

    /// Whose relay stands on `relay`, as it is bound.
    pub(super) fn owner(&self, relay: SocketAddr) -> Option<FiveTuple> {
        self.relays.get(&relay).copied()
    }

    /// How many allocations the account behind a user name holds.
    pub(super) fn held_by(&self, username: &[u8]) -> usize {
        self.accounts.get(rest::account(username)).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, tuple: FiveTuple, allocation: Allocation) {
        self.relays.insert(allocation.relay, tuple);
        self.deadlines.insert((allocation.expires, tuple));
        *self.accounts.entry(rest::account(&allocation.username).into()).or_default() += 1;
        self.allocations.insert(tuple, allocation);
    }

    pub(super) fn remove(&mut self, tuple: &FiveTuple) -> Option<Allocation> {
        let allocation = self.allocations.remove(tuple)?;
        self.relays.remove(&allocation.relay);
        self.deadlines.remove(&(allocation.expires, *tuple));
        let account = rest::account(&allocation.username);
        let left = self.accounts.get_mut(account).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            self.accounts.remove(account);
        }
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

    /// The allocations whose client's address is not one of those.
    pub(super) fn clients_outside(&self, is_inside: impl Fn(IpAddr) -> bool) -> Vec<FiveTuple> {
        let tuples = self.deadlines.iter().map(|(_, tuple)| *tuple);
        tuples.filter(|tuple| !is_inside(tuple.client.ip())).collect()
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
