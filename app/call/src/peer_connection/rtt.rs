//! The round trip of the path, from its connectivity and consent checks (RFC 8445, RFC 7675).
//!
//! Checks run every half second on every connection, media or not, so this is known before the first packet of media
//! and without trusting a clock of the other side. Owner of: requests that wait for their answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests remembered. Checks wait for their answer at most 8 at a time; older ones will not be answered.
const PENDING: usize = 32;

/// Length of a STUN header (RFC 8489 section 5), and where its transaction id stands.
const HEADER: usize = 20;

/// Measures round trips by STUN transactions.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip {
    pending: VecDeque<([u8; 12], Instant)>,
    smoothed: Option<Duration>,
    last: Option<Duration>,
    /// All answers together, of every path so far.
    pub(super) total: Duration,
    pub(super) answers: u64,
}

impl RoundTrip {
    /// The smoothed round trip, once there was one.
    pub(crate) fn get(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The last one, as it was.
    pub(crate) fn last(&self) -> Option<Duration> {
        self.last
    }

    pub(crate) fn handle_outgoing(&mut self, datagram: &[u8], now: Instant) {
        const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
        let Some(id) = transaction(datagram, BINDING_REQUEST) else { return };
        if self.pending.len() == PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((id, now));
    }

    /// Looks at what comes in; the round trip that it ends, as it was.
    pub(crate) fn handle_incoming(&mut self, datagram: &[u8], now: Instant) -> Option<Duration> {
        const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
        let id = transaction(datagram, BINDING_SUCCESS)?;
        let at = self.pending.iter().position(|(known, _)| *known == id)?;
        let (_, sent) = self.pending.remove(at)?;
        let sample = now.saturating_duration_since(sent);
        // RFC 6298's gain: an eighth of the new to seven of the old.
        self.last = Some(sample);
        self.total += sample;
        self.answers += 1;
        self.smoothed = Some(self.smoothed.map_or(sample, |old| (old * 7 + sample) / 8));
        Some(sample)
    }

    /// Forgets the path, when there is a new one.
    pub(crate) fn reset(&mut self) {
        (self.smoothed, self.last) = (None, None);
        self.pending.clear();
    }
}

fn transaction(datagram: &[u8], kind: [u8; 2]) -> Option<[u8; 12]> {
    let header = datagram.get(..HEADER)?;
    if header.get(..2)? != kind {
        return None;
    }
    header.get(8..HEADER)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(kind: [u8; 2], id: u8) -> Vec<u8> {
        let mut out = vec![kind[0], kind[1], 0, 0, 0x21, 0x12, 0xA4, 0x42];
        out.extend([id; 12]);
        out
    }

    #[test]
    fn an_answer_to_our_own_request_gives_the_round_trip() {
        let start = Instant::now();
        let mut rtt = RoundTrip::default();
        rtt.handle_incoming(&stun([1, 1], 1), start);
        assert_eq!(rtt.get(), None, "an answer to nothing");
        for id in 0..=PENDING as u8 {
            rtt.handle_outgoing(&stun([0, 1], id), start);
        }
        rtt.handle_incoming(&stun([1, 1], 0), start + Duration::from_millis(40));
        assert_eq!(rtt.get(), None, "forgotten, as the oldest");
        rtt.handle_incoming(&stun([1, 1], 1), start + Duration::from_millis(40));
        rtt.handle_incoming(&stun([1, 1], 2), start + Duration::from_millis(80));
        assert_eq!(rtt.get(), Some(Duration::from_millis(45)));
        rtt.handle_incoming(&[1, 1, 0], start);
    }
}
