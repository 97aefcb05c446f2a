//! One connection between us and somebody, through all of its generations. Between two of us there is one, which
//! carries everything; an older page sends its screen through a second one.
//!
//! Owner of: who offers, how the connection lives, and the media on it. What comes through its channel is the
//! participant's business, which takes it after each input.

pub(crate) mod checks;
mod connection_state;
pub(crate) mod gather;
pub(crate) mod generation;
pub(crate) mod inbound;
pub(crate) mod media;
mod mobility;
mod network;
mod outbound;
mod pair_counts;
mod remote_clock;
pub(crate) mod renewals;
mod renomination;
pub(crate) mod servers;
mod signalling;
mod stats;
pub(crate) mod table;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use hearth_base::TrackSource;
use hearth_protocol::{Pc, PeerId, SessionId, SignalBody};

use crate::channel::ChannelMessage;
use crate::io::MediaCommand;
use crate::negotiation::{Negotiation, Politeness};
use crate::peer_connection::{IceState, LinkConfig, LinkError, LinkEvent};
use crate::shared::Shared;
use crate::snapshot::{DescriptionProblem, PeerPhase};
use crate::sockets::{SocketId, TransportId};
use crate::stats::PeerCounters;
use connection_state::{ConnectionState, Transition};
use generation::{Generation, Trickle};
use inbound::Inbound;
use outbound::Outbound;
use remote_clock::RemoteClock;
use renewals::RenewalPace;

/// Whether a restart keeps its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketReuse {
    Kept,
    New,
}

/// What became of the addresses of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressChange {
    /// One that was there is gone.
    Lost,
    /// There are only more of them.
    Gained,
}

/// How long after that media may fall silent because of it: ICE is restarted then without waiting.
const CUT_OFF: std::time::Duration = std::time::Duration::from_secs(10);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// We leave, and say so.
    Bye,
    /// They are gone.
    Silent,
}

/// Something about the channel.
#[derive(Debug)]
pub(crate) enum ChannelEvent {
    /// It is open.
    Open,
    /// A text came.
    Text(String),
}

/// Who makes the first offer, and what happens when two cross.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NegotiationRole {
    /// Who offers first, and who mends.
    pub(crate) politeness: Politeness,
    /// Who takes an offer back.
    pub(crate) on_collision: Politeness,
    /// A page that came after us offers, however long a question on its screen keeps it from that; two first offers
    /// would make it show us twice.
    pub(crate) is_theirs_to_begin: bool,
}

/// What a transport is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportKind {
    /// Carries everything, in both directions.
    Main,
    /// The same of an older page, which shows one camera and one microphone of each, and knows no further offers.
    LegacyMain,
    /// The screen of an older page: nothing of ours goes where it comes from.
    LegacyScreen,
}

impl TransportKind {
    /// How signalling calls it.
    pub(crate) fn pc(self) -> Pc {
        match self {
            Self::Main | Self::LegacyMain => Pc::Main,
            Self::LegacyScreen => Pc::Screen,
        }
    }
}

/// One connection.
pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) to: PeerId,
    pub(crate) kind: TransportKind,
    is_theirs_to_begin: bool,
    pub(crate) negotiation: Negotiation,
    pub(crate) life: ConnectionState,
    pub(crate) connection: Option<Generation>,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    remote_clock: RemoteClock,
    pub(crate) history: History,
    descriptions: DescriptionPace,
    channel: VecDeque<ChannelEvent>,
    /// When the address of ours that media went by was gone.
    cut_off_at: Option<Instant>,
}

/// What a transport went through.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) handshakes: u32,
    pub(crate) restarts: u32,
    pub(crate) counters: PeerCounters,
    /// Why the last description, theirs or ours, was not taken.
    pub(crate) problem: Option<DescriptionProblem>,
}

/// How often their descriptions may cost us something.
#[derive(Debug, Default)]
struct DescriptionPace {
    /// When we last refused one.
    refused_at: Option<Instant>,
    /// How often they may make us begin again.
    renewals: RenewalPace,
    /// How often our network may.
    own_renewals: RenewalPace,
    /// When to look whether an offer of our tracks was lost, or has to be made yet.
    look_again: Option<Instant>,
}

