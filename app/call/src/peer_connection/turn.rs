//! A relayed path: TURN over UDP, TCP or TLS (RFC 8656), by the crate's client.
//!
//! One allocation on one socket of its own. Owner of: the client, its allocation and permissions. It opens no socket
//! and resolves no name: over UDP the server is an address, and a stream has one other end. What is lost for good makes
//! the path fail, and anyone who owns it makes another. Data to a peer that is not permitted yet is dropped: ICE asks
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::stun::message::TransactionId;
use rtc::turn::client::{Client, ClientConfig, Event};

use super::owned;
use super::stun::{Credentials, RequestId, error_code, release_request, with_ipv6};
use crate::path::{CandidateKind, GatherEvent, LocalCandidate, Path, PathEnd, RelayWay, Sink, unspecified};
use crate::sockets::{SocketId, SocketKind};
use crate::stream::{Frames, RelayStream, framed};

/// Peer addresses that one allocation permits. A peer may name 32 candidates in each generation of ICE, and the crate
/// renews whatever was permitted once: an allocation that has no room for a further generation gives its place to
/// another one. Full: further addresses are not reachable by relay.
const PERMISSIONS: usize = 2 * crate::candidates::MAX_CANDIDATES;
/// Room that is left when another allocation is asked for: the addresses of several moves, while that one comes.
const WORN: usize = 16;

/// How long an allocation may take: on a stream the crate would wait for 39 s, and over UDP for longer.
const ALLOCATING: Duration = Duration::from_secs(10);
/// How often a server may find the nonce of one refresh stale, each time with a new one (RFC 8489, section 9.2.4).
const STALE_NONCES: u32 = 3;
/// Types of messages (RFC 8656, section 17), as they begin.
const ALLOCATE_REQUEST: [u8; 2] = [0x00, 0x03];
const REFRESH_REQUEST: [u8; 2] = [0x00, 0x04];
const REFRESH_SUCCESS: [u8; 2] = [0x01, 0x04];
const REFRESH_ERROR: [u8; 2] = [0x01, 0x14];
const CREATE_PERMISSION_ERROR: [u8; 2] = [0x01, 0x18];
const CHANNEL_BIND_ERROR: [u8; 2] = [0x01, 0x19];
/// Answers that say why not.
const ERRORS: [[u8; 2]; 3] = [REFRESH_ERROR, CREATE_PERMISSION_ERROR, CHANNEL_BIND_ERROR];
/// The server knows no allocation of ours (RFC 8656, section 19).
const ALLOCATION_MISMATCH: u16 = 437;
const STALE_NONCE: u16 = 438;

/// Where a TURN server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RelayAddress {
    Udp(SocketAddr),
    Stream(RelayStream),
}

impl RelayAddress {
    pub(crate) fn way(&self) -> RelayWay {
        match self {
            Self::Udp(_) => RelayWay::Udp,
            Self::Stream(stream) => RelayWay::Stream(stream.security),
        }
    }

    /// The socket that leads there.
    pub(crate) fn socket(&self) -> SocketKind {
        match self {
            Self::Udp(SocketAddr::V4(_)) => SocketKind::Udp(Ipv4Addr::UNSPECIFIED.into()),
            Self::Udp(SocketAddr::V6(_)) => SocketKind::Udp(Ipv6Addr::UNSPECIFIED.into()),
            Self::Stream(stream) => SocketKind::Stream(stream.clone()),
        }
    }

    /// What the crate calls the server: over a stream its address says nothing, but has to be of the family of ours.
    fn known_as(&self, local: SocketAddr) -> SocketAddr {
        match self {
            Self::Udp(address) => *address,
            Self::Stream(stream) => SocketAddr::new(unspecified(local), stream.port),
        }
    }
}

/// A TURN server and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TurnServer {
    pub(crate) address: RelayAddress,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Which family of relayed address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelayFamily {
    /// None is named: IPv4, or what the server gives in its place.
    Unnamed,
    /// IPv6, named: this machine has nothing else, and neither may its peers.
    Ipv6,
}

