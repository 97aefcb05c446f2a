//! The jitter buffer: packets as they come in, ten even milliseconds of sound at a time out.
//!
//! ```text
//! Idle --packet--> Filling{due} --due--> Playing{next} --nothing for 60 ms--> Idle
//!   any --time stamps that jump, or nothing but late packets--> Filling{due}
//! ```
//! A missing packet is made out of the next one's redundancy, else guessed. When nothing is there, the buffer waits
//! (the sound gets later) rather than gives up what is still under way. In quiet moments 10 ms are left out or put in,
//! so that the delay follows its target and the sender's clock; far beyond the target, in loud ones too. Owner of:
//! packets, the decoder and sound that is decoded and not played. Knows no clock: `now` is an argument.

mod delay;
mod pending;
mod playing;
mod queue;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, EncodedFrame};

use self::delay::Delay;
use self::pending::{Pending, Played};
use self::queue::{JitterQueue, Pushed, Queue};
use crate::codec::AudioDecoder;

/// Samples of a block.
const BLOCK: i64 = AudioBlock::LEN as i64;
/// Time stamps and arrival may drift apart this far, microseconds; beyond, the sender began again.
const JUMP: i64 = 2_000_000;
/// The same when nothing plays: a sender's clock may stand still in a pause, and to begin again costs nothing then.
const JUMP_IN_PAUSE: i64 = 250_000;
/// So many late packets in a row, with none in time between them, and it is we who are wrong about the time.
const LATE_IN_A_ROW: u32 = 25;

/// Ten milliseconds to play.
#[derive(Clone, Copy, Debug)]
pub struct Playout {
    /// Samples between -1 and 1 (a loud decoder may go a little beyond).
    pub samples: [f32; AudioBlock::LEN],
    /// Where they come from.
    pub kind: PlayoutKind,
}

/// Where ten milliseconds come from: the worst of their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlayoutKind {
    /// Nothing is there to be played: before the beginning, after the end, in a pause of the sender.
    Silence,
    /// As sent.
    Normal,
    /// Lost, and made out of the redundancy in the next packet.
    Fec,
    /// Lost or late, and guessed.
    Concealed,
}

/// What one buffer has done so far. Blocks are of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterCounters {
    /// Packets that came.
    pub packets: u64,
    /// Blocks played as sent.
    pub normal: u64,
    /// Blocks made out of redundancy.
    pub fec: u64,
    /// Blocks guessed.
    pub concealed: u64,
    /// Blocks with nothing to play.
    pub silence: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets that went because too many waited.
    pub dropped: u64,
    /// Packets that are no valid packets.
    pub refused: u64,
    /// Blocks left out to be on time (played as a blend with the one before).
    pub left_out: u64,
    /// Blocks put in to wait for packets; they count as concealed too.
    pub put_in: u64,
    /// How often it began again.
    pub restarts: u64,
    /// Samples that were played, each as what it was.
    pub samples: SampleCounters,
}

/// Samples that left a buffer, and how long they were in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounters {
    /// Of sound: sent, made out of redundancy, or guessed. Pauses of the sender are not in it.
    pub played: u64,
    /// Of those, the guessed ones.
    pub concealed: u64,
    /// How often guesses followed what was no guess.
    pub concealments: u64,
    /// Of those that were sent and came, and left as they were: how many.
    pub emitted: u64,
    /// Of all of these together, how long they waited since their packet came.
    pub waited: Duration,
    /// Of all of these together, how long they were meant to be held back.
    pub meant: Duration,
}

