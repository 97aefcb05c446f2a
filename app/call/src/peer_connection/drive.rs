//! How a connection is driven: every input is followed by draining the crate until nothing moves, because it does part
//! of its work (the media keys, for one) only when its events are asked for.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use super::dtls_record::is_dtls;
use super::flight::{DtlsRole, Handling};
use super::reassembly::Novelty;
use super::{HandshakePhase, IceState, LinkError, LinkEvent, LinkTransmit, PeerConnection, owned};

/// Rounds of draining. One input settles in two or three; more would be a loop in the crate, which must not hang the
/// call: what is left comes out at the next input.
const ROUNDS: usize = 16;

impl PeerConnection {
    /// A datagram came in at `local` from `remote`.
    pub(crate) fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, payload: Bytes, now: Instant) {
        if self.handshake.phase == HandshakePhase::Dead || payload.is_empty() {
            return;
        }
        let mut payload = payload;
        if is_dtls(&payload) {
            let heard = self.handshake.reassembly.take(&payload);
            if self.repeated_flight(local, remote, heard.novelty, now) == Handling::Swallow {
                return;
            }
            match heard.payload {
                None => return, // the rest of it is still under way
                Some(Cow::Owned(whole)) => payload = whole.into(),
                Some(Cow::Borrowed(_)) => {}
            }
        }
        let round_trip = self.round_trip.handle_incoming(&payload, now);
        self.events.extend(round_trip.map(LinkEvent::RoundTrip));
        let transport = TransportContext {
            local_addr: local,
            peer_addr: remote,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let message = TaggedBytesMut { now, transport, message: owned(payload) };
        if let Err(error) = self.pc.handle_read(message) {
            self.counters.refused_datagrams += 1;
            tracing::debug!(%error, "datagram refused");
        }
        self.drain(now);
        self.declare_streams(now);
    }

    fn repeated_flight(&mut self, local: SocketAddr, remote: SocketAddr, novelty: Novelty, now: Instant) -> Handling {
        let route = self.handshake.route.unwrap_or((local, remote));
        let transmits = &mut self.transmits;
        self.handshake.repeater.handle_incoming(novelty, now, &mut |payload| {
            transmits.push_back(LinkTransmit { local: route.0, remote: route.1, payload });
        })
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.handshake.phase == HandshakePhase::Dead {
            return;
        }
        if let Some((local, remote)) = self.handshake.route {
            let transmits = &mut self.transmits;
            self.handshake.repeater.handle_timeout(now, &mut |payload| {
                transmits.push_back(LinkTransmit { local, remote, payload });
            });
            self.counters.repeated_flights = self.handshake.repeater.repeated;
        }
        if self.timeout.is_some_and(|due| due <= now) {
            // An error here is the end of the connection, and comes on one side only.
            if let Err(error) = self.pc.handle_timeout(now) {
                self.die(error.into());
                return;
            }
            self.drain(now);
        }
    }

    /// Sends what the crate has to say at the end, and then nothing more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.handshake.repeater.stop();
        if let Err(error) = self.pc.close() {
            tracing::debug!(%error, "close");
        }
        self.drain(now);
        self.handshake.phase = HandshakePhase::Dead;
        self.timeout = None;
    }

    /// Says `text` on the data channel, where it is open.
    pub(crate) fn send_text(&mut self, text: &str, now: Instant) -> Result<(), LinkError> {
        let channel = self.channel.ok_or_else(|| LinkError::new("no data channel"))?;
        let mut channel = self.pc.data_channel(channel).ok_or_else(|| LinkError::new("the data channel is closed"))?;
        channel.send_text(now, text)?;
        self.drain(now);
        Ok(())
    }

    /// Lets the crate work until nothing moves.
    pub(super) fn drain(&mut self, now: Instant) {
        for _ in 0..ROUNDS {
            let mut moved = false;
            while let Some(transmit) = self.pc.poll_write() {
                moved = true;
                self.on_transmit(transmit, now);
            }
            while let Some(event) = self.pc.poll_event() {
                moved = true;
                self.on_event(event);
            }
            while let Some(message) = self.pc.poll_read() {
                moved = true;
                self.on_message(message.message, now);
            }
            if !moved {
                break;
            }
        }
        while let Some(payload) = self.repair.poll() {
            self.on_repair(payload);
        }
        for departure in self.sent.departures.try_iter() {
            self.sent.history.handle_departure(departure);
        }
        while let Some((middle, at)) = self.clock.poll_report() {
            self.sent.reports.handle_sent(middle, at);
        }
        self.timeout = self.pc.poll_timeout();
    }

    fn on_transmit(&mut self, transmit: TaggedBytesMut, now: Instant) {
        let (local, remote) = (transmit.transport.local_addr, transmit.transport.peer_addr);
        let payload: Bytes = transmit.message.freeze();
        if is_dtls(&payload) {
            self.handshake.route = Some((local, remote));
            self.handshake.repeater.handle_outgoing(&payload, self.round_trip.get(), now);
        }
        self.round_trip.handle_outgoing(&payload, now);
        self.transmits.push_back(LinkTransmit { local, remote, payload });
    }

    fn on_event(&mut self, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => self.on_ice_state(state),
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected)
                if self.handshake.phase == HandshakePhase::Running =>
            {
                self.handshake.phase = HandshakePhase::Done;
                let role = if self.is_dtls_client() { DtlsRole::Client } else { DtlsRole::Server };
                self.handshake.repeater.handle_finished(role);
                self.handshake.reassembly.handle_finished();
                self.events.push_back(LinkEvent::Connected);
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Failed)
                if self.handshake.phase == HandshakePhase::Running =>
            {
                self.die(LinkError::new("the handshake failed"));
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                self.channel = Some(id);
                self.events.push_back(LinkEvent::ChannelOpen);
            }
            // OnTrack fires again at each renegotiation: a track is told by its packets. The rest repeats what is
            // known.
            RTCPeerConnectionEvent::OnTrack(_)
            | RTCPeerConnectionEvent::OnDataChannel(_)
            | RTCPeerConnectionEvent::OnConnectionStateChangeEvent(_)
            | RTCPeerConnectionEvent::OnNegotiationNeededEvent
            | RTCPeerConnectionEvent::OnIceCandidateEvent(_)
            | RTCPeerConnectionEvent::OnIceCandidateErrorEvent(_)
            | RTCPeerConnectionEvent::OnSignalingStateChangeEvent(_)
            | RTCPeerConnectionEvent::OnIceGatheringStateChangeEvent(_)
            | _ => {}
        }
    }

    fn on_ice_state(&mut self, state: RTCIceConnectionState) {
        let state = match state {
            RTCIceConnectionState::Checking => IceState::Checking,
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => IceState::Connected,
            RTCIceConnectionState::Disconnected => IceState::Disconnected,
            RTCIceConnectionState::Failed => IceState::Failed,
            RTCIceConnectionState::Unspecified | RTCIceConnectionState::New | RTCIceConnectionState::Closed | _ => {
                return;
            }
        };
        self.events.push_back(LinkEvent::Ice(state));
    }

    fn on_message(&mut self, message: RTCMessage, now: Instant) {
        match message {
            RTCMessage::RtpPacket(track, packet) => self.on_rtp(&track, packet, now),
            RTCMessage::RtcpPacket(_, packets) => self.on_rtcp(&packets, now),
            RTCMessage::DataChannelMessage(_, message) if message.is_string => {
                match String::from_utf8(message.data.to_vec()) {
                    Ok(text) => self.events.push_back(LinkEvent::ChannelText(text)),
                    Err(_) => self.counters.refused_messages += 1,
                }
            }
            RTCMessage::DataChannelMessage(..) | _ => self.counters.refused_messages += 1,
        }
    }

    fn die(&mut self, error: LinkError) {
        self.handshake.phase = HandshakePhase::Dead;
        self.timeout = None;
        self.handshake.repeater.stop();
        self.events.push_back(LinkEvent::Dead(error));
    }

    /// The offerer's `actpass` leaves the choice to the answer: who writes `active` there is the client.
    fn is_dtls_client(&self) -> bool {
        let local_setup = self.pc.local_description().is_some_and(|d| d.sdp.contains("a=setup:active"));
        let remote_passive = self.pc.remote_description().is_some_and(|d| d.sdp.contains("a=setup:passive"));
        local_setup || remote_passive
    }
}
