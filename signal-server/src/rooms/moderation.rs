//! What a host may do to others, and who is host when that one is gone.
//!
//! Every order is judged here once: whether it comes from the host, and whether it is about somebody of their room.

use std::time::Instant;

use hearth_protocol::{
    ErrorCode, InviteSecret, LeaveReason, Moderation, PeerId, PeerKind, RequestId, RoomName, RoomPassword,
    ServerMessage,
};
use rand::Rng as _;

use super::room::Room;
use super::session::{Attachment, Membership};
use super::timers::Timer;
use super::{ConnId, Rooms};

/// What a host wants done to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostOrder {
    Admit,
    Deny,
    Kick,
    MakeHost,
}

/// What a host wants done to the room.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    MuteAll,
    Lock,
    Unlock,
    Password(Option<RoomPassword>),
    Invite(InviteSecret),
}

impl Rooms {
    /// An order about somebody: they must wait at the door of the sender's room, or for [`Order::Kick`] and
    /// [`Order::MakeHost`] be in it.
    pub(super) fn on_order(
        &mut self,
        (conn, from): (ConnId, PeerId),
        order: HostOrder,
        about: &Moderation,
        now: Instant,
    ) {
        if self.hosted_by(from).is_none() {
            return self.refuse_guest(from, about.id, now);
        }
        if !self.may_decide(from, now) {
            return self.refuse_flood(conn, from, Some(about.id), "too many orders", now);
        }
        let Some(room) = self.hosted_by(from) else { return };
        let is_there = match order {
            HostOrder::Admit | HostOrder::Deny => room.lobby.contains(&about.peer),
            HostOrder::Kick | HostOrder::MakeHost => about.peer != from && room.members.contains(&about.peer),
        };
        if !is_there {
            // No strike: they may have just left.
            let why = "nobody of that id is there";
            return self.refuse(from, Some(about.id), ErrorCode::NotInRoom, why, None, now);
        }
        match order {
            HostOrder::Admit => self.admit(from, about, now),
            HostOrder::Deny => self.deny(about.peer, now),
            HostOrder::Kick => self.kick(about.peer, now),
            HostOrder::MakeHost => self.make_host(from, about, now),
        }
    }

    /// A rule for the whole room.
    pub(super) fn on_rule(&mut self, (conn, from): (ConnId, PeerId), id: RequestId, rule: Rule, now: Instant) {
        if self.hosted_by(from).is_none() {
            return self.refuse_guest(from, id, now);
        }
        if !self.may_decide(from, now) {
            return self.refuse_flood(conn, from, Some(id), "too many orders", now);
        }
        match rule {
            Rule::MuteAll => self.tell_others(from, |_, _| Some(ServerMessage::Muted), now),
            Rule::Lock | Rule::Unlock => {
                let is_locked = matches!(rule, Rule::Lock);
                self.change_room(from, |room| room.rules.is_locked = is_locked, now);
            }
            Rule::Password(password) => {
                let mut salt = [0; 16];
                self.rng.fill_bytes(&mut salt);
                self.change_room(from, |room| room.set_password(password.as_ref(), salt), now);
            }
            Rule::Invite(secret) => self.renew_invite(from, id, secret, now),
        }
    }

    /// Another secret opens the room from now on. Those who stay hear it, so that their links are good and they find
    /// back.
    fn renew_invite(&mut self, host: PeerId, id: RequestId, secret: InviteSecret, now: Instant) {
        if self.hosted_by(host).is_none_or(|room| room.rules.invite.is_none()) {
            let why = "this room has no invitation";
            return self.refuse(host, Some(id), ErrorCode::BadInvite, why, None, now);
        }
        self.change_room(host, |room| room.rules.invite = Some(secret.hash()), now);
        let renewed = ServerMessage::InviteRenewed { invite: secret };
        self.tell(host, &renewed, now);
        self.tell_others(host, |_, _| Some(renewed.clone()), now);
    }

