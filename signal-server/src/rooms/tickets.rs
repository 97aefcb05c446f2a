//! Tickets: how a room outlives a restart of the server.
//!
//! Rooms live in memory. So each member carries what is needed to build its room again: who it is, which room it was
//! in, and the rules of that room, sealed under a key that only the server has. After a restart the first member to
//! come back opens the room again as it was, the others find it, and media that flowed meanwhile flows on, because
//! everybody keeps their id.
//!
//! A ticket is good after a restart only: within a run of the server its own memory decides, so who was put out stays
//! out. And only the tickets of the last minutes before the restart are good: members' are renewed as time goes by, so
//! anyone who left, was put out or handed the room over before that has none. What happened within those minutes the
//! tickets tell themselves: the newest one rules, by what is in it and never by what was done in this run; nobody has a
//! host's power until the others had time to show theirs. The state is in the tickets; written down are the key, and
//! for how long the server lived.

use std::time::{Duration, Instant};

use hearth_protocol::{
    Joined, LeaveReason, MediaState, PeerId, PeerKind, RequestId, Role, RoomName, ServerMessage, Ticket,
};
use rand::Rng as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use super::restored::{Restored, Sealed};
use super::room::{Room, RoomRules};
use super::session::{Attachment, ConnPhase, Member, Membership, Session};
use super::timers::Timer;
use super::{CloseReason, ConnId, Output, Rooms, Source};

/// How long after its start a server takes tickets. Clients whose media flows try every few seconds; ten minutes are
/// for those whose own network is gone, too.
const WITHIN: Duration = Duration::from_secs(600);
/// How often a member's ticket is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// How old a ticket may have been when the server was last alive: two renewals, and the grace of a member that was
/// away.
const FRESH: Duration = Duration::from_secs(180);

/// What seals tickets: 256 random bits that outlive the server. It is printed nowhere.
#[derive(Clone)]
pub struct TicketKey([u8; 32]);

impl TicketKey {
    /// Takes random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    fn aead(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey(..)")
    }
}

/// One run of a server, from its start to its end: a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// A run that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierRun {
    /// Which.
    pub run: RunId,
    /// How long after its start it was last alive. No calendar is asked: that may jump.
    pub lived: Duration,
}

/// What a ticket says.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    /// The run of the server that wrote it.
    run: RunId,
    /// Seconds after the start of that run.
    at_s: u64,
    peer: PeerId,
    kind: PeerKind,
    nick: String,
    role: Role,
    /// How many had come before.
    place: u64,
    room: RoomName,
    rules: RoomRules,
}

impl Rooms {
    /// Gives `peer` a ticket for the place that it has now, and another one in a while.
    pub(super) fn tell_ticket(&mut self, peer: PeerId, now: Instant) {
        if let Some(ticket) = self.ticket_for(peer, now) {
            self.timers.set(Timer::Ticket(peer), now + RENEW_EVERY);
            self.tell(peer, &ServerMessage::Ticket { ticket }, now);
        }
    }

    /// The ticket of `peer` has grown old. Who is away gets the next one after coming back.
    pub(super) fn renew_ticket(&mut self, peer: PeerId, now: Instant) {
        match self.sessions.get(&peer).map(|session| session.link) {
            Some(Attachment::Attached(_)) => self.tell_ticket(peer, now),
            Some(Attachment::Away) => self.timers.set(Timer::Ticket(peer), now + RENEW_EVERY / 10),
            None => {}
        }
    }

