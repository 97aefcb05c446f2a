//! How a connection gets its session: hello, and coming back by a token.

use std::time::{Duration, Instant};

use hearth_protocol::{
    ClientMessage, ErrorCode, LeaveReason, PeerId, PeerKind, Resume, ResumeToken, ServerMessage, VERSION,
};
use rand::Rng as _;

use super::answers::refusal;
use super::bucket::Bucket;
use super::session::{Attachment, Budget, ConnPhase, NativeWire, Session, Wire};
use super::timers::Timer;
use super::{CloseReason, ConnId, Output, Rooms};

impl Rooms {
    /// The first words of a connection: `hello` is the only one that counts.
    pub(super) fn on_greeting(&mut self, conn: ConnId, message: ClientMessage, now: Instant) {
        match message {
            ClientMessage::Hello { v, client: _, kind, resume } => {
                if !v.contains(&VERSION) {
                    let why = format!("this server speaks version {VERSION}");
                    self.send_bare(conn, refusal(None, ErrorCode::UnsupportedVersion, &why, None));
                    return self.close(conn, CloseReason::Version, now);
                }
                self.timers.cancel(Timer::Hello(conn));
                // A token that brings nothing back is no fault: the server may have been restarted.
                let is_back = resume.is_some_and(|resume| {
                    self.bring_back(conn, &resume, now)
                        || resume.ticket.as_ref().is_some_and(|ticket| self.restore(conn, ticket, now))
                });
                if !is_back {
                    self.open_session(conn, kind, now);
                }
            }
            ClientMessage::Resume(_)
            | ClientMessage::Create(_)
            | ClientMessage::Join(_)
            | ClientMessage::Update { .. }
            | ClientMessage::Signal(_)
            | ClientMessage::Leave
            | ClientMessage::Admit(_)
            | ClientMessage::Deny(_)
            | ClientMessage::Kick(_)
            | ClientMessage::MakeHost(_)
            | ClientMessage::MuteAll { .. }
            | ClientMessage::Lock { .. }
            | ClientMessage::Unlock { .. }
            | ClientMessage::SetPassword { .. }
            | ClientMessage::RenewInvite { .. }
            | ClientMessage::EndRoom { .. } => self.on_bad_message(conn, None, "hello comes first", now),
            ClientMessage::Unknown => {}
        }
    }

    /// `resume` on a connection that has a session already.
    pub(super) fn on_resume(&mut self, conn: ConnId, resume: Resume, now: Instant) {
        if self.bring_back(conn, &resume, now) {
            return;
        }
        if let Some(ConnPhase::InSession(peer)) = self.conns.get(&conn).map(|c| c.phase) {
            // It costs a message of the budget, so that asking is not free, but it is no strike.
            let within_budget = self.sessions.get_mut(&peer).is_some_and(|s| s.budget.messages.take(now));
            self.refuse(peer, None, ErrorCode::NoSuchSession, "no such session", None, now);
            if !within_budget {
                self.strike(conn, now);
            }
        }
    }

    /// Gives `conn` a session of its own.
    fn open_session(&mut self, conn: ConnId, kind: PeerKind, now: Instant) {
        let mut random = [0; 12];
        self.rng.fill_bytes(&mut random);
        let peer_id = PeerId::from_random(random);
        let resume_token = self.new_token(peer_id);
        let address = self.conns.get(&conn).and_then(|state| state.address);
        let (budget, wire) = self.native_wire(&resume_token, now);
        // Nobody is a legacy page by saying so.
        let kind = if kind == PeerKind::Legacy { PeerKind::Web } else { kind };
        let session = Session::new(kind, conn, address, budget, wire);
        self.sessions.insert(peer_id, session);
        if let Some(state) = self.conns.get_mut(&conn) {
            state.phase = ConnPhase::InSession(peer_id);
        }
        self.send_bare(conn, ServerMessage::Session { peer_id, resume_token, resumed: false, last_seq: 0 });
    }

