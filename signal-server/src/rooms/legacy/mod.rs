//! The old protocol: pages that were written for signalmaster, in the same rooms as everybody else.
//!
//! A legacy page is a session like any other. What it says becomes the commands of our own protocol, and what the rooms
//! tell it becomes the events that it knows; between two legacy pages messages pass unread. Engine.IO, which
//! carries its packets, is the gateway's business.
//!
//! ```text
//! event of the page -> LegacyRequest -> rooms -> ServerMessage -> LegacyEvent -> event at the page
//!                                         \--- from page to page: relayed as it is ---/
//! ```
//! A page whose connection breaks knows no way back into its room. So it stays a member for [`wire::HOLD`], and should
//! it connect again meanwhile (its cookie says that it is the same), it is who it was, and its calls go on.

mod event;
mod hearing;
mod packet;
mod relay;
mod request;
mod talk;
pub(super) mod wire;

pub use event::LegacyEvent;
pub use packet::{BadPacket, LegacyPacket};
pub(crate) use packet::{CONNECTED, DISCONNECT, no_namespace};
pub use request::{AckId, BadRequest, LegacyRequest};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_protocol::{ErrorCode, LeaveReason, MediaState, PeerId, PeerKind, RequestId, RoomName};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

use super::bucket::Bucket;
use super::room::{Admission, Credentials};
use super::session::{Attachment, Budget, Conn, ConnPhase, JoinRequest, Session, Wire};
use super::timers::Timer;
use super::{CloseReason, ConnId, Output, Rooms};
use talk::Talks;
use wire::{Asked, LegacyWire};

/// Messages that a page may send at once, one for each [`UNIT`] begun. A page that joins a full room sends a hundred
/// candidates for each member, and applications send words of their own through us: signalmaster knows no limit.
const BURST: u32 = 4000;
/// After that, one each 5 ms. Beyond: the page is disconnected, openly.
const EVERY: Duration = Duration::from_millis(5);
/// Bytes that count as one message, so that what a slow reader has to be kept is bounded as well: 8 MiB of each other
/// one.
const UNIT: usize = 2048;
/// Events kept for a page that lost its connection. Cap 1024: what all others may have waiting for it (400), and the
/// comings and goings of 12 s. Full: the page is given up at once.
const MISSED: usize = 1024;

/// The rules for legacy pages.
#[derive(Clone, Debug, Default)]
pub struct LegacyRules {
    /// How many people a room holds that a page has opened; as many as come, where it is none.
    pub max_clients: Option<u32>,
}

/// What a page is recognised by when it comes back: the value of its cookie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageId(pub [u8; 16]);

impl std::fmt::Debug for PageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageId(..)") // who knows it may speak as the page
    }
}

/// A page that has just connected.
#[derive(Clone, Copy, Debug)]
pub struct LegacyCaller {
    /// The id of its Engine.IO session: the page takes it for its own.
    pub id: PeerId,
    /// Where it comes from.
    pub address: IpAddr,
    /// Its cookie.
    pub page: Option<PageId>,
}

/// The room of a name that a page says. signalmaster takes any text; one that is none of our names has a room by its
/// hash, where pages of the same name meet.
fn room_called(name: &str) -> RoomName {
    let hashed = || {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(name));
        RoomName::parse(&format!("name:{hash}")).unwrap_or_else(|_| RoomName::from_random(0))
    };
    RoomName::parse(name).unwrap_or_else(|_| hashed())
}

impl Rooms {
    /// A legacy page connected; `conn` was never used before.
    pub fn handle_legacy_connected(&mut self, conn: ConnId, caller: LegacyCaller, now: Instant) {
        let address = Some(caller.address.to_canonical());
        let back = caller.page.and_then(|page| self.page_that_was_cut(page));
        let id = back.unwrap_or(caller.id);
        self.conns
            .insert(conn, Conn { address, phase: ConnPhase::InSession(id), abuse_score: Bucket::abuse_score(now) });
        if back.is_some() {
            self.take_back(conn, id, now);
        } else {
            let wire = LegacyWire {
                page: caller.page,
                asked: None,
                is_back: false,
                talks: Talks::default(),
                known: BTreeMap::new(),
                missed: Vec::new(),
            };
            if let Some(page) = caller.page {
                self.resumption.add_page(page, id);
            }
            // Its bytes are counted as messages, one for each unit.
            let bytes = Bucket::new(u32::MAX, Duration::ZERO, now);
            let budget = Budget::new(Bucket::new(BURST, EVERY, now), bytes, now);
            let wire = Wire::Legacy(Box::new(wire));
            self.sessions.insert(id, Session::new(PeerKind::Legacy, conn, address, budget, wire));
        }
        let (stun, turn) = self.legacy_ice(id, now);
        self.emit(id, LegacyEvent::StunServers(stun));
        self.emit(id, LegacyEvent::TurnServers(turn));
    }