/// An allocation, on its way or there.
pub(crate) struct RelayPath {
    socket: SocketId,
    local: SocketAddr,
    relay: Relay,
    /// What came on a stream and is no whole message yet.
    frames: Frames,
    client: Client,
    relayed: Option<SocketAddr>,
    permissions: Permissions,
    refreshes: Refreshes,
    /// The request for the allocation that went out last.
    request: Bytes,
    /// When to give up waiting for the allocation.
    give_up: Instant,
    end: Option<PathEnd>,
}

/// The other end, as the crate knows it, and who we are to it.
struct Relay {
    server: SocketAddr,
    transport: TransportProtocol,
    way: RelayWay,
    credentials: Credentials,
    family: RelayFamily,
}

/// Peers that may send to us through the allocation.
#[derive(Default)]
struct Permissions {
    permitted: BTreeSet<SocketAddr>,
    /// Those that were asked for, by their transactions.
    asked: BTreeMap<RequestId, SocketAddr>,
}

/// What keeps the allocation.
#[derive(Default)]
struct Refreshes {
    /// Those that are out, by their transactions: who is silent on one has gone.
    pending: BTreeSet<RequestId>,
    stale_nonces: u32,
}

impl RelayPath {
    /// Asks `server` for an allocation from `socket`, bound to `local`.
    ///
    /// # Errors
    /// What the crate says; with an address for a server it has nothing to say.
    pub(crate) fn new(
        socket: SocketId,
        local: SocketAddr,
        server: &TurnServer,
        family: RelayFamily,
        sink: &mut Sink<'_>,
        now: Instant,
    ) -> Result<Self, super::LinkError> {
        let known_as = server.address.known_as(local);
        let transport = match server.address {
            RelayAddress::Udp(_) => TransportProtocol::UDP,
            // Of TLS the crate need not know: what matters to it is that nothing is repeated.
            RelayAddress::Stream(_) => TransportProtocol::TCP,
        };
        let config = ClientConfig {
            turn_serv_addr: known_as.to_string(),
            local_addr: local,
            transport_protocol: transport,
            username: server.username.clone(),
            password: server.password.clone(),
            // A dead allocation is found by its refresh; half of ten minutes is long for a call.
            allocation_refresh_interval_cap: Some(Duration::from_secs(60)),
            ..ClientConfig::default()
        };
        let mut client = Client::new(config, rtc::crypto::default_provider().map_err(super::LinkError::new)?)?;
        client.allocate(now)?;
        let mut path = Self {
            socket,
            local,
            relay: Relay {
                server: known_as,
                transport,
                way: server.address.way(),
                credentials: Credentials { username: server.username.clone(), password: server.password.clone() },
                family,
            },
            frames: Frames::default(),
            client,
            relayed: None,
            permissions: Permissions::default(),
            refreshes: Refreshes::default(),
            request: Bytes::new(),
            give_up: now + ALLOCATING,
            end: None,
        };
        path.drain(sink, now);
        Ok(path)
    }

    fn drain(&mut self, sink: &mut Sink<'_>, now: Instant) {
        while let Some(event) = self.client.poll_event() {
            self.on_event(event, sink, now);
        }
        while let Some(transmit) = self.client.poll_write() {
            let mut message = transmit.message.freeze();
            if message.starts_with(&ALLOCATE_REQUEST) && self.relay.family == RelayFamily::Ipv6 {
                message = with_ipv6(&message, &self.relay.credentials).unwrap_or(message);
            }
            if message.starts_with(&ALLOCATE_REQUEST) {
                self.request = message.clone();
            }
            if message.starts_with(&REFRESH_REQUEST) {
                self.refreshes.pending.extend(request_id(&message));
            }
            let payload = if self.relay.way == RelayWay::Udp { message } else { framed(message) };
            sink.outputs.transmit(self.socket, transmit.transport.peer_addr, payload);
        }
    }

