//! One client's session, and the connection that it speaks through.
//!
//! Owned by `Rooms`. A session knows its place in a room, but not the room's other members.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_protocol::{LeaveReason, Limits, MediaState, PeerId, PeerKind, RequestId, RoomName, ServerMessage};

use super::bucket::Bucket;
use super::legacy::wire::{HOLD, LegacyWire};
use super::load::{Inbound, Reached};
use super::outbox::{Outbox, Overflow};
use super::timers::Timer;
use super::{ConnId, Rooms, Source};

/// What one member may make everybody else hear: media that changes, the rules of a host. 40 at once, a lobby admitted
/// and more; then two a second, so that in the grace of somebody who is away one member fills a fifth of what is kept
/// for them.
const NEWS: (u32, Duration) = (40, Duration::from_millis(500));

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    /// Where it comes from, if the gateway knows.
    pub(super) address: Option<IpAddr>,
    pub(super) phase: ConnPhase,
    /// What is left of our patience with it.
    pub(super) abuse_score: Bucket,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConnPhase {
    /// No hello yet.
    Greeting,
    /// It speaks for this session.
    InSession(PeerId),
}

/// What a session speaks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attachment {
    /// This connection.
    Attached(ConnId),
    /// None at the moment.
    Away,
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) kind: PeerKind,
    pub(super) link: Attachment,
    /// Where it was last seen to come from.
    pub(super) address: Option<IpAddr>,
    /// What the client may still send at once.
    pub(super) budget: Budget,
    /// What others have waiting for it.
    pub(super) inbound: Inbound,
    pub(super) standing: Membership,
    pub(super) wire: Wire,
}

/// What a client may still send at once.
#[derive(Debug)]
pub(super) struct Budget {
    /// Messages.
    pub(super) messages: Bucket,
    /// Bytes of them.
    pub(super) bytes: Bucket,
    /// News for everybody in its room.
    pub(super) news: Bucket,
}

/// What it speaks, and what has to be remembered for that.
#[derive(Debug)]
pub(super) enum Wire {
    /// Our own protocol: numbered, and resumed by a token.
    Native(NativeWire),
    /// The old one.
    Legacy(Box<LegacyWire>),
}

/// What is remembered of a client that speaks our own protocol.
#[derive(Debug)]
pub(super) struct NativeWire {
    /// Digest of the token that brings it back.
    pub(super) token: [u8; 32],
    /// Digest of the token before that: good until the client shows that the new one arrived.
    pub(super) previous_token: Option<[u8; 32]>,
    /// Number of the last client message that arrived.
    pub(super) received: u64,
    outbox: Outbox,
    /// Messages kept for it.
    queue: usize,
}

/// Where a session stands.
#[derive(Clone, Debug)]
pub(super) enum Membership {
    /// In no room.
    Outside,
    /// At a room's door.
    Waiting(JoinRequest),
    /// In a room.
    Inside(Member),
}

/// What somebody said who wants to come in.
#[derive(Clone, Debug)]
pub(super) struct JoinRequest {
    /// The request, which is answered once it is decided.
    pub(super) id: RequestId,
    pub(super) room: RoomName,
    pub(super) nick: String,
    pub(super) media: MediaState,
}

/// A session's place in a room.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) room: RoomName,
    pub(super) nick: String,
    pub(super) media: MediaState,
    /// How many had come before: who came later is polite.
    pub(super) place: u64,
}

impl Session {
    pub(super) fn new(kind: PeerKind, conn: ConnId, address: Option<IpAddr>, budget: Budget, wire: Wire) -> Self {
        let link = Attachment::Attached(conn);
        Self { kind, link, address, budget, inbound: Inbound::default(), standing: Membership::Outside, wire }
    }

    /// What is remembered of a client of our own protocol.
    pub(super) fn native_mut(&mut self) -> Option<&mut NativeWire> {
        match &mut self.wire {
            Wire::Native(native) => Some(native),
            Wire::Legacy(_) => None,
        }
    }

    /// Its place in a room, if it is in one.
    pub(super) fn member(&self) -> Option<&Member> {
        match &self.standing {
            Membership::Inside(member) => Some(member),
            Membership::Outside | Membership::Waiting(_) => None,
        }
    }

    /// What it waits for, if it does.
    pub(super) fn waiting(&self) -> Option<&JoinRequest> {
        match &self.standing {
            Membership::Waiting(entrance) => Some(entrance),
            Membership::Outside | Membership::Inside(_) => None,
        }
    }