    /// What a session of our own protocol begins with.
    pub(super) fn native_wire(&self, token: &ResumeToken, now: Instant) -> (Budget, Wire) {
        let limits = &self.config.limits;
        let one_of = |a_second: u32| Duration::from_secs(1) / a_second.max(1);
        let messages = Bucket::new(limits.message_burst, one_of(limits.messages_per_s), now);
        let bytes = Bucket::new(limits.byte_burst, one_of(limits.bytes_per_s), now);
        let budget = Budget::new(messages, bytes, now);
        (budget, Wire::Native(NativeWire::new(token.digest(), limits)))
    }

    /// Gives `conn` the session of a token, with everything that it missed; false when there is no such session.
    fn bring_back(&mut self, conn: ConnId, resume: &Resume, now: Instant) -> bool {
        let used = resume.token.digest();
        let Some(&peer_id) = self.resumption.tokens.get(&used) else { return false };
        // First: the one that comes back may be told of it.
        self.end_own(conn, peer_id, now);
        let Some(session) = self.sessions.get_mut(&peer_id) else { return false };
        let was = session.link;
        let Some(native) = session.native_mut() else { return false };
        let (last_seq, missed) = (native.received, native.resume(resume.last_seq));
        self.release(conn, was);
        let Some(missed) = missed else {
            // Anyone who holds the token has lost its place for good: better gone now than a ghost for the grace.
            self.end_session(peer_id, LeaveReason::Dropped, now);
            return false;
        };
        self.counters.resumed += 1;
        self.timers.cancel(Timer::Grace(peer_id));
        let resume_token = self.new_token(peer_id);
        self.attach(conn, peer_id, used, &resume_token);
        self.send_bare(conn, ServerMessage::Session { peer_id, resume_token, resumed: true, last_seq });
        self.outputs.queue.extend(missed.into_iter().map(|text| Output::Send { conn, text, load: None }));
        if was == Attachment::Away {
            self.tell_of(peer_id, now);
        }
        true
    }

    /// Makes way for `conn` to take `peer`: the session that it had ends.
    fn end_own(&mut self, conn: ConnId, peer: PeerId, now: Instant) {
        if let Some(ConnPhase::InSession(own)) = self.conns.get(&conn).map(|c| c.phase)
            && own != peer
        {
            self.end_session(own, LeaveReason::Left, now);
        }
    }

    /// Makes way for `conn` to take a session: the connection that had it is closed.
    fn release(&mut self, conn: ConnId, was: Attachment) {
        if let Attachment::Attached(old) = was
            && old != conn
        {
            // Forgotten first, so that the session does not go away over it.
            self.conns.remove(&old);
            self.outputs.queue.push_back(Output::Close { conn: old, reason: CloseReason::Replaced });
        }
    }

    /// `used` is what the client came with: until it shows that it has the new token, that one stays good, however
    /// often the answer is lost.
    fn attach(&mut self, conn: ConnId, peer: PeerId, used: [u8; 32], token: &ResumeToken) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.phase = ConnPhase::InSession(peer);
        }
        self.relay_access.presence += 1;
        let address = self.conns.get(&conn).and_then(|state| state.address);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.link = Attachment::Attached(conn);
            session.address = address;
            session.inbound.release();
            let Some(native) = session.native_mut() else { return };
            let current = std::mem::replace(&mut native.token, token.digest());
            let previous = native.previous_token.replace(used);
            for old in [Some(current), previous].into_iter().flatten().filter(|old| *old != used) {
                self.resumption.tokens.remove(&old);
            }
        }
    }

    pub(super) fn new_token(&mut self, peer: PeerId) -> ResumeToken {
        let mut random = [0; 32];
        self.rng.fill_bytes(&mut random);
        let token = ResumeToken::from_random(random);
        self.resumption.add_token(&token, peer);
        token
    }
}
