//! Redundant sound toward those who take it and no repair of ours (RED, RFC 2198 with Opus; browsers of Chromium's
//! kind).
//!
//! Where packets get lost, each packet of sound carries the ones before it once more: what is lost is there with the
//! next, without a round trip. Opus's own redundancy does nothing at the rates of a call. The crate knows nothing of
//! RED: our descriptions name it beside what the crate says, packets are wrapped and unwrapped here, at the near end of
//! the chain, and everything beyond sees Opus. Owner of: the last packets of each stream of sound, and which of theirs
//! have come.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtp;

use super::in_chain::{Onward, Stage};

/// The place in the chain: nearer to us than all that reports, counts and numbers.
pub(super) const SLOT: usize = 13_600;
/// Shares lost above which each packet carries one before it, and two.
const LOSSY: f64 = 0.02;
const VERY_LOSSY: f64 = 0.08;
/// Packets that one carries of those before it, at most: what two carry is sent three times.
const MOST: usize = 2;
/// Blocks that are read of one packet: libwebrtc sends one, and takes 32. More: the packet is dropped.
const BLOCKS: usize = 16;
/// What a block's header can say (section 3): 10 bits of length, 14 of time before the packet.
const LENGTH: usize = (1 << 10) - 1;
const AGO: u32 = (1 << 14) - 1;
/// Streams of sound, ours and theirs each. Full: others carry nothing, and bring nothing but themselves.
const STREAMS: usize = 16;

/// The payload types that were agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RedTypes {
    pub(crate) red: u8,
    pub(crate) opus: u8,
}

/// What is known outside of the crate's chain.
#[derive(Clone, Debug, Default)]
pub(super) struct RedSwitch {
    /// Both payload types, red in the upper byte; 0 where nothing was agreed on.
    types: Arc<AtomicU16>,
    /// How many packets before it one carries.
    redundancy: Arc<AtomicU8>,
}

impl RedSwitch {
    pub(super) fn agree(&self, types: Option<RedTypes>) {
        let both = types.map_or(0, |RedTypes { red, opus }| u16::from_be_bytes([red, opus]));
        self.types.store(both, Ordering::Relaxed);
    }

    fn agreed(&self) -> Option<RedTypes> {
        let [red, opus] = self.types.load(Ordering::Relaxed).to_be_bytes();
        (red != 0).then_some(RedTypes { red, opus })
    }

    /// The way to them loses so much by chance, 0 to 1, and nothing else makes it good.
    pub(super) fn set_loss(&self, loss: f64) {
        let redundancy = u8::from(loss > LOSSY) + u8::from(loss > VERY_LOSSY);
        self.redundancy.store(redundancy, Ordering::Relaxed);
    }
}

/// Wraps and unwraps.
pub(super) struct RedTap {
    switch: RedSwitch,
    /// The last packets of each stream of ours, the oldest first.
    sent: BTreeMap<u32, VecDeque<Sound>>,
    /// Of each stream of theirs, what has come.
    came: BTreeMap<u32, Came>,
}

/// A packet of sound that has left.
#[derive(Clone, Debug)]
struct Sound {
    sequence: u16,
    time: u32,
    payload: Bytes,
}

/// The newest number that came, and which of the 64 before it.
#[derive(Clone, Copy, Debug)]
struct Came {
    newest: u16,
    before: u64,
}

impl Came {
    /// Whether this number is new and not long past; it has come by now.
    fn take(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.newest);
        if (1..1 << 15).contains(&ahead) {
            let shifted = self.before.checked_shl(u32::from(ahead)).unwrap_or_default();
            self.before = shifted | 1_u64.checked_shl(u32::from(ahead) - 1).unwrap_or_default();
            self.newest = sequence;
            return true;
        }
        let Some(back) = self.newest.wrapping_sub(sequence).checked_sub(1).filter(|back| *back < 64) else {
            return false;
        };
        let is_new = self.before & (1 << back) == 0;
        self.before |= 1 << back;
        is_new
    }
}

impl RedTap {
    pub(super) fn new(switch: RedSwitch) -> Self {
        Self { switch, sent: BTreeMap::new(), came: BTreeMap::new() }
    }

    fn wrap(&mut self, packet: &mut rtp::Packet, types: RedTypes) {
        let rtp::header::Header { ssrc, sequence_number: sequence, timestamp: time, .. } = packet.header;
        if self.sent.len() == STREAMS && !self.sent.contains_key(&ssrc) {
            return;
        }
        let sent = self.sent.entry(ssrc).or_default();
        let wanted = usize::from(self.switch.redundancy.load(Ordering::Relaxed));
        let redundant: Vec<_> = sent.iter().filter(|sound| is_before(sound, sequence, time, wanted)).cloned().collect();
        let payload = std::mem::take(&mut packet.payload);
        sent.push_back(Sound { sequence, time, payload: payload.clone() });
        while sent.len() > MOST {
            sent.pop_front();
        }
        // A hole in the row would make what follows it another packet's.
        let is_row =
            redundant.first().is_none_or(|first| sequence.wrapping_sub(first.sequence) as usize == redundant.len());
        if redundant.is_empty() || !is_row {
            packet.payload = payload;
            return;
        }
        packet.payload = encode(&redundant, &payload, time, types.opus);
        packet.header.payload_type = types.red;
    }

