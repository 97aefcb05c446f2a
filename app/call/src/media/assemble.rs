//! Packets of one video stream into frames, in order, each one decodable.
//!
//! Nothing goes out before a key frame has; nothing goes out after a gap before the next one has; nothing goes out
//! twice, or after what is newer, however late its packets come once more. A gap is waited for as long as repair may
//! take ([`PATIENCE`]), or until a whole key frame is behind it. Owner of: packets waiting for their frame. When the
//! other side changes its codec, it begins again with that one's first key frame. (The crate's own depacketiser indexes
//! unchecked, and its sample builder holds 12 MB a stream.)

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{FrameKind, VideoCodec};

use super::nack::PATIENCE;
use super::{BadPayload, payload_format};

/// Packets that wait: 2 s of 6 Mbit/s. Full: all go, and a key frame is asked for.
const WAITING: usize = 1280;
/// So many packets in a row that lie so far behind all that went out are of a sender that counts from elsewhere now: no
/// repair comes so late.
const RESTARTED: u32 = 64;
const FAR_BEHIND: u64 = 4096;
/// A key frame that was asked for and does not come is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_millis(300);

#[derive(Debug)]
struct PendingFrame {
    time: u64,
    marker: bool,
    payload: Bytes,
    arrived: Instant,
}

#[derive(Debug)]
enum State {
    /// Until a key frame is whole.
    WantKey { ask_at: Option<Instant> },
    /// `next` is the first packet of the next frame; a gap has been there `since`.
    Running { next: u64, stuck_since: Option<Instant> },
}

/// A frame, put together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) kind: FrameKind,
    pub(crate) time: u64,
    pub(crate) payload: Bytes,
    pub(crate) arrived: Instant,
}

/// Puts the frames of one stream together.
#[derive(Debug)]
pub(crate) struct Assembler {
    codec: VideoCodec,
    /// The first packet that came in it: what is older and in another one is late.
    codec_since: u64,
    packets: BTreeMap<u64, PendingFrame>,
    /// The first packet behind the newest frame that went out: what is older is late or doubled.
    behind_frames: u64,
    /// Packets in a row that lay far behind it.
    far: u32,
    state: State,
    /// Frames put together, frames given up, payloads refused.
    pub(crate) frames: u64,
    pub(crate) gaps: u64,
    pub(crate) refused: u64,
}

impl Assembler {
    pub(crate) fn new(codec: VideoCodec, now: Instant) -> Self {
        let state = State::WantKey { ask_at: Some(now + ASK_AGAIN) };
        let packets = BTreeMap::new();
        Self { codec, codec_since: 0, packets, behind_frames: 0, far: 0, state, frames: 0, gaps: 0, refused: 0 }
    }

    /// What the frames are encoded in.
    pub(crate) fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The packet that is about to be handled is in this codec. Whether it is worth handling.
    pub(crate) fn handle_codec(&mut self, codec: VideoCodec, sequence: u64, now: Instant) -> bool {
        if codec == self.codec {
            return true;
        }
        if sequence < self.codec_since {
            return false;
        }
        (self.codec, self.codec_since) = (codec, sequence);
        self.packets.clear();
        self.give_up(now);
        true
    }

    /// A packet came, with its numbers run on.
    pub(crate) fn handle_packet(&mut self, sequence: u64, time: u64, marker: bool, payload: Bytes, now: Instant) {
        if sequence < self.behind_frames {
            self.far = if self.behind_frames - sequence > FAR_BEHIND { self.far + 1 } else { 0 };
            if self.far < RESTARTED {
                return;
            }
            self.packets.clear();
            self.behind_frames = 0;
            self.give_up(now);
        }
        self.far = 0;
        if self.packets.len() >= WAITING {
            self.packets.clear();
            self.give_up(now);
        }
        self.packets.entry(sequence).or_insert(PendingFrame { time, marker, payload, arrived: now });
    }

    /// The next frame that is whole.
    pub(crate) fn poll_frame(&mut self, now: Instant) -> Option<Assembled> {
        loop {
            match self.state {
                State::WantKey { .. } => {
                    let start = self.whole_key_frame()?;
                    self.packets = self.packets.split_off(&start);
                    self.state = State::Running { next: start, stuck_since: None };
                }
                State::Running { next, .. } => {
                    let Some(last) = self.whole_frame(next) else {
                        self.watch_gap(next, now);
                        // A key frame behind the gap makes it worthless to wait.
                        let key = self.whole_key_frame().filter(|key| *key > next)?;
                        self.gaps += 1;
                        self.packets = self.packets.split_off(&key);
                        self.state = State::Running { next: key, stuck_since: None };
                        continue;
                    };
                    if let Some(frame) = self.take_frame(next, last, now) {
                        return Some(frame);
                    }
                }
            }
        }
    }

