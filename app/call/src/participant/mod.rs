//! Somebody else in the room, and our connection to them.
//!
//! Owner of: what they are, and the connections to them (`line`): one, and a second one for the screen of an older
//! page. A [`Peer`] is told what happens (`handle_*`) together with the [`Context`] that it shares with all others, and
//! leaves what it wants done in there.

mod chat;
mod hand;
mod screen;

use std::net::SocketAddr;
use std::time::Instant;

use hearth_base::{Bitrate, EncodedAudio, TrackId, VideoCodec};
use hearth_protocol::{MediaState, Pc, PeerEntry, PeerKind, Signal, SignalBody};

use crate::channel::ChannelMessage;
use crate::chat::Hearing;
use crate::context::{Context, PeerOutput};
use crate::io::Hand;
use crate::negotiation::Politeness;
use crate::path::SocketId;
use crate::snapshot::{PeerPhase, PeerSnapshot};
use crate::transport::generation::Generation;
use crate::transport::media::OutgoingFrame;
use crate::transport::{ChannelEvent, CloseReason, NegotiationRole, Transport};

/// Silences of [`life::GRACE`] after which somebody is given up whom the server does not name: 15 s.
const UNLISTED_TURNS: u32 = 6;

/// Somebody else.
pub(crate) struct Peer {
    pub(crate) entry: PeerEntry,
    main: Transport,
    /// The screen of a page that sends it apart.
    screen: Option<Transport>,
    hearing: Hearing,
    hand: Hand,
    came: u64,
    /// The server, which was restarted, has not named them yet: how often their silence was waited for.
    unlisted: Option<u32>,
    refused_messages: u64,
}

impl Peer {
    /// Somebody is there. The polite side makes the first offer.
    pub(crate) fn new(entry: PeerEntry, came: u64, context: &mut Context<'_>, now: Instant) -> Self {
        let politeness = if entry.polite { Politeness::Polite } else { Politeness::Impolite };
        let is_legacy = entry.kind == PeerKind::Legacy;
        // A legacy page takes nothing back.
        let on_collision = if is_legacy { Politeness::Impolite } else { politeness };
        let role = NegotiationRole { politeness, on_collision, is_theirs_to_begin: is_legacy && !entry.polite };
        let mut peer = Self {
            main: Transport::new(entry.id, Pc::Main, role, now),
            screen: None,
            hearing: Hearing::new(context.said.last(), now),
            hand: Hand::Down,
            came,
            unlisted: None,
            refused_messages: 0,
            entry,
        };
        peer.main.number_tracks(context);
        if politeness == Politeness::Polite {
            peer.main.rebuild(context, now);
            peer.ask_for_screen(context, now);
        }
        peer
    }

    /// Whether it is a SimpleWebRTC page, which speaks to us through the server's other gateway.
    pub(crate) fn is_legacy(&self) -> bool {
        self.entry.kind == PeerKind::Legacy
    }

    fn lines(&mut self) -> impl Iterator<Item = &mut Transport> {
        std::iter::once(&mut self.main).chain(&mut self.screen)
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        context: &mut Context<'_>,
        now: Instant,
    ) -> bool {
        let ours = self.lines().any(|line| line.handle_socket(socket, local, context, now));
        self.listen(context, now);
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
        let ours = self.lines().any(|line| line.handle_datagram(socket, from, payload, context, now));
        self.listen(context, now);
        ours
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>, now: Instant) {
        if self.is_given_up(now) {
            context.outputs.push_back(PeerOutput::Bye(self.entry.id));
            return;
        }
        let can_signal = context.can_signal && !self.entry.away;
        self.lines().for_each(|line| line.handle_timeout(can_signal, context, now));
        self.lose_screen(context, now);
        self.listen(context, now);
    }

    /// They said something.
    pub(crate) fn handle_signal(&mut self, signal: Signal, context: &mut Context<'_>, now: Instant) {
        match (signal.pc, signal.body) {
            (_, SignalBody::Chat(said)) => self.on_chat_signal(said.text, context, now),
            (Pc::Main, body) => self.main.handle_signal(signal.sid, body, context, now),
            (Pc::Screen, body) => self.on_screen_signal(signal.sid, body, context, now),
        }
        self.listen(context, now);
    }

    /// The server names them.
    pub(crate) fn handle_listed(&mut self, entry: PeerEntry, context: &mut Context<'_>, now: Instant) {
        self.unlisted = None;
        self.entry = entry;
        if !self.entry.media.screen {
            self.close_screen(context, now);
        }
    }

    /// The server was restarted, and they are not back in the room. Some cannot come back; anyone who sends is there.
    pub(crate) fn handle_unlisted(&mut self) {
        self.unlisted = Some(0);
        self.entry.away = true;
    }

    /// Whether they are neither in the room nor heard of.
    fn is_given_up(&mut self, now: Instant) -> bool {
        let is_due = self.main.life.poll_timeout().is_some_and(|due| due <= now);
        let is_heard = matches!(self.phase(), PeerPhase::Connected(_));
        let Some(turns) = &mut self.unlisted else { return false };
        *turns = if is_heard { 0 } else { turns.saturating_add(u32::from(is_due)) };
        *turns >= UNLISTED_TURNS
    }

    /// An address of ours is gone.
    pub(crate) fn handle_moved(&mut self, context: &mut Context<'_>, now: Instant) {
        self.lines().for_each(|line| line.handle_moved(context, now));
        self.listen(context, now);
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.lines().filter_map(Transport::poll_timeout).min()
    }