    /// The packets in one, those before it first as far as they have not come; none, where it is malformed.
    fn unwrap(&mut self, packet: &rtp::Packet, opus: u8) -> Vec<rtp::Packet> {
        let Some(blocks) = decode(&packet.payload) else { return Vec::new() };
        let header = rtp::header::Header { payload_type: opus, ..packet.header.clone() };
        let count = blocks.len();
        let one = |(place, (ago, payload)): (usize, (u32, Bytes))| {
            let mut header = header.clone();
            header.sequence_number = header.sequence_number.wrapping_sub((count - 1 - place) as u16);
            header.timestamp = header.timestamp.wrapping_sub(ago);
            header.marker &= place + 1 == count;
            rtp::Packet { header, payload }
        };
        let mut packets: Vec<_> = blocks.into_iter().enumerate().map(one).collect();
        // The packet itself goes on in any case, as one without others does: who begins again is not held back.
        let itself = packet.header.sequence_number;
        packets.retain(|one| {
            let is_new = self.take(one.header.ssrc, one.header.sequence_number);
            !one.payload.is_empty() && (is_new || one.header.sequence_number == itself)
        });
        packets
    }

    fn take(&mut self, ssrc: u32, sequence: u16) -> bool {
        if let Some(came) = self.came.get_mut(&ssrc) {
            return came.take(sequence);
        }
        if self.came.len() < STREAMS {
            self.came.insert(ssrc, Came { newest: sequence, before: u64::MAX });
        }
        true
    }
}

/// Whether a packet that has left is one of the `wanted` before this, and can be told of.
fn is_before(sound: &Sound, sequence: u16, time: u32, wanted: usize) -> bool {
    let back = usize::from(sequence.wrapping_sub(sound.sequence));
    (1..=wanted).contains(&back) && time.wrapping_sub(sound.time) <= AGO && sound.payload.len() <= LENGTH
}

/// The payload of a packet with those before it (RFC 2198, section 3).
fn encode(redundant: &[Sound], payload: &Bytes, time: u32, opus: u8) -> Bytes {
    let length: usize = redundant.iter().map(|sound| 4 + sound.payload.len()).sum();
    let mut out = BytesMut::with_capacity(length + 1 + payload.len());
    for sound in redundant {
        let ago = time.wrapping_sub(sound.time) & AGO;
        out.put_u8(0x80 | opus);
        out.put_uint(u64::from(ago) << 10 | (sound.payload.len() & LENGTH) as u64, 3);
    }
    out.put_u8(opus);
    redundant.iter().for_each(|sound| out.put_slice(&sound.payload));
    out.put_slice(payload);
    out.freeze()
}

/// Its blocks in their order, the packet itself last: how long before it, and what is in it; `None` where it is
/// malformed.
fn decode(payload: &Bytes) -> Option<Vec<(u32, Bytes)>> {
    let (mut lengths, mut at) = (Vec::new(), 0);
    loop {
        let first = *payload.get(at)?;
        if first & 0x80 == 0 {
            at += 1;
            break;
        }
        let &[_, a, b, c] = payload.get(at..at + 4)?.first_chunk()?;
        let said = u32::from_be_bytes([0, a, b, c]);
        lengths.push((said >> 10 & AGO, said as usize & LENGTH));
        at += 4;
        if lengths.len() == BLOCKS {
            return None;
        }
    }
    let mut blocks = Vec::with_capacity(lengths.len() + 1);
    for (ago, length) in lengths {
        payload.get(at..at + length)?;
        blocks.push((ago, payload.slice(at..at + length)));
        at += length;
    }
    blocks.push((0, payload.slice(at..)));
    Some(blocks)
}

impl Stage for RedTap {
    fn inbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        let TaggedPacket { now, transport, mut message } = packet;
        match (&message.packet, self.switch.agreed()) {
            (Packet::Rtp(rtp), Some(types)) if rtp.header.payload_type == types.red => {
                for rtp in self.unwrap(rtp, types.opus) {
                    message.packet = Packet::Rtp(rtp);
                    onward.push_back(TaggedPacket { now, transport, message: message.clone() });
                }
            }
            (Packet::Rtp(rtp), Some(types)) if rtp.header.payload_type == types.opus => {
                // What came in two ways goes on: the jitter buffer knows it.
                self.take(rtp.header.ssrc, rtp.header.sequence_number);
                onward.push_back(TaggedPacket { now, transport, message });
            }
            (Packet::Rtp(_) | Packet::Rtcp(_), _) | (_, _) => {
                onward.push_back(TaggedPacket { now, transport, message });
            }
        }
    }

    fn outbound(&mut self, mut packet: TaggedPacket, onward: &mut Onward) {
        if let (Packet::Rtp(rtp), Some(types)) = (&mut packet.message.packet, self.switch.agreed())
            && rtp.header.payload_type == types.opus
        {
            self.wrap(rtp, types);
        }
        onward.push_back(packet);
    }
}

#[cfg(test)]
#[path = "red_tests.rs"]
mod tests;