    fn on_event(&mut self, event: Event, sink: &mut Sink<'_>, now: Instant) {
        match event {
            Event::AllocateResponse(_, relayed) => {
                self.relayed = Some(relayed);
                for peer in std::mem::take(&mut self.permissions.permitted) {
                    self.handle_remote(peer, sink, now);
                }
                sink.event(GatherEvent::Candidate(LocalCandidate {
                    kind: CandidateKind::Relay { base: self.local, way: self.relay.way },
                    address: relayed,
                }));
            }
            Event::AllocateError(_, error) => self.fail(&error.to_string()),
            Event::TransactionTimeout(_) if self.relayed.is_none() => {
                self.release(sink, now);
                self.fail("no answer");
            }
            Event::DataIndicationOrChannelData(_, from, data) => {
                let Some(local) = self.relayed else { return };
                sink.event(GatherEvent::Received { local, from, payload: data.freeze() });
            }
            Event::TransactionTimeout(id) if self.refreshes.pending.remove(&id.0) => {
                self.release(sink, now); // it may hear us all the same
                self.fail("it is silent");
            }
            // A stale nonce among them (438), of which the crate has learned the new one: asked again when it is
            // needed.
            Event::CreatePermissionError(id, _) | Event::TransactionTimeout(id) => {
                if let Some(peer) = self.permissions.asked.remove(&id.0) {
                    self.permissions.permitted.remove(&peer);
                }
            }
            Event::CreatePermissionResponse(id, _) => drop(self.permissions.asked.remove(&id.0)),
            Event::BindingResponse(..) | Event::BindingError(..) | _ => {}
        }
    }

    /// A whole message came from the relay.
    fn on_message(&mut self, payload: Bytes, sink: &mut Sink<'_>, now: Instant) {
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: self.relay.server,
            transport_protocol: self.relay.transport,
            ecn: None,
        };
        // Anyone who does not know the transaction is not the server.
        let answered = request_id(&payload).filter(|id| self.client.has_transaction(&TransactionId(*id)));
        let is_of_one_peer = answered.is_some_and(|id| self.permissions.asked.contains_key(&id));
        let kind = payload.first_chunk::<2>().copied();
        let code = kind.filter(|kind| ERRORS.contains(kind)).and_then(|_| error_code(&payload));
        let message = TaggedBytesMut { now, transport, message: owned(payload) };
        if let Err(error) = self.client.handle_read(message) {
            tracing::debug!(%error, "bad message from the relay");
        }
        self.drain(sink, now);
        let (Some(id), Some(kind)) = (answered, kind) else { return };
        match kind {
            REFRESH_SUCCESS if self.refreshes.pending.remove(&id) => self.refreshes.stale_nonces = 0,
            REFRESH_ERROR if self.refreshes.pending.remove(&id) => self.on_refresh_error(code, sink, now),
            CREATE_PERMISSION_ERROR | CHANNEL_BIND_ERROR if code == Some(ALLOCATION_MISMATCH) => {
                self.fail("it knows no allocation of ours");
            }
            // All of them were to be renewed, and none is; a stale nonce leaves time to ask once more.
            CREATE_PERMISSION_ERROR if !is_of_one_peer && code != Some(STALE_NONCE) => {
                self.release(sink, now);
                self.fail("it does not renew what it permits");
            }
            _ => {}
        }
    }

    fn on_refresh_error(&mut self, code: Option<u16>, sink: &mut Sink<'_>, now: Instant) {
        self.refreshes.stale_nonces += 1;
        match code {
            // The crate has learned the new nonce, and would ask again in a minute.
            Some(STALE_NONCE) if self.refreshes.stale_nonces <= STALE_NONCES => self.refresh(sink, now),
            Some(code) => self.fail(&format!("it does not keep the allocation (error {code})")),
            None => self.fail("it does not keep the allocation"),
        }
    }

    fn refresh(&mut self, sink: &mut Sink<'_>, now: Instant) {
        if let Err(error) = self.client.refresh_allocations(now) {
            tracing::debug!(%error, "allocation not refreshed");
        }
        self.drain(sink, now);
    }

    /// Tells the server that the allocation is not wanted any more: by a refresh of no lifetime it frees the port now
    /// and not in ten minutes. One that is still on its way is given back unseen; the server reads in the order in
    /// which we write.
    fn release(&mut self, sink: &mut Sink<'_>, now: Instant) {
        let Some(relayed) = self.relayed else {
            if let Some(payload) = release_request(&self.request, &self.relay.credentials) {
                let payload = if self.relay.way == RelayWay::Udp { payload } else { framed(payload) };
                sink.outputs.transmit(self.socket, self.relay.server, payload);
            }
            return;
        };
        if let Err(error) = self.client.relay(relayed).and_then(|mut relay| relay.close(now)) {
            tracing::debug!(%error, "allocation not given back");
        }
        self.drain(sink, now);
    }

    fn fail(&mut self, why: &str) {
        let reason = || PathEnd::Failed(format!("the relay {} failed: {why}", self.relay.server));
        self.end.get_or_insert_with(reason);
    }
}