    /// Whether a host may decide one more thing that everybody hears of.
    fn may_decide(&mut self, host: PeerId, now: Instant) -> bool {
        self.sessions.get_mut(&host).is_some_and(|session| session.budget.news.take(now))
    }

    /// Changes the room of its host; everybody in it hears what it is now.
    fn change_room(&mut self, host: PeerId, change: impl FnOnce(&mut Room), now: Instant) {
        let Some(room) = self.hosted_by(host) else { return };
        change(room);
        if let Some(name) = self.room_of(host).cloned() {
            self.renew_tickets(&name, now);
        }
        let Some(room) = self.hosted_by(host) else { return };
        let members: Vec<PeerId> = room.members.iter().copied().collect();
        members.into_iter().for_each(|member| self.tell_room_state(member, now));
    }

    /// Somebody else decides from now on.
    fn make_host(&mut self, from: PeerId, about: &Moderation, now: Instant) {
        let heir = about.peer;
        if !self.sessions.get(&heir).is_some_and(|session| may_host(session.kind)) {
            let why = "a legacy page cannot be host";
            return self.refuse(from, Some(about.id), ErrorCode::NotInRoom, why, None, now);
        }
        let Some(room) = self.hosted_by(from) else { return };
        room.host = None;
        let Some(name) = self.room_of(from).cloned() else { return };
        self.timers.cancel(Timer::WrongGuesses(from));
        self.crown(&name, heir, now);
        self.tell_room_state(from, now);
        self.tell_of(from, now);
    }

    /// The host ends the room for everybody in it and at its door.
    pub(super) fn on_end_room(&mut self, from: PeerId, id: RequestId, now: Instant) {
        let Some(name) = self.hosted_by(from).is_some().then(|| self.room_of(from).cloned()).flatten() else {
            return self.refuse_guest(from, id, now);
        };
        self.end_room(&name, now);
    }

    /// The room is over.
    pub(super) fn end_room(&mut self, name: &RoomName, now: Instant) {
        let Some(room) = self.rooms.remove(name) else { return };
        for member in room.members {
            self.forget_member(member, now);
            self.tell(member, &ServerMessage::RoomEnded { reason: LeaveReason::Ended }, now);
        }
        self.send_away(room.lobby, now);
    }

    /// Puts a member out. Their session goes on, and does not come in again by itself.
    fn kick(&mut self, peer: PeerId, now: Instant) {
        let Some(name) = self.room_of(peer).cloned() else { return };
        let source = self.sessions.get(&peer).and_then(|session| session.source());
        let nick = self.sessions.get(&peer).and_then(|session| session.member()).map(|member| member.nick.clone());
        if let Some(room) = self.rooms.get_mut(&name) {
            room.bar(peer, source, &nick.unwrap_or_default());
        }
        self.counters.kicks += 1;
        self.leave_room(peer, LeaveReason::Kicked, now);
        self.tell(peer, &ServerMessage::Kicked, now);
        self.renew_tickets(&name, now);
    }

    /// Gives a room without a host to anyone who has been there longest, those who are away last; a legacy page cannot
    /// decide. With the role come the news of everybody who waits.
    pub(super) fn find_host(&mut self, name: &RoomName, now: Instant) {
        let is_free = |room: &&Room| room.host.is_none() && !room.is_seat_kept();
        let Some(room) = self.rooms.get(name).filter(is_free) else { return };
        let rank = |peer: &PeerId| {
            let session = self.sessions.get(peer).filter(|session| may_host(session.kind))?;
            Some((session.link == Attachment::Away, session.member()?.place, *peer))
        };
        let Some((_, _, heir)) = room.members.iter().filter_map(rank).min() else { return };
        self.crown(name, heir, now);
    }

    /// Makes `heir` the host, who hears of everybody at the door.
    pub(super) fn crown(&mut self, name: &RoomName, heir: PeerId, now: Instant) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.host = Some(heir);
        let waiting = room.lobby.clone();
        self.tell_room_state(heir, now);
        self.renew_tickets(name, now);
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
        let Membership::Inside(member) = &self.sessions.get(&peer)?.standing else { return None };
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
