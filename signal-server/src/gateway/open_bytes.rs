//! Bytes that clients have sent and that are no whole message yet: bounded by source, and in all.
//!
//! Owner of: how many bytes each connection has open (its stream follows them). A message counts from its first byte to
//! its last, whether or not anybody has said who they are by then. Between HTTP requests the listener says when one is
//! answered; after an upgrade the frames of the WebSocket are followed here (RFC 6455, section 5.2), by their heads
//! alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Open bytes of one source. Cap 8 MiB: 32 messages of the longest kind, while most are done within one read. Full: the
/// connection that sends more is closed.
const OF_ONE: usize = 8 * 1024 * 1024;
/// Open bytes of all. Cap 64 MiB. Full: likewise, but for those with less than [`SMALL`] open.
const OF_ALL: usize = 64 * 1024 * 1024;
/// What anybody may have open: the head of a request, a description.
const SMALL: usize = 32 * 1024;
/// What ends the head of a request.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The open bytes of one source, or of all.
pub(super) type Sum = Arc<AtomicUsize>;

/// The open bytes of one connection, for anyone who answers its requests.
#[derive(Clone, Debug)]
pub(super) struct OpenBytes(Arc<Open>);

#[derive(Debug)]
struct Open {
    bytes: AtomicUsize,
    /// What the listener has said since bytes were read last.
    said: AtomicU8,
    /// What its source has open; none for this machine, where a proxy speaks for everybody.
    of_source: Option<Sum>,
    of_all: Sum,
}

/// Nothing was said.
const NOTHING: u8 = 0;
/// The request is answered.
const ANSWERED: u8 = 1;
/// The answer makes it a WebSocket.
const UPGRADED: u8 = 2;

/// Follows what one connection sends; its stream owns it.
#[derive(Debug)]
pub(super) struct Follower {
    held: OpenBytes,
    stage: Stage,
}

/// How far a connection is.
#[derive(Debug)]
enum Stage {
    /// In a request: how much of [`HEAD_END`] was seen, and how many bytes came after it.
    Http {
        matched: usize,
        after_head: usize,
    },
    WebSocket(Frames),
    /// What came with the upgrade was no part of it: where its frames begin is not known here.
    Unknown,
}

/// Where we are in the frames of a client.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; 14],
    have: usize,
    /// Payload bytes to come of the frame whose head is read.
    left: u64,
}

impl OpenBytes {
    /// The request is answered.
    pub(super) fn answered(&self) {
        self.0.set(0);
        self.0.said.store(ANSWERED, Ordering::Relaxed);
    }

    /// The answer to the request makes it a WebSocket.
    pub(super) fn upgraded(&self) {
        self.0.set(0);
        self.0.said.store(UPGRADED, Ordering::Relaxed);
    }
}

impl Follower {
    pub(super) fn new(of_source: Option<Sum>, of_all: Sum) -> Self {
        let (bytes, said) = (AtomicUsize::new(0), AtomicU8::new(NOTHING));
        let held = OpenBytes(Arc::new(Open { bytes, said, of_source, of_all }));
        Self { held, stage: Stage::Http { matched: 0, after_head: 0 } }
    }

    /// For anyone who answers its requests.
    pub(super) fn held(&self) -> OpenBytes {
        self.held.clone()
    }

    /// These bytes came. False when there are too many: the connection should be closed.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        match (self.held.0.said.swap(NOTHING, Ordering::Relaxed), &self.stage) {
            (ANSWERED, _) => self.stage = Stage::Http { matched: 0, after_head: 0 },
            (UPGRADED, Stage::Http { after_head: 0, .. }) => self.stage = Stage::WebSocket(Frames::default()),
            (UPGRADED, _) => self.stage = Stage::Unknown,
            _ => {}
        }
        let before = self.held.0.bytes.load(Ordering::Relaxed);
        let open = match &mut self.stage {
            Stage::Http { matched, after_head } => {
                for (at, byte) in bytes.iter().enumerate() {
                    if *matched == HEAD_END.len() {
                        *after_head += bytes.len() - at;
                        break;
                    } else if HEAD_END.get(*matched) == Some(byte) {
                        *matched += 1;
                    } else {
                        *matched = usize::from(*byte == b'\r');
                    }
                }
                before + bytes.len()
            }
            Stage::WebSocket(frames) => frames.read(bytes, before),
            Stage::Unknown => return bytes.is_empty(),
        };
        self.held.0.set(open);
        open <= SMALL || self.held.0.is_within()
    }
}

impl Open {
    fn set(&self, open: usize) {
        let before = self.bytes.swap(open, Ordering::Relaxed);
        if open == before {
            return; // mostly: a whole message came at once
        }
        for sum in self.of_source.iter().chain([&self.of_all]) {
            sum.fetch_add(open, Ordering::Relaxed);
            sum.fetch_sub(before, Ordering::Relaxed);
        }
    }

