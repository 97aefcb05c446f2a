//! Gathering that goes on: addresses of this machine that come and go under a connection (what libwebrtc calls
//! continual gathering).
//!
//! What is on an address that is gone is stale, and stays open as long as media goes by it: the address may be back in
//! a moment. Relays are asked for again after each change, each beside the one that it replaces: from which address a
//! socket that is bound to none sends is the system's choice, and the relay knows us by it. Owner of: what is stale,
//! and what replaces what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Gathering, MAX_HOSTS, Purpose, STAGE, family_of};
use crate::addresses::{AdapterType, LocalAddress};
use crate::io::TransportPolicy;
use crate::path::{GatherEvent, Sink};
use crate::sockets::{SocketId, SocketKind};
use crate::transport::renewals::RenewalPace;

/// When relays are asked for that could not be at once: the pace of [`RenewalPace`].
const LATER: Duration = Duration::from_secs(5);

/// What a change of the network means to relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelayRenewal {
    /// Others are asked for: media goes over to them by itself.
    AtOnce,
    /// None: the ICE agent stays with what it has until it restarts.
    ByRestart,
}

/// What changes of the network left to do.
#[derive(Debug, Default)]
pub(super) struct Moves {
    stale: BTreeSet<SocketId>,
    /// The new relay, and the one that it is in the place of.
    replacing: BTreeMap<SocketId, SocketId>,
    pace: RenewalPace,
    /// When relays should be replaced.
    replace_at: Option<Instant>,
}

impl Moves {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.replace_at
    }

    /// Relays should be replaced at this time, or before.
    pub(super) fn replace_by(&mut self, at: Instant) {
        self.replace_at = Some(self.replace_at.map_or(at, |before| before.min(at)));
    }

    /// What a relay that will not come to be was to replace.
    pub(super) fn take_replaced(&mut self, socket: SocketId) -> Option<SocketId> {
        self.replacing.remove(&socket)
    }

    /// Whether a relay that is lost has one in its place, or one that will be.
    pub(super) fn take_superseded(&mut self, socket: SocketId) -> bool {
        let before = self.replacing.len();
        self.replacing.retain(|_, old| *old != socket);
        self.stale.remove(&socket) || self.replacing.len() < before
    }

    /// Whether the network that this was made on may be gone.
    pub(super) fn doubts(&self, socket: SocketId) -> bool {
        self.stale.contains(&socket) || self.replacing.values().any(|old| *old == socket)
    }
}

impl Gathering {
    /// These are the addresses of this machine now.
    pub(crate) fn handle_interfaces(
        &mut self,
        interfaces: &[LocalAddress],
        relays: RelayRenewal,
        sink: &mut Sink<'_>,
        now: Instant,
    ) {
        let ips = |of: &[LocalAddress]| of.iter().map(|one| one.address).collect::<BTreeSet<IpAddr>>();
        let (before, after) = (ips(&self.interfaces), ips(interfaces));
        self.interfaces = interfaces.to_vec();
        if before == after {
            return;
        }
        let hosts = self.hosts();
        for (socket, address) in &hosts {
            if after.contains(&address.ip()) {
                if self.moves.stale.remove(socket) {
                    sink.event(GatherEvent::Back(*address));
                }
            } else if self.moves.stale.insert(*socket) {
                sink.event(GatherEvent::Stale(*address));
            }
        }
        if self.policy == TransportPolicy::All {
            let opening: Vec<IpAddr> = self.opening_hosts().collect();
            let known: BTreeSet<IpAddr> =
                hosts.iter().map(|(_, address)| address.ip()).chain(opening.clone()).collect();
            let opening = opening.iter().filter(|address| after.contains(address)).count();
            let fresh = opening + hosts.iter().filter(|(socket, _)| !self.moves.stale.contains(socket)).count();
            let free = MAX_HOSTS.saturating_sub(fresh);
            for local in interfaces.iter().filter(|one| !known.contains(&one.address)).take(free) {
                self.open(SocketKind::Udp(local.address), Purpose::Host(local.address), sink.outputs);
            }
        }
        if !after.is_empty() {
            // The wait after failures was for the network that was.
            self.later.iter_mut().for_each(|(at, _)| *at = (*at).min(now + STAGE));
            self.family = family_of(interfaces);
            if relays == RelayRenewal::AtOnce {
                self.moves.replace_at = Some(now);
                self.replace_relays(sink, now);
            }
        }
        self.drain(sink, now);
    }