    /// The first packet that is still wanted.
    pub(crate) fn wanted_from(&self) -> Option<u64> {
        match self.state {
            State::WantKey { .. } => None,
            State::Running { next, .. } => Some(next),
        }
    }

    /// When [`Self::poll_key_frame_wanted`] may have something to say.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::WantKey { ask_at } => ask_at,
            State::Running { stuck_since, .. } => stuck_since.map(|since| since + PATIENCE),
        }
    }

    /// Whether to ask for a key frame now.
    pub(crate) fn poll_key_frame_wanted(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Running { stuck_since: Some(since), .. } if *since + PATIENCE <= now => {
                self.give_up(now);
                true
            }
            State::WantKey { ask_at: Some(at) } if *at <= now => {
                *at = now + ASK_AGAIN;
                true
            }
            State::Running { .. } | State::WantKey { .. } => false,
        }
    }

    /// The decoder erred: only a key frame helps. True when it should be asked for.
    pub(crate) fn restart(&mut self, now: Instant) -> bool {
        let was_running = matches!(self.state, State::Running { .. });
        if was_running {
            self.give_up(now);
        }
        was_running
    }

    /// Only a key frame helps. What has come of one stays: the rest of it may be on its way.
    fn give_up(&mut self, now: Instant) {
        self.gaps += 1;
        let key = self.key_frame_starts().next();
        self.packets = key.map(|key| self.packets.split_off(&key)).unwrap_or_default();
        self.state = State::WantKey { ask_at: Some(now + ASK_AGAIN) };
    }

    fn watch_gap(&mut self, at: u64, now: Instant) {
        let gap = self.packets.keys().zip(at..).any(|(have, expected)| *have != expected);
        if let State::Running { stuck_since, .. } = &mut self.state {
            *stuck_since = if gap { stuck_since.or(Some(now)) } else { None };
        }
    }

    fn take_frame(&mut self, first: u64, last: u64, now: Instant) -> Option<Assembled> {
        let rest = self.packets.split_off(&(last + 1));
        let packets = std::mem::replace(&mut self.packets, rest);
        self.state = State::Running { next: last + 1, stuck_since: None };
        self.behind_frames = last + 1;
        debug_assert!(packets.keys().next() == Some(&first));
        let time = packets.values().next()?.time;
        let arrived = packets.values().map(|packet| packet.arrived).max()?;
        match payload_format::depacketize(self.codec, packets.values().map(|packet| &packet.payload)) {
            Ok((kind, payload)) => {
                self.frames += 1;
                Some(Assembled { kind, time, payload, arrived })
            }
            Err(BadPayload) => {
                self.refused += 1;
                self.give_up(now);
                None
            }
        }
    }

    /// The last packet of the frame that begins at `first`, if all of it is there.
    fn whole_frame(&self, first: u64) -> Option<u64> {
        let time = self.packets.get(&first)?.time;
        for ((sequence, packet), expected) in self.packets.range(first..).zip(first..) {
            if *sequence != expected {
                return None;
            }
            if packet.time != time {
                // Some senders leave the marker out: a new time stamp ends a frame as well.
                return Some(expected - 1);
            }
            if packet.marker {
                return Some(expected);
            }
        }
        None
    }

    fn key_frame_starts(&self) -> impl Iterator<Item = u64> {
        let starts =
            self.packets.iter().filter(|(_, packet)| payload_format::begins_key_frame(self.codec, &packet.payload));
        let mut time = None;
        // Only the first of a frame's parameter sets and slices begins it.
        starts.filter(move |(_, packet)| time.replace(packet.time) != Some(packet.time)).map(|(sequence, _)| *sequence)
    }

    fn whole_key_frame(&self) -> Option<u64> {
        self.key_frame_starts().find(|start| {
            self.whole_frame(*start).is_some_and(|last| {
                let payloads = self.packets.range(*start..=last).map(|(_, packet)| &packet.payload);
                payload_format::is_key_frame(self.codec, payloads)
            })
        })
    }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
