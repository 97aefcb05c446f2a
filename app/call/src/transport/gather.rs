//! Gathering: which sockets a connection wants, and what comes of them (RFC 8445 section 5.1.1).
//!
//! A socket for each address of this machine, from which STUN servers are asked as well, and one for each relay. Each
//! connection has its own: two peers may have the same private address behind different routers, and one socket for
//! both could not tell them apart. Relays by TCP and TLS are for networks that let no UDP out: they are tried one after
//! the other, where no relay stands. Owner of: the paths of one connection.

pub(crate) mod moves;
mod retries;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use crate::addresses::LocalAddress;
use crate::direct::DirectPath;
use crate::io::TransportPolicy;
use crate::outputs::Outputs;
use crate::path::{GatherEvent, LocalCandidate, Path, PathEnd, RelayWay, Sink};
use crate::peer_connection::{RelayFamily, RelayPath, TurnServer};
use crate::reflexive::Reflexive;
use crate::sockets::{SocketId, SocketKind};

/// Addresses of this machine that are offered: beyond that lie bridges of containers, and checks grow with the square.
const MAX_HOSTS: usize = 6;
/// STUN servers that each socket asks: the second is for when the first is down, or shows that a NAT has a face for
/// each.
const MAX_STUN: usize = 2;
/// The pace of what is asked at the beginning (RFC 8445, section 14.2: Ta).
const PACE: Duration = Duration::from_millis(50);
/// Relays that are used at once: the second is for when the first is down, or of a family that this network does not
/// carry.
const MAX_RELAYS: usize = 2;
/// Relays over UDP that are tried beside them, where neither is after a [`STAGE`]: other addresses of a name, or other
/// relays.
const MORE_RELAYS: usize = 4;
/// Relays by a stream that are tried: as many by TCP as by TLS, where the server named both.
const MAX_STREAMS: usize = 4;
/// How long the ways before it have before the next stream is opened. An allocation takes two round trips, over TLS
/// five; a server that is spared a connection is worth a second to those whose network lets no UDP out.
const STAGE: Duration = Duration::from_secs(1);

/// Where media may go through.
#[derive(Clone)]
pub(crate) struct IceConfig {
    pub(crate) interfaces: Vec<LocalAddress>,
    pub(crate) relays: Vec<TurnServer>,
    /// Who is asked how it sees us; with the relays, where they are reached by UDP, among them.
    pub(crate) stun: Vec<SocketAddr>,
    pub(crate) policy: TransportPolicy,
}

enum Purpose {
    /// An address of this machine.
    Host(IpAddr),
    Relay(Try),
}

/// A relay, and how often it was tried in vain.
#[derive(Clone)]
struct Try {
    server: TurnServer,
    failures: u32,
}

/// The family that a relay is asked for on a machine with these addresses.
fn family_of(interfaces: &[LocalAddress]) -> RelayFamily {
    let is_ipv6_alone = !interfaces.is_empty() && interfaces.iter().all(|one| one.address.is_ipv6());
    if is_ipv6_alone { RelayFamily::Ipv6 } else { RelayFamily::Unnamed }
}

/// The paths of one connection.
pub(crate) struct Gathering {
    first_id: u64,
    ids: Range<u64>,
    rng: ChaCha12Rng,
    stun: Vec<SocketAddr>,
    family: RelayFamily,
    /// When the next STUN server may be asked for the first time.
    ask_at: Instant,
    opening: BTreeMap<SocketId, Purpose>,
    /// Of those among the paths that lead through a relay, and since when.
    relays: BTreeMap<SocketId, (Try, Instant)>,
    /// Relays to be tried when their time has come, if none stands by then.
    later: Vec<(Instant, Try)>,
    /// Those whose time came while one stood: for when none does any more.
    spare: Vec<Try>,
    paths: Vec<Box<dyn Path>>,
    /// The latest, for relays that come later. Cap 32, as many as one may name at once. Full: the oldest goes.
    remotes: VecDeque<SocketAddr>,
    complete: bool,
    policy: TransportPolicy,
    interfaces: Vec<LocalAddress>,
    moves: moves::Moves,
}

impl Gathering {
    /// Begins to gather; `ids` are its sockets' numbers, and `rng` is chance of its own.
    pub(crate) fn new(
        ice_config: &IceConfig,
        ids: Range<u64>,
        rng: ChaCha12Rng,
        outputs: &mut Outputs,
        now: Instant,
    ) -> Self {
        let mut gathering = Self {
            first_id: ids.start,
            ids,
            rng,
            stun: ice_config.stun.clone(),
            family: family_of(&ice_config.interfaces),
            ask_at: now,
            opening: BTreeMap::new(),
            relays: BTreeMap::new(),
            later: Vec::new(),
            spare: Vec::new(),
            paths: Vec::new(),
            remotes: VecDeque::new(),
            complete: false,
            policy: ice_config.policy,
            interfaces: ice_config.interfaces.clone(),
            moves: moves::Moves::default(),
        };
        if ice_config.policy == TransportPolicy::All {
            for local in ice_config.interfaces.iter().take(MAX_HOSTS) {
                gathering.open(SocketKind::Udp(local.address), Purpose::Host(local.address), outputs);
            }
        }
        gathering.plan(&ice_config.relays, outputs, now);
        gathering
    }