    /// The addresses whose sockets are being opened.
    fn opening_hosts(&self) -> impl Iterator<Item = IpAddr> {
        self.opening.values().filter_map(|purpose| match purpose {
            Purpose::Host(address) => Some(*address),
            Purpose::Relay(_) => None,
        })
    }

    pub(super) fn hosts(&self) -> Vec<(SocketId, SocketAddr)> {
        let hosts = self.paths.iter().filter(|path| !self.relays.contains_key(&path.socket()));
        hosts.filter_map(|path| Some((path.socket(), path.address()?))).collect()
    }

    /// Asks for the relays that are in use again, where that is due.
    pub(super) fn replace_relays(&mut self, sink: &mut Sink<'_>, now: Instant) {
        if self.moves.replace_at.is_none_or(|at| at > now) {
            return;
        }
        if !self.moves.pace.take(now) {
            self.moves.replace_at = Some(now + LATER);
            return;
        }
        self.moves.replace_at = None;
        // One that is on its way in the place of another was asked for on the network before this one.
        for socket in std::mem::take(&mut self.moves.replacing).into_keys() {
            self.give_up(socket, sink, now);
        }
        let current = self.relays.iter().filter(|(socket, _)| !self.moves.doubts(**socket));
        let current: Vec<_> = current.map(|(socket, (relay, _))| (*socket, relay.clone())).collect();
        for (old, relay) in current {
            if let Some(new) = self.try_relay(relay, sink.outputs) {
                self.moves.replacing.insert(new, old);
            }
        }
        self.call_spares(now);
    }

    /// Asks for other relays where one has hardly any room for further addresses of the peer.
    pub(super) fn replace_worn(&mut self, sink: &mut Sink<'_>, now: Instant) {
        let is_worn = self.paths.iter().any(|path| path.is_worn() && !self.moves.doubts(path.socket()));
        if is_worn && self.moves.replace_at.is_none() {
            self.moves.replace_at = Some(now);
            self.replace_relays(sink, now);
        }
    }

    /// What stands takes the place of what it was asked for.
    pub(super) fn hand_over(&mut self, sink: &mut Sink<'_>) {
        if self.moves.replacing.is_empty() && self.moves.stale.is_empty() {
            return;
        }
        let path = |socket: SocketId| self.paths.iter().find(|path| path.socket() == socket);
        let Self { moves, opening, .. } = self;
        moves.stale.retain(|socket| path(*socket).is_some());
        moves.replacing.retain(|new, old| {
            let stands = path(*new).is_some_and(|path| path.address().is_some());
            if stands && moves.stale.insert(*old) {
                let address = path(*old).and_then(|path| path.address());
                address.into_iter().for_each(|address| sink.event(GatherEvent::Stale(address)));
            }
            !stands && (path(*new).is_some() || opening.contains_key(new))
        });
    }

    /// Whether anything is stale.
    pub(crate) fn has_stale(&self) -> bool {
        !self.moves.stale.is_empty()
    }

    /// Gives up what is stale, but for the path at `kept`.
    pub(crate) fn retire(&mut self, kept: Option<SocketAddr>, sink: &mut Sink<'_>, now: Instant) {
        let is_kept = |socket: &SocketId| {
            let path = self.paths.iter().find(|path| path.socket() == *socket);
            kept.is_some() && path.and_then(|path| path.address()) == kept
        };
        let stale: Vec<_> = self.moves.stale.iter().copied().filter(|socket| !is_kept(socket)).collect();
        for socket in stale {
            self.moves.stale.remove(&socket);
            self.give_up(socket, sink, now);
        }
    }

    fn give_up(&mut self, socket: SocketId, sink: &mut Sink<'_>, now: Instant) {
        if let Some(path) = self.paths.iter_mut().find(|path| path.socket() == socket) {
            path.close(sink, now);
        }
        self.opening.remove(&socket);
        self.relays.remove(&socket);
        self.remove(socket, sink);
        sink.outputs.close(socket);
    }

    /// The local preference of candidates on this address.
    pub(crate) fn preference(&self, base: IpAddr) -> u16 {
        let known = self.interfaces.iter().find(|one| one.address == base);
        known.map_or(AdapterType::default(), |one| one.adapter).preference()
    }
}
