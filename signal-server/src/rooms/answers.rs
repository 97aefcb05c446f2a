//! What goes out: answers, refusals, news, and the end of connections.

use std::time::Instant;

use hearth_protocol::{ErrorCode, LeaveReason, Numbered, PeerId, RequestId, ServerMessage};

use super::load::Load;
use super::outbox::{self, to_text};
use super::session::{Attachment, ConnPhase};
use super::{CloseReason, ConnId, Output, Rooms};

impl Rooms {
    /// A message that breaks the protocol: counted, answered, and too many of them end the connection.
    pub(super) fn on_bad_message(&mut self, conn: ConnId, id: Option<RequestId>, why: &str, now: Instant) {
        self.counters.bad_messages += 1;
        match self.conns.get(&conn).map(|c| c.phase) {
            None => return,
            Some(ConnPhase::Greeting) => self.send_bare(conn, refusal(id, ErrorCode::BadMessage, why, None)),
            Some(ConnPhase::InSession(peer)) => self.refuse(peer, id, ErrorCode::BadMessage, why, None, now),
        }
        self.strike(conn, now);
    }

    /// One strike against `conn`; when none is left, its session ends and it is closed.
    pub(super) fn strike(&mut self, conn: ConnId, now: Instant) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        if state.abuse_score.take(now) {
            return;
        }
        self.counters.floods += 1;
        if let ConnPhase::InSession(peer) = state.phase {
            self.end_session(peer, LeaveReason::Dropped, now);
        }
        self.close(conn, CloseReason::Flood, now);
    }

    /// Refuses what is too much of something, with a strike against who sent it.
    pub(super) fn refuse_flood(&mut self, conn: ConnId, peer: PeerId, id: Option<RequestId>, why: &str, now: Instant) {
        let wait = self.sessions.get(&peer).map(|session| session.budget.messages.wait_s());
        self.counters.rate_limited += 1;
        self.refuse(peer, id, ErrorCode::RateLimited, why, wait, now);
        self.strike(conn, now);
    }

    /// Answers a request, or complains of a message, within a session.
    pub(super) fn refuse(
        &mut self,
        peer: PeerId,
        id: Option<RequestId>,
        code: ErrorCode,
        why: &str,
        retry_after: Option<u32>,
        now: Instant,
    ) {
        self.tell(peer, &refusal(id, code, why, retry_after), now);
    }

    /// Sends `message` within the session of `peer`, now or when it comes back.
    pub(super) fn tell(&mut self, peer: PeerId, message: &ServerMessage, now: Instant) {
        self.tell_loaded(peer, message, None, now);
    }

    /// The same with what another one's word counts for until it is written.
    pub(super) fn tell_loaded(&mut self, peer: PeerId, message: &ServerMessage, load: Option<Load>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let link = session.link;
        let Some(native) = session.native_mut() else { return self.tell_legacy(peer, message, now) };
        match (native.push(message, now), link) {
            (Ok(text), Attachment::Attached(conn)) => self.outputs.queue.push_back(Output::Send { conn, text, load }),
            (Ok(_), Attachment::Away) => {} // kept
            (Err(outbox::Overflow), _) => self.outputs.doomed.push(peer),
        }
    }

    pub(super) fn send_bare(&mut self, conn: ConnId, message: ServerMessage) {
        self.outputs.queue.push_back(Output::Send { conn, text: to_text(&Numbered::bare(message)), load: None });
    }

    /// Closes `conn`; its session lives on as after a loss.
    pub(super) fn close(&mut self, conn: ConnId, reason: CloseReason, now: Instant) {
        if self.conns.contains_key(&conn) {
            self.detach(conn, now);
            self.outputs.queue.push_back(Output::Close { conn, reason });
        }
    }

    pub(super) fn end_doomed(&mut self, now: Instant) {
        while let Some(peer) = self.outputs.doomed.pop() {
            if self.sessions.contains_key(&peer) {
                self.counters.overflows += 1;
                self.end_session(peer, LeaveReason::Dropped, now);
            }
        }
    }
}

/// Why a request, or a message without one, is refused. Only a full room says how many it holds.
pub(super) fn refusal(id: Option<RequestId>, code: ErrorCode, why: &str, retry_after: Option<u32>) -> ServerMessage {
    ServerMessage::Error { id, code, message: why.to_owned(), retry_after, capacity: None }
}
