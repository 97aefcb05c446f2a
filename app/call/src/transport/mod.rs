//! One connection between us and somebody, through all of its incarnations. Between two of us there is one, which
//! carries everything; an older page sends its screen through a second one.
//!
//! Owner of: who offers, how the connection lives, and the media on it. What comes through its channel is the peer's
//! business, which takes it after each turn.

pub(crate) mod checks;
mod connection_state;
pub(crate) mod gather;
pub(crate) mod generation;
pub(crate) mod inbound;
pub(crate) mod media;
mod outbound;
mod renewals;
pub(crate) mod servers;
mod signalling;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use hearth_protocol::{Pc, PeerId, SessionId, SignalBody};

use crate::channel::ChannelMessage;
use crate::context::{Context, PeerOutput};
use crate::negotiation::{Negotiation, Politeness};
use crate::path::SocketId;
use crate::peer_connection::{LinkConfig, LinkError, LinkEvent};
use crate::snapshot::{DescriptionProblem, PeerPhase};
use crate::stats::PeerCounters;
use connection_state::{ConnectionState, Transition};
use generation::{ConnectionOutput, Generation};
use inbound::Inbound;
use outbound::Outbound;
use renewals::RenewalPace;

/// Whether a restart keeps its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketReuse {
    Kept,
    New,
}

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

/// One connection.
pub(crate) struct Transport {
    pub(crate) to: PeerId,
    pub(crate) pc: Pc,
    is_theirs_to_begin: bool,
    pub(crate) negotiation: Negotiation,
    pub(crate) life: ConnectionState,
    pub(crate) connection: Option<Generation>,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) handshakes: u32,
    pub(crate) restarts: u32,
    pub(crate) counters: PeerCounters,
    /// When we last refused a description of theirs.
    pub(crate) refused_at: Option<Instant>,
    /// How often they may make us begin again.
    renewals: RenewalPace,
    /// Why the last description, theirs or ours, was not taken.
    pub(crate) problem: Option<DescriptionProblem>,
    heard: VecDeque<ChannelEvent>,
}

impl Transport {
    /// Nothing is said on it yet; see [`Line::begin`].
    pub(crate) fn new(to: PeerId, pc: Pc, role: NegotiationRole, now: Instant) -> Self {
        Self {
            to,
            pc,
            is_theirs_to_begin: role.is_theirs_to_begin,
            negotiation: Negotiation::new(role.on_collision),
            life: ConnectionState::new(role.politeness, now),
            connection: None,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            handshakes: 0,
            restarts: 0,
            counters: PeerCounters::default(),
            refused_at: None,
            renewals: RenewalPace::default(),
            problem: None,
            heard: VecDeque::new(),
        }
    }

    /// What a connection of this line is made of: nothing of ours goes where a screen comes from.
    pub(crate) fn link_config(&self, context: &Context<'_>) -> LinkConfig {
        let tracks = match self.pc {
            Pc::Main => context.link.tracks.clone(),
            Pc::Screen => Vec::new(),
        };
        LinkConfig { tracks, video_codecs: context.link.video_codecs.clone() }
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        context: &mut Context<'_>,
        now: Instant,
    ) -> bool {
        let ours = self.connection.as_mut().is_some_and(|c| c.handle_socket(socket, local, now));
        if ours {
            self.drain(context, now);
        }
        ours
    }

