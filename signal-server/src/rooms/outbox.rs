//! What was sent to one session, kept for as long as it may have to be sent again.
//!
//! Owned by the session. WebSockets acknowledge nothing, so the last minute is kept even while the connection stands:
//! what was written just before a cut may never have arrived.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_protocol::ServerMessage;
use serde::Serialize;

/// How long a message is kept on a connection that stands.
/// 60 s: the gateway finds a dead connection within three pings of 10 s; what is older has arrived.
const KEPT: Duration = Duration::from_secs(60);
/// Bytes kept while attached, and again while away. Cap 2 MiB = 60 descriptions of the longest kind. Full while
/// attached: the oldest goes, and a resume that wants it starts again; full while away: the session ends.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// More waits for an absent client than is kept for it.
#[derive(Debug)]
pub(super) struct Overflow;

/// The numbered messages to one session.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    kept: VecDeque<Kept>,
    bytes: usize,
    last_seq: u64,
    /// Messages and bytes added since the connection was lost; none while it stands.
    absence: Option<(usize, usize)>,
}

#[derive(Debug)]
struct Kept {
    seq: u64,
    at: Instant,
    text: Arc<str>,
}

impl Outbox {
    /// Numbers and keeps `message`; `cap` is the number of messages kept.
    pub(super) fn push(&mut self, message: &ServerMessage, cap: usize, now: Instant) -> Result<Arc<str>, Overflow> {
        self.last_seq += 1;
        let text = to_text(&NumberedRef { seq: self.last_seq, message });
        self.bytes += text.len();
        self.kept.push_back(Kept { seq: self.last_seq, at: now, text: text.clone() });
        match &mut self.absence {
            Some((messages, bytes)) => {
                *messages += 1;
                *bytes += text.len();
                if *messages > cap || *bytes > MAX_BYTES {
                    return Err(Overflow);
                }
            }
            None => self.forget(cap, now),
        }
        Ok(text)
    }

    /// The connection was lost.
    pub(super) fn detach(&mut self) {
        self.absence.get_or_insert((0, 0));
    }

    /// The client is back and has everything up to `last_seq`: what follows should be sent again. None when that is
    /// kept no more, or was never sent.
    pub(super) fn resume(&mut self, last_seq: u64) -> Option<Vec<Arc<str>>> {
        let oldest = self.last_seq + 1 - self.kept.len() as u64;
        if last_seq > self.last_seq || last_seq + 1 < oldest {
            return None;
        }
        while self.kept.front().is_some_and(|kept| kept.seq <= last_seq) {
            self.pop();
        }
        self.absence = None;
        Some(self.kept.iter().map(|kept| kept.text.clone()).collect())
    }

    fn forget(&mut self, cap: usize, now: Instant) {
        let is_old = |kept: &Kept| now.saturating_duration_since(kept.at) > KEPT;
        while self.kept.len() > cap || self.bytes > MAX_BYTES || self.kept.front().is_some_and(is_old) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(gone) = self.kept.pop_front() {
            self.bytes -= gone.text.len();
        }
    }
}

/// The wire form of a message.
#[expect(clippy::expect_used, reason = "the wire types have text keys only, and writing to memory does not fail")]
pub(super) fn to_text(message: &impl Serialize) -> Arc<str> {
    serde_json::to_string(message).expect("wire types serialise").into()
}

/// As `hearth_protocol::Numbered`, without owning the message, which goes to a whole room.
#[derive(Serialize)]
struct NumberedRef<'a> {
    seq: u64,
    #[serde(flatten)]
    message: &'a ServerMessage,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: ServerMessage = ServerMessage::ServerDraining;

    #[test]
    fn what_did_not_arrive_is_sent_again_and_what_was_never_sent_is_refused() {
        let now = crate::rooms::tests::start();
        let mut outbox = Outbox::default();
        for _ in 0..5 {
            outbox.push(&DRAIN, 4, now).unwrap();
        }
        outbox.detach();
        assert!(outbox.resume(0).is_none(), "the first is forgotten");
        assert!(outbox.resume(6).is_none(), "the sixth was never sent");
        assert_eq!(outbox.resume(1).unwrap().len(), 4);
        assert_eq!(outbox.resume(3).unwrap().len(), 2);
        assert_eq!(outbox.resume(5).unwrap().len(), 0);
        assert_eq!(outbox.resume(5).unwrap().len(), 0);
        assert!(outbox.resume(4).is_none());
    }

    #[test]
    fn an_absent_client_is_kept_a_full_queue_and_no_more() {
        let now = crate::rooms::tests::start();
        let mut outbox = Outbox::default();
        for _ in 0..4 {
            outbox.push(&DRAIN, 4, now).unwrap();
        }
        outbox.detach();
        for _ in 0..4 {
            outbox.push(&DRAIN, 4, now).unwrap();
        }
        assert!(outbox.push(&DRAIN, 4, now).is_err());
    }

    #[test]
    fn what_is_older_than_a_dead_connection_can_be_is_forgotten() {
        let now = crate::rooms::tests::start();
        let mut outbox = Outbox::default();
        outbox.push(&DRAIN, 4, now).unwrap();
        outbox.push(&DRAIN, 4, now + KEPT * 2).unwrap();
        assert_eq!((outbox.kept.len(), outbox.bytes), (1, outbox.kept[0].text.len()));
    }
}
