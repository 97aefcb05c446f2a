//! A relayed path: TURN over UDP, TCP or TLS (RFC 8656), by the crate's client.
//!
//! One allocation on one socket of its own. Owner of: the client, its allocation and permissions. It opens no socket and
//! resolves no name: over UDP the server is an address, and a stream has one other end. What is lost for good makes the
//! path fail, and whoever owns it makes another. Data to a peer that is not permitted yet is dropped: ICE asks again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::turn::client::{Client, ClientConfig, Event};

use crate::path::{CandidateKind, LocalCandidate, Path, PathOutput, RelayWay, SocketId, SocketKind, unspecified};
use crate::stream::{Frames, RelayStream, framed};

/// Peer addresses that one allocation permits. A peer may name 32 candidates; twice that leaves room for a restart.
/// Full: further addresses are not reachable by relay.
const PERMISSIONS: usize = 64;

/// How long an allocation may take: on a stream the crate would wait for 39 s, and over UDP for longer.
const ALLOCATING: Duration = Duration::from_secs(10);
/// A refresh that was refused (RFC 8656, section 18): the server knows nothing of the allocation.
const REFRESH_ERROR: [u8; 2] = [0x01, 0x14];

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

/// An allocation, on its way or there.
pub(crate) struct RelayPath {
    socket: SocketId,
    local: SocketAddr,
    server: SocketAddr,
    transport: TransportProtocol,
    way: RelayWay,
    /// What came on a stream and is no whole message yet.
    frames: Frames,
    client: Client,
    relayed: Option<SocketAddr>,
    permitted: BTreeSet<SocketAddr>,
    /// Permissions that were asked for, by their transactions.
    asked: BTreeMap<[u8; 12], SocketAddr>,
    /// When to give up waiting for the allocation.
    give_up: Instant,
    outputs: VecDeque<PathOutput>,
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
            server: known_as,
            transport,
            way: server.address.way(),
            frames: Frames::default(),
            client,
            relayed: None,
            permitted: BTreeSet::new(),
            asked: BTreeMap::new(),
            give_up: now + ALLOCATING,
            outputs: VecDeque::new(),
        };
        path.drain(now);
        Ok(path)
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.client.poll_event() {
            self.on_event(event, now);
        }
        while let Some(transmit) = self.client.poll_write() {
            let message = transmit.message.freeze();
            let payload = if self.way == RelayWay::Udp { message } else { framed(message) };
            self.outputs.push_back(PathOutput::Transmit { to: transmit.transport.peer_addr, payload });
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::AllocateResponse(_, relayed) => {
                self.relayed = Some(relayed);
                for peer in std::mem::take(&mut self.permitted) {
                    self.handle_remote(peer, now);
                }
                self.outputs.push_back(PathOutput::Candidate(LocalCandidate {
                    kind: CandidateKind::Relay { base: self.local, way: self.way },
                    address: relayed,
                }));
            }
            Event::AllocateError(_, error) => self.fail(&error.to_string()),
            Event::TransactionTimeout(_) if self.relayed.is_none() => self.fail("no answer"),
            Event::DataIndicationOrChannelData(_, from, data) => {
                let Some(local) = self.relayed else { return };
                self.outputs.push_back(PathOutput::Received { local, from, payload: data.freeze() });
            }
            // A stale nonce among them (438), of which the crate has learned the new one: asked again when it is needed.
            Event::CreatePermissionError(id, _) | Event::TransactionTimeout(id) => {
                if let Some(peer) = self.asked.remove(&id.0) {
                    self.permitted.remove(&peer);
                }
            }
            Event::CreatePermissionResponse(id, _) => drop(self.asked.remove(&id.0)),
            Event::BindingResponse(..) | Event::BindingError(..) | _ => {}
        }
    }

    /// A whole message came from the relay.
    fn on_message(&mut self, payload: &[u8], now: Instant) {
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: self.server,
            transport_protocol: self.transport,
            ecn: None,
        };
        let message = TaggedBytesMut { now, transport, message: BytesMut::from(payload) };
        if let Err(error) = self.client.handle_read(message) {
            tracing::debug!(%error, "bad message from the relay");
            // A stale nonce is no error here. Anything else (437 above all) means that the allocation is gone.
            if payload.starts_with(&REFRESH_ERROR) {
                self.fail(&error.to_string());
            }
        }
        self.drain(now);
    }

    fn fail(&mut self, why: &str) {
        self.outputs.push_back(PathOutput::Failed(format!("the relay {} refused: {why}", self.server)));
    }
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

    fn handle_restart(&mut self, _now: Instant) {}

    fn handle_remote(&mut self, remote: SocketAddr, now: Instant) {
        if self.permitted.len() >= PERMISSIONS || !self.permitted.insert(remote) {
            return;
        }
        let Some(relayed) = self.relayed else { return };
        match self.client.relay(relayed).and_then(|mut relay| relay.create_permission(now, remote)) {
            Ok(Some(id)) => drop(self.asked.insert(id.0, remote)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "no permission asked for"),
        }
        self.drain(now);
    }

    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, now: Instant) {
        let Some(relayed) = self.relayed else { return };
        // Not permitted yet: dropped, and asked for. ICE repeats its checks, DTLS its flights.
        if self.client.relay(relayed).and_then(|mut relay| relay.send_to(now, &payload, to)).is_err() {
            self.handle_remote(to, now);
        }
        self.drain(now);
    }

    fn handle_datagram(&mut self, from: SocketAddr, payload: &[u8], now: Instant) {
        if self.way == RelayWay::Udp {
            if from == self.server {
                self.on_message(payload, now);
            }
            return;
        }
        self.frames.push(payload);
        loop {
            match self.frames.next() {
                Ok(Some(message)) => self.on_message(&message, now),
                Ok(None) => return,
                Err(_) => return self.fail("it does not speak STUN"),
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.relayed.is_none() && self.give_up <= now {
            return self.fail("no answer in time");
        }
        if self.client.poll_timeout().is_some_and(|due| due <= now) {
            if let Err(error) = self.client.handle_timeout(now) {
                tracing::debug!(%error, "relay timer");
            }
            self.drain(now);
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let give_up = self.relayed.is_none().then_some(self.give_up);
        [self.client.poll_timeout(), give_up].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.pop_front()
    }

    fn close(&mut self, now: Instant) {
        let Some(relayed) = self.relayed else { return };
        // Told by a refresh of no lifetime, the server frees the port now and not in ten minutes.
        if let Err(error) = self.client.relay(relayed).and_then(|mut relay| relay.close(now)) {
            tracing::debug!(%error, "allocation not given back");
        }
        self.drain(now);
    }
}
