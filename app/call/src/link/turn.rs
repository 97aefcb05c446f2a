//! A relayed path: TURN over UDP (RFC 8656), by the crate's client.
//!
//! One allocation on one socket of its own. Owner of: the client, its allocation and permissions. It opens no socket and
//! resolves no name: the server is an address. Data to a peer that is not permitted yet is dropped: ICE asks again.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::turn::client::{Client, ClientConfig, Event};

use crate::path::{CandidateKind, LocalCandidate, Path, PathOutput, SocketId};

/// Peer addresses that one allocation permits. A peer may name 32 candidates; twice that leaves room for a restart.
/// Full: further addresses are not reachable by relay.
const PERMISSIONS: usize = 64;

/// A TURN server and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TurnServer {
    pub(crate) address: SocketAddr,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// An allocation, on its way or there.
pub(crate) struct RelayPath {
    socket: SocketId,
    local: SocketAddr,
    server: SocketAddr,
    client: Client,
    relayed: Option<SocketAddr>,
    permitted: BTreeSet<SocketAddr>,
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
        let config = ClientConfig {
            turn_serv_addr: server.address.to_string(),
            local_addr: local,
            transport_protocol: TransportProtocol::UDP,
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
            server: server.address,
            client,
            relayed: None,
            permitted: BTreeSet::new(),
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
            let payload = transmit.message.freeze();
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
                    kind: CandidateKind::Relay { base: self.local },
                    address: relayed,
                }));
            }
            Event::AllocateError(_, error) => self.fail(&error.to_string()),
            Event::TransactionTimeout(_) if self.relayed.is_none() => self.fail("no answer"),
            Event::DataIndicationOrChannelData(_, from, data) => {
                let Some(local) = self.relayed else { return };
                self.outputs.push_back(PathOutput::Received { local, from, payload: data.freeze() });
            }
            Event::TransactionTimeout(_)
            | Event::CreatePermissionResponse(..)
            | Event::CreatePermissionError(..)
            | Event::BindingResponse(..)
            | Event::BindingError(..)
            | _ => {}
        }
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

    fn handle_remote(&mut self, remote: SocketAddr, now: Instant) {
        if self.permitted.len() >= PERMISSIONS || !self.permitted.insert(remote) {
            return;
        }
        let Some(relayed) = self.relayed else { return };
        if let Err(error) = self.client.relay(relayed).and_then(|mut relay| relay.create_permission(now, remote)) {
            tracing::debug!(%error, "no permission asked for");
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
        if from != self.server {
            return;
        }
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let message = TaggedBytesMut { now, transport, message: BytesMut::from(payload) };
        if let Err(error) = self.client.handle_read(message) {
            tracing::debug!(%error, "bad datagram from the relay");
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.client.poll_timeout().is_some_and(|due| due <= now) {
            if let Err(error) = self.client.handle_timeout(now) {
                tracing::debug!(%error, "relay timer");
            }
            self.drain(now);
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.client.poll_timeout()
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
