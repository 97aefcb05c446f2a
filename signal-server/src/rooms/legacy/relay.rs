//! What a legacy page says to others: to a page as it is, to everybody else as a signal of our own protocol.
//!
//! Only within the room, and always stamped with who says it.

use std::time::Instant;

use hearth_protocol::{
    Candidate, ChatText, Description, DescriptionKind, MediaState, Pc, PeerId, PeerKind, ServerMessage, Signal,
    SignalBody,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::load::Overload;
use super::super::session::Membership;
use super::super::{ConnId, Rooms};
use super::event::LegacyEvent;

/// The payload of an offer or an answer; the nick beside it is read where the page is taken notice of.
#[derive(Deserialize)]
struct DescriptionPayload {
    sdp: String,
}

/// The payload of a candidate: wrapped once more, as the library has it.
#[derive(Deserialize)]
struct CandidatePayload {
    candidate: Candidate,
}

impl Rooms {
    pub(super) fn on_legacy_message(
        &mut self,
        (conn, peer): (ConnId, PeerId),
        mut message: Map<String, Value>,
        bytes: usize,
        now: Instant,
    ) {
        let to = message.get("to").and_then(Value::as_str).and_then(|to| PeerId::parse(to).ok());
        let Some(to) = to.filter(|to| self.others_of(peer).contains(to)) else {
            self.counters.stray_signals += 1; // they may have just left
            return;
        };
        let load = match self.take_word(peer, to, bytes, now) {
            Ok(load) => load,
            Err(why) => {
                // There is no word for a refusal. What is too much is lost, and in the end so is anyone who says it.
                self.counters.rate_limited += 1;
                if why == Overload::Sender {
                    self.strike(conn, now);
                }
                return;
            }
        };
        self.take_notice(peer, &message, now);
        match self.sessions.get(&to).map(|session| session.kind) {
            Some(PeerKind::Legacy) => {
                message.insert("from".to_owned(), Value::String(peer.as_str().to_owned()));
                self.emit(to, LegacyEvent::Message(message));
            }
            Some(PeerKind::Native | PeerKind::Web) => match self.as_signal(peer, to, &message) {
                Some(signal) => self.tell_loaded(to, &ServerMessage::Signal(signal), load, now),
                None => self.counters.untold += 1,
            },
            None => {}
        }
    }

    /// What a message says about the page itself, anyone who it is for: its name, and what it sends.
    fn take_notice(&mut self, peer: PeerId, message: &Map<String, Value>, now: Instant) {
        let payload = message.get("payload");
        let text = |key: &str| payload.and_then(|payload| payload.get(key)).and_then(Value::as_str);
        let kind = message.get("type").and_then(Value::as_str);
        let room = self.room_of(peer).filter(|_| matches!(kind, Some("offer" | "answer"))).cloned();
        let nick = text("nick").map(|nick| self.clean_nick(nick)).zip(room);
        let nick = nick.map(|(nick, room)| self.distinct_nick(&room, peer, &nick));
        let Some(Membership::Inside(member)) = self.sessions.get_mut(&peer).map(|session| &mut session.standing) else {
            return;
        };
        let before = (member.nick.clone(), member.media);
        match (kind, text("name")) {
            (Some("offer" | "answer"), _) => member.nick = nick.unwrap_or_else(|| before.0.clone()),
            (Some(word @ ("mute" | "unmute")), Some("audio")) => member.media.audio = word == "unmute",
            (Some(word @ ("mute" | "unmute")), Some("video")) => member.media.video = word == "unmute",
            _ => {}
        }
        if before != (member.nick.clone(), member.media) {
            self.tell_news(peer, now);
        }
    }

    /// The page shares its screen, or does no longer.
    pub(super) fn on_legacy_screen(&mut self, peer: PeerId, screen: bool, now: Instant) {
        if let Some(member) = self.sessions.get(&peer).and_then(|session| session.member()) {
            self.on_update(peer, MediaState { screen, ..member.media }, now);
        }
    }

    /// A page's word as peers of our own protocol know it; none when they know no such word.
    fn as_signal(&mut self, from: PeerId, to: PeerId, message: &Map<String, Value>) -> Option<Signal> {
        let pc = match message.get("roomType").and_then(Value::as_str) {
            Some("screen") => Pc::Screen,
            Some(_) | None => Pc::Main,
        };
        let sid = message.get("sid").and_then(Value::as_str);
        let payload = message.get("payload");
        let body = match message.get("type").and_then(Value::as_str)? {
            "offer" => SignalBody::Desc(description(DescriptionKind::Offer, payload)?),
            "answer" => SignalBody::Desc(description(DescriptionKind::Answer, payload)?),
            "candidate" => SignalBody::Cand(candidate(payload)?),
            "chat" => SignalBody::Chat(ChatText { text: chat_text(payload)? }),
            _ => return None,
        };
        let talks = &mut self.legacy_mut(from)?.talks;
        let sid = match &body {
            SignalBody::Desc(Description { kind: DescriptionKind::Offer, .. }) => {
                talks.on_page_offer(to, pc, sid.unwrap_or_default())?
            }
            SignalBody::Chat(_) => talks.ours(to, pc, None).unwrap_or_default(),
            SignalBody::Desc(_) | SignalBody::Cand(_) | SignalBody::End(_) | SignalBody::Refused(_) => {
                talks.ours(to, pc, sid)?
            }
        };
        Some(Signal { to: None, from: Some(from), pc, sid, body })
    }
}

fn description(kind: DescriptionKind, payload: Option<&Value>) -> Option<Description> {
    let payload = DescriptionPayload::deserialize(payload?).ok()?;
    Some(Description { kind, sdp: payload.sdp })
}

/// One without content says that no more follow, which is no news to a peer that takes them as they come.
fn candidate(payload: Option<&Value>) -> Option<Candidate> {
    let payload = CandidatePayload::deserialize(payload?).ok()?;
    (!payload.candidate.candidate.is_empty()).then_some(payload.candidate)
}

/// There was never a rule for what a chat message holds: a text, or an object with one of these.
fn chat_text(payload: Option<&Value>) -> Option<String> {
    let payload = payload?;
    let named = ["message", "text", "msg"].iter().find_map(|key| payload.get(key));
    payload.as_str().or_else(|| named?.as_str()).map(str::to_owned)
}