    /// Takes it out of its room.
    pub(super) fn stop_being_inside(&mut self) -> Option<Member> {
        match std::mem::replace(&mut self.standing, Membership::Outside) {
            Membership::Inside(member) => Some(member),
            other @ (Membership::Outside | Membership::Waiting(_)) => {
                self.standing = other;
                None
            }
        }
    }

    /// Takes it from the door where it waits.
    pub(super) fn stop_waiting(&mut self) -> Option<JoinRequest> {
        match std::mem::replace(&mut self.standing, Membership::Outside) {
            Membership::Waiting(entrance) => Some(entrance),
            other @ (Membership::Outside | Membership::Inside(_)) => {
                self.standing = other;
                None
            }
        }
    }

    /// How a word for it gets there.
    pub(super) fn reached(&self) -> Reached {
        match self.link {
            Attachment::Attached(_) => Reached::Now,
            Attachment::Away => Reached::Later,
        }
    }

    /// What its tries are counted by.
    pub(super) fn source(&self) -> Option<Source> {
        self.address.map(Source::from)
    }
}

impl Budget {
    /// Of messages and bytes as given; [`NEWS`] of news.
    pub(super) fn new(messages: Bucket, bytes: Bucket, now: Instant) -> Self {
        Self { messages, bytes, news: Bucket::new(NEWS.0, NEWS.1, now) }
    }

    /// Takes a message of so many bytes, if it is there.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.messages.take(now) && self.bytes.take_whole(bytes, now)
    }
}

impl NativeWire {
    pub(super) fn new(token: [u8; 32], limits: &Limits) -> Self {
        let queue = limits.resume_queue as usize;
        Self { token, previous_token: None, received: 0, outbox: Outbox::default(), queue }
    }

    /// Numbers and keeps `message`; gives it as it goes out.
    pub(super) fn push(&mut self, message: &ServerMessage, now: Instant) -> Result<Arc<str>, Overflow> {
        self.outbox.push(message, self.queue, now)
    }

    /// What should be sent again to a client that has everything up to `last_seq`; none when that cannot be.
    pub(super) fn resume(&mut self, last_seq: u64) -> Option<Vec<Arc<str>>> {
        self.outbox.resume(last_seq)
    }
}

impl Rooms {
    /// Forgets `conn`. Its session goes away for the grace if it is in a room or at a door, else it ends: there is
    /// nothing to keep.
    pub(super) fn detach(&mut self, conn: ConnId, now: Instant) {
        let Some(state) = self.conns.remove(&conn) else { return };
        self.timers.cancel(Timer::Hello(conn));
        let ConnPhase::InSession(peer) = state.phase else { return };
        let Some(session) = self.sessions.get_mut(&peer).filter(|s| s.link == Attachment::Attached(conn)) else {
            return;
        };
        match session.standing {
            Membership::Outside => return self.end_session(peer, LeaveReason::Left, now),
            Membership::Waiting(_) | Membership::Inside(_) => {}
        }
        session.link = Attachment::Away;
        let grace = match &mut session.wire {
            Wire::Native(native) => {
                native.outbox.detach();
                Duration::from_secs(u64::from(self.config.limits.resume_grace_s))
            }
            Wire::Legacy(_) => HOLD,
        };
        self.timers.set(Timer::Grace(peer), now + grace);
        self.tell_others(peer, |_, _| Some(ServerMessage::PeerAway { id: peer }), now);
    }

    /// The session of `peer` is over. Its connection, if it has one, is the caller's to close or to give another one.
    pub(super) fn end_session(&mut self, peer: PeerId, reason: LeaveReason, now: Instant) {
        self.leave(peer, reason, now);
        self.timers.cancel(Timer::Grace(peer));
        if let Some(session) = self.sessions.remove(&peer) {
            self.forget_tokens(&session);
            if let Wire::Legacy(legacy) = &session.wire {
                self.expire_grant(peer, now); // it has one before it is in a room
                if let Some(page) = legacy.page {
                    self.resumption.forget_page(page, peer);
                }
            }
        }
    }

    /// Nothing brings `session` back any more.
    pub(super) fn forget_tokens(&mut self, session: &Session) {
        if let Wire::Native(native) = &session.wire {
            self.resumption.forget_tokens(native);
        }
    }
}
