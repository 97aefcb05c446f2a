//! Repair that is sent ahead: packets from which the lost ones of a frame are made again, without asking.
//!
//! Asking costs a round trip, and at 10 % loss a second one often enough to be seen. So each frame of video is followed
//! by some packets of repair where the path loses: any `k` of the frame's packets and its repair give all `k` back. It
//! is between programs of ours alone (see PROTOCOL.md, "Repair"). Both directions are here: [`protect`] and
//! [`Recovery`]. What comes in is from outside: sizes and numbers are checked, memory is bounded.

mod gf256;

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before a shard: stream, first number, time stamp, payload type, packets of the frame, number of this shard.
const HEADER: usize = 13;
/// Before a payload in its shard: its length, by how much its time stamp is before the repair's, and the marker.
const PREFIX: usize = 5;
/// Packets of one frame that are protected; a larger frame is not.
pub(crate) const MOST_PACKETS: usize = 64;
/// Packets of one stream that are remembered: two large frames. Full: the oldest goes, and is not needed any more.
const RECENT: usize = 256;
/// Frames of which repair is remembered. Full: the oldest goes.
const FRAMES: usize = 16;
/// The longest shard that is taken.
const LONGEST: usize = 2048;

/// A packet as it is protected and made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtectedPacket {
    pub(crate) sequence: u16,
    pub(crate) time: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
}

/// Where the packets of a frame belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RepairContext {
    pub(crate) ssrc: u32,
    pub(crate) time: u32,
    pub(crate) payload_type: u8,
}

/// A packet of repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepairPacket {
    pub(crate) context: RepairContext,
    first: u16,
    count: u8,
    number: u8,
    shard: Bytes,
}

/// So many payloads of repair over the packets of a frame, which are in a row.
pub(crate) fn protect(context: RepairContext, packets: &[ProtectedPacket], repair: usize) -> Vec<Bytes> {
    let Some(first) = packets.first().map(|packet| packet.sequence) else { return Vec::new() };
    let Some(count) = u8::try_from(packets.len()).ok().filter(|count| usize::from(*count) <= MOST_PACKETS) else {
        return Vec::new();
    };
    let shards: Option<Vec<Vec<u8>>> = packets.iter().map(|packet| shard(packet, context.time)).collect();
    let Some(shards) = shards else { return Vec::new() };
    let slices: Vec<&[u8]> = shards.iter().map(Vec::as_slice).collect();
    let length = slices.iter().map(|shard| shard.len()).max().unwrap_or_default();
    let payload = |number: u8| {
        let mut payload = BytesMut::with_capacity(HEADER + length);
        payload.put_u32(context.ssrc);
        payload.put_u16(first);
        payload.put_u32(context.time);
        payload.put_u8(context.payload_type);
        payload.put_u8(count);
        payload.put_u8(number);
        payload.put_slice(&gf256::repair_shard(number, &slices, length));
        payload.freeze()
    };
    (0..u8::try_from(repair.min(MOST_PACKETS)).unwrap_or_default()).map(payload).collect()
}

/// A packet as it is protected by repair of this time stamp; `None` for one that no such repair can be of.
fn shard(packet: &ProtectedPacket, time: u32) -> Option<Vec<u8>> {
    let length = u16::try_from(packet.payload.len()).ok()?;
    let before = u16::try_from(time.wrapping_sub(packet.time)).ok()?;
    let mut shard = Vec::with_capacity(PREFIX + packet.payload.len());
    shard.extend(length.to_be_bytes());
    shard.extend(before.to_be_bytes());
    shard.push(u8::from(packet.marker));
    shard.extend_from_slice(&packet.payload);
    Some(shard)
}

/// The packet in a shard that was made again.
fn unshard(shard: Vec<u8>, sequence: u16, time: u32) -> Option<ProtectedPacket> {
    let mut shard = Bytes::from(shard);
    if shard.len() < PREFIX {
        return None;
    }
    let (length, before, marker) = (usize::from(shard.get_u16()), shard.get_u16(), shard.get_u8() != 0);
    let time = time.wrapping_sub(u32::from(before));
    (length > 0 && length <= shard.len()).then(|| ProtectedPacket {
        sequence,
        time,
        marker,
        payload: shard.split_to(length),
    })
}

impl RepairPacket {
    /// The sequence number of the last packet that it is of.
    pub(crate) fn last(&self) -> u16 {
        self.first.wrapping_add(u16::from(self.count.saturating_sub(1)))
    }

    /// Bytes of the payload that it came in.
    pub(crate) fn payload_length(&self) -> usize {
        HEADER + self.shard.len()
    }