/// One peer's jitter buffer.
pub struct JitterBuffer {
    decoder: Box<dyn AudioDecoder>,
    queue: Queue,
    pending: Pending,
    delay: Delay,
    /// The first packet's arrival and time stamp: everything is counted from there.
    origin: Option<(Instant, u64)>,
    phase: PlayoutPhase,
    late_in_a_row: u32,
    counters: JitterCounters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlayoutPhase {
    Idle,
    Filling { due: i64 },
    Playing(Playing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Playing {
    /// The next sample to be decoded.
    next: i64,
    /// The last packet that was decoded.
    sequence: u64,
    /// Guesses in a row because nothing was there.
    starved: u32,
    /// Blocks until the delay may be changed again.
    settle: u32,
    /// Whether the last block was quiet.
    quiet: bool,
}

impl JitterBuffer {
    /// A buffer in front of a decoder.
    pub fn new(decoder: Box<dyn AudioDecoder>) -> Self {
        Self {
            decoder,
            queue: Queue::new(),
            pending: Pending::new(),
            delay: Delay::new(),
            origin: None,
            phase: PlayoutPhase::Idle,
            late_in_a_row: 0,
            counters: JitterCounters::default(),
        }
    }

    /// A packet came.
    pub fn handle_packet(&mut self, packet: &EncodedFrame) {
        self.counters.packets += 1;
        let Some(samples) = self.decoder.samples(&packet.payload) else {
            self.counters.refused += 1;
            return;
        };
        let samples = samples as i64;
        let (arrived, time) = self.place(packet);
        let lateness = self.delay.lateness(arrived, micros(time)).saturating_abs();
        let jump = if self.phase == PlayoutPhase::Idle { JUMP_IN_PAUSE } else { JUMP };
        if lateness > jump || self.late_in_a_row >= LATE_IN_A_ROW {
            return self.begin_anew(packet, samples);
        }
        self.delay.observe(arrived, micros(time), micros(samples));
        if let PlayoutPhase::Playing(playing) = self.phase
            && time.saturating_add(samples) <= playing.next
        {
            self.counters.late += 1;
            self.late_in_a_row += 1;
            return;
        }
        self.late_in_a_row = 0;
        self.push(JitterQueue { sequence: packet.sequence, time, samples, arrived, payload: packet.payload.clone() });
        if self.phase == PlayoutPhase::Idle {
            self.fill(arrived, time);
        }
    }

    /// The next ten milliseconds. To be called every ten milliseconds.
    pub fn pull(&mut self, now: Instant) -> Playout {
        let now = self.since_origin(now);
        if let PlayoutPhase::Filling { due } = self.phase
            && due <= now
        {
            self.start();
        }
        let playout = match self.phase {
            PlayoutPhase::Idle | PlayoutPhase::Filling { .. } => silence(),
            PlayoutPhase::Playing(playing) => self.play(playing, now),
        };
        let counter = match playout.kind {
            PlayoutKind::Silence => &mut self.counters.silence,
            PlayoutKind::Normal => &mut self.counters.normal,
            PlayoutKind::Fec => &mut self.counters.fec,
            PlayoutKind::Concealed => &mut self.counters.concealed,
        };
        *counter += 1;
        playout
    }

    /// What was done so far.
    pub fn counters(&self) -> JitterCounters {
        let Played { samples, concealed, concealments, .. } = self.pending.played;
        let samples = SampleCounters { played: samples, concealed, concealments, ..self.counters.samples };
        JitterCounters { samples, ..self.counters }
    }

    /// How long sound is held back, over the way of the fastest packet.
    pub fn target_delay(&self) -> Duration {
        self.delay.target_duration()
    }

    /// How long what is played now was held back, over the way of the fastest packet. `None` when nothing plays.
    pub fn current_delay(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            PlayoutPhase::Idle | PlayoutPhase::Filling { .. } => None,
            PlayoutPhase::Playing(playing) => {
                let held = self.held(&playing, self.since_origin(now));
                Some(Duration::from_micros(held.max(0).unsigned_abs()))
            }
        }
    }

    /// Arrival in microseconds and time stamp in samples, both from the first packet on.
    fn place(&mut self, packet: &EncodedFrame) -> (i64, i64) {
        let (_, first) = *self.origin.get_or_insert((packet.arrived, packet.time));
        let time = packet.time.wrapping_sub(first).cast_signed();
        (self.since_origin(packet.arrived), time)
    }

    fn since_origin(&self, now: Instant) -> i64 {
        let since = self.origin.map_or(Duration::ZERO, |(origin, _)| now.saturating_duration_since(origin));
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn push(&mut self, packet: JitterQueue) {
        match self.queue.push(packet) {
            Pushed::Waits => {}
            Pushed::Duplicate => self.counters.duplicate += 1,
            Pushed::OldestGone => self.counters.dropped += 1,
        }
    }

    /// The sender's time stamps say nothing any more: count from this packet on.
    fn begin_anew(&mut self, packet: &EncodedFrame, samples: i64) {
        self.counters.restarts += 1;
        self.late_in_a_row = 0;
        self.queue.clear();
        self.pending.clear();
        self.delay = Delay::new();
        self.origin = Some((packet.arrived, packet.time));
        self.delay.observe(0, 0, micros(samples));
        self.push(JitterQueue {
            sequence: packet.sequence,
            time: 0,
            samples,
            arrived: 0,
            payload: packet.payload.clone(),
        });
        self.fill(0, 0);
    }

    /// Play the packet of `time` when its target delay is over.
    fn fill(&mut self, now: i64, time: i64) {
        let wait = self.delay.target().saturating_sub(self.delay.lateness(now, micros(time)));
        self.phase = PlayoutPhase::Filling { due: now.saturating_add(wait.clamp(0, self.delay.target())) };
    }

    fn start(&mut self) {
        self.phase = match self.queue.front() {
            None => PlayoutPhase::Idle,
            Some(first) => PlayoutPhase::Playing(Playing {
                next: first.time,
                sequence: first.sequence.wrapping_sub(1),
                starved: 0,
                settle: 0,
                quiet: true,
            }),
        };
    }

    /// How long after its fastest way the next sample to be played is played, microseconds.
    fn held(&self, playing: &Playing, now: i64) -> i64 {
        let next = playing.next.saturating_sub(self.pending.len() as i64);
        self.delay.lateness(now, micros(next))
    }
}

fn silence() -> Playout {
    Playout { samples: [0.0; AudioBlock::LEN], kind: PlayoutKind::Silence }
}

/// 48 samples are a millisecond.
fn micros(samples: i64) -> i64 {
    samples.saturating_mul(125) / 6
}

impl std::fmt::Debug for JitterBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JitterBuffer").field("phase", &self.phase).field("counters", &self.counters).finish()
    }
}
