//! What a host may do to others, and who is host when that one is gone.
//!
//! Every order is judged here once: whether it comes from the host, and whether it is about somebody of their room.

use std::time::Instant;

use hearth_protocol::{ErrorCode, LeaveReason, Moderation, PeerId, PeerKind, RequestId, RoomName, ServerMessage};

use super::Rooms;
use super::room::Room;
use super::session::{Link, Standing};

/// What a host wants done to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Admit,
    Deny,
    Kick,
}

impl Rooms {
    /// An order about somebody: they must wait at the door of the sender's room, or for [`Order::Kick`] be in it.
    pub(super) fn on_order(&mut self, from: PeerId, order: Order, about: &Moderation, now: Instant) {
        let Some(room) = self.hosted_by(from) else { return self.refuse_guest(from, about.id, now) };
        let is_there = match order {
            Order::Admit | Order::Deny => room.lobby.contains(&about.peer),
            Order::Kick => about.peer != from && room.members.contains(&about.peer),
        };
        if !is_there {
            // No strike: they may have just left.
            let why = "nobody of that id is there";
            return self.refuse(from, Some(about.id), ErrorCode::NotInRoom, why, None, now);
        }
        match order {
            Order::Admit => self.admit(from, about, now),
            Order::Deny => self.deny(about.peer, now),
            Order::Kick => self.kick(about.peer, now),
        }
    }

    /// The host ends the room for everybody in it and at its door.
    pub(super) fn on_end_room(&mut self, from: PeerId, id: RequestId, now: Instant) {
        let Some(name) = self.hosted_by(from).is_some().then(|| self.room_of(from).cloned()).flatten() else {
            return self.refuse_guest(from, id, now);
        };
        let Some(room) = self.rooms.remove(&name) else { return };
        for member in room.members {
            self.forget_member(member);
            self.tell(member, &ServerMessage::RoomEnded { reason: LeaveReason::Ended }, now);
        }
        self.send_away(room.lobby, now);
    }

    /// Puts a member out. Their session goes on; the link alone does not let them in again.
    fn kick(&mut self, peer: PeerId, now: Instant) {
        let Some(name) = self.room_of(peer).cloned() else { return };
        let source = self.sessions.get(&peer).and_then(|session| session.source());
        if let Some(room) = self.rooms.get_mut(&name) {
            room.bar(peer, source);
        }
        self.counters.kicks += 1;
        self.leave_room(peer, LeaveReason::Kicked, now);
        self.tell(peer, &ServerMessage::Kicked, now);
    }

    /// Gives a room without a host to whoever has been there longest, those who are away last; a legacy page cannot
    /// decide. With the role come the news of everybody who waits.
    pub(super) fn find_host(&mut self, name: &RoomName, now: Instant) {
        let Some(room) = self.rooms.get(name).filter(|room| room.host.is_none()) else { return };
        let rank = |peer: &PeerId| {
            let session = self.sessions.get(peer).filter(|session| may_host(session.kind))?;
            Some((session.link == Link::Away, session.member()?.place, *peer))
        };
        let Some((_, _, heir)) = room.members.iter().filter_map(rank).min() else { return };
        let waiting = room.lobby.clone();
        if let Some(room) = self.rooms.get_mut(name) {
            room.host = Some(heir);
        }
        self.tell_room_state(heir, now);
        for peer in waiting.into_iter().filter_map(|peer| self.lobby_entry(peer)).collect::<Vec<_>>() {
            self.tell(heir, &ServerMessage::LobbyRequest { peer }, now);
        }
        self.tell_of(heir, now);
    }

    /// Tells `peer` what they may do in their room, and what it is like.
    pub(super) fn tell_room_state(&mut self, peer: PeerId, now: Instant) {
        let Some(room) = self.room_of(peer).and_then(|name| self.rooms.get(name)) else { return };
        let (role, room_state) = (room.role(peer), room.state(peer));
        self.tell(peer, &ServerMessage::RoomState { role, room_state }, now);
    }

    /// The room whose host `peer` is.
    pub(super) fn hosted_by(&mut self, peer: PeerId) -> Option<&mut Room> {
        let Standing::Inside(member) = &self.sessions.get(&peer)?.standing else { return None };
        self.rooms.get_mut(&member.room).filter(|room| room.host == Some(peer))
    }

    fn refuse_guest(&mut self, peer: PeerId, id: RequestId, now: Instant) {
        self.refuse(peer, Some(id), ErrorCode::NotHost, "only the host may do that", None, now);
    }
}

fn may_host(kind: PeerKind) -> bool {
    match kind {
        PeerKind::Native | PeerKind::Web => true,
        PeerKind::Legacy => false,
    }
}
