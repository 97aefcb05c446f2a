//! From the audio thread's turn to the speaker's callback.
//!
//! The turn puts ten milliseconds into a ring, stretched to the card's clock; the callback copies them to the card's
//! channels. Owner of: the ring's two ends, each by one side.

use std::sync::Arc;
use std::time::Duration;

use cpal::{FromSample, OutputCallbackInfo, Sample};
use hearth_base::{AudioBlock, SAMPLE_RATE};
use rtrb::{Consumer, Producer, RingBuffer};

use super::resample::Resampler;
use super::stream_stats::StreamStats;
use super::trim::{Levels, Trim};
use crate::tick::Speaker;
use crate::{Now, realtime};

/// Sound between turn and callback, milliseconds. Cap 60: beyond, a call has an echo of itself. Full: the newest is
/// lost; the ring is emptied to its level within a second.
const RING: usize = 60;

/// A speaker's two ends, for a device at `rate`.
pub(super) fn playout(rate: u32, tally: Arc<StreamStats>) -> (PlayoutEnd, CardSpeaker) {
    let samples = |millis: usize| millis * rate as usize / 1000;
    let (producer, consumer) = RingBuffer::new(samples(RING));
    // Between two turns the ring holds this much at least and ten milliseconds more at most: 20 to 30 with the turn's
    // own.
    let levels = Levels { least: samples(10), most: samples(30), step: samples(5), excess: samples(20) };
    let base = f64::from(SAMPLE_RATE) / f64::from(rate);
    let speaker = CardSpeaker {
        ring: producer,
        tally: tally.clone(),
        rate,
        base,
        resampler: Resampler::new(base),
        trim: Trim::new(levels, rate),
        step: base,
        running: false,
    };
    (PlayoutEnd { ring: consumer, tally }, speaker)
}

/// The callback's end.
pub(super) struct PlayoutEnd {
    ring: Consumer<f32>,
    tally: Arc<StreamStats>,
}

impl PlayoutEnd {
    /// The card wants samples of `channels` channels, one after the other; only the first two are spoken through.
    pub(super) fn handle<T: Sample + FromSample<f32>>(
        &mut self,
        samples: &mut [T],
        channels: usize,
        info: &OutputCallbackInfo,
    ) {
        realtime::section(|| {
            let stamps = info.timestamp();
            self.tally.called(stamps.playback.saturating_duration_since(stamps.callback));
            let mut missed = 0;
            for frame in samples.chunks_exact_mut(channels.max(1)) {
                let sample = self.ring.pop().unwrap_or_else(|_| {
                    missed += 1;
                    0.0
                });
                for (channel, to) in frame.iter_mut().enumerate() {
                    *to = if channel < 2 { T::from_sample(sample) } else { T::EQUILIBRIUM };
                }
            }
            self.tally.missed(missed);
        });
    }
}

/// The turn's end.
pub(super) struct CardSpeaker {
    ring: Producer<f32>,
    tally: Arc<StreamStats>,
    rate: u32,
    /// Input samples for each output sample, were both clocks one.
    base: f64,
    resampler: Resampler,
    trim: Trim,
    step: f64,
    /// Whether the card has taken anything yet.
    running: bool,
}

impl CardSpeaker {
    fn waiting(&self) -> usize {
        self.ring.buffer().capacity() - self.ring.slots()
    }

    fn fill_with_silence(&mut self, samples: usize) {
        for _ in 0..samples {
            if self.ring.push(0.0).is_err() {
                return;
            }
        }
    }

    fn follow(&mut self, waiting: usize) -> usize {
        if waiting == 0 {
            if self.running {
                self.trim.handle_dry();
            }
            self.fill_with_silence(self.trim.aim());
            return 0;
        }
        let correction = self.trim.handle_spare(waiting);
        // A fuller ring wants fewer samples from us: larger steps through what we have.
        self.step = self.base * correction.factor;
        correction.throw
    }
}

impl Speaker for CardSpeaker {
    fn play(&mut self, block: &[f32; AudioBlock::LEN], _now: Now) {
        if self.tally.callbacks() == 0 {
            return; // the card has not begun: what is said now would come late
        }
        let throw = self.follow(self.waiting());
        self.running = true;
        self.resampler.feed(block.iter().copied());
        for _ in 0..throw {
            self.resampler.next(self.step);
        }
        while self.ring.slots() > 0
            && let Some(sample) = self.resampler.next(self.step)
        {
            // There was room, and nobody else fills it.
            let _pushed = self.ring.push(sample);
        }
        if self.ring.slots() == 0 {
            while self.resampler.next(self.step).is_some() {}
        }
        self.resampler.tidy();
    }

    fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.waiting() as f64 / f64::from(self.rate)) + self.tally.latency()
    }
}