    /// Relays over UDP at once, streams one after the other: those by TCP first.
    fn plan(&mut self, relays: &[TurnServer], outputs: &mut Outputs, now: Instant) {
        let tried = |server: &TurnServer| Try { server: server.clone(), failures: 0 };
        let (udp, streams): (Vec<_>, Vec<_>) = relays.iter().partition(|one| one.address.way() == RelayWay::Udp);
        for (number, server) in udp.iter().take(MAX_RELAYS + MORE_RELAYS).enumerate() {
            if number < MAX_RELAYS {
                self.try_relay(tried(server), outputs);
            } else {
                self.later.push((now + STAGE, tried(server)));
            }
        }
        let mut due = now;
        let mut count: BTreeMap<RelayWay, usize> = BTreeMap::new();
        for server in streams {
            let of_its_way = count.entry(server.address.way()).or_default();
            *of_its_way += 1;
            if *of_its_way > MAX_STREAMS / 2 {
                continue;
            }
            if udp.is_empty() && self.opening_relays() == 0 {
                self.try_relay(tried(server), outputs);
            } else {
                due += STAGE;
                self.later.push((due, tried(server)));
            }
        }
    }

    fn opening_relays(&self) -> usize {
        self.opening.values().filter(|purpose| matches!(purpose, Purpose::Relay(_))).count()
    }

    fn try_relay(&mut self, relay: Try, outputs: &mut Outputs) -> Option<SocketId> {
        self.open(relay.server.address.socket(), Purpose::Relay(relay), outputs)
    }

    fn open(&mut self, kind: SocketKind, purpose: Purpose, outputs: &mut Outputs) -> Option<SocketId> {
        let socket = self.ids.next().map(SocketId)?;
        self.opening.insert(socket, purpose);
        outputs.open(socket, kind);
        Some(socket)
    }

    fn has_relay(&self) -> bool {
        let stands = |socket| self.relays.contains_key(&socket) && !self.moves.doubts(socket);
        self.paths.iter().any(|path| stands(path.socket()) && path.address().is_some())
    }

    /// A path is gone, and its address with it; whether there was one.
    fn remove(&mut self, socket: SocketId, sink: &mut Sink<'_>) -> bool {
        let Some(place) = self.paths.iter().position(|path| path.socket() == socket) else { return false };
        let path = self.paths.remove(place);
        path.address().into_iter().for_each(|address| sink.event(GatherEvent::Lost(address)));
        true
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        sink: &mut Sink<'_>,
        now: Instant,
    ) -> bool {
        let Some(purpose) = self.opening.remove(&socket) else {
            // A stream that ended: with it the server has given up the allocation (RFC 8656, section 5).
            let ended = local.is_none() && self.lose(socket, sink, now);
            self.drain(sink, now);
            return ended;
        };
        match (purpose, local) {
            (Purpose::Host(_), None) => {}
            (Purpose::Host(address), Some(_)) if !self.interfaces.iter().any(|one| one.address == address) => {
                sink.outputs.close(socket); // it went meanwhile
            }
            (Purpose::Host(_), Some(local)) => {
                let servers = self.reflexives(local, now);
                self.add(Box::new(DirectPath::new(socket, local, servers, sink, now)), sink, now);
            }
            (Purpose::Relay(relay), None) => {
                self.retry(socket, relay, now);
                self.call_spares(now);
            }
            (Purpose::Relay(relay), Some(local)) => {
                match RelayPath::new(socket, local, &relay.server, self.family, sink, now) {
                    Ok(path) => {
                        self.relays.insert(socket, (relay, now));
                        self.add(Box::new(path), sink, now);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no relay");
                        sink.outputs.close(socket);
                    }
                }
            }
        }
        self.drain(sink, now);
        true
    }

    /// Those who will be asked how they see the socket at `local`, one after the other.
    fn reflexives(&mut self, local: SocketAddr, now: Instant) -> Vec<Reflexive> {
        let Self { stun, rng, ask_at, .. } = self;
        let reaches = |server: &&SocketAddr| {
            server.is_ipv4() == local.is_ipv4() && server.ip().is_loopback() == local.ip().is_loopback()
        };
        let servers = stun.iter().filter(reaches).take(MAX_STUN);
        let asked = servers.map(|server| {
            let at = now.max(*ask_at);
            *ask_at = at + PACE;
            Reflexive::new(*server, local, ChaCha12Rng::from_rng(rng), at)
        });
        asked.collect()
    }

    fn add(&mut self, mut path: Box<dyn Path>, sink: &mut Sink<'_>, now: Instant) {
        for remote in &self.remotes {
            path.handle_remote(*remote, sink, now);
        }
        self.paths.push(path);
    }

