//! Puts handshake messages that came in fragments together, so that the crate is handed only whole ones.
//!
//! A sender may cut a message again, elsewhere, when it repeats it, and "implementations MUST be able to handle
//! overlapping fragment ranges" (RFC 6347 section 4.2.3). Firefox does: its ClientHello of 1461 bytes goes out three
//! times as 1383 and 78 bytes, then as 1163 and 298. `rtc` follows the first fragment that it finds at an offset and no
//! other: with the second piece lost three times, no later one fits, and the handshake waits for ever.
//!
//! What was heard before is known here, too: whether a datagram brings anything *new* is what the repeater of flights
//! asks.
//!
//! Owner of: the fragments of one handshake, and what of it was heard. Reads headers only; what it cannot read it lets
//! pass.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::dtls_record::{RECORD_HEADER, Record, records};

/// RFC 6347 section 4.2.2: type 1, length 3, message_seq 2, fragment_offset 3, fragment_length 3.
const MESSAGE_HEADER: usize = 12;
/// Longest message that is put together: it leaves as one record (RFC 6347 section 4.1: 2^14 bytes). A certificate of a
/// browser has 300 bytes, a long chain 6 kB. A longer message is dropped.
const LONGEST: usize = (1 << 14) - MESSAGE_HEADER;
/// Bytes of fragments held. Cap 64 kB: four of the longest. Full: further fragments are dropped, and come again.
const HELD: usize = 4 * LONGEST;
/// Messages remembered. A handshake has 15; more is nonsense. Full: whole ones pass unremembered, fragments are
/// dropped.
const MESSAGES: usize = 64;
/// Pieces of a message that do not touch. A path of 200 bytes would cut the longest hello into 10. Full: dropped.
const PIECES: usize = 32;

/// Whether a datagram says anything that was not heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// It is of no handshake.
    None,
    /// All of it was heard before.
    Duplicate,
    /// Some of it is new.
    New,
}

/// A datagram, looked over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reassembled<'a> {
    pub(crate) novelty: Novelty,
    /// What the crate should be given: whole messages. Nothing while the only message of the datagram is not whole.
    pub(crate) payload: Option<Cow<'a, [u8]>>,
}

/// What was heard of one handshake.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    messages: BTreeMap<u16, Message>,
    held: usize,
    change_cipher_spec: bool,
    finished: bool,
    /// The handshake is done: nothing is put together any more.
    is_done: bool,
}

/// What was heard of one message.
#[derive(Debug)]
struct Message {
    kind: u8,
    length: usize,
    /// Ranges that are there, in order and not touching.
    pieces: Vec<(usize, usize)>,
    /// As long as the message, or empty once nobody asks for them.
    bytes: Vec<u8>,
}

/// A fragment's header.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    end: usize,
}

impl Reassembly {
    /// Looks a datagram over.
    pub(crate) fn take<'a>(&mut self, datagram: &'a [u8]) -> Reassembled<'a> {
        let mut novelty = Novelty::None;
        let mut rebuilt = Vec::new();
        let mut is_cut = false;
        let (found, rest) = records(datagram);
        for record in found {
            let (news, body) = self.take_record(&record);
            novelty = match (novelty, news) {
                (Novelty::New, _) | (_, Novelty::New) => Novelty::New,
                (Novelty::Duplicate, _) | (_, Novelty::Duplicate) => Novelty::Duplicate,
                (Novelty::None, Novelty::None) => Novelty::None,
            };
            match body {
                None => rebuilt.extend_from_slice(record.whole),
                Some(body) => {
                    is_cut = true;
                    put_record(&mut rebuilt, record.whole, &body);
                }
            }
        }
        if !is_cut || self.is_done {
            return Reassembled { novelty, payload: Some(Cow::Borrowed(datagram)) };
        }
        rebuilt.extend_from_slice(rest);
        Reassembled { novelty, payload: (!rebuilt.is_empty()).then_some(Cow::Owned(rebuilt)) }
    }

    /// The handshake is done: only what was heard is still asked for.
    pub(crate) fn handle_finished(&mut self) {
        (self.is_done, self.held) = (true, 0);
        self.messages.values_mut().for_each(|message| message.bytes = Vec::new());
    }

    /// What must hold whatever was heard: the bounds, and what counts them.
    pub(crate) fn check(&self) {
        let held: usize = self.messages.values().map(|message| message.bytes.len()).sum();
        assert!(held == self.held && held <= HELD && self.messages.len() <= MESSAGES, "{held} bytes are held");
        for message in self.messages.values() {
            let apart = message.pieces.windows(2).all(|two| matches!(two, [one, other] if one.1 < other.0));
            assert!(apart && message.pieces.len() <= PIECES, "pieces in order, and none touches another");
        }
    }

    /// What is new in a record, and its body where it is a different one.
    fn take_record(&mut self, record: &Record<'_>) -> (Novelty, Option<Vec<u8>>) {
        let is_new = |known: &mut bool| if std::mem::replace(known, true) { Novelty::Duplicate } else { Novelty::New };
        match record {
            Record { content: Record::CHANGE_CIPHER_SPEC, .. } => (is_new(&mut self.change_cipher_spec), None),
            Record { content: Record::HANDSHAKE, epoch: 0, body, .. } => self.take_messages(body),
            // Encrypted, so all that is known of it is that the handshake ends with it.
            Record { content: Record::HANDSHAKE, .. } => (is_new(&mut self.finished), None),
            Record { .. } => (Novelty::None, None),
        }
    }

    /// The messages and fragments of one record.
    fn take_messages(&mut self, mut body: &[u8]) -> (Novelty, Option<Vec<u8>>) {
        let (mut novelty, mut whole, mut is_cut) = (Novelty::None, Vec::new(), false);
        let mut put = BTreeSet::new();
        while let Some((fragment, bytes, next)) = fragment(body) {
            let (before, is_whole) = (body, fragment.end - fragment.offset == fragment.length);
            body = next;
            is_cut |= !is_whole;
            if bytes.is_empty() && !is_whole {
                continue; // it covers nothing, and a record holds a thousand of them
            }
            if self.take_fragment(&fragment, bytes) {
                novelty = Novelty::New;
            } else if novelty == Novelty::None {
                novelty = Novelty::Duplicate;
            }
            match self.messages.get(&fragment.sequence) {
                _ if is_whole => {
                    whole.extend_from_slice(before.get(..MESSAGE_HEADER + bytes.len()).unwrap_or_default())
                }
                Some(message) if message.is_whole() && put.insert(fragment.sequence) => {
                    message.put(fragment.sequence, &mut whole);
                }
                Some(_) if whole.len() > LONGEST => break, // no record is so long
                Some(_) | None => {}
            }
        }
        whole.extend_from_slice(body); // not to be read: as it came
        (novelty, is_cut.then_some(whole))
    }

    /// Whether a fragment brings anything new.
    fn take_fragment(&mut self, fragment: &Fragment, bytes: &[u8]) -> bool {
        // Anyone who says another length or kind while not all of it is there: one of the two lies, and the newer word
        // counts.
        let is_other = |message: &&Message| {
            !message.is_whole() && (message.kind != fragment.kind || message.length != fragment.length)
        };
        if !self.is_done
            && let Some(other) = self.messages.get(&fragment.sequence).filter(is_other)
        {
            self.held -= other.bytes.len();
            self.messages.remove(&fragment.sequence);
        }
        if !self.messages.contains_key(&fragment.sequence) {
            if self.messages.len() == MESSAGES || self.is_done {
                return true;
            }
            self.messages.insert(fragment.sequence, Message::new(fragment));
        }
        let Some(message) = self.messages.get_mut(&fragment.sequence) else { return true };
        if message.kind != fragment.kind || message.length != fragment.length {
            return true; // not of this message: the crate may judge it where it is whole, else it is dropped
        }
        if message.covers(fragment) {
            return false;
        }
        if message.bytes.len() != fragment.length {
            if self.is_done || fragment.length > LONGEST || self.held + fragment.length > HELD {
                return true;
            }
            self.held += fragment.length;
            message.bytes = vec![0; fragment.length];
        }
        message.add(fragment, bytes);
        true
    }
}

