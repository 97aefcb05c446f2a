//! Who is in which room: making rooms, coming in, leaving.
//!
//! A room exists for as long as somebody is in it, and knows its members only by their sessions.

use std::collections::BTreeSet;
use std::time::Instant;

use hearth_protocol::{
    Create, ErrorCode, InviteHash, InviteSecret, Join, Joined, LeaveReason, MediaState, PeerEntry, PeerId, RequestId,
    Role, RoomName, RoomState, ServerMessage,
};
use rand::Rng as _;

use super::session::{Link, Member};
use super::timers::Timer;
use super::{ConnId, Rooms};

/// Numbers drawn before giving up. With 10,000 rooms of 900 million numbers even the second is needed once in 90,000.
const DRAWS: usize = 8;

/// A room.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: BTreeSet<PeerId>,
    invite: Option<InviteHash>,
    /// How many have ever come in.
    came: u64,
}

/// A refusal: the code, why, and after how many seconds to try again.
type Refusal = (ErrorCode, &'static str, Option<u32>);

impl Rooms {
    pub(super) fn on_create(&mut self, conn: ConnId, peer: PeerId, create: Create, now: Instant) {
        let Some(name) = self.name_for(create.room) else {
            return self.refuse(peer, Some(create.id), ErrorCode::Taken, "there is a room of this name", None, now);
        };
        if self.is_member(peer) {
            return self.on_bad_message(conn, Some(create.id), "leave the other room first", now);
        }
        if self.rooms.len() >= self.config.max_rooms {
            let why = "too many rooms on this server";
            return self.refuse(peer, Some(create.id), ErrorCode::RateLimited, why, Some(60), now);
        }
        self.rooms.insert(name.clone(), Room { invite: create.invite_hash, ..Room::default() });
        self.enter(peer, create.id, name, &create.nick, create.media, Role::Host, now);
    }

    pub(super) fn on_join(&mut self, conn: ConnId, peer: PeerId, join: Join, now: Instant) {
        if self.is_member(peer) {
            return self.on_bad_message(conn, Some(join.id), "leave the other room first", now);
        }
        match self.admission(conn, &join.room, join.invite.as_ref(), now) {
            Ok(()) => self.enter(peer, join.id, join.room, &join.nick, join.media, Role::Guest, now),
            Err((code, why, retry_after)) => self.refuse(peer, Some(join.id), code, why, retry_after, now),
        }
    }

    /// Takes `peer` out of its room; the last one to go takes the room along.
    pub(super) fn leave_room(&mut self, peer: PeerId, reason: LeaveReason, now: Instant) {
        let Some(member) = self.sessions.get_mut(&peer).and_then(|s| s.member.take()) else { return };
        self.timers.cancel(Timer::Ice(peer));
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        room.members.remove(&peer);
        if room.members.is_empty() {
            self.rooms.remove(&member.room);
            return;
        }
        let others: Vec<PeerId> = room.members.iter().copied().collect();
        for other in others {
            self.tell(other, &ServerMessage::PeerLeft { id: peer, reason }, now);
        }
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
        let room = self.sessions.get(&peer).and_then(|s| s.member.as_ref()).and_then(|m| self.rooms.get(&m.room));
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

    /// Whether who asks may come in.
    fn admission(
        &mut self,
        conn: ConnId,
        name: &RoomName,
        invite: Option<&InviteSecret>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let source = self.conns.get(&conn).map(|c| c.source).unwrap_or_default();
        if !self.guesses.may_guess(source, now) {
            let wait = self.guesses.wait_s();
            return Err((ErrorCode::RateLimited, "too many wrong numbers or invitations", Some(wait)));
        }
        let wrong = match self.rooms.get(name) {
            None => Some((ErrorCode::NoSuchRoom, "no such room", None)),
            Some(room) if !room.admits(invite) => Some((ErrorCode::BadInvite, "not the invitation to this room", None)),
            Some(room) if room.members.len() >= self.config.limits.room_peers as usize => {
                return Err((ErrorCode::Full, "the room is full", None));
            }
            Some(_) => None,
        };
        if let Some(refusal) = wrong {
            self.counters.wrong_guesses += 1;
            self.guesses.count(source, now);
            return Err(refusal);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what create and join have in common, which are two wire types")]
    fn enter(
        &mut self,
        peer: PeerId,
        id: RequestId,
        name: RoomName,
        nick: &str,
        media: MediaState,
        role: Role,
        now: Instant,
    ) {
        let nick = clean_nick(nick, self.config.limits.nick_bytes as usize);
        let (Some(room), Some(session)) = (self.rooms.get_mut(&name), self.sessions.get_mut(&peer)) else { return };
        session.member = Some(Member { room: name.clone(), nick, media, role, place: room.came });
        room.came += 1;
        room.members.insert(peer);
        let room_state = RoomState { invite_only: room.invite.is_some(), ..RoomState::default() };
        let peers = self.others_of(peer).into_iter().filter_map(|other| self.entry(other, peer)).collect();
        let (ice_servers, ice_expires) = self.ice_for(peer, now);
        let joined = Joined { id, room: name, peers, ice_servers, ice_expires, role, room_state };
        self.tell(peer, &ServerMessage::Joined(joined), now);
        let came = |rooms: &Self, viewer| Some(ServerMessage::PeerJoined { peer: rooms.entry(peer, viewer)? });
        self.tell_others(peer, came, now);
    }

    /// `subject` as `viewer` sees it.
    fn entry(&self, subject: PeerId, viewer: PeerId) -> Option<PeerEntry> {
        let session = self.sessions.get(&subject)?;
        let member = session.member.as_ref()?;
        let viewers_place = self.sessions.get(&viewer)?.member.as_ref()?.place;
        Some(PeerEntry {
            id: subject,
            nick: member.nick.clone(),
            kind: session.kind,
            media: member.media,
            role: member.role,
            polite: viewers_place > member.place,
            away: session.link == Link::Away,
        })
    }

    fn is_member(&self, peer: PeerId) -> bool {
        self.sessions.get(&peer).is_some_and(|s| s.member.is_some())
    }
}

impl Room {
    fn admits(&self, invite: Option<&InviteSecret>) -> bool {
        self.invite.is_none_or(|hash| invite.is_some_and(|secret| hash.admits(secret)))
    }
}

/// A name as others may be shown it: no control characters, none that turn the direction of what follows, not too long.
fn clean_nick(nick: &str, max: usize) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut clean = String::new();
    for c in nick.trim().chars().filter(|c| !c.is_control() && !turns(*c)) {
        if clean.len() + c.len_utf8() > max {
            break;
        }
        clean.push(c);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_is_cut_between_letters_and_loses_what_would_deceive() {
        for (nick, max, clean) in [
            ("  Ann ", 64, "Ann"),
            ("围炉围炉", 7, "围炉"),
            ("a\u{202e}b\nc\0", 64, "abc"),
            ("Ann   Lee", 5, "Ann"),
            ("", 64, ""),
        ] {
            assert_eq!(clean_nick(nick, max), clean);
        }
    }
}