    /// A legacy page said something, in a text of so many bytes.
    pub fn handle_legacy(&mut self, conn: ConnId, request: LegacyRequest, bytes: usize, now: Instant) {
        let Some(ConnPhase::InSession(peer)) = self.conns.get(&conn).map(|conn| conn.phase) else { return };
        self.counters.messages += 1;
        let cost = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).saturating_add(1);
        if !self.sessions.get_mut(&peer).is_some_and(|session| session.budget.messages.take_some(cost, now)) {
            self.counters.floods += 1;
            self.end_session(peer, LeaveReason::Dropped, now);
            self.close(conn, CloseReason::Flood, now);
            return;
        }
        match request {
            LegacyRequest::Join { room, ack } => self.on_legacy_join(peer, &room, ack, now),
            LegacyRequest::Create { room, ack } => self.on_legacy_create(peer, room.as_deref(), ack, now),
            LegacyRequest::Message(message) => self.on_legacy_message((conn, peer), message, bytes, now),
            LegacyRequest::Leave => self.leave(peer, LeaveReason::Left, now),
            LegacyRequest::ShareScreen { ack } => {
                self.on_legacy_screen(peer, true, now);
                self.acknowledge(peer, ack, Vec::new());
            }
            LegacyRequest::UnshareScreen => self.on_legacy_screen(peer, false, now),
            LegacyRequest::Trace => {} // of use to who wrote the page, in its own console
        }
        self.end_doomed(now);
    }

    /// A legacy page said something that cannot be taken: counted, and otherwise passed over, as signalmaster does.
    pub fn handle_bad_legacy(&mut self, conn: ConnId, now: Instant) {
        self.counters.bad_messages += 1;
        self.strike(conn, now);
        self.end_doomed(now);
    }

    fn on_legacy_join(&mut self, peer: PeerId, room: &str, ack: Option<AckId>, now: Instant) {
        let name = room_called(room);
        if self.room_of(peer) == Some(&name) && !self.is_back(peer) {
            // Asked twice: the answer again, and nobody else notices.
            let clients = self.clients_for(peer, &name);
            return self.acknowledge(peer, ack, event::joined(&clients));
        }
        if let Err(code) = self.may_enter(peer, &name, now) {
            return self.refuse_legacy(peer, ack, code);
        }
        self.leave(peer, LeaveReason::Left, now);
        self.enter_legacy(peer, name, Asked::Join(ack), now);
    }

    fn on_legacy_create(&mut self, peer: PeerId, room: Option<&str>, ack: Option<AckId>, now: Instant) {
        let said = room.map_or_else(|| self.uuid(), str::to_owned);
        let name = room_called(&said);
        let judged = if room.is_some() { self.judge_name(peer, &name, now) } else { Ok(()) };
        if let Err((code, ..)) = judged.and_then(|()| self.may_open(peer, now)) {
            return self.refuse_legacy(peer, ack, code);
        }
        self.leave(peer, LeaveReason::Left, now);
        self.enter_legacy(peer, name, Asked::Create(ack, said), now);
    }

    /// Whether a page may come into the room of that name, or open it. A page brings no secret and cannot wait: what is
    /// not open to everybody is closed to it.
    fn may_enter(&mut self, peer: PeerId, name: &RoomName, now: Instant) -> Result<(), ErrorCode> {
        let source = self.source_of(peer);
        let known = self.sessions.get(&peer).and_then(Session::source);
        if !self.attempts.guesses.may_try(source, now) || !self.may_come_in(peer, name, now) {
            return Err(ErrorCode::RateLimited);
        }
        let Some(room) = self.rooms.get(name) else { return self.may_open(peer, now).map_err(|(code, ..)| code) };
        let is_inside = room.members.contains(&peer);
        match room.door(peer, known, Credentials::default()) {
            _ if is_inside => Ok(()),
            Admission::Open if room.is_full() => Err(ErrorCode::Full),
            Admission::Open => Ok(()),
            Admission::Locked => Err(ErrorCode::Locked),
            Admission::PasswordWanted | Admission::WrongPassword | Admission::TooManyWrong => {
                Err(ErrorCode::BadPassword)
            }
            Admission::Knock | Admission::WrongSecret => {
                self.counters.wrong_guesses += 1;
                self.attempts.guesses.count(source, now);
                Err(ErrorCode::BadInvite)
            }
        }
    }

    fn enter_legacy(&mut self, peer: PeerId, room: RoomName, asked: Asked, now: Instant) {
        let capacity = self.config.legacy.as_ref().and_then(|rules| rules.max_clients).unwrap_or(u32::MAX);
        if !self.rooms.contains_key(&room) {
            self.open_room(peer, &room, None, capacity, now);
        }
        if let Some(wire) = self.legacy_mut(peer) {
            wire.asked = Some(asked);
            wire.is_back = false;
        }
        let media = MediaState { audio: true, video: true, screen: false };
        self.enter(peer, JoinRequest { id: RequestId(0), room, nick: String::new(), media }, now);
    }

    /// The only page of this cookie, if it is in a room and lost its connection.
    fn page_that_was_cut(&self, page: PageId) -> Option<PeerId> {
        let id = self.resumption.only_page(page)?;
        self.sessions.get(&id).filter(|session| session.link == Attachment::Away).map(|_| id)
    }

    /// A page that lost its connection has another one.
    fn take_back(&mut self, conn: ConnId, peer: PeerId, now: Instant) {
        self.counters.resumed += 1;
        self.relay_access.presence += 1;
        self.timers.cancel(Timer::Grace(peer));
        let address = self.conns.get(&conn).and_then(|conn| conn.address);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.link = Attachment::Attached(conn);
        session.address = address;
        session.inbound.release();
        let Wire::Legacy(wire) = &mut session.wire else { return };
        wire.is_back = true;
        let missed = std::mem::take(&mut wire.missed);
        self.outputs.queue.extend(missed.into_iter().map(|event| Output::Legacy { conn, event }));
        self.tell_of(peer, now);
    }

    /// Sends `event` to a page, now or when it comes back.
    fn emit(&mut self, peer: PeerId, event: LegacyEvent) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        match (&mut session.wire, session.link) {
            (Wire::Legacy(_), Attachment::Attached(conn)) => {
                self.outputs.queue.push_back(Output::Legacy { conn, event })
            }
            (Wire::Legacy(wire), Attachment::Away) if wire.missed.len() < MISSED => wire.missed.push(event),
            (Wire::Legacy(_), Attachment::Away) => self.outputs.doomed.push(peer),
            (Wire::Native(_), _) => {}
        }
    }

    fn acknowledge(&mut self, peer: PeerId, ack: Option<AckId>, values: Vec<serde_json::Value>) {
        if let Some(ack) = ack {
            self.emit(peer, LegacyEvent::Ack { ack, values });
        }
    }

    /// Errors are bare strings.
    fn refuse_legacy(&mut self, peer: PeerId, ack: Option<AckId>, code: ErrorCode) {
        if code == ErrorCode::RateLimited {
            self.counters.rate_limited += 1;
        }
        self.acknowledge(peer, ack, vec![serde_json::to_value(code).unwrap_or_default()]);
    }

    fn is_back(&self, peer: PeerId) -> bool {
        self.sessions.get(&peer).is_some_and(|session| match &session.wire {
            Wire::Legacy(wire) => wire.is_back,
            Wire::Native(_) => false,
        })
    }

    fn legacy_mut(&mut self, peer: PeerId) -> Option<&mut LegacyWire> {
        match &mut self.sessions.get_mut(&peer)?.wire {
            Wire::Legacy(wire) => Some(wire),
            Wire::Native(_) => None,
        }
    }

    /// A name for a room that has none (RFC 9562, version 4).
    fn uuid(&mut self) -> String {
        let mut random = [0; 16];
        self.rng.fill_bytes(&mut random);
        let bits = u128::from_be_bytes(random) & !(0xf << 76 | 0x3 << 62) | (0x4 << 76 | 0x2 << 62);
        let hex = format!("{bits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}
