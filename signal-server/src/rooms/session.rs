//! One client's session, and the connection that it speaks through.
//!
//! Owned by `Rooms`. A session knows its place in a room, but not the room's other members.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_protocol::{LeaveReason, Limits, MediaState, PeerId, PeerKind, Role, RoomName, ServerMessage};

use super::bucket::Bucket;
use super::outbox::{Outbox, Overflow};
use super::timers::Timer;
use super::{ConnId, Rooms, Source};

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) source: Source,
    pub(super) phase: Phase,
    /// What is left of our patience with it.
    pub(super) strikes: Bucket,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// No hello yet.
    Greeting,
    /// It speaks for this session.
    InSession(PeerId),
}

/// What a session speaks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// This connection.
    Attached(ConnId),
    /// None at the moment.
    Away,
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) kind: PeerKind,
    pub(super) link: Link,
    /// Digest of the token that brings it back.
    pub(super) token: [u8; 32],
    /// Digest of the token before that: good until the client shows that the new one arrived.
    pub(super) previous_token: Option<[u8; 32]>,
    /// Number of the last client message that arrived.
    pub(super) received: u64,
    /// Messages that the client may still send at once.
    pub(super) budget: Bucket,
    pub(super) member: Option<Member>,
    outbox: Outbox,
    /// Messages kept for it.
    queue: usize,
}

/// A session's place in a room.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) room: RoomName,
    pub(super) nick: String,
    pub(super) media: MediaState,
    pub(super) role: Role,
    /// How many had come before: who came later is polite.
    pub(super) place: u64,
}

impl Session {
    pub(super) fn new(kind: PeerKind, conn: ConnId, token: [u8; 32], limits: &Limits, now: Instant) -> Self {
        let every = Duration::from_secs(1) / limits.messages_per_s.max(1);
        Self {
            kind,
            link: Link::Attached(conn),
            token,
            previous_token: None,
            received: 0,
            budget: Bucket::new(limits.message_burst, every, now),
            member: None,
            outbox: Outbox::default(),
            queue: limits.resume_queue as usize,
        }
    }

    /// Numbers and keeps `message`, and says through which connection it goes out now.
    pub(super) fn push(
        &mut self,
        message: &ServerMessage,
        now: Instant,
    ) -> Result<Option<(ConnId, Arc<str>)>, Overflow> {
        let text = self.outbox.push(message, self.queue, now)?;
        Ok(match self.link {
            Link::Attached(conn) => Some((conn, text)),
            Link::Away => None,
        })
    }

    /// What is to be sent again to a client that has everything up to `last_seq`; none when that cannot be.
    pub(super) fn resume(&mut self, last_seq: u64) -> Option<Vec<Arc<str>>> {
        self.outbox.resume(last_seq)
    }
}

impl Rooms {
    /// Forgets `conn`. Its session goes away for the grace if it is in a room, else it ends: there is nothing to keep.
    pub(super) fn detach(&mut self, conn: ConnId, now: Instant) {
        let Some(state) = self.conns.remove(&conn) else { return };
        self.timers.cancel(Timer::Hello(conn));
        let Phase::InSession(peer) = state.phase else { return };
        let Some(session) = self.sessions.get_mut(&peer).filter(|s| s.link == Link::Attached(conn)) else { return };
        if session.member.is_none() {
            return self.end_session(peer, LeaveReason::Left, now);
        }
        session.link = Link::Away;
        session.outbox.detach();
        let grace = Duration::from_secs(u64::from(self.config.limits.resume_grace_s));
        self.timers.set(Timer::Grace(peer), now + grace);
        self.tell_others(peer, |_, _| Some(ServerMessage::PeerAway { id: peer }), now);
    }

    /// The session of `peer` is over. Its connection, if it has one, is the caller's to close or to give another one.
    pub(super) fn end_session(&mut self, peer: PeerId, reason: LeaveReason, now: Instant) {
        self.leave_room(peer, reason, now);
        self.timers.cancel(Timer::Grace(peer));
        if let Some(session) = self.sessions.remove(&peer) {
            self.tokens.remove(&session.token);
            session.previous_token.map(|old| self.tokens.remove(&old));
        }
    }
}
