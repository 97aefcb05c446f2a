//! A device at its own rate and with its own channels: what is played into it comes back at the pitch that it has.

use std::sync::Arc;
use std::time::Duration;

use cpal::{
    FromSample, InputCallbackInfo, InputStreamTimestamp, OutputCallbackInfo, OutputStreamTimestamp, Sample,
    StreamInstant,
};
use hearth_base::{AudioBlock, SAMPLE_RATE};

use super::capture::capture;
use super::playout::playout;
use super::stream_stats::StreamStats;
use crate::Now;
use crate::chirp::{Chirp, ChirpEar};
use crate::source::AudioSource as _;
use crate::tick::Speaker as _;

/// Whose chirp: it ends at 2.4 kHz, which a device at 8 kHz has room for.
const SOURCE: u8 = 3;
/// Seconds of sound, each with a chirp.
const SECONDS: u64 = 5;
/// A tone, hertz.
const TONE: f64 = 1000.0;
const TURN: Duration = Duration::from_millis(10);

type Block = [f32; AudioBlock::LEN];

/// What comes back, with the moment of each block, of a device that plays into itself: `say` fills a block.
fn returned<T: Sample + FromSample<f32>>(
    rate: u32,
    channels: usize,
    mut say: impl FnMut(Now, &mut Block),
) -> Vec<(Now, Block)>
where
    f32: FromSample<T>,
{
    let (tally, start) = (Arc::<StreamStats>::default(), Now::read());
    let (mut playout, mut speaker) = playout(rate, tally.clone());
    let (mut capture, mut microphone) = capture(rate, tally);
    let at = StreamInstant::ZERO;
    let heard = InputCallbackInfo::new(InputStreamTimestamp { callback: at, capture: at });
    let played = OutputCallbackInfo::new(OutputStreamTimestamp { callback: at, playback: at });
    let mut samples = vec![T::EQUILIBRIUM; rate as usize / 100 * channels];
    let mut blocks = Vec::new();
    for n in 0..SECONDS * 100 {
        let now = start.at(start.monotonic + TURN * n as u32);
        let mut block = [0.0; AudioBlock::LEN];
        say(now, &mut block);
        speaker.play(&block, now);
        playout.handle(&mut samples, channels, &played);
        // Only two channels are spoken through, so what comes back on eight is a quarter as loud.
        capture.handle(&samples, channels, &heard);
        if microphone.read(now, &mut block).is_some() {
            blocks.push((now, block));
        }
    }
    blocks
}

/// How many chirps are heard.
fn chirps<T: Sample + FromSample<f32>>(rate: u32, channels: usize) -> u64
where
    f32: FromSample<T>,
{
    let (mut chirp, mut ear) = (Chirp::new(SOURCE), ChirpEar::new());
    let say = |now: Now, block: &mut Block| {
        let _captured = chirp.read(now, block);
    };
    for (now, block) in returned::<T>(rate, channels, say) {
        ear.hear(&block, now);
    }
    ear.report().of(SOURCE)
}

/// The pitch at which a tone comes back, by how often it rises through zero in its last three seconds.
fn pitch(rate: u32, channels: usize) -> f64 {
    let mut n = 0_u32;
    let tone = |_: Now, block: &mut Block| {
        for sample in block {
            *sample = (f64::from(n) / f64::from(SAMPLE_RATE) * TONE * std::f64::consts::TAU).sin() as f32;
            n += 1;
        }
    };
    let blocks = returned::<f32>(rate, channels, tone);
    let samples: Vec<f32> = blocks.iter().rev().take(300).rev().flat_map(|(_, block)| *block).collect();
    let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    rises as f64 * f64::from(SAMPLE_RATE) / samples.len() as f64
}

#[test]
fn the_pitch_is_right_at_every_rate_and_number_of_channels() {
    for rate in [8_000, 16_000, 44_100, 48_000, 96_000, 192_000] {
        for channels in [1, 2, 8] {
            let found = [chirps::<f32>(rate, channels), chirps::<i16>(rate, channels), chirps::<i32>(rate, channels)];
            assert!(
                found.iter().all(|chirps| *chirps + 1 >= SECONDS),
                "{rate} Hz, {channels} channels: {found:?} chirps"
            );
            let pitch = pitch(rate, channels);
            assert!((pitch - TONE).abs() < 0.005 * TONE, "{rate} Hz, {channels} channels: {pitch} Hz");
        }
    }
}
