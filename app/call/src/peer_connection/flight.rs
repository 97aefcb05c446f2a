//! Repeats DTLS flights, so that a lost one does not end the call.
//!
//! `rtc` arms a retransmission timer when it sends a flight and clears it at the next handshake packet, whichever it
//! is: with one datagram of a flight lost, both sides may wait for ever (seen in 5 of 400 pairs at 1 % loss, 111 at
//! 20 %). So the flights are repeated here, outside the crate, from copies of the datagrams (RFC 6347 section 4.2.4
//! asks for the same, inside). The rules:
//!
//! - A flight is what goes out until something *new* has come in and something goes out again. Of each handshake
//!   datagram the newest copy is kept, by what it carries.
//! - It is sent again after [`FIRST`] (or 1.5 times the round trip on long paths), then twice that, up to [`LONGEST`].
//! - Pure duplicates of the other side are swallowed during the handshake: they would clear rtc's own timer, whose
//!   fresh records are all that a browser as the server answers. But as long as we have said nothing ourselves, nothing
//!   is a duplicate: a browser that answers our offer sends its ClientHello before its answer has reached us, the crate
//!   drops it, and its repetition is the first that counts.
//! - A finished server answers a duplicate with its last flight: the client that sent it lacks that flight.
//!
//! Owner of: copies of one flight. What of the other side's is new it is told (`reassembly`).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::dtls_record::{Record, records};
use super::reassembly::Novelty;

/// Wait before the first repetition. Two thirds of the usual LAN-and-city round trips are shorter.
const FIRST: Duration = Duration::from_millis(60);
/// Longest wait between repetitions. At 30 % loss half of all round trips fail: with a second between them, one pair of
/// a thousand took 7 s.
const LONGEST: Duration = Duration::from_millis(500);
/// Longest first wait, on paths whose round trip is longer than that.
const LONGEST_FIRST: Duration = Duration::from_secs(1);
/// Repetitions of one flight: 15 seconds in all, by when the watchdog rebuilds.
const REPETITIONS: u32 = 32;
/// Answers of a finished server to duplicates, and the least time between them.
const LATE_ANSWERS: u32 = 32;
const LATE_ANSWER_GAP: Duration = Duration::from_millis(30);
/// Datagrams of a flight. The longest, a server's with a long certificate, has 6. Full: the oldest goes.
const KEPT: usize = 16;

/// What a record of a handshake is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    ChangeCipherSpec,
    /// (message_seq, fragment_offset) of epoch 0.
    Message(u16, u32),
    /// Encrypted, so all that is known of it is that the handshake ends with it.
    Finished,
}

#[derive(Debug)]
enum State {
    Handshaking,
    /// Done, as the server: only duplicates wake it.
    FinishedServer {
        answers: u32,
        last: Option<Instant>,
    },
    Off,
}

/// What to do with an incoming datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Give it to the connection.
    Pass,
    /// It says nothing new, and would do harm.
    Swallow,
}

/// Repeats one side's flights of one DTLS handshake.
#[derive(Debug)]
pub(crate) struct FlightRepeater {
    state: State,
    kept: Vec<(BTreeSet<Key>, Bytes)>,
    /// Something new came in: what goes out next begins a flight.
    heard_new: bool,
    repetitions: u32,
    /// The path's first wait, and the next one.
    first: Duration,
    wait: Duration,
    due: Option<Instant>,
    /// Flights repeated, for the statistics.
    pub(crate) repeated: u64,
}