    fn is_within(&self) -> bool {
        let of_source = self.of_source.as_ref().map_or(0, |sum| sum.load(Ordering::Relaxed));
        of_source <= OF_ONE && self.of_all.load(Ordering::Relaxed) <= OF_ALL
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Frames {
    /// What is open after these bytes, where so much was before.
    fn read(&mut self, mut bytes: &[u8], before: usize) -> usize {
        let mut open = before;
        while let Some((byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let part = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                open += part;
                self.left -= part as u64;
                bytes = bytes.get(part..).unwrap_or_default();
            } else {
                if let Some(place) = self.head.get_mut(self.have) {
                    *place = *byte;
                }
                self.have += 1;
                open += 1;
                bytes = rest;
                match self.payload() {
                    Some(payload) => self.left = payload,
                    None => continue,
                }
            }
            if self.left == 0 {
                // Control frames may stand between the parts of a message, which they do not end.
                let [first, ..] = self.head;
                let (is_last, is_control) = (first & 0x80 != 0, first & 0x08 != 0);
                open = if is_last && !is_control { 0 } else { open };
                self.have = 0;
            }
        }
        open
    }

    /// How long the frame's payload is, once its head is read.
    fn payload(&self) -> Option<u64> {
        let [_, second, ..] = self.head;
        let mask = if second & 0x80 != 0 { 4 } else { 0 };
        let (length, wide) = match second & 0x7f {
            126 => (2, true),
            127 => (8, true),
            _ => (0, false),
        };
        if self.have < 2 || self.have < 2 + length + mask {
            return None;
        }
        let digits = self.head.get(2..2 + length).unwrap_or_default();
        let written = digits.iter().fold(0_u64, |sum, digit| sum << 8 | u64::from(*digit));
        Some(if wide { written } else { u64::from(second & 0x7f) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(0x80 | payload as u8),
            126..65536 => frame.extend([&[0x80 | 126][..], &(payload as u16).to_be_bytes()].concat()),
            _ => frame.extend([&[0x80 | 127][..], &(payload as u64).to_be_bytes()].concat()),
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(vec![0; payload]);
        frame
    }

    fn websocket(sum: &Sum) -> Follower {
        let mut held = Follower::new(Some(sum.clone()), Sum::default());
        assert!(held.read(b"GET /ws HTTP/1.1\r\nupgrade: websocket\r\n\r\n"));
        held.held().upgraded();
        held
    }

    #[test]
    fn a_message_is_open_until_its_last_byte_however_it_is_cut() {
        let text = [frame(0x81, 5), frame(0x01, 300), frame(0x89, 3), frame(0x80, 70_000), frame(0x81, 0)].concat();
        for step in [1, 2, 7, 1000, text.len()] {
            let sum = Sum::default();
            let mut held = websocket(&sum);
            let mut most = 0;
            for part in text.chunks(step) {
                assert!(held.read(part));
                most = most.max(sum.load(Ordering::Relaxed));
            }
            assert_eq!(sum.load(Ordering::Relaxed), 0, "{step}");
            assert!(step > 1000 || most > 69_000, "{step}: {most}");
        }
    }

    #[test]
    fn unfinished_messages_of_one_source_are_bounded_together_and_small_ones_pass() {
        let sum = Sum::default();
        let unfinished = |payload: usize| {
            let mut bytes = frame(0x81, payload);
            bytes.pop();
            bytes
        };
        let mut open = Vec::new();
        let mut closed = 0;
        for _ in 0..100 {
            let mut held = websocket(&sum);
            if held.read(&unfinished(256_000)) {
                open.push(held);
            } else {
                closed += 1;
            }
        }
        assert_eq!((open.len(), closed), (32, 68));
        assert!(websocket(&sum).read(&unfinished(30_000)));
        assert!(websocket(&Sum::default()).read(&unfinished(256_000)), "another source");
        open.clear();
        assert_eq!(sum.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_answered_request_holds_nothing_and_frames_before_the_upgrade_are_refused() {
        let sum = Sum::default();
        let mut held = Follower::new(Some(sum.clone()), Sum::default());
        assert!(held.read(b"POST /socket.io/ HTTP/1.1\r\ncontent-length: 4\r\n\r\n2:40"));
        assert!(sum.load(Ordering::Relaxed) > 0);
        held.held().answered();
        assert_eq!(sum.load(Ordering::Relaxed), 0);
        assert!(held.read(b"GET /ws HTTP/1.1\r\nupgrade: websocket\r\n\r\n\x81"));
        held.held().upgraded();
        assert!(!held.read(&[0x80]));
    }
}