impl Message {
    fn new(fragment: &Fragment) -> Self {
        Self { kind: fragment.kind, length: fragment.length, pieces: Vec::new(), bytes: Vec::new() }
    }

    fn is_whole(&self) -> bool {
        self.pieces.first().is_some_and(|piece| *piece == (0, self.length))
    }

    fn covers(&self, fragment: &Fragment) -> bool {
        self.pieces.iter().any(|piece| piece.0 <= fragment.offset && fragment.end <= piece.1)
    }

    fn add(&mut self, fragment: &Fragment, bytes: &[u8]) {
        let (from, to) = (fragment.offset, fragment.end);
        let (touching, mut pieces): (Vec<_>, Vec<_>) =
            self.pieces.iter().copied().partition(|piece| piece.0 <= to && from <= piece.1);
        if pieces.len() == PIECES {
            return;
        }
        if let Some(space) = self.bytes.get_mut(from..to) {
            space.copy_from_slice(bytes);
        }
        let joined = touching.iter().fold((from, to), |joined, piece| (joined.0.min(piece.0), joined.1.max(piece.1)));
        pieces.push(joined);
        pieces.sort_unstable();
        self.pieces = pieces;
    }

    /// The whole message as one fragment; nothing where its bytes are no longer held.
    fn put(&self, sequence: u16, out: &mut Vec<u8>) {
        if self.bytes.len() != self.length {
            return;
        }
        let length = u32::try_from(self.length).unwrap_or_default().to_be_bytes();
        let length = length.get(1..).unwrap_or_default();
        out.push(self.kind);
        out.extend_from_slice(length);
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(length);
        out.extend_from_slice(&self.bytes);
    }
}

/// The first fragment of a record's body, its bytes, and what is behind it.
fn fragment(body: &[u8]) -> Option<(Fragment, &[u8], &[u8])> {
    let (&header, rest) = body.split_first_chunk::<MESSAGE_HEADER>()?;
    let [kind, l1, l2, l3, s1, s2, o1, o2, o3, f1, f2, f3] = header;
    let number = |a, b, c| u32::from_be_bytes([0, a, b, c]) as usize;
    let (length, offset, own) = (number(l1, l2, l3), number(o1, o2, o3), number(f1, f2, f3));
    let (bytes, next) = rest.split_at_checked(own)?;
    let fragment = Fragment { kind, length, sequence: u16::from_be_bytes([s1, s2]), offset, end: offset + own };
    (fragment.end <= length).then_some((fragment, bytes, next))
}

/// The record `whole` with another body, unless that is empty. Its number is one that the crate has not seen.
fn put_record(out: &mut Vec<u8>, whole: &[u8], body: &[u8]) {
    let (Some(header), Ok(length)) = (whole.get(..RECORD_HEADER - 2), u16::try_from(body.len())) else { return };
    if !body.is_empty() {
        out.extend_from_slice(header);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