    /// The peer may be found at `remote`.
    pub(crate) fn handle_remote(&mut self, remote: SocketAddr, sink: &mut Sink<'_>, now: Instant) {
        if !self.remotes.contains(&remote) {
            if self.remotes.len() >= crate::candidates::MAX_CANDIDATES {
                self.remotes.pop_front();
            }
            self.remotes.push_back(remote);
        }
        self.paths.iter_mut().for_each(|path| path.handle_remote(remote, sink, now));
        self.replace_worn(sink, now);
        self.drain(sink, now);
    }

    /// The peer has begun a new generation of ICE: where it was found before it is not any more.
    pub(crate) fn forget_remotes(&mut self) {
        self.remotes.clear();
    }

    /// All candidates once more: an ICE restart has forgotten them. What they stand on is looked at again.
    pub(crate) fn announce_again(&mut self, candidates: &[LocalCandidate], sink: &mut Sink<'_>, now: Instant) {
        sink.events.extend(candidates.iter().copied().map(GatherEvent::Candidate));
        self.complete = false;
        self.paths.iter_mut().for_each(|path| path.handle_restart(sink, now));
        self.drain(sink, now);
    }

    /// A datagram came.
    pub(crate) fn handle_datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        payload: Bytes,
        sink: &mut Sink<'_>,
        now: Instant,
    ) {
        if let Some(path) = self.paths.iter_mut().find(|path| path.socket() == socket) {
            path.handle_datagram(from, payload, sink, now);
            self.drain(sink, now);
        }
    }

    /// The connection sends from `local`.
    pub(crate) fn handle_send(
        &mut self,
        local: SocketAddr,
        to: SocketAddr,
        payload: Bytes,
        sink: &mut Sink<'_>,
        now: Instant,
    ) {
        let path = self.paths.iter_mut().find(|path| path.address() == Some(local));
        if let Some(path) = path {
            path.handle_send(to, payload, sink, now);
        }
        self.drain(sink, now);
    }

    /// Where its sockets' numbers begin.
    pub(crate) fn first_id(&self) -> u64 {
        self.first_id
    }

    /// Chance for whatever takes this one's place.
    pub(crate) fn fork_rng(&mut self) -> ChaCha12Rng {
        ChaCha12Rng::from_rng(&mut self.rng)
    }

    pub(crate) fn handle_timeout(&mut self, sink: &mut Sink<'_>, now: Instant) {
        self.paths.iter_mut().for_each(|path| path.handle_timeout(sink, now));
        self.replace_relays(sink, now);
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Instant, Try)> = due;
        let due = due.into_iter().map(|(_, relay)| relay);
        if self.has_relay() {
            self.spare.extend(due);
        } else {
            for relay in due {
                self.try_relay(relay, sink.outputs);
            }
        }
        self.drain(sink, now);
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let paths = self.paths.iter_mut().filter_map(|path| path.poll_timeout());
        paths.chain(self.later.iter().map(|(at, _)| *at)).chain(self.moves.poll_timeout()).min()
    }

    /// Gives everything back: allocations to relays, sockets to the shell.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>, now: Instant) {
        self.paths.iter_mut().for_each(|path| path.close(sink, now));
        self.drain(sink, now);
        self.later.clear();
        let sockets = self.opening.keys().copied().chain(self.paths.iter().map(|path| path.socket()));
        sockets.for_each(|socket| sink.outputs.close(socket));
        self.opening.clear();
        self.relays.clear();
        self.paths.clear();
        self.moves = moves::Moves::default();
    }

    /// Takes away the paths that are over, and tries others in their place.
    fn drain(&mut self, sink: &mut Sink<'_>, now: Instant) {
        let ends = self.paths.iter().filter_map(|path| Some((path.socket(), path.end()?.clone())));
        let ends: Vec<_> = ends.collect();
        for (socket, end) in ends {
            match end {
                PathEnd::Failed(why) => {
                    tracing::warn!(why, "a path failed");
                    self.lose(socket, sink, now);
                    sink.outputs.close(socket);
                }
                PathEnd::WornOut => {
                    let relay = self.relays.remove(&socket);
                    self.remove(socket, sink);
                    sink.outputs.close(socket);
                    if let Some((relay, _)) = relay.filter(|_| !self.moves.take_superseded(socket)) {
                        self.try_relay(relay, sink.outputs);
                    }
                }
            }
        }
        self.hand_over(sink);
        self.settle(sink);
    }

    /// Says so when all that will come has come.
    fn settle(&mut self, sink: &mut Sink<'_>) {
        let has_relay = self.has_relay();
        let is_spare = |path: &dyn Path| has_relay && self.relays.contains_key(&path.socket());
        let is_open = self.opening.is_empty() && self.paths.iter().all(|path| path.is_settled() || is_spare(&**path));
        // What has failed once may come later than the end; candidates after it are taken all the same.
        let settled = is_open && (has_relay || self.later.iter().all(|(_, relay)| relay.failures > 0));
        if settled && !self.complete {
            self.complete = true;
            sink.event(GatherEvent::Complete);
        }
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
