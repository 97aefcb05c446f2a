//! From the microphone's callback to the audio thread's turn.
//!
//! The callback makes one channel of floats and puts it in a ring; the turn takes ten milliseconds out, stretched so
//! that the ring stays nearly empty. Owner of: the ring's two ends, each by one side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::{FromSample, InputCallbackInfo};
use hearth_base::{AudioBlock, SAMPLE_RATE};
use rtrb::{Consumer, Producer, RingBuffer};

use super::resample::Resampler;
use super::stream_stats::StreamStats;
use super::trim::{Levels, Trim};
use crate::source::AudioSource;
use crate::{Now, realtime};

/// Sound between callback and turn. Cap 200 ms: the audio thread is never away for longer. Full: the newest is lost,
/// and counted; the reader throws away what has become old anyway.
const RING: Duration = Duration::from_millis(200);

/// A microphone's two ends, for a device at `rate`.
pub(super) fn capture(rate: u32, tally: Arc<StreamStats>) -> (CaptureEnd, Microphone) {
    let samples = |millis: usize| millis * rate as usize / 1000;
    let (producer, consumer) = RingBuffer::new(samples(RING.as_millis() as usize));
    let levels = Levels { least: samples(4), most: samples(30), step: samples(4), excess: samples(30) };
    let base = f64::from(rate) / f64::from(SAMPLE_RATE);
    let microphone = Microphone {
        ring: consumer,
        tally: tally.clone(),
        rate,
        base,
        resampler: Resampler::new(base),
        trim: Trim::new(levels, rate),
        step: base,
        primed: false,
    };
    (CaptureEnd { ring: producer, tally }, microphone)
}

/// The callback's end.
pub(super) struct CaptureEnd {
    ring: Producer<f32>,
    tally: Arc<StreamStats>,
}

impl CaptureEnd {
    /// The card has samples of `channels` channels, one after the other.
    pub(super) fn handle<T: Copy>(&mut self, samples: &[T], channels: usize, info: &InputCallbackInfo)
    where
        f32: FromSample<T>,
    {
        realtime::section(|| {
            let stamps = info.timestamp();
            self.tally.called(stamps.callback.saturating_duration_since(stamps.capture));
            let frames = samples.chunks_exact(channels.max(1));
            let fits = frames.len().min(self.ring.slots());
            self.tally.missed(frames.len() - fits);
            for frame in frames.take(fits) {
                let sum: f32 = frame.iter().map(|sample| f32::from_sample_(*sample)).sum();
                // There was room, and nobody else fills it.
                let _pushed = self.ring.push(sum / frame.len() as f32);
            }
        });
    }
}

/// The turn's end.
pub(super) struct Microphone {
    ring: Consumer<f32>,
    tally: Arc<StreamStats>,
    rate: u32,
    /// Input samples for each output sample, were both clocks one.
    base: f64,
    resampler: Resampler,
    trim: Trim,
    step: f64,
    /// Whether the ring was filled to its level since it ran dry.
    primed: bool,
}

impl Microphone {
    fn throw(&mut self, samples: usize) {
        if let Ok(chunk) = self.ring.read_chunk(samples.min(self.ring.slots())) {
            chunk.commit_all();
        }
    }
}

impl AudioSource for Microphone {
    fn read(&mut self, now: Now, block: &mut [f32; AudioBlock::LEN]) -> Option<Instant> {
        let (there, needs) = (self.ring.slots(), self.resampler.lacks(AudioBlock::LEN, self.step));
        if there < needs + if self.primed { 0 } else { self.trim.aim() } {
            if self.primed {
                self.trim.handle_dry();
            }
            self.primed = false;
            return None;
        }
        if !self.primed {
            self.primed = true;
            // What came while nothing was read is old already.
            self.throw(there - needs - self.trim.aim());
        }
        let waited = Duration::from_secs_f64(self.ring.slots() as f64 / f64::from(self.rate));
        let chunk = self.ring.read_chunk(needs).ok()?;
        self.resampler.feed(chunk);
        for sample in block.iter_mut() {
            *sample = self.resampler.next(self.step)?;
        }
        self.resampler.tidy();
        let correction = self.trim.handle_spare(self.ring.slots());
        self.step = self.base * correction.factor;
        self.throw(correction.throw);
        now.monotonic.checked_sub(waited + self.tally.latency())
    }
}