    /// It is over between us: says so on the wire and gives everything back.
    pub(crate) fn close(&mut self, farewell: CloseReason, context: &mut Context<'_>, now: Instant) {
        self.main.close(farewell, context, now);
        self.close_screen(context, now);
    }

    /// What came through the channel, until there is nothing more. Of a screen's channel nothing is expected.
    fn listen(&mut self, context: &mut Context<'_>, now: Instant) {
        while let Some(heard) = self.main.poll_heard() {
            match heard {
                ChannelEvent::Open => {
                    self.tell_media(&context.media, now);
                    self.tell_heard(now);
                    self.on_open_hand(context, now);
                }
                ChannelEvent::Text(text) => self.on_channel_text(&text, context, now),
            }
            self.main.drain(context, now);
        }
        if let Some(screen) = &mut self.screen {
            while screen.poll_heard().is_some() {}
        }
    }

    fn on_channel_text(&mut self, text: &str, context: &mut Context<'_>, now: Instant) {
        match ChannelMessage::parse(text) {
            Some(ChannelMessage::Bye) => context.outputs.push_back(PeerOutput::Bye(self.entry.id)),
            Some(ChannelMessage::Media { audio, video, screen }) => {
                self.entry.media = MediaState { audio, video, screen };
                context.outputs.push_back(PeerOutput::Changed);
            }
            Some(ChannelMessage::Chat { n, text }) => self.on_chat(n, text, context, now),
            Some(ChannelMessage::ChatSeen { n }) => self.on_chat_seen(n, context, now),
            Some(ChannelMessage::Hand { up }) => self.on_hand(if up { Hand::Up } else { Hand::Down }, context),
            Some(ChannelMessage::Unknown) => {}
            None => self.refused_messages += 1,
        }
    }

    /// What we send is something else now.
    pub(crate) fn handle_our_media(&mut self, context: &mut Context<'_>, now: Instant) {
        self.tell_media(&context.media, now);
        self.main.drain(context, now);
        self.listen(context, now);
    }

    fn tell_media(&mut self, media: &ChannelMessage, now: Instant) {
        if !self.main.is_connected() {
            return; // told when the channel opens
        }
        if let Err(error) = self.main.send(media, now) {
            tracing::debug!(%error, "media state not told");
        }
    }

    /// A picture of ours.
    pub(crate) fn handle_video(&mut self, frame: &OutgoingFrame<'_>, context: &mut Context<'_>, now: Instant) {
        self.main.handle_video(frame, context, now);
        self.listen(context, now);
    }

    /// Sound of ours.
    pub(crate) fn handle_audio(&mut self, audio: &EncodedAudio, context: &mut Context<'_>, now: Instant) {
        self.main.handle_audio(audio, context, now);
        self.listen(context, now);
    }

    /// The decoder of a track erred.
    pub(crate) fn handle_decoder_lost(&mut self, track: TrackId, context: &mut Context<'_>, now: Instant) {
        self.lines().for_each(|line| line.handle_decoder_lost(track, context, now));
        self.listen(context, now);
    }

    /// Which of our tracks of video go to them, and in which codec.
    pub(crate) fn watches(&self) -> impl Iterator<Item = (TrackId, VideoCodec)> {
        self.main.watches()
    }

    /// What the link bears, and the share that it loses.
    pub(crate) fn rates(&self) -> (Bitrate, f64) {
        self.main.rates()
    }

    /// What should be seen of it.
    pub(crate) fn snapshot(&self) -> PeerSnapshot {
        let main = &self.main;
        let link = main.connection.as_ref().map(|connection| &connection.link);
        let mut counters = main.counters;
        counters.refused_messages += self.refused_messages;
        counters.link = link.map(|link| link.counters).unwrap_or_default();
        counters.packets_sent = main.outbound.packets;
        counters.frames_dropped = main.outbound.frames_dropped;
        let lines = || std::iter::once(main).chain(&self.screen);
        lines().for_each(|line| line.inbound.count(&mut counters));
        counters.refused_signals += self.screen.as_ref().map_or(0, |screen| screen.counters.refused_signals);
        let fingerprints = main.connection.as_ref().map(|connection| connection.fingerprints.clone());
        PeerSnapshot {
            id: self.entry.id,
            nick: self.entry.nick.clone(),
            kind: self.entry.kind,
            role: self.entry.role,
            came: self.came,
            media: self.entry.media,
            hand: self.hand,
            away: self.entry.away,
            phase: self.phase(),
            tracks: lines().flat_map(|line| line.inbound.tracks()).collect(),
            round_trip: link.and_then(|link| link.round_trip()),
            loss: main.outbound.loss,
            estimate: main.outbound.estimate(),
            pair: link.and_then(|link| link.selected_pair()),
            fingerprints: fingerprints.and_then(|(theirs, ours)| theirs.zip(ours)),
            video_codec: self.watches().map(|(_, codec)| codec).next(),
            lacks_video_codec: main.connection.as_ref().is_some_and(Generation::lacks_video),
            problem: main.problem,
            handshakes: main.handshakes,
            restarts: main.restarts,
            counters,
        }
    }

    pub(crate) fn phase(&self) -> PeerPhase {
        self.main.phase()
    }

    /// Whether media flows, or may at any moment again.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.phase(), PeerPhase::Connected(_) | PeerPhase::Faltering | PeerPhase::Restarting { .. })
    }

    /// The same of a server that does not know us any more, and so mends nothing.
    pub(crate) fn is_worth_keeping(&self, now: Instant) -> bool {
        self.main.life.is_worth_keeping(now)
    }
}
