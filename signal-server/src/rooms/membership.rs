//! Who is in which room: making rooms, coming in, leaving.
//!
//! A room exists for as long as somebody is in it.

use std::time::Instant;

use hearth_protocol::{
    Create, ErrorCode, InviteHash, Join, Joined, LeaveReason, PeerEntry, PeerId, RoomName, ServerMessage,
};
use rand::Rng as _;

use super::room::{Admission, Credentials, Room};
use super::session::{Attachment, JoinRequest, Member, Membership};
use super::timers::Timer;
use super::{ConnId, Creators, Rooms, Source};

/// Numbers drawn before giving up. With 10,000 rooms of 900 million numbers even the second is needed once in 90,000.
const DRAWS: usize = 8;

/// How somebody comes in who is not sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    In,
    Knock,
}

/// A refusal: the code, why, and after how many seconds to try again.
pub(super) type JoinRefusal = (ErrorCode, &'static str, Option<u32>);

impl Rooms {
    pub(super) fn on_create(&mut self, conn: ConnId, peer: PeerId, create: Create, now: Instant) {
        if !self.is_outside(peer) {
            return self.on_bad_message(conn, Some(create.id), "leave the other room first", now);
        }
        if let Some(name) = &create.room
            && let Err((code, why, retry_after)) = self.judge_name(peer, name, now)
        {
            return self.refuse(peer, Some(create.id), code, why, retry_after, now);
        }
        if let Err((code, why, retry_after)) = self.may_open(peer, now) {
            return self.refuse(peer, Some(create.id), code, why, retry_after, now);
        }
        let Some(name) = self.name_for(create.room) else {
            return self.refuse(peer, Some(create.id), ErrorCode::Taken, "there is a room of this name", None, now);
        };
        let limit = self.config.limits.room_peers;
        let capacity = create.capacity.unwrap_or(limit).min(limit).max(1);
        self.open_room(peer, &name, create.invite_hash, capacity, now);
        if let Some(room) = self.rooms.get_mut(&name) {
            room.host = Some(peer);
        }
        let nick = self.clean_nick(&create.nick);
        self.enter(peer, JoinRequest { id: create.id, room: name, nick, media: create.media }, now);
    }

    /// Whether `peer` may have `name` for a new room. To hear that it is taken is to know a room: asking so is
    /// guessing.
    pub(super) fn judge_name(&mut self, peer: PeerId, name: &RoomName, now: Instant) -> Result<(), JoinRefusal> {
        let source = self.source_of(peer);
        if !self.attempts.guesses.may_try(source, now) {
            let wait = self.attempts.guesses.wait_s();
            return Err((ErrorCode::RateLimited, "too many wrong numbers or invitations", Some(wait)));
        }
        if self.rooms.contains_key(name) {
            self.counters.wrong_guesses += 1;
            self.attempts.guesses.count(source, now);
            return Err((ErrorCode::Taken, "there is a room of this name", None));
        }
        Ok(())
    }

    /// Whether `peer` may make one more room.
    pub(super) fn may_open(&mut self, peer: PeerId, now: Instant) -> Result<(), JoinRefusal> {
        let source = self.source_of(peer);
        if !self.may_create(peer) {
            Err((ErrorCode::NotHost, "only the machine of this server makes rooms", None))
        } else if self.rooms.len() >= self.config.max_rooms {
            Err((ErrorCode::RateLimited, "too many rooms on this server", Some(60)))
        } else if !self.attempts.creations.may_try(source, now) {
            let wait = self.attempts.creations.wait_s();
            Err((ErrorCode::RateLimited, "too many rooms made from your address", Some(wait)))
        } else {
            Ok(())
        }
    }

    /// Makes the room, which counts for `peer`.
    pub(super) fn open_room(
        &mut self,
        peer: PeerId,
        name: &RoomName,
        invite: Option<InviteHash>,
        capacity: u32,
        now: Instant,
    ) {
        self.attempts.creations.count(self.source_of(peer), now);
        let room = Room::new(self.rng.next_u64(), invite, capacity, now);
        self.rooms.insert(name.clone(), room);
    }

    pub(super) fn may_create(&self, peer: PeerId) -> bool {
        match self.config.creators {
            Creators::Anybody => true,
            Creators::ThisMachine => {
                let address = self.sessions.get(&peer).and_then(|session| session.address);
                address.is_some_and(|address| address.is_loopback())
            }
        }
    }

    pub(super) fn on_join(&mut self, conn: ConnId, peer: PeerId, join: Join, now: Instant) {
        let is_waiting = self
            .sessions
            .get(&peer)
            .is_some_and(|session| session.waiting().is_some_and(|entrance| entrance.room == join.room));
        let may_ask = self.is_outside(peer) || (is_waiting && join.password.is_some());
        if !may_ask {
            return self.on_bad_message(conn, Some(join.id), "leave the other room first", now);
        }
        let shown = Credentials { secret: join.invite.as_ref(), password: join.password.as_ref() };
        let door = match self.door(peer, &join.room, shown, now) {
            Ok(door) => door,
            Err((code, why, retry_after)) => return self.refuse(peer, Some(join.id), code, why, retry_after, now),
        };
        if let Some(room) = self.rooms.get(&join.room).filter(|room| room.is_full()) {
            return self.refuse_full(peer, join.id, room.rules.capacity, now);
        }
        if door == EntryKind::In && !self.may_come_in(peer, &join.room, now) {
            let why = "too many came in from your address";
            return self.refuse(peer, Some(join.id), ErrorCode::RateLimited, why, Some(1), now);
        }
        let nick = self.clean_nick(&join.nick);
        let entrance = JoinRequest { id: join.id, room: join.room, nick, media: join.media };
        match door {
            EntryKind::In => {
                self.leave_lobby(peer, now); // who has learnt the password waits no more
                self.enter(peer, entrance, now);
            }
            EntryKind::Knock if is_waiting => self.tell_waiting(peer, entrance.id, now),
            EntryKind::Knock => self.knock(peer, entrance, now),
        }
    }

    /// Takes `peer` out of its room, or from the door where it waits.
    pub(super) fn leave(&mut self, peer: PeerId, reason: LeaveReason, now: Instant) {
        self.leave_lobby(peer, now);
        self.leave_room(peer, reason, now);
    }

    /// Takes `peer` out of its room; the last one to go takes the room along, and the host leaves it to another one.
    pub(super) fn leave_room(&mut self, peer: PeerId, reason: LeaveReason, now: Instant) {
        let Some(name) = self.forget_member(peer, now) else { return };
        let Some(room) = self.rooms.get_mut(&name) else { return };
        room.members.remove(&peer);
        room.host = room.host.filter(|host| *host != peer);
        if room.members.is_empty() {
            let lobby = std::mem::take(&mut room.lobby);
            self.rooms.remove(&name);
            return self.send_away(lobby, now);
        }
        let others: Vec<PeerId> = room.members.iter().copied().collect();
        for other in others {
            self.tell(other, &ServerMessage::PeerLeft { id: peer, reason }, now);
        }
        self.find_host(&name, now);
    }

    /// `peer` is in no room any more; gives the name of the one that it was in.
    pub(super) fn forget_member(&mut self, peer: PeerId, now: Instant) -> Option<RoomName> {
        let member = self.sessions.get_mut(&peer)?.stop_being_inside()?;
        self.relay_access.presence += 1;
        self.expire_grant(peer, now);
        self.timers.cancel(Timer::Ice(peer));
        self.timers.cancel(Timer::WrongGuesses(peer));
        self.timers.cancel(Timer::Ticket(peer));
        self.timers.cancel(Timer::News(peer));
        Some(member.room)
    }

    /// Tells everybody else in the room of `peer` what `message` makes for them.
    pub(super) fn tell_others(
        &mut self,
        peer: PeerId,
        message: impl Fn(&Self, PeerId) -> Option<ServerMessage>,
        now: Instant,
    ) {
        for other in self.others_of(peer) {
            if let Some(message) = message(self, other) {
                self.tell(other, &message, now);
            }
        }
    }

    /// Tells everybody else in the room of `peer` what is true of it now.
    pub(super) fn tell_of(&mut self, peer: PeerId, now: Instant) {
        let updated = |rooms: &Self, viewer| Some(ServerMessage::PeerUpdated { peer: rooms.entry(peer, viewer)? });
        self.tell_others(peer, updated, now);
    }

    /// Everybody else in the room of `peer`.
    pub(super) fn others_of(&self, peer: PeerId) -> Vec<PeerId> {
        let room = self.room_of(peer).and_then(|name| self.rooms.get(name));
        room.map(|room| room.members.iter().copied().filter(|other| *other != peer).collect()).unwrap_or_default()
    }

    /// The name wished for, if it is free, or a number that is.
    fn name_for(&mut self, wish: Option<RoomName>) -> Option<RoomName> {
        match wish {
            Some(name) => (!self.rooms.contains_key(&name)).then_some(name),
            None => (0..DRAWS)
                .map(|_| RoomName::from_random(self.rng.next_u64()))
                .find(|name| !self.rooms.contains_key(name)),
        }
    }

    /// What the door of a room says to who asks, where it does not send them away. The invitation's secret is judged
    /// before anything is counted: nobody guesses 128 bits, and who has it is nobody's hostage. A wrong number, secret
    /// or password is a guess; who was not told that there is a password has guessed nothing.
    fn door(
        &mut self,
        peer: PeerId,
        name: &RoomName,
        shown: Credentials<'_>,
        now: Instant,
    ) -> Result<EntryKind, JoinRefusal> {
        let source = self.source_of(peer);
        let is_invited = self.rooms.get(name).is_some_and(|room| room.is_invited(shown));
        if !is_invited && !self.attempts.guesses.may_try(source, now) {
            let wait = self.attempts.guesses.wait_s();
            return Err((ErrorCode::RateLimited, "too many wrong numbers or invitations", Some(wait)));
        }
        let known = self.sessions.get(&peer).and_then(|session| session.source());
        let judged = self.rooms.get_mut(name).map(|room| {
            let door = room.door(peer, known, shown);
            // From wherever they come: a password is short.
            let hangs_on_password = !is_invited && matches!(door, Admission::Open | Admission::WrongPassword);
            if hangs_on_password && !room.judges_password(shown, now) { Admission::TooManyWrong } else { door }
        });
        let refusal = match judged {
            Some(Admission::Open) => return Ok(EntryKind::In),
            Some(Admission::Knock) => return Ok(EntryKind::Knock),
            Some(Admission::Locked) => return Err((ErrorCode::Locked, "the host has closed the room", None)),
            Some(Admission::PasswordWanted) => {
                return Err((ErrorCode::BadPassword, "this room asks for a password", None));
            }
            Some(Admission::TooManyWrong) => {
                let wait = self.rooms.get(name).map(|room| room.wrong.left.wait_s());
                return Err((ErrorCode::RateLimited, "too many wrong passwords were tried here", wait));
            }
            Some(Admission::WrongPassword) => (ErrorCode::BadPassword, "not the password of this room", None),
            Some(Admission::WrongSecret) => (ErrorCode::BadInvite, "not the invitation to this room", None),
            None => (ErrorCode::NoSuchRoom, "no such room", None),
        };
        self.counters.wrong_guesses += 1;
        self.attempts.guesses.count(source, now);
        self.on_wrong_guess(name, refusal.0, now);
        Err(refusal)
    }

    /// Whether one more may come into that room from where `peer` comes. Who comes and goes without end would fill what
    /// is kept for members who are away.
    pub(super) fn may_come_in(&mut self, peer: PeerId, name: &RoomName, now: Instant) -> bool {
        let source = self.source_of(peer);
        self.rooms.get_mut(name).is_none_or(|room| room.comings.may_try(source, now))
    }

    /// Takes `peer` into a room that has a place for it.
    pub(super) fn enter(&mut self, peer: PeerId, entrance: JoinRequest, now: Instant) {
        let JoinRequest { id, room: name, nick, media } = entrance;
        let (nick, source) = (self.distinct_nick(&name, peer, &nick), self.source_of(peer));
        let (Some(room), Some(session)) = (self.rooms.get_mut(&name), self.sessions.get_mut(&peer)) else { return };
        session.standing = Membership::Inside(Member { room: name.clone(), nick, media, place: room.came });
        room.came += 1;
        room.comings.forget_old(now);
        room.comings.count(source, now);
        room.members.insert(peer);
        self.relay_access.presence += 1;
        let (role, room_state) = (room.role(peer), room.state(peer));
        let peers = self.others_of(peer).into_iter().filter_map(|other| self.entry(other, peer)).collect();
        let (ice_servers, ice_expires) = self.ice_for(peer, now);
        let joined = Joined { id, room: name.clone(), peers, ice_servers, ice_expires, role, room_state };
        self.tell(peer, &ServerMessage::Joined(joined), now);
        self.tell_ticket(peer, now);
        let came = |rooms: &Self, viewer| Some(ServerMessage::PeerJoined { peer: rooms.entry(peer, viewer)? });
        self.tell_others(peer, came, now);
        self.find_host(&name, now);
    }

    /// `subject` as `viewer` sees it.
    pub(super) fn entry(&self, subject: PeerId, viewer: PeerId) -> Option<PeerEntry> {
        let session = self.sessions.get(&subject)?;
        let member = session.member()?;
        let viewers_place = self.sessions.get(&viewer)?.member()?.place;
        Some(PeerEntry {
            id: subject,
            nick: member.nick.clone(),
            kind: session.kind,
            media: member.media,
            role: self.rooms.get(&member.room)?.role(subject),
            polite: viewers_place > member.place,
            away: session.link == Attachment::Away,
        })
    }

    fn is_outside(&self, peer: PeerId) -> bool {
        self.sessions.get(&peer).is_some_and(|session| match session.standing {
            Membership::Outside => true,
            Membership::Waiting(_) | Membership::Inside(_) => false,
        })
    }

    /// The name of the room that `peer` is in.
    pub(super) fn room_of(&self, peer: PeerId) -> Option<&RoomName> {
        self.sessions.get(&peer)?.member().map(|member| &member.room)
    }

    /// What the tries of `peer` are counted by; where nobody knows, all are counted together.
    pub(super) fn source_of(&self, peer: PeerId) -> Source {
        self.sessions.get(&peer).and_then(|session| session.source()).unwrap_or_default()
    }
}