    /// The rules of `room` have changed: everybody in it gets another ticket.
    pub(super) fn renew_tickets(&mut self, room: &RoomName, now: Instant) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        room.rules.generation = room.rules.generation.saturating_add(1);
        for member in room.members.clone() {
            self.tell_ticket(member, now);
        }
    }

    fn ticket_for(&mut self, peer: PeerId, now: Instant) -> Option<Ticket> {
        let key = self.config.tickets.as_ref()?.aead()?;
        let session = self.sessions.get(&peer)?;
        let member = session.member().filter(|_| session.kind != PeerKind::Legacy)?;
        let room = self.rooms.get(&member.room)?;
        let claim = Claim {
            run: self.run.id,
            at_s: now.saturating_duration_since(self.run.started).as_secs(),
            peer,
            kind: session.kind,
            nick: member.nick.clone(),
            role: room.role(peer),
            place: member.place,
            room: member.room.clone(),
            rules: room.rules.clone(),
        };
        let mut nonce = [0; NONCE_LEN];
        self.rng.fill_bytes(&mut nonce);
        let mut text = serde_json::to_vec(&claim).ok()?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
        Some(Ticket::from_sealed(&[&nonce[..], &text].concat()))
    }

    /// What a ticket says and when it was sealed, if it is one of ours, and of the last minutes before this run.
    fn read_ticket(&self, ticket: &Ticket, now: Instant) -> Option<(Claim, Sealed)> {
        let key = self.config.tickets.as_ref()?.aead()?;
        if now.saturating_duration_since(self.run.started) > WITHIN {
            return None;
        }
        let mut sealed = ticket.sealed()?;
        let (nonce, text) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let text = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), text).ok()?;
        let claim: Claim = serde_json::from_slice(text).ok()?;
        let run = self.config.earlier.iter().position(|earlier| earlier.run == claim.run)?;
        let (of_run, later) = self.config.earlier.get(run..)?.split_first()?;
        let was_fresh = Duration::from_secs(claim.at_s).saturating_add(FRESH) >= of_run.lived;
        // A server that fell again while people were on their way: they still are.
        let since: Duration = later.iter().map(|run| run.lived).sum();
        let sealed = Sealed { run, at_s: claim.at_s, generation: claim.rules.generation };
        (was_fresh && since <= WITHIN).then_some((claim, sealed))
    }

    /// Gives `conn` the place that its ticket names, in the room as it was; false when that cannot be.
    pub(super) fn restore(&mut self, conn: ConnId, ticket: &Ticket, now: Instant) -> bool {
        let Some((claim, sealed)) = self.read_ticket(ticket, now) else { return false };
        let Claim { peer, kind, nick, role, place, room: name, rules, .. } = claim;
        let address = self.conns.get(&conn).and_then(|conn| conn.address);
        if !self.reopen(&name, rules, sealed, address.map(Source::from), now) || !self.has_place_for(peer, &name) {
            return false;
        }
        self.counters.restored += 1;
        self.release_for(conn, peer);
        let token = self.new_token(peer);
        let (budget, wire) = self.native_wire(&token, now);
        let mut session = Session::new(kind, conn, address, budget, wire);
        // What is sent now it says itself, at once.
        let media = MediaState::default();
        let nick = self.distinct_nick(&name, peer, &nick);
        session.standing = Membership::Inside(Member { room: name.clone(), nick, media, place });
        let old = self.sessions.insert(peer, session);
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.phase = ConnPhase::InSession(peer);
        }
        if let Some(old) = old {
            self.forget_tokens(&old);
        }
        self.timers.cancel(Timer::Grace(peer));
        self.relay_access.presence += 1;
        self.take_place(peer, &name, place, (role, sealed));
        self.send_bare(
            conn,
            ServerMessage::Session { peer_id: peer, resume_token: token, resumed: false, last_seq: 0 },
        );
        self.put_out_barred(&name, now);
        self.welcome_back(peer, &name, now);
        true
    }

    /// The room of a ticket: as it is, if it is open again already, else as the ticket has it. False when somebody has
    /// made another room of that name: theirs it is, unless it was open to everybody, as this one did.
    fn reopen(
        &mut self,
        name: &RoomName,
        rules: RoomRules,
        sealed: Sealed,
        source: Option<Source>,
        now: Instant,
    ) -> bool {
        if let Some(room) = self.rooms.get_mut(name) {
            let Some(restored) = &mut room.restored else {
                return rules.are_open() && room.rules.are_open() && !room.is_barred_from(source);
            };
            if room.rules.born == rules.born {
                if restored.is_older_than(sealed) {
                    // In this run's tickets it must outrank what was sealed before it in this run.
                    let generation = rules.generation.max(room.rules.generation).saturating_add(1);
                    let barred = std::mem::take(&mut room.rules.barred);
                    room.rules = RoomRules { generation, ..rules };
                    room.host = None;
                    restored.prove(sealed, now);
                    room.keep_barred(barred);
                    self.set_seats();
                }
                return true;
            }
            if !restored.ended_before(sealed) {
                return false;
            }
            // A room of that name which was over before this one began.
            self.end_room(name, now);
        }
        let mut room = Room::new(rules.born, rules.invite, rules.capacity, now);
        room.rules = rules;
        room.restored = Some(Restored::new(sealed, now));
        self.rooms.insert(name.clone(), room);
        self.set_seats();
        true
    }

    fn has_place_for(&self, peer: PeerId, name: &RoomName) -> bool {
        let Some(room) = self.rooms.get(name) else { return false };
        let is_elsewhere = self.room_of(peer).is_some_and(|other| other != name);
        let is_inside = room.members.contains(&peer);
        !is_elsewhere && !room.is_barred(peer, None) && (is_inside || !room.is_full())
    }

    fn take_place(&mut self, peer: PeerId, name: &RoomName, place: u64, (role, sealed): (Role, Sealed)) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.members.insert(peer);
        room.came = room.came.max(place.saturating_add(1));
        if let Some(restored) = room.restored.as_mut().filter(|_| role == Role::Host) {
            restored.claim(peer, sealed);
        }
    }

    fn welcome_back(&mut self, peer: PeerId, name: &RoomName, now: Instant) {
        let Some(room) = self.rooms.get(name) else { return };
        let (role, room_state) = (room.role(peer), room.state(peer));
        let peers = self.others_of(peer).into_iter().filter_map(|other| self.entry(other, peer)).collect();
        let (ice_servers, ice_expires) = self.ice_for(peer, now);
        let id = RequestId::default();
        let joined = Joined { id, room: name.clone(), peers, ice_servers, ice_expires, role, room_state };
        self.tell(peer, &ServerMessage::Joined(joined), now);
        self.tell_ticket(peer, now);
        let came = |rooms: &Self, viewer| Some(ServerMessage::PeerJoined { peer: rooms.entry(peer, viewer)? });
        self.tell_others(peer, came, now);
        self.find_host(name, now);
    }

    /// `conn` takes `peer` over, should it be here already: its first way back may have been lost.
    fn release_for(&mut self, conn: ConnId, peer: PeerId) {
        if let Some(Attachment::Attached(old)) = self.sessions.get(&peer).map(|session| session.link)
            && old != conn
        {
            self.conns.remove(&old);
            self.outputs.queue.push_back(Output::Close { conn: old, reason: CloseReason::Replaced });
        }
    }

    /// The newest rules name somebody who was let back in by older ones.
    fn put_out_barred(&mut self, name: &RoomName, now: Instant) {
        let Some(room) = self.rooms.get(name) else { return };
        let barred: Vec<PeerId> = room.members.iter().copied().filter(|peer| room.is_barred(*peer, None)).collect();
        for peer in barred {
            self.leave_room(peer, LeaveReason::Kicked, now);
            self.tell(peer, &ServerMessage::Kicked, now);
        }
    }

    /// Seats that were kept long enough go to whose they were by the newest ticket, or to who is there.
    pub(super) fn give_up_seats(&mut self, now: Instant) {
        let due = |room: &Room| room.restored.as_ref().is_some_and(|restored| restored.is_due(now));
        let names: Vec<RoomName> =
            self.rooms.iter().filter(|(_, room)| due(room)).map(|(name, _)| name.clone()).collect();
        for name in names {
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            let claimed = room.restored.as_mut().and_then(Restored::give_up_seat);
            match claimed.filter(|peer| room.members.contains(peer)) {
                Some(heir) if room.host.is_none() => self.crown(&name, heir, now),
                Some(_) | None => self.find_host(&name, now),
            }
        }
        self.set_seats();
    }

    fn set_seats(&mut self) {
        let kept = self.rooms.values().filter_map(|room| room.restored.as_ref()?.seat_until);
        if let Some(next) = kept.min() {
            self.timers.set(Timer::Seats, next);
        }
    }
}