    /// The repair in a payload; `None` when there is none.
    pub(crate) fn parse(mut payload: Bytes) -> Option<Self> {
        if payload.len() <= HEADER + PREFIX || payload.len() > HEADER + LONGEST {
            return None;
        }
        let (ssrc, first, time) = (payload.get_u32(), payload.get_u16(), payload.get_u32());
        let (payload_type, count, number) = (payload.get_u8(), payload.get_u8(), payload.get_u8());
        let is_good = (1..=MOST_PACKETS).contains(&usize::from(count)) && usize::from(number) < MOST_PACKETS;
        let context = RepairContext { ssrc, time, payload_type };
        is_good.then_some(Self { context, first, count, number, shard: payload })
    }
}

/// Repair of one frame that has come so far.
#[derive(Debug)]
struct FrameRepair {
    count: u8,
    shards: BTreeMap<u8, Bytes>,
    /// What was lost was made again, and nothing more is worth its arithmetic.
    is_done: bool,
}

/// Makes the lost packets of one stream again.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    recent: VecDeque<ProtectedPacket>,
    /// By the number of their first packet, in the order in which they came.
    frames: VecDeque<(u16, FrameRepair)>,
    /// Packets made again.
    pub(crate) recovered: u64,
}

impl Recovery {
    /// A packet of the stream came.
    pub(crate) fn handle_packet(&mut self, packet: ProtectedPacket) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(packet);
    }

    /// Repair came. The packets that it gives back.
    pub(crate) fn handle_repair(&mut self, repair: RepairPacket) -> Vec<ProtectedPacket> {
        let RepairPacket { context: RepairContext { time, .. }, first, count, number, shard } = repair;
        let known = self.frames.iter_mut().find(|(of, frame)| (*of, frame.count) == (first, count));
        if let Some((_, frame)) = known {
            if frame.is_done || frame.shards.insert(number, shard).is_some() {
                return Vec::new();
            }
        } else {
            if self.frames.len() == FRAMES {
                self.frames.pop_front();
            }
            self.frames
                .push_back((first, FrameRepair { count, shards: BTreeMap::from([(number, shard)]), is_done: false }));
        }
        self.recover(first, count, time)
    }

    fn recover(&mut self, first: u16, count: u8, time: u32) -> Vec<ProtectedPacket> {
        let known = self.frames.iter_mut().find(|(of, frame)| (*of, frame.count) == (first, count));
        let Some((_, frame)) = known else { return Vec::new() };
        let is_of_it = |packet: &&ProtectedPacket| packet.sequence.wrapping_sub(first) < u16::from(count);
        let here = self.recent.iter().filter(is_of_it).count();
        if here + frame.shards.len() < usize::from(count) {
            return Vec::new(); // too little, and nothing to be copied for it
        }
        let mut came: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for packet in &self.recent {
            let place = packet.sequence.wrapping_sub(first);
            if let Some(place) = u8::try_from(place).ok().filter(|place| *place < count)
                && let Some(shard) = shard(packet, time)
            {
                came.insert(place, shard);
            }
        }
        if came.len() == usize::from(count) {
            return Vec::new();
        }
        let length = frame.shards.values().map(Bytes::len).min().unwrap_or_default();
        // A packet longer than the repair is none of this frame's.
        let came: Vec<(u8, &[u8])> =
            came.iter().filter(|(_, shard)| shard.len() <= length).map(|(n, shard)| (*n, shard.as_slice())).collect();
        let repair: Vec<(u8, &[u8])> =
            frame.shards.iter().filter_map(|(n, shard)| Some((*n, shard.get(..length)?))).collect();
        let Some(found) = gf256::recover(count, &came, &repair) else { return Vec::new() };
        frame.is_done = true;
        let packets =
            found.into_iter().filter_map(|(place, shard)| unshard(shard, first.wrapping_add(u16::from(place)), time));
        let packets: Vec<_> = packets.collect();
        self.recovered += packets.len() as u64;
        packets.iter().for_each(|packet| self.handle_packet(packet.clone()));
        packets
    }
}

/// How many packets of repair a frame of so many packets needs where the path loses `loss` of all packets, and of a
/// frame's packets at most `most`, but for few frames: few have to be asked for with it ([`RESIDUAL`]).
pub(crate) fn repair_count(packets: usize, loss: f64, most: f64) -> usize {
    if loss < WORTH_IT || packets == 0 || packets > MOST_PACKETS {
        return 0;
    }
    let highest = (packets * 3 / 2 + 3).min(MOST_PACKETS);
    let loss = loss.min(0.5);
    // Asking twice brings what is missing only where neither asks nor answers are lost.
    let residual = RESIDUAL * (1.0 - loss).powi(4);
    let each = (1..highest).find(|repair| fails(packets, *repair, loss) < residual).unwrap_or(highest);
    // Of all of its packets, those of repair too, the crowd takes `most`.
    let crowd = packets as f64 * most / (1.0 - most.min(0.6));
    each.max(crowd.ceil() as usize).min(highest)
}

/// Less loss is repaired on demand.
const WORTH_IT: f64 = 0.015;
/// The share of frames that may lack something after repair: asked for, they come late, and p95 has no room for many.
const RESIDUAL: f64 = 0.006;