impl Transport {
    /// Nothing is said on it yet; see [`Transport::rebuild`].
    pub(crate) fn new(id: TransportId, to: PeerId, kind: TransportKind, role: NegotiationRole, now: Instant) -> Self {
        Self {
            id,
            to,
            kind,
            is_theirs_to_begin: role.is_theirs_to_begin,
            negotiation: Negotiation::new(role.on_collision),
            life: ConnectionState::new(role.politeness, now),
            connection: None,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            remote_clock: RemoteClock::default(),
            history: History::default(),
            descriptions: DescriptionPace::default(),
            channel: VecDeque::new(),
            cut_off_at: None,
        }
    }

    /// What a generation of it is made of.
    fn link_config(&self, shared: &Shared) -> LinkConfig {
        let mut config = shared.publications.link_config();
        let mut sources = BTreeSet::new();
        config.tracks.retain(|track| match self.kind {
            TransportKind::Main => true,
            TransportKind::LegacyMain => {
                let is_possible = matches!(track.source, TrackSource::Camera | TrackSource::Microphone);
                is_possible && sources.insert(track.source)
            }
            TransportKind::LegacyScreen => false,
        });
        config
    }

    /// A socket is open, or will not be. Whether it is one of ours.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        shared: &mut Shared,
        now: Instant,
    ) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let ours = connection.handle_socket(socket, local, &mut shared.outputs, now);
        self.drain(shared, now);
        ours
    }

    /// A datagram came on a socket of ours.
    pub(crate) fn handle_datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        payload: Bytes,
        shared: &mut Shared,
        now: Instant,
    ) {
        if let Some(connection) = &mut self.connection {
            connection.handle_datagram(socket, from, payload, &mut shared.outputs, now);
            self.drain(shared, now);
        }
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, can_signal: bool, shared: &mut Shared, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(&mut shared.outputs, now);
        }
        self.take_back_lost_offer(shared, now);
        let before = self.life.phase();
        let transition = self.life.handle_timeout(can_signal, &mut shared.rng, now);
        self.act(transition, shared, now);
        if before != self.life.phase() {
            shared.outputs.changed();
        }
        self.drain(shared, now);
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let connection = self.connection.as_mut().and_then(Generation::poll_timeout);
        let look_again = self.descriptions.look_again;
        [connection, self.life.poll_timeout(), self.inbound.poll_timeout(), self.outbound.poll_timeout(), look_again]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing about the channel.
    pub(crate) fn poll_channel(&mut self) -> Option<ChannelEvent> {
        self.channel.pop_front()
    }

    /// Whether something can be said on the channel, or sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.link.is_connected())
    }

    /// Whether media flows, or may at any moment again.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.phase(), PeerPhase::Connected(_) | PeerPhase::Faltering | PeerPhase::Restarting { .. })
    }

    /// Says something on the channel; on its way with the next [`Self::drain`].
    pub(crate) fn send(&mut self, message: &ChannelMessage, now: Instant) -> Result<(), LinkError> {
        let connection = self.connection.as_mut().ok_or_else(|| LinkError::new("no connection"))?;
        connection.link.send_text(&message.to_text(), now)
    }

    /// It is over: says so on the wire and gives everything back.
    pub(crate) fn close(&mut self, farewell: CloseReason, shared: &mut Shared, now: Instant) {
        self.outbound.handle_ended();
        shared.governor.handle_ended(self.id, now);
        if let Some(mut connection) = self.connection.take() {
            if farewell == CloseReason::Bye && connection.link.is_connected() {
                let said = connection.link.send_text(&ChannelMessage::Bye.to_text(), now);
                tracing::debug!(said = said.is_ok(), peer = %self.to, "bye");
                connection.drain(&mut shared.outputs, now);
            }
            connection.close(&mut shared.outputs, now);
            shared.ice.sockets.release(connection.first_socket());
            self.pass_on(&mut connection, shared, now);
        }
        for (track, _) in self.inbound.tracks() {
            shared.outputs.media(MediaCommand::End(track));
        }
        self.inbound = Inbound::new();
        shared.publications.forget(self.id, &mut shared.outputs, now);
    }

    /// Does what link, repair and pacer ask for, until all are quiet.
    pub(crate) fn drain(&mut self, shared: &mut Shared, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        self.pass_on(&mut connection, shared, now);
        connection.release_checks(self.to, &mut shared.ice.checks, &mut shared.outputs, now);
        self.serve_media(&mut connection, shared, now);
        self.pass_on(&mut connection, shared, now);
        if connection.take_switched() {
            self.on_switched(&mut connection, shared, now);
        }
        self.connection = Some(connection);
        self.negotiate(shared, now);
        self.tell_taken(shared);
        self.tell_dead(shared, now);
    }

    fn pass_on(&mut self, connection: &mut Generation, shared: &mut Shared, now: Instant) {
        loop {
            if let Some(trickle) = connection.poll_trickle() {
                let body = match trickle {
                    Trickle::Candidate(candidate) => SignalBody::Cand(candidate),
                    Trickle::End(ufrag) => SignalBody::End(ufrag),
                };
                self.say(body, shared);
            } else if let Some(event) = connection.link.poll_event() {
                self.on_event(event, connection, shared, now);
            } else {
                break;
            }
        }
    }

    fn on_event(&mut self, event: LinkEvent, connection: &mut Generation, shared: &mut Shared, now: Instant) {
        match event {
            LinkEvent::Ice(state) => {
                if state == IceState::Failed {
                    connection.stop_following(); // it has given up its pair, under which the others are
                }
                if self.life.handle_ice(state, connection.link.route(), now) {
                    shared.outputs.changed();
                }
                if self.cut_off_at.is_some_and(|at| now.saturating_duration_since(at) < CUT_OFF) {
                    self.life.hurry(now);
                }
            }
            LinkEvent::Connected => {
                self.history.handshakes += 1;
                self.outbound.handle_new_connection();
                self.remote_clock = RemoteClock::default();
                self.life.handle_connected(connection.link.route());
                self.look_at_route(connection, shared, now);
                self.tell_rate(connection, shared, now);
                self.want_key_frames(connection, shared, now);
                shared.outputs.changed();
            }
            LinkEvent::Dead(error) => {
                tracing::info!(%error, peer = %self.to, "connection dead");
                self.life.handle_dead(&mut shared.rng, now);
                shared.outputs.changed();
            }
            LinkEvent::ChannelOpen => self.channel.push_back(ChannelEvent::Open),
            LinkEvent::ChannelText(text) => self.channel.push_back(ChannelEvent::Text(text)),
            LinkEvent::Rtp(packet) => self.on_packet(packet, connection, shared),
            LinkEvent::Repair(repair, codec) => self.on_repair(repair, codec, connection, shared, now),
            LinkEvent::SenderReport { ssrc, ntp, time } => {
                self.remote_clock.handle_report(ntp, now);
                self.inbound.handle_sender_report(ssrc, ntp, time);
            }
            LinkEvent::TrackEnded { ssrc } => {
                if let Some(track) = self.inbound.end(ssrc) {
                    shared.outputs.media(MediaCommand::End(track));
                    shared.outputs.changed();
                }
            }
            LinkEvent::RoundTrip(sample) => self.on_round_trip(sample, connection, shared, now),
            LinkEvent::Feedback(feedback) => self.on_feedback(feedback, connection, shared, now),
        }
    }

    fn act(&mut self, transition: Transition, shared: &mut Shared, now: Instant) {
        match transition {
            Transition::Wait => {}
            Transition::Restart => self.restart(SocketReuse::Kept, shared, now),
            Transition::Rebuild if self.is_theirs_to_begin && self.negotiation.sid().is_none() => {
                self.life.handle_offered(now);
            }
            Transition::Rebuild => self.rebuild(shared, now),
        }
    }

    fn say(&self, body: SignalBody, shared: &mut Shared) {
        let Some(sid) = self.negotiation.sid() else { return };
        self.say_of(sid, body, shared);
    }

    /// Says something of a generation that may not be the current one.
    fn say_of(&self, sid: SessionId, body: SignalBody, shared: &mut Shared) {
        shared.signal(self.to, self.kind.pc(), sid, body);
    }

    pub(crate) fn phase(&self) -> PeerPhase {
        self.life.phase()
    }
}
