//! Somebody else in the room: who they are, what they send, what they say.
//!
//! Owner of: all of that, and of which transports lead to them: one, and a second one for the screen of an older page.
//! A [`Participant`] is told what happens (`handle_*`) together with its transport and what all of them share; how a
//! transport lives is the transport's own business.

mod chat;
pub(crate) mod hand;
mod screen;
mod watching;

use std::time::Instant;

use hearth_base::Switch;
use hearth_protocol::{MediaState, Pc, PeerEntry, PeerKind, Signal, SignalBody};

use crate::channel::ChannelMessage;
use crate::chat::Hearing;
use crate::io::Hand;
use crate::send::stills::PictureFlow;
use crate::shared::Shared;
use crate::snapshot::{ConnectionSnapshot, PeerPhase, PeerSnapshot};
use crate::sockets::TransportId;
use crate::transport::generation::Generation;
use crate::transport::table::Transports;
use crate::transport::{ChannelEvent, Transport};
use crate::watching::Watching;

/// Silences of the grace of [`crate::transport`] after which somebody is given up whom the server does not name: 15 s.
const UNLISTED_TURNS: u32 = 6;

/// How pictures go: ours, as we told them last, and theirs.
#[derive(Debug, Default)]
struct Pictures {
    told: PictureFlow,
    theirs: PictureFlow,
}

/// Somebody else.
pub(crate) struct Participant {
    pub(crate) entry: PeerEntry,
    pub(crate) main: TransportId,
    /// The screen of a page that sends it apart.
    pub(crate) screen: Option<TransportId>,
    hearing: Hearing,
    hand: Hand,
    /// What we look at of their pictures.
    watching: Watching,
    watched: watching::Watched,
    pictures: Pictures,
    came: u64,
    /// The server, which was restarted, has not named them yet: how often their silence was waited for.
    unlisted: Option<u32>,
    /// They said goodbye, or are given up.
    pub(crate) has_left: bool,
    refused_messages: u64,
}

impl Participant {
    /// Somebody is there, whom `main` leads to.
    pub(crate) fn new(entry: PeerEntry, main: TransportId, came: u64, shared: &Shared, now: Instant) -> Self {
        Self {
            main,
            screen: None,
            hearing: Hearing::new(shared.chat.said.last(), now),
            hand: Hand::Down,
            watching: Watching::default(),
            watched: watching::Watched::default(),
            pictures: Pictures::default(),
            came,
            unlisted: None,
            has_left: false,
            refused_messages: 0,
            entry,
        }
    }

    /// Whether it is a SimpleWebRTC page, which speaks to us through the server's other gateway.
    pub(crate) fn is_legacy(&self) -> bool {
        self.entry.kind == PeerKind::Legacy
    }

    /// Those that lead to them.
    pub(crate) fn transports(&self) -> impl Iterator<Item = TransportId> + use<> {
        [Some(self.main), self.screen].into_iter().flatten()
    }

    /// Time passed, before the transports are told.
    pub(crate) fn handle_timeout(&mut self, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        if transports.get(self.main).is_some_and(|main| self.is_given_up(main, now)) {
            self.has_left = true;
            return;
        }
        let can_signal = shared.can_signal() && !self.entry.away;
        transports.each(self.transports(), |transport| transport.handle_timeout(can_signal, shared, now));
        self.lose_screen(transports, shared, now);
    }

    /// They said something through the server.
    pub(crate) fn handle_signal(
        &mut self,
        signal: Signal,
        transports: &mut Transports,
        shared: &mut Shared,
        now: Instant,
    ) {
        match (signal.pc, signal.body) {
            (_, SignalBody::Chat(said)) => self.on_chat_signal(&said.text, shared, now),
            (Pc::Main, body) => {
                if let Some(main) = transports.get_mut(self.main) {
                    main.handle_signal(signal.sid, body, shared, now);
                }
            }
            (Pc::Screen, body) => self.on_screen_signal(signal.sid, body, transports, shared, now),
        }
    }

    /// The server names them.
    pub(crate) fn handle_listed(
        &mut self,
        entry: PeerEntry,
        transports: &mut Transports,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.unlisted = None;
        // Who offers and who gives way was settled when the two met.
        self.entry = PeerEntry { polite: self.entry.polite, ..entry };
        if !self.entry.media.screen {
            self.close_screen(transports, shared, now);
        }
        shared.outputs.changed();
    }

    /// The server was restarted, and they are not back in the room. Some cannot come back; anyone who sends is there.
    pub(crate) fn handle_unlisted(&mut self) {
        self.unlisted = Some(0);
        self.entry.away = true;
    }

    /// Whether they are neither in the room nor heard of.
    fn is_given_up(&mut self, main: &Transport, now: Instant) -> bool {
        let is_due = main.life.poll_timeout().is_some_and(|due| due <= now);
        let is_heard = matches!(main.phase(), PeerPhase::Connected(_));
        let Some(turns) = &mut self.unlisted else { return false };
        *turns = if is_heard { 0 } else { turns.saturating_add(u32::from(is_due)) };
        *turns >= UNLISTED_TURNS
    }