impl FlightRepeater {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Handshaking,
            kept: Vec::new(),
            heard_new: false,
            repetitions: 0,
            first: FIRST,
            wait: FIRST,
            due: None,
            repeated: 0,
        }
    }

    /// Looks at what goes out; `round_trip` is that of the path's checks, where known.
    pub(crate) fn handle_outgoing(&mut self, datagram: &[u8], round_trip: Option<Duration>, now: Instant) {
        if matches!(self.state, State::Off) {
            return;
        }
        let keys = keys_of(datagram);
        if keys.is_empty() {
            return;
        }
        if self.heard_new {
            self.heard_new = false;
            self.kept.clear();
            self.due = None;
        }
        let copy = Bytes::copy_from_slice(datagram);
        if let Some((_, old)) = self.kept.iter_mut().find(|(known, _)| *known == keys) {
            *old = copy;
        } else {
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push((keys, copy));
        }
        if self.due.is_none() && matches!(self.state, State::Handshaking) {
            self.repetitions = 0;
            self.first = round_trip.map_or(FIRST, |rtt| FIRST.max(rtt * 3 / 2)).min(LONGEST_FIRST);
            self.wait = self.first;
            self.due = Some(now + self.wait);
        }
    }

    /// Looks at what came in, and says whether it may go on. Repetitions that it asks for go to `transmit`.
    pub(crate) fn handle_incoming(
        &mut self,
        novelty: Novelty,
        now: Instant,
        transmit: &mut impl FnMut(Bytes),
    ) -> Handling {
        let new = match novelty {
            Novelty::None => return Handling::Pass,
            Novelty::Duplicate => false,
            Novelty::New => true,
        };
        match &mut self.state {
            State::Off => Handling::Pass,
            State::Handshaking if new || self.kept.is_empty() => {
                self.heard_new = true;
                Handling::Pass
            }
            State::Handshaking => Handling::Swallow,
            State::FinishedServer { .. } if new => Handling::Pass,
            State::FinishedServer { answers, last } => {
                let rested = last.is_none_or(|last| now.saturating_duration_since(last) >= LATE_ANSWER_GAP);
                if *answers < LATE_ANSWERS && rested {
                    *answers += 1;
                    *last = Some(now);
                    self.repeated += 1;
                    self.kept.iter().for_each(|(_, copy)| transmit(copy.clone()));
                }
                Handling::Swallow
            }
        }
    }

    /// The handshake is done.
    pub(crate) fn handle_finished(&mut self, role: DtlsRole) {
        self.due = None;
        self.state = match role {
            DtlsRole::Client => State::Off,
            DtlsRole::Server => State::FinishedServer { answers: 0, last: None },
        };
    }

    /// The handshake failed, or the connection is closed.
    pub(crate) fn stop(&mut self) {
        self.due = None;
        self.state = State::Off;
        self.kept.clear();
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Sends the flight again when it is time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, transmit: &mut impl FnMut(Bytes)) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.repeated += 1;
        self.repetitions += 1;
        self.kept.iter().for_each(|(_, copy)| transmit(copy.clone()));
        self.wait = (self.wait * 2).min(LONGEST).max(self.first);
        self.due = (self.repetitions < REPETITIONS).then(|| now + self.wait);
    }
}

/// Which end of the handshake we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtlsRole {
    /// Sent the ClientHello.
    Client,
    /// Answered it.
    Server,
}

/// The keys of the handshake records in a datagram; empty when there are none.
fn keys_of(datagram: &[u8]) -> BTreeSet<Key> {
    let key = |record: &Record<'_>| match record {
        Record { content: Record::CHANGE_CIPHER_SPEC, .. } => Some(Key::ChangeCipherSpec),
        Record { content: Record::HANDSHAKE, epoch: 0, body, .. } => message_key(body),
        Record { content: Record::HANDSHAKE, .. } => Some(Key::Finished),
        Record { .. } => None,
    };
    records(datagram).0.iter().filter_map(key).collect()
}