/// The probability that more than `repair` of all packets are lost.
fn fails(packets: usize, repair: usize, loss: f64) -> f64 {
    let all = packets + repair;
    // The probability of none, of one more, and so on.
    let mut term = (1.0 - loss).powi(i32::try_from(all).unwrap_or(i32::MAX));
    let mut fine = term;
    for lost in 1..=repair {
        term *= (all + 1 - lost) as f64 / lost as f64 * loss / (1.0 - loss);
        fine += term;
    }
    1.0 - fine
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: RepairContext = RepairContext { ssrc: 9, time: 90_000, payload_type: 102 };

    /// A frame whose numbers run over the end of their range.
    fn frame(packets: u16) -> Vec<ProtectedPacket> {
        let packet = |n: u16| ProtectedPacket {
            sequence: 65_534_u16.wrapping_add(n),
            time: CONTEXT.time,
            marker: n + 1 == packets,
            payload: vec![n as u8; 100 + usize::from(n)].into(),
        };
        (0..packets).map(packet).collect()
    }

    #[test]
    fn lost_packets_come_back_whole() {
        let packets = frame(9);
        let repair = protect(CONTEXT, &packets, 4);
        let mut recovery = Recovery::default();
        let lost = [1, 4, 7, 8];
        for (n, packet) in packets.iter().enumerate().filter(|(n, _)| !lost.contains(n)) {
            assert_eq!(packet.sequence, 65_534_u16.wrapping_add(n as u16));
            recovery.handle_packet(packet.clone());
        }
        let mut found = Vec::new();
        for payload in repair {
            let repair = RepairPacket::parse(payload).unwrap();
            assert_eq!(repair.context, CONTEXT);
            found.extend(recovery.handle_repair(repair));
        }
        assert_eq!(found, lost.map(|n| packets[n].clone()));
        assert_eq!(recovery.recovered, 4);
    }

    #[test]
    fn packets_of_two_moments_have_their_own_times_again() {
        let mut packets = frame(2);
        packets[0].time = CONTEXT.time - 480;
        let repair = protect(CONTEXT, &packets, 2);
        let mut recovery = Recovery::default();
        assert!(recovery.handle_repair(RepairPacket::parse(repair[0].clone()).unwrap()).is_empty());
        assert_eq!(recovery.handle_repair(RepairPacket::parse(repair[1].clone()).unwrap()), packets);
        packets[0].time = CONTEXT.time + 1;
        assert!(protect(CONTEXT, &packets, 2).is_empty(), "later than its repair");
    }

    #[test]
    fn nothing_is_made_of_too_little_or_of_nonsense() {
        let packets = frame(4);
        let repair = protect(CONTEXT, &packets, 1);
        let mut recovery = Recovery::default();
        recovery.handle_packet(packets[0].clone());
        recovery.handle_packet(packets[1].clone());
        assert!(recovery.handle_repair(RepairPacket::parse(repair[0].clone()).unwrap()).is_empty(), "two are lost");
        for length in 0..HEADER + PREFIX + 1 {
            assert_eq!(RepairPacket::parse(repair[0].slice(..length)), None);
        }
        let mut bad = repair[0].to_vec();
        bad[11] = 0;
        assert_eq!(RepairPacket::parse(bad.into()), None, "a frame of no packet");
        assert!(protect(CONTEXT, &frame(65), 4).is_empty(), "too large");
        // Shards of any content: what comes of them is short enough, or nothing.
        let mut recovery = Recovery::default();
        for number in 0..64_u8 {
            let mut payload = vec![0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 102, 3, number];
            payload.extend(vec![number.wrapping_mul(37); 7]);
            let Some(repair) = RepairPacket::parse(payload.into()) else { continue };
            assert!(recovery.handle_repair(repair).iter().all(|packet| packet.payload.len() <= 2));
        }
        assert!(recovery.frames.len() <= FRAMES && recovery.recent.len() <= RECENT);
    }

    #[test]
    fn more_loss_and_smaller_frames_ask_for_more() {
        for (packets, loss, most, expected) in [
            (9, 0.0, 0.0, 0),
            (9, 0.01, 0.0, 0),
            (1, 0.05, 0.0, 1),
            (4, 0.05, 0.0, 2),
            (9, 0.05, 0.0, 3),
            (9, 0.1, 0.0, 5),
            (4, 0.1, 0.0, 3),
            (9, 0.3, 0.0, 13),
            (1, 0.3, 0.0, 4),
            (9, 0.1, 0.5, 9),
        ] {
            assert_eq!(repair_count(packets, loss, most), expected, "{packets} packets, {loss}, {most}");
        }
        assert_eq!(repair_count(20, 0.9, 1.0), 33, "a part of the frame, whatever is lost");
        assert!((fails(9, 4, 0.1) - 0.0065).abs() < 0.0005);
    }
}