    /// What came through their channels, until there is nothing more. Of a screen's channel nothing is expected.
    pub(crate) fn listen(&mut self, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        if let Some(main) = transports.get_mut(self.main) {
            while let Some(event) = main.poll_channel() {
                match event {
                    ChannelEvent::Open => self.on_channel_open(main, shared, now),
                    ChannelEvent::Text(text) => self.on_channel_text(&text, main, shared, now),
                }
                main.drain(shared, now);
            }
            self.settle_watching(main, shared, now);
            self.tell_pictures(main, shared, now);
        }
        if let Some(screen) = self.screen.and_then(|screen| transports.get_mut(screen)) {
            while screen.poll_channel().is_some() {}
        }
    }

    fn on_channel_open(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
        tell_media(main, shared, now);
        self.tell_heard(main, now);
        self.on_open_hand(main, shared, now);
        self.on_open_watching(main, shared, now);
        self.pictures = Pictures::default();
    }

    /// Tells how our pictures go to them, where that has changed.
    fn tell_pictures(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
        let flow = main.outbound.told_flow();
        if self.pictures.told == flow || !main.is_connected() {
            return;
        }
        if main.send(&ChannelMessage::Pictures { flow: flow.into() }, now).is_ok() {
            self.pictures.told = flow;
            shared.outputs.changed();
            main.drain(shared, now);
        }
    }

    fn on_channel_text(&mut self, text: &str, main: &mut Transport, shared: &mut Shared, now: Instant) {
        match ChannelMessage::parse(text) {
            Some(ChannelMessage::Bye) => self.has_left = true,
            Some(ChannelMessage::Media { audio, video, screen }) => {
                self.entry.media = MediaState { audio, video, screen };
                shared.outputs.changed();
            }
            Some(ChannelMessage::Chat { n, text }) => self.on_chat(n, &text, shared, now),
            Some(ChannelMessage::ChatSeen { n }) => self.on_chat_seen(n, main, shared, now),
            Some(ChannelMessage::Watching { camera, screen }) => {
                let screen = if screen { Switch::On } else { Switch::Off };
                self.on_watching(Watching { camera, screen });
            }
            Some(ChannelMessage::Pictures { flow }) => {
                self.pictures.theirs = flow.into();
                shared.outputs.changed();
            }
            Some(ChannelMessage::Hand { up }) => self.on_hand(if up { Hand::Up } else { Hand::Down }, shared),
            Some(ChannelMessage::Unknown) => {}
            None => self.refused_messages += 1,
        }
    }

    /// What should be seen of them.
    pub(crate) fn snapshot(&self, main: &Transport, screen: Option<&Transport>) -> PeerSnapshot {
        let link = main.connection.as_ref().map(|connection| &connection.link);
        let mut counters = main.history.counters;
        counters.refused_messages += self.refused_messages;
        counters.link = link.map(|link| link.counters).unwrap_or_default();
        counters.packets_sent = main.outbound.packets;
        counters.frames_dropped = main.outbound.frames_dropped;
        counters.repairs_sent = main.outbound.repairs_made();
        let transports = || std::iter::once(main).chain(screen);
        transports().for_each(|transport| transport.inbound.count(&mut counters));
        counters.refused_signals += screen.map_or(0, |screen| screen.history.counters.refused_signals);
        let fingerprints = main.connection.as_ref().map(|connection| connection.fingerprints.clone());
        let connection = ConnectionSnapshot {
            phase: main.phase(),
            round_trip: link.and_then(|link| link.round_trip()),
            loss: main.outbound.loss,
            estimate: main.estimate(),
            queue: main.outbound.queue(),
            pictures: (main.outbound.told_flow(), self.pictures.theirs),
            layers: main.outbound.sent_layers().collect(),
            pair: link.and_then(|link| link.selected_pair()),
            fingerprints: fingerprints.and_then(|(theirs, ours)| theirs.zip(ours)),
            video_codec: main.takes().map(|encoding| encoding.codec).next(),
            lacks_video_codec: main.connection.as_ref().is_some_and(Generation::lacks_video),
            problem: main.history.problem,
            handshakes: main.history.handshakes,
            restarts: main.history.restarts,
            counters,
        };
        PeerSnapshot {
            id: self.entry.id,
            nick: self.entry.nick.clone(),
            kind: self.entry.kind,
            role: self.entry.role,
            came: self.came,
            media: self.entry.media,
            hand: self.hand,
            away: self.entry.away,
            watching: self.watching,
            tracks: transports().flat_map(|transport| transport.inbound.tracks()).collect(),
            connection,
        }
    }
}

/// Tells what we send; anyone without an open channel is told when it opens.
pub(crate) fn tell_media(main: &mut Transport, shared: &Shared, now: Instant) {
    if !main.is_connected() {
        return;
    }
    let MediaState { audio, video, screen } = shared.publications.media_state();
    if let Err(error) = main.send(&ChannelMessage::Media { audio, video, screen }, now) {
        tracing::debug!(%error, "media state not told");
    }
}
