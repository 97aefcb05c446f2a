//! When a packet goes out.
//!
//! Each link paces by itself. Together they burst no more than one would: each may save up 5 ms of its own pace, and
//! where they share a bottleneck their rates are parts of what it bears ([`super::governor`]). Sound waits in none of
//! them.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hearth_base::{FrameKind, TrackId};

use super::estimator::Pacing;
use crate::peer_connection::RtpOut;

/// Spreads packets in time.
pub(crate) trait Pacer: Send {
    /// A frame's packets, in order. Whether they were taken: a refused frame is gone, and so is every one of its track
    /// after it until a key frame, which the caller has to ask the encoder for.
    fn handle_frame(&mut self, kind: FrameKind, packets: Vec<RtpOut>, now: Instant) -> Queued;
    /// How fast packets may leave, and how many may be on the way.
    fn set_pacing(&mut self, pacing: Pacing);
    /// The next packet that may go now, with so many bytes on the way.
    fn poll_packet(&mut self, in_flight: u64, now: Instant) -> Option<RtpOut>;
    /// Whether a packet of so many bytes may go now that waits elsewhere: repair of what has left, before anything new.
    fn poll_slot(&mut self, bytes: usize, in_flight: u64, now: Instant) -> bool;
    /// So many bytes have left by another way, and count as much.
    fn charge(&mut self, bytes: usize, now: Instant);
    /// When the next one may.
    fn poll_timeout(&self) -> Option<Instant>;
    /// When there is a slot.
    fn next_slot(&self) -> Option<Instant>;
    /// A track of which frames were dropped because they had waited too long: it needs a key frame.
    fn poll_stale(&mut self, now: Instant) -> Option<TrackId>;
    /// Bytes that wait.
    fn waiting(&self) -> usize;
    /// Forgets what waits; each track goes on with a key frame.
    fn clear(&mut self);
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Yes,
    /// Dropped; a key frame is needed.
    No,
}

/// Packets that wait: the largest key frame at 720p is 40, and 8 frames are a quarter of a second. Full: drop until the
/// next key frame, never a single delta.
const WAITING: usize = 256;
/// What a silence saves up, so that a small frame goes at once.
const BURST: Duration = Duration::from_millis(5);
/// What leaves by another way keeps others back no longer than this: sound and its repair alone may be more than the
/// rate.
const LONGEST_CHARGE: Duration = Duration::from_millis(50);
/// A frame that has waited so long comes too late: the receiver has given it up, and what follows waits behind it.
const STALE: Duration = Duration::from_millis(400);
/// With the window full, one packet leaves each: reports may be lost, and then nothing else would bring another.
const TRICKLE: Duration = Duration::from_millis(100);

/// A leaky bucket with a window.
#[derive(Debug)]
pub(crate) struct LeakyBucket {
    /// With the time since when it waits.
    queue: VecDeque<(RtpOut, Instant)>,
    bytes: usize,
    pacing: Pacing,
    /// When the link is free again.
    free_at: Option<Instant>,
    /// When the last one left; whether the window keeps the next one back.
    last: Option<Instant>,
    is_held: bool,
    /// Tracks of which a frame was dropped.
    need_key: BTreeSet<TrackId>,
}

impl LeakyBucket {
    pub(crate) fn new(pacing: Pacing) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            pacing,
            free_at: None,
            last: None,
            is_held: false,
            need_key: BTreeSet::new(),
        }
    }
}

impl Pacer for LeakyBucket {
    fn handle_frame(&mut self, kind: FrameKind, packets: Vec<RtpOut>, now: Instant) -> Queued {
        let Some(track) = packets.first().map(|packet| packet.track) else { return Queued::Yes };
        let full = self.queue.len() + packets.len() > WAITING;
        if full || (kind == FrameKind::Delta && self.need_key.contains(&track)) {
            self.need_key.insert(track);
            return Queued::No;
        }
        self.need_key.remove(&track);
        self.bytes += packets.iter().map(|packet| packet.payload.len()).sum::<usize>();
        self.queue.extend(packets.into_iter().map(|packet| (packet, now)));
        Queued::Yes
    }

    fn set_pacing(&mut self, pacing: Pacing) {
        self.pacing = pacing;
    }

    fn poll_packet(&mut self, in_flight: u64, now: Instant) -> Option<RtpOut> {
        let bytes = self.queue.front()?.0.payload.len();
        if !self.poll_slot(bytes, in_flight, now) {
            return None;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.queue.pop_front().map(|(packet, _)| packet)
    }

    fn poll_slot(&mut self, bytes: usize, in_flight: u64, now: Instant) -> bool {
        // First: the time of the next slot goes by it.
        self.is_held = in_flight >= self.pacing.window;
        if self.free_at.is_some_and(|free_at| free_at > now) {
            return false;
        }
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= TRICKLE);
        if self.is_held && !is_due {
            return false;
        }
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = self.free_at.map_or(earliest, |free_at| free_at.max(earliest));
        self.free_at = Some(from + self.pacing.rate.time_for(bytes));
        self.last = Some(now);
        true
    }

