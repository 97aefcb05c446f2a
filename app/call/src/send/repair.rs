//! Which frames are followed by repair, and by how much.
//!
//! Only where the other side is ours and takes it; where asking would cost a round trip that is seen, or so much is
//! lost that what is asked for is lost as well. Owner of: the packets of the frame that is leaving, and the repair that
//! waits for its slots.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::TrackId;

use crate::media::fec::{self, ProtectedPacket, RepairContext};
use crate::peer_connection::{PeerConnection, RtpOut};

/// Round trips below this are not seen: what is lost is asked for.
const SHORT: Duration = Duration::from_millis(20);
/// Loss above which what is asked for comes too late too often, however short the way.
const MUCH: f64 = 0.08;
/// Loss comes in crowds, and what was lost of late says what will be lost only about so well.
const MARGIN: f64 = 1.15;
/// After so many packets of sound comes their repair: after more it would come too late for what is played next.
const TOGETHER: usize = 2;
/// It is of those before them as well: loss that came in a crowd took their repair with them.
const OVERLAPPING: usize = 4;
/// Ticks between two frames of which there is repair together: what it can say (16 bits).
const LONGEST_AGO: u32 = u16::MAX as u32;
/// Tracks whose last frame is remembered. Full: those of others have repair of each frame alone.
const TRACKS: usize = 8;
/// Repair that has waited so long is of a frame that was asked for meanwhile, or given up.
const STALE: Duration = Duration::from_millis(200);
/// Packets of repair that wait. Full: the oldest goes; its frame is long over.
const WAITING: usize = 128;

/// What of a frame's packets the path loses, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameLoss {
    /// Of all frames together.
    pub(crate) mean: f64,
    /// What few frames lose more than.
    pub(crate) most: f64,
}

/// A packet of repair.
#[derive(Debug)]
pub(crate) struct OutgoingRepair {
    pub(crate) payload: Bytes,
    pub(crate) time: u32,
    since: Instant,
}

/// Makes repair.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    /// The track and time stamp of the frame that is leaving, and what of it has left.
    leaving: Option<(TrackId, u32)>,
    packets: Vec<ProtectedPacket>,
    /// The frame before, of each track.
    before: BTreeMap<TrackId, Vec<ProtectedPacket>>,
    /// The last packets of sound, and how many since the last repair of them.
    sound: VecDeque<ProtectedPacket>,
    unrepaired: usize,
    waiting: VecDeque<OutgoingRepair>,
    /// Packets that were made, for each track of ours.
    pub(crate) made: BTreeMap<TrackId, u64>,
}

impl Repairs {
    /// A packet of video has left. After the last one of its frame, its repair
    /// waits for slots.
    pub(crate) fn handle_departure(&mut self, packet: &RtpOut, loss: FrameLoss, link: &PeerConnection, now: Instant) {
        let is_worth_it = loss.mean > MUCH || link.round_trip().is_none_or(|round_trip| round_trip > SHORT);
        if !link.takes_repair() || !is_worth_it {
            self.leaving = None;
            return;
        }
        if self.leaving != Some((packet.track, packet.time)) {
            self.leaving = Some((packet.track, packet.time));
            self.packets.clear();
        }
        let RtpOut { sequence, time, marker, .. } = *packet;
        // A frame that is larger is not protected, and not remembered.
        if self.packets.len() <= fec::MOST_PACKETS {
            self.packets.push(ProtectedPacket { sequence, time, marker, payload: packet.payload.clone() });
        }
        if marker && let Some(context) = link.repair_context(packet.track, packet.time) {
            self.protect(packet.track, context, loss, now);
        }
    }

    /// A packet of sound has left, where `loss` of all packets are lost. Opus's own redundancy does nothing at the
    /// rates of a call (libopus 1.6.1, frames of 10 ms: none at 16 kbit/s at any loss, none at 24 or 32 with 5 %).
    pub(crate) fn handle_audio(
        &mut self,
        packet: &RtpOut,
        loss: f64,
        link: &PeerConnection,
        now: Instant,
    ) -> Vec<OutgoingRepair> {
        let RtpOut { sequence, time, marker, .. } = *packet;
        let is_next = self.sound.back().is_none_or(|last| last.sequence.wrapping_add(1) == sequence);
        if !link.takes_repair() || !is_next {
            self.sound.clear();
            self.unrepaired = 0;
        }
        if !link.takes_repair() {
            return Vec::new();
        }
        self.sound.push_back(ProtectedPacket { sequence, time, marker, payload: packet.payload.clone() });
        self.unrepaired += 1;
        if self.unrepaired < TOGETHER {
            return Vec::new();
        }
        self.unrepaired = 0;
        while self.sound.len() > OVERLAPPING {
            self.sound.pop_front();
        }
        let packets: Vec<_> = self.sound.iter().cloned().collect();
        let count = fec::repair_count(TOGETHER, loss * MARGIN, 0.0);
        let Some(context) = link.repair_context(packet.track, packet.time).filter(|_| count > 0) else {
            return Vec::new();
        };
        let payloads = fec::protect(context, &packets, count);
        *self.made.entry(packet.track).or_default() += payloads.len() as u64;
        payloads.into_iter().map(|payload| OutgoingRepair { payload, time: context.time, since: now }).collect()
    }

    /// The repair of a frame that has left is of the frame before it as well, while both are small: a crowd of losses
    /// that took a frame with its repair is made good when the next one comes, which shows nothing before that anyway.
    /// A frame before that came whole takes nothing of it.
    fn protect(&mut self, track: TrackId, context: RepairContext, loss: FrameLoss, now: Instant) {
        let packets = std::mem::take(&mut self.packets);
        let count = fec::repair_count(packets.len(), loss.mean * MARGIN, loss.most);
        let before = self.before.remove(&track).unwrap_or_default();
        let is_next = match (before.first(), before.last(), packets.first()) {
            (Some(first), Some(last), Some(next)) => {
                last.sequence.wrapping_add(1) == next.sequence && context.time.wrapping_sub(first.time) <= LONGEST_AGO
            }
            _ => false,
        };
        let fits = before.len() + packets.len() <= fec::MOST_PACKETS;
        let payloads = if is_next && fits {
            fec::protect(context, &[before, packets.clone()].concat(), count)
        } else {
            fec::protect(context, &packets, count)
        };
        if self.before.len() < TRACKS {
            self.before.insert(track, packets);
        }
        *self.made.entry(track).or_default() += payloads.len() as u64;
        self.waiting.extend(payloads.into_iter().map(|payload| OutgoingRepair {
            payload,
            time: context.time,
            since: now,
        }));
        while self.waiting.len() > WAITING {
            self.waiting.pop_front();
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Forgets what has waited too long.
    pub(crate) fn drop_stale(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|repair| now.saturating_duration_since(repair.since) > STALE) {
            self.waiting.pop_front();
        }
    }

    /// How many bytes the next one has.
    pub(crate) fn next_bytes(&self) -> Option<usize> {
        self.waiting.front().map(|repair| repair.payload.len())
    }

    /// The next one.
    pub(crate) fn poll(&mut self) -> Option<OutgoingRepair> {
        self.waiting.pop_front()
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.iter().map(|repair| repair.payload.len()).sum()
    }
}
