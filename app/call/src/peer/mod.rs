//! Somebody else in the room, and our connection to them.
//!
//! Owner of: what they are, how the connection lives, and their and our media on it. A [`Peer`] is told what happens
//! (`handle_*`) together with the [`Context`] that it shares with all others, and leaves what it wants done in there.

mod chat;
pub(crate) mod connection;
pub(crate) mod gather;
mod inbound;
mod life;
mod media;
mod outbound;
mod signalling;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use hearth_base::{TrackId, VideoCodec};
use hearth_protocol::{PeerEntry, PeerId, PeerKind, SignalBody};
use rand_chacha::ChaCha12Rng;

use crate::candidates::Loopback;
use crate::channel::ChannelMessage;
use crate::chat::{Hearing, Said};
use crate::link::{LinkConfig, LinkEvent};
use crate::negotiation::{Negotiation, Politeness};
use crate::path::SocketId;
use crate::snapshot::{PeerPhase, PeerSnapshot};
use crate::stats::PeerCounters;
use connection::{Connection, ConnectionOutput};
use gather::Surroundings;
use inbound::{Inbound, Received};
use life::{Act, Life};
use outbound::Outbound;

/// What all peers of a call share.
pub(crate) struct Context<'a> {
    pub(crate) link: &'a LinkConfig,
    pub(crate) around: &'a Surroundings,
    pub(crate) loopback: Loopback,
    /// Whether the server can be reached.
    pub(crate) can_signal: bool,
    /// What we send at the moment, for the others' marks.
    pub(crate) media: ChannelMessage,
    /// What we said in the room.
    pub(crate) said: &'a Said,
    pub(crate) next_socket: &'a mut u32,
    pub(crate) next_track: &'a mut u32,
    pub(crate) rng: &'a mut ChaCha12Rng,
    pub(crate) outputs: &'a mut VecDeque<PeerOutput>,
}

/// What a peer wants done, or what happened to it.
#[derive(Debug)]
pub(crate) enum PeerOutput {
    Say {
        to: PeerId,
        sid: hearth_protocol::SessionId,
        body: SignalBody,
    },
    Open {
        socket: SocketId,
        bind: IpAddr,
    },
    Close(SocketId),
    Transmit {
        socket: SocketId,
        to: SocketAddr,
        payload: Bytes,
    },
    Received {
        from: PeerId,
        what: Received,
    },
    /// They said something.
    Chat {
        from: PeerId,
        nick: String,
        text: String,
    },
    End(TrackId),
    KeyFrameWanted(TrackId, VideoCodec),
    Connected,
    Bye(PeerId),
    Changed,
    /// What the links bear, or lose, is another amount.
    Rates,
}

pub(crate) use inbound::Received as PeerMedia;
pub(crate) use media::OutgoingFrame;

/// Silences of [`life::GRACE`] after which somebody is given up whom the server does not name: 15 s.
const UNLISTED_TURNS: u32 = 6;

/// Somebody else.
pub(crate) struct Peer {
    pub(crate) entry: PeerEntry,
    negotiation: Negotiation,
    life: Life,
    connection: Option<Connection>,
    inbound: Inbound,
    outbound: Outbound,
    handshakes: u32,
    restarts: u32,
    hearing: Hearing,
    came: u64,
    /// The server, which was restarted, has not named them yet: how often their silence was waited for.
    unlisted: Option<u32>,
    counters: PeerCounters,
}

impl Peer {
    /// Somebody is there. The polite side makes the first offer.
    pub(crate) fn new(entry: PeerEntry, came: u64, context: &mut Context<'_>, now: Instant) -> Self {
        let politeness = if entry.polite { Politeness::Polite } else { Politeness::Impolite };
        // A legacy page takes nothing back.
        let stance = if entry.kind == PeerKind::Legacy { Politeness::Impolite } else { politeness };
        let mut peer = Self {
            entry,
            negotiation: Negotiation::new(stance),
            life: Life::new(politeness, now),
            connection: None,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            handshakes: 0,
            restarts: 0,
            hearing: Hearing::new(context.said.last(), now),
            came,
            unlisted: None,
            counters: PeerCounters::default(),
        };
        peer.number_tracks(context);
        if politeness == Politeness::Polite {
            peer.rebuild(context, now);
        }
        peer
    }

    /// Whether it is a SimpleWebRTC page, which speaks to us through the server's other gateway.
    pub(crate) fn is_legacy(&self) -> bool {
        self.entry.kind == PeerKind::Legacy
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
    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
        let can_signal = context.can_signal && !self.entry.away;
        let before = self.life.phase();
        if self.is_given_up(now) {
            context.outputs.push_back(PeerOutput::Bye(self.entry.id));
            return;
        }
        let act = self.life.handle_timeout(can_signal, context.rng, now);
        self.act(act, context, now);
        if before != self.life.phase() {
            context.outputs.push_back(PeerOutput::Changed);
        }
        self.drain(context, now);
    }

    /// The server names them.
    pub(crate) fn handle_listed(&mut self, entry: PeerEntry) {
        self.unlisted = None;
        self.entry = entry;
    }

    /// The server was restarted, and they are not back in the room. Some cannot come back; whoever sends is there.
    pub(crate) fn handle_unlisted(&mut self) {
        self.unlisted = Some(0);
        self.entry.away = true;
    }

    /// Whether they are neither in the room nor heard of.
    fn is_given_up(&mut self, now: Instant) -> bool {
        let is_due = self.life.poll_timeout().is_some_and(|due| due <= now);
        let is_heard = matches!(self.life.phase(), PeerPhase::Connected(_));
        let Some(turns) = &mut self.unlisted else { return false };
        *turns = if is_heard { 0 } else { turns.saturating_add(u32::from(is_due)) };
        *turns >= UNLISTED_TURNS
    }