    fn charge(&mut self, bytes: usize, now: Instant) {
        if let Some(free_at) = &mut self.free_at {
            let charged = *free_at + self.pacing.rate.time_for(bytes);
            *free_at = charged.min((*free_at).max(now + LONGEST_CHARGE));
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.queue.is_empty() { None } else { self.next_slot() }
    }

    fn next_slot(&self) -> Option<Instant> {
        let held = self.last.filter(|_| self.is_held).map(|last| last + TRICKLE);
        self.free_at.max(held)
    }

    fn poll_stale(&mut self, now: Instant) -> Option<TrackId> {
        let (packet, since) = self.queue.front()?;
        if now.saturating_duration_since(*since) < STALE {
            return None;
        }
        let track = packet.track;
        self.queue.retain(|(packet, _)| packet.track != track);
        self.bytes = self.queue.iter().map(|(packet, _)| packet.payload.len()).sum();
        self.need_key.insert(track);
        Some(track)
    }

    fn waiting(&self) -> usize {
        self.bytes
    }

    fn clear(&mut self) {
        self.need_key.extend(self.queue.iter().map(|(packet, _)| packet.track));
        self.queue.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hearth_base::Bitrate;

    use super::*;

    fn pacing(kbps: u64) -> Pacing {
        Pacing { rate: Bitrate::from_kbps(kbps), window: 100_000 }
    }

    fn frame(packets: usize, now: Instant) -> Vec<RtpOut> {
        let packet = |sequence| RtpOut {
            track: TrackId(0),
            sequence,
            time: 0,
            captured: now,
            marker: false,
            payload: Bytes::from(vec![0; 1000]),
        };
        (0..packets as u16).map(packet).collect()
    }

    #[test]
    fn packets_leave_at_the_rate_and_in_order() {
        let start = Instant::now() + BURST;
        let mut pacer = LeakyBucket::new(pacing(2000));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(20, start), start), Queued::Yes);
        let (mut now, mut sent) = (start, Vec::new());
        loop {
            sent.extend(std::iter::from_fn(|| pacer.poll_packet(0, now)).map(|packet| packet.sequence));
            let Some(next) = pacer.poll_timeout() else { break };
            now = next;
        }
        assert_eq!(sent, (0..20).collect::<Vec<_>>());
        // 20 kB at 2.5 x 800 kbit/s are 80 ms, of which the burst is given.
        assert!((70..=80).contains(&(now - start).as_millis()), "{:?}", now - start);
    }

    #[test]
    fn when_full_everything_is_dropped_until_a_key_frame() {
        let now = Instant::now();
        let mut pacer = LeakyBucket::new(pacing(2000));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(WAITING, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No);
        while pacer.poll_packet(0, now + Duration::from_secs(60)).is_some() || pacer.poll_timeout().is_some() {
            pacer.free_at = None;
        }
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "a delta of a lost picture");
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(1, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::Yes);
    }

    #[test]
    fn a_dropped_frame_of_one_track_holds_no_other_track_up() {
        let now = Instant::now();
        let mut pacer = LeakyBucket::new(pacing(2500));
        let screen = |packets| {
            let mut packets = frame(packets, now);
            packets.iter_mut().for_each(|packet| packet.track = TrackId(1));
            packets
        };
        assert_eq!(pacer.handle_frame(FrameKind::Key, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(WAITING - 1, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "full");
        while pacer.poll_packet(0, now + Duration::from_secs(60)).is_some() {
            pacer.free_at = None;
        }
        assert_eq!(pacer.handle_frame(FrameKind::Delta, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Key, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "its reference was dropped");
    }

    #[test]
    fn a_full_window_lets_a_packet_through_now_and_then() {
        let start = Instant::now();
        let mut pacer = LeakyBucket::new(pacing(2500));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(20, start), start), Queued::Yes);
        assert!(pacer.poll_packet(0, start).is_some());
        let soon = start + Duration::from_millis(10);
        assert!(pacer.poll_packet(100_000, soon).is_none());
        assert_eq!(pacer.poll_timeout(), Some(start + TRICKLE));
        assert!(pacer.poll_packet(99_999, soon).is_some());
        assert!(pacer.poll_packet(100_000, soon + TRICKLE).is_some());
    }

    #[test]
    fn what_waits_too_long_is_dropped_whole() {
        let start = Instant::now();
        let mut pacer = LeakyBucket::new(pacing(100));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(20, start), start), Queued::Yes);
        assert_eq!((pacer.poll_stale(start + STALE / 2), pacer.waiting()), (None, 20_000));
        assert!(pacer.poll_packet(0, start).is_some());
        assert_eq!(pacer.poll_stale(start + STALE), Some(TrackId(0)));
        assert_eq!((pacer.waiting(), pacer.poll_timeout()), (0, None));
        let now = start + STALE;
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No);
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(1, now), now), Queued::Yes);
    }
}