    /// A datagram came. Whether the socket was one of ours.
    pub(crate) fn handle_datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        payload: &[u8],
        context: &mut Context<'_>,
        now: Instant,
    ) -> bool {
        let ours = self.connection.as_mut().is_some_and(|c| c.handle_datagram(socket, from, payload, now));
        if ours {
            self.drain(context, now);
        }
        ours
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, can_signal: bool, context: &mut Context<'_>, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
        let before = self.life.phase();
        let act = self.life.handle_timeout(can_signal, context.rng, now);
        self.act(act, context, now);
        if before != self.life.phase() {
            context.outputs.push_back(PeerOutput::Changed);
        }
        self.drain(context, now);
    }

    /// An address of ours is gone. A path that is on another one is left alone.
    pub(crate) fn handle_moved(&mut self, context: &mut Context<'_>, now: Instant) {
        let stands = |address| context.ice_config.interfaces.contains(&address);
        let local = self.connection.as_ref().and_then(|connection| connection.link.direct_local_address());
        if local.is_some_and(stands) {
            return;
        }
        let act = match self.connection {
            // Nothing of ours is out yet: they will find us where we are now.
            None => Transition::Wait,
            Some(_) => self.life.handle_moved(now),
        };
        match act {
            Transition::Restart => self.restart(SocketReuse::New, context, now),
            Transition::Wait | Transition::Rebuild => self.act(act, context, now),
        }
        self.drain(context, now);
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let connection = self.connection.as_mut().and_then(Generation::poll_timeout);
        [connection, self.life.poll_timeout(), self.inbound.poll_timeout(), self.outbound.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing about the channel.
    pub(crate) fn poll_heard(&mut self) -> Option<ChannelEvent> {
        self.heard.pop_front()
    }

    /// Whether something can be said on the channel, or sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.link.is_connected())
    }

    /// Says something on the channel; on its way with the next [`Self::drain`].
    pub(crate) fn send(&mut self, message: &ChannelMessage, now: Instant) -> Result<(), LinkError> {
        let connection = self.connection.as_mut().ok_or_else(|| LinkError::new("no connection"))?;
        connection.link.send_text(&message.to_text(), now)
    }

    /// It is over: says so on the wire and gives everything back.
    pub(crate) fn close(&mut self, farewell: CloseReason, context: &mut Context<'_>, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        if farewell == CloseReason::Bye && connection.link.is_connected() {
            let said = connection.link.send_text(&ChannelMessage::Bye.to_text(), now);
            tracing::debug!(said = said.is_ok(), peer = %self.to, "bye");
            connection.drain(now);
        }
        connection.close(now);
        self.pass_on(&mut connection, context, now);
        self.end_tracks(context);
    }

    fn end_tracks(&mut self, context: &mut Context<'_>) {
        context.outputs.extend(self.inbound.tracks().map(|(track, _)| PeerOutput::End(track)));
        self.inbound = Inbound::new();
    }

    /// Does what link, repair and pacer ask for, until all are quiet.
    pub(crate) fn drain(&mut self, context: &mut Context<'_>, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        self.pass_on(&mut connection, context, now);
        connection.release_checks(self.to, context.checks, now);
        self.serve_media(&mut connection, now);
        self.pass_on(&mut connection, context, now);
        self.connection = Some(connection);
    }

    fn pass_on(&mut self, connection: &mut Generation, context: &mut Context<'_>, now: Instant) {
        while let Some(output) = connection.poll_output() {
            match output {
                ConnectionOutput::Open { socket, kind } => {
                    context.outputs.push_back(PeerOutput::Open { socket, kind });
                }
                ConnectionOutput::Close(socket) => context.outputs.push_back(PeerOutput::Close(socket)),
                ConnectionOutput::Transmit { socket, to, payload } => {
                    context.outputs.push_back(PeerOutput::Transmit { socket, to, payload });
                }
                ConnectionOutput::Candidate(candidate) => self.say(SignalBody::Cand(candidate), context),
                ConnectionOutput::EndOfCandidates(ufrag) => self.say(SignalBody::End(ufrag), context),
                ConnectionOutput::Event(event) => self.on_event(event, connection, context, now),
            }
        }
    }

    fn on_event(&mut self, event: LinkEvent, connection: &mut Generation, context: &mut Context<'_>, now: Instant) {
        let route = connection.link.route();
        match event {
            LinkEvent::Ice(state) => {
                if self.life.handle_ice(state, route, now) {
                    context.outputs.push_back(PeerOutput::Changed);
                }
            }
            LinkEvent::Connected => {
                self.handshakes += 1;
                self.life.handle_connected(route);
                self.want_key_frames(connection, context);
                context.outputs.extend([PeerOutput::Connected, PeerOutput::Changed]);
            }
            LinkEvent::Dead(error) => {
                tracing::info!(%error, peer = %self.to, "connection dead");
                self.life.handle_dead(context.rng, now);
                context.outputs.push_back(PeerOutput::Changed);
            }
            LinkEvent::ChannelOpen => self.heard.push_back(ChannelEvent::Open),
            LinkEvent::ChannelText(text) => self.heard.push_back(ChannelEvent::Text(text)),
            LinkEvent::Rtp(packet) => self.on_packet(packet, connection, context),
            LinkEvent::Feedback(feedback) => self.on_feedback(feedback, connection, context, now),
        }
    }

    pub(crate) fn act(&mut self, act: Transition, context: &mut Context<'_>, now: Instant) {
        match act {
            Transition::Wait => {}
            Transition::Restart => self.restart(SocketReuse::Kept, context, now),
            Transition::Rebuild if self.is_theirs_to_begin && self.negotiation.sid().is_none() => {
                self.life.handle_offered(now);
            }
            Transition::Rebuild => self.rebuild(context, now),
        }
    }

    pub(crate) fn say(&self, body: SignalBody, context: &mut Context<'_>) {
        let Some(sid) = self.negotiation.sid() else { return };
        self.say_of(sid, body, context);
    }

    /// Says something of an incarnation that may not be the current one.
    pub(crate) fn say_of(&self, sid: SessionId, body: SignalBody, context: &mut Context<'_>) {
        context.outputs.push_back(PeerOutput::Say { to: self.to, pc: self.pc, sid, body });
    }

    pub(crate) fn phase(&self) -> PeerPhase {
        self.life.phase()
    }
}
