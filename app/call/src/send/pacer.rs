//! When a packet goes out.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, FrameKind, TrackId};

use crate::peer_connection::RtpOut;

/// Spreads packets in time.
pub(crate) trait Pacer: Send {
    /// A frame's packets, in order. Whether they were taken: a refused frame is gone, and so is every one of its track
    /// after it until a key frame, which the caller has to ask the encoder for.
    fn handle_frame(&mut self, kind: FrameKind, packets: Vec<RtpOut>, now: Instant) -> Queued;
    /// The rate that the link bears.
    fn set_rate(&mut self, rate: Bitrate);
    /// The next packet that may go now.
    fn poll_packet(&mut self, now: Instant) -> Option<RtpOut>;
    /// When the next one may.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Yes,
    /// Dropped; a key frame is needed.
    No,
}

/// Packets go at this many times the rate: a frame is out well before the next one, a key frame in about three
/// intervals, and the link's own queue stays short.
const HEADROOM: f64 = 2.5;
/// Packets that wait: the largest key frame at 720p is 40, and 8 frames are a quarter of a second. Full: drop until the
/// next key frame, never a single delta.
const WAITING: usize = 256;
/// What a silence saves up, so that a small frame goes at once.
const BURST: Duration = Duration::from_millis(5);

/// A leaky bucket.
#[derive(Debug)]
pub(crate) struct LeakyBucket {
    queue: VecDeque<RtpOut>,
    rate: Bitrate,
    /// When the link is free again.
    free_at: Option<Instant>,
    /// Tracks of which a frame was dropped.
    need_key: BTreeSet<TrackId>,
}

impl LeakyBucket {
    pub(crate) fn new(rate: Bitrate) -> Self {
        Self { queue: VecDeque::new(), rate, free_at: None, need_key: BTreeSet::new() }
    }
}

impl Pacer for LeakyBucket {
    fn handle_frame(&mut self, kind: FrameKind, packets: Vec<RtpOut>, _now: Instant) -> Queued {
        let Some(track) = packets.first().map(|packet| packet.track) else { return Queued::Yes };
        let full = self.queue.len() + packets.len() > WAITING;
        if full || (kind == FrameKind::Delta && self.need_key.contains(&track)) {
            self.need_key.insert(track);
            return Queued::No;
        }
        self.need_key.remove(&track);
        self.queue.extend(packets);
        Queued::Yes
    }

    fn set_rate(&mut self, rate: Bitrate) {
        self.rate = rate;
    }

    fn poll_packet(&mut self, now: Instant) -> Option<RtpOut> {
        if self.free_at.is_some_and(|free_at| free_at > now) {
            return None;
        }
        let packet = self.queue.pop_front()?;
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = self.free_at.map_or(earliest, |free_at| free_at.max(earliest));
        self.free_at = Some(from + self.rate.scaled(HEADROOM).time_for(packet.payload.len()));
        Some(packet)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.queue.is_empty() { None } else { self.free_at }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

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
        let mut pacer = LeakyBucket::new(Bitrate::from_kbps(800));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(20, start), start), Queued::Yes);
        let (mut now, mut sent) = (start, Vec::new());
        loop {
            sent.extend(std::iter::from_fn(|| pacer.poll_packet(now)).map(|packet| packet.sequence));
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
        let mut pacer = LeakyBucket::new(Bitrate::from_kbps(800));
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(WAITING, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No);
        while pacer.poll_packet(now + Duration::from_secs(60)).is_some() || pacer.poll_timeout().is_some() {
            pacer.free_at = None;
        }
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "a delta of a lost picture");
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(1, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::Yes);
    }

    #[test]
    fn a_dropped_frame_of_one_track_holds_no_other_track_up() {
        let now = Instant::now();
        let mut pacer = LeakyBucket::new(Bitrate::from_kbps(1000));
        let screen = |packets| {
            let mut packets = frame(packets, now);
            packets.iter_mut().for_each(|packet| packet.track = TrackId(1));
            packets
        };
        assert_eq!(pacer.handle_frame(FrameKind::Key, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Key, frame(WAITING - 1, now), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "full");
        while pacer.poll_packet(now + Duration::from_secs(60)).is_some() {
            pacer.free_at = None;
        }
        assert_eq!(pacer.handle_frame(FrameKind::Delta, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Key, screen(1), now), Queued::Yes);
        assert_eq!(pacer.handle_frame(FrameKind::Delta, frame(1, now), now), Queued::No, "its reference was dropped");
    }
}