    /// An address of ours is gone. A path that stands on another one is left alone.
    pub(crate) fn handle_moved(&mut self, context: &mut Context<'_>, now: Instant) {
        let stands = |address| context.around.interfaces.contains(&address);
        let local = self.connection.as_ref().and_then(|connection| connection.link.direct_local_address());
        if local.is_some_and(stands) {
            return;
        }
        let act = match self.connection {
            // Nothing of ours is out yet: they will find us where we are now.
            None => Act::Wait,
            Some(_) => self.life.handle_moved(now),
        };
        match act {
            Act::Restart => self.restart(Sockets::New, context, now),
            Act::Wait | Act::Rebuild => self.act(act, context, now),
        }
        self.drain(context, now);
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let connection = self.connection.as_mut().and_then(Connection::poll_timeout);
        [connection, self.life.poll_timeout(), self.inbound.poll_timeout(), self.outbound.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// It is over between us: says so on the wire and gives everything back.
    pub(crate) fn close(&mut self, farewell: Farewell, context: &mut Context<'_>, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        if farewell == Farewell::Bye && connection.link.is_connected() {
            let said = connection.link.send_text(&ChannelMessage::Bye.to_text(), now);
            tracing::debug!(said = said.is_ok(), peer = %self.entry.id, "bye");
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
    fn drain(&mut self, context: &mut Context<'_>, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        self.pass_on(&mut connection, context, now);
        self.serve_media(&mut connection, now);
        self.pass_on(&mut connection, context, now);
        self.connection = Some(connection);
    }

    fn pass_on(&mut self, connection: &mut Connection, context: &mut Context<'_>, now: Instant) {
        while let Some(output) = connection.poll_output() {
            match output {
                ConnectionOutput::Open { socket, bind } => {
                    context.outputs.push_back(PeerOutput::Open { socket, bind });
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

    fn on_event(&mut self, event: LinkEvent, connection: &mut Connection, context: &mut Context<'_>, now: Instant) {
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
                tracing::info!(%error, peer = %self.entry.id, "connection dead");
                self.life.handle_dead(context.rng, now);
                context.outputs.push_back(PeerOutput::Changed);
            }
            LinkEvent::ChannelOpen => {
                self.tell_media(connection, &context.media, now);
                self.tell_heard(connection, now);
            }
            LinkEvent::ChannelText(text) => self.on_channel_text(&text, connection, context, now),
            LinkEvent::Rtp(packet) => self.on_packet(packet, connection, context),
            LinkEvent::Feedback(feedback) => self.on_feedback(feedback, connection, context, now),
        }
    }

    fn on_channel_text(&mut self, text: &str, connection: &mut Connection, context: &mut Context<'_>, now: Instant) {
        match ChannelMessage::parse(text) {
            Some(ChannelMessage::Bye) => context.outputs.push_back(PeerOutput::Bye(self.entry.id)),
            Some(ChannelMessage::Media { audio, video }) => {
                (self.entry.media.audio, self.entry.media.video) = (audio, video);
                context.outputs.push_back(PeerOutput::Changed);
            }
            Some(ChannelMessage::Chat { n, text }) => self.on_chat(n, text, context, now),
            Some(ChannelMessage::ChatSeen { n }) => self.on_chat_seen(n, connection, context, now),
            Some(ChannelMessage::Unknown) => {}
            None => self.counters.refused_messages += 1,
        }
    }

    /// What we send is something else now.
    pub(crate) fn handle_our_media(&mut self, context: &mut Context<'_>, now: Instant) {
        let Some(mut connection) = self.connection.take() else { return };
        self.tell_media(&mut connection, &context.media, now);
        self.connection = Some(connection);
        self.drain(context, now);
    }

    fn tell_media(&mut self, connection: &mut Connection, media: &ChannelMessage, now: Instant) {
        if !connection.link.is_connected() {
            return; // told when the channel opens
        }
        if let Err(error) = connection.link.send_text(&media.to_text(), now) {
            tracing::debug!(%error, "media state not told");
        }
    }

    /// What is to be seen of it.
    pub(crate) fn snapshot(&self) -> PeerSnapshot {
        let link = self.connection.as_ref().map(|connection| &connection.link);
        let mut counters = self.counters;
        counters.link = link.map(|link| link.counters).unwrap_or_default();
        counters.packets_sent = self.outbound.packets;
        counters.frames_dropped = self.outbound.frames_dropped;
        self.inbound.count(&mut counters);
        let fingerprints = self.connection.as_ref().map(|connection| connection.fingerprints.clone());
        PeerSnapshot {
            id: self.entry.id,
            nick: self.entry.nick.clone(),
            kind: self.entry.kind,
            role: self.entry.role,
            came: self.came,
            media: self.entry.media,
            away: self.entry.away,
            phase: self.life.phase(),
            tracks: self.inbound.tracks().collect(),
            round_trip: link.and_then(|link| link.round_trip()),
            loss: self.outbound.loss,
            estimate: self.outbound.estimate(),
            pair: link.and_then(|link| link.selected_pair()),
            fingerprints: fingerprints.and_then(|(theirs, ours)| theirs.zip(ours)),
            video_codec: self.watches().map(|(_, codec)| codec).next(),
            lacks_video_codec: self.connection.as_ref().is_some_and(Connection::lacks_video),
            handshakes: self.handshakes,
            restarts: self.restarts,
            counters,
        }
    }

    pub(crate) fn phase(&self) -> PeerPhase {
        self.life.phase()
    }
}

/// Whether a restart keeps its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sockets {
    Kept,
    New,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// We leave, and say so.
    Bye,
    /// They are gone.
    Silent,
}