/// RFC 6347 section 4.2.2: type 1, length 3, message_seq 2, fragment_offset 3, fragment_length 3.
fn message_key(body: &[u8]) -> Option<Key> {
    let &[_, _, _, _, seq_high, seq_low, a, b, c, ..] = body else { return None };
    Some(Key::Message(u16::from_be_bytes([seq_high, seq_low]), u32::from_be_bytes([0, a, b, c])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![content, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
        out.extend_from_slice(body);
        out
    }

    fn message(seq: u8) -> Vec<u8> {
        record(22, 0, &[1, 0, 0, 4, 0, seq, 0, 0, 0, 0, 0, 4, 9, 9, 9, 9])
    }

    fn repeat(repeater: &mut FlightRepeater, now: Instant) -> usize {
        let mut sent = 0;
        repeater.handle_timeout(now, &mut |_| sent += 1);
        sent
    }

    fn incoming(repeater: &mut FlightRepeater, novelty: Novelty, now: Instant) -> (Handling, usize) {
        let mut sent = 0;
        let verdict = repeater.handle_incoming(novelty, now, &mut |_| sent += 1);
        (verdict, sent)
    }

    #[test]
    fn a_flight_is_repeated_with_growing_waits_and_then_given_up() {
        let start = Instant::now();
        let mut repeater = FlightRepeater::new();
        repeater.handle_outgoing(&message(0), None, start);
        assert_eq!(repeat(&mut repeater, start + Duration::from_millis(59)), 0);
        let (mut times, mut total) = (Vec::new(), 0);
        while let Some(due) = repeater.poll_timeout() {
            times.push((due - start).as_millis());
            total += repeat(&mut repeater, due);
        }
        assert_eq!(&times[..5], &[60, 180, 420, 900, 1400]);
        assert_eq!(total, REPETITIONS as usize);
    }

    #[test]
    fn a_new_flight_begins_only_after_something_new_came_in() {
        let now = Instant::now();
        let mut repeater = FlightRepeater::new();
        repeater.handle_outgoing(&message(0), None, now);
        repeater.handle_outgoing(&message(0), None, now);
        assert_eq!(repeat(&mut repeater, now + FIRST), 1, "the newest copy only");
        assert_eq!(incoming(&mut repeater, Novelty::New, now), (Handling::Pass, 0));
        repeater.handle_outgoing(&message(1), None, now);
        repeater.handle_outgoing(&record(20, 0, &[1]), None, now);
        repeater.handle_outgoing(&record(22, 1, &[0; 40]), None, now);
        assert_eq!(repeat(&mut repeater, now + FIRST), 3, "the new flight without the old one");
        assert_eq!(incoming(&mut repeater, Novelty::Duplicate, now), (Handling::Swallow, 0));
    }

    #[test]
    fn a_first_message_that_came_too_early_is_heard_when_it_is_repeated() {
        let now = Instant::now();
        let mut repeater = FlightRepeater::new();
        for novelty in [Novelty::New, Novelty::Duplicate, Novelty::Duplicate] {
            assert_eq!(incoming(&mut repeater, novelty, now), (Handling::Pass, 0), "nobody has answered it yet");
        }
        repeater.handle_outgoing(&message(0), None, now);
        assert_eq!(incoming(&mut repeater, Novelty::Duplicate, now), (Handling::Swallow, 0));
    }

    #[test]
    fn a_long_path_waits_for_its_round_trip() {
        let now = Instant::now();
        let mut repeater = FlightRepeater::new();
        repeater.handle_outgoing(&message(0), Some(Duration::from_millis(400)), now);
        assert_eq!(repeater.poll_timeout(), Some(now + Duration::from_millis(600)));
    }

    #[test]
    fn a_finished_server_answers_duplicates_a_bounded_number_of_times() {
        let mut now = Instant::now();
        let mut repeater = FlightRepeater::new();
        assert_eq!(incoming(&mut repeater, Novelty::New, now).0, Handling::Pass);
        repeater.handle_outgoing(&record(22, 1, &[0; 40]), None, now);
        repeater.handle_finished(DtlsRole::Server);
        assert_eq!(repeater.poll_timeout(), None);
        assert_eq!(incoming(&mut repeater, Novelty::Duplicate, now), (Handling::Swallow, 1));
        assert_eq!(incoming(&mut repeater, Novelty::Duplicate, now), (Handling::Swallow, 0), "too soon");
        let mut answers = 1;
        for _ in 0..100 {
            now += LATE_ANSWER_GAP;
            answers += incoming(&mut repeater, Novelty::Duplicate, now).1;
        }
        assert_eq!(answers, LATE_ANSWERS as usize);
    }

    #[test]
    fn a_finished_client_is_off_and_garbage_passes() {
        let now = Instant::now();
        let mut repeater = FlightRepeater::new();
        for garbage in [&[][..], &[22], &[22; 13], &[22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1], &[255; 40]] {
            repeater.handle_outgoing(garbage, None, now);
            assert_eq!(repeater.poll_timeout(), None, "{garbage:?}");
            assert_eq!(incoming(&mut repeater, Novelty::None, now).0, Handling::Pass, "{garbage:?}");
        }
        repeater.handle_finished(DtlsRole::Client);
        assert_eq!(incoming(&mut repeater, Novelty::New, now), (Handling::Pass, 0));
        assert_eq!(incoming(&mut repeater, Novelty::Duplicate, now), (Handling::Pass, 0));
    }
}