/// The transaction that a STUN message belongs to.
fn request_id(message: &[u8]) -> Option<RequestId> {
    message.get(8..20).and_then(|id| id.try_into().ok())
}

impl Path for RelayPath {
    fn socket(&self) -> SocketId {
        self.socket
    }

    fn address(&self) -> Option<SocketAddr> {
        self.relayed
    }

    fn is_settled(&self) -> bool {
        self.relayed.is_some()
    }

    fn end(&self) -> Option<&PathEnd> {
        self.end.as_ref()
    }

    fn is_worn(&self) -> bool {
        self.relayed.is_some() && self.permissions.permitted.len() + WORN > PERMISSIONS
    }

    fn handle_restart(&mut self, sink: &mut Sink<'_>, now: Instant) {
        if self.relayed.is_none() {
            return;
        }
        if self.permissions.permitted.len() + crate::candidates::MAX_CANDIDATES > PERMISSIONS {
            self.release(sink, now);
            self.end.get_or_insert(PathEnd::WornOut);
            return;
        }
        // A relay that was started again knows nothing of us, and says so only when it is asked.
        self.refresh(sink, now);
    }

    fn handle_remote(&mut self, remote: SocketAddr, sink: &mut Sink<'_>, now: Instant) {
        let permitted = &mut self.permissions.permitted;
        if permitted.len() >= PERMISSIONS || !permitted.insert(remote) {
            return;
        }
        let Some(relayed) = self.relayed else { return };
        match self.client.relay(relayed).and_then(|mut relay| relay.create_permission(now, remote)) {
            Ok(Some(id)) => drop(self.permissions.asked.insert(id.0, remote)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "no permission asked for"),
        }
        self.drain(sink, now);
    }

    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, now: Instant) {
        let Some(relayed) = self.relayed else { return };
        // Not permitted yet: dropped, and asked for. ICE repeats its checks, DTLS its flights.
        if self.client.relay(relayed).and_then(|mut relay| relay.send_to(now, &payload, to)).is_err() {
            self.handle_remote(to, sink, now);
        }
        self.drain(sink, now);
    }

    fn handle_datagram(&mut self, from: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, now: Instant) {
        if self.relay.way == RelayWay::Udp {
            if from == self.relay.server {
                self.on_message(payload, sink, now);
            }
            return;
        }
        self.frames.push(&payload);
        loop {
            match self.frames.next() {
                Ok(Some(message)) => self.on_message(message, sink, now),
                Ok(None) => return,
                Err(_) => return self.fail("it does not speak STUN"),
            }
        }
    }

    fn handle_timeout(&mut self, sink: &mut Sink<'_>, now: Instant) {
        if self.relayed.is_none() && self.give_up <= now {
            self.release(sink, now);
            return self.fail("no answer in time");
        }
        if self.client.poll_timeout().is_some_and(|due| due <= now) {
            if let Err(error) = self.client.handle_timeout(now) {
                tracing::debug!(%error, "relay timer");
            }
            self.drain(sink, now);
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let give_up = self.relayed.is_none().then_some(self.give_up);
        [self.client.poll_timeout(), give_up].into_iter().flatten().min()
    }

    fn close(&mut self, sink: &mut Sink<'_>, now: Instant) {
        self.release(sink, now);
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
