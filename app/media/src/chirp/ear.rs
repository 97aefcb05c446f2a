//! An ear for chirps in a track's sound: whose it hears, how often and how late.
//!
//! Owner of: the last 150 ms and the counts. Does a little work with every block, never all at once: it may live in the
//! audio thread's turn.

use std::time::Duration;

use hearth_base::{AudioBlock, SAMPLE_RATE};

use super::correlate::{STRIDE, WINDOW};
use super::{BANDS, Correlator, LENGTH, Match};
use crate::Now;

/// A chirp is heard when it fits at least this well. Measured after Opus at 32 kbit/s: 0.89 in the highest band, 0.98
/// in all others.
const LIKE: f32 = 0.55;
/// And this much better than the chirp of any other band.
const BETTER: f32 = 1.4;
/// Bands compared with each block: 16 bands in 8 of the 10 blocks until the next window.
const BANDS_A_BLOCK: u8 = 2;
/// A chirp on the edge of two windows is heard in both; only one counts.
const SAME: Duration = Duration::from_millis(300);

/// What an ear heard so far.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChirpReport {
    /// Chirps in each band: of the sources whose number is that modulo 16.
    pub heard: [u64; BANDS as usize],
    /// How well the last one fitted, 0 to 1.
    pub likeness: f32,
    /// From mouth to ear, the median of the last 32, milliseconds. Clocks must agree. `None` before the first.
    pub mouth_to_ear_ms: Option<f32>,
}

impl ChirpReport {
    /// Chirps of this source.
    pub fn of(&self, source: u8) -> u64 {
        self.heard.get(usize::from(source % BANDS)).copied().unwrap_or_default()
    }
}

/// Listens to one track.
#[derive(Debug)]
pub struct ChirpEar {
    correlator: Correlator,
    samples: Vec<f32>,
    scan: Option<Scan>,
    last: Option<Duration>,
    report: ChirpReport,
    /// Last 32 latencies, milliseconds, the oldest overwritten.
    latencies: Vec<f32>,
    heard: usize,
}

/// A window that is being looked through.
#[derive(Clone, Copy, Debug)]
struct Scan {
    /// When its first sample was played (since 1970).
    from: Duration,
    band: u8,
    best: (u8, Match),
    second: f32,
}

const LATENCIES: usize = 32;

impl ChirpEar {
    /// An ear that has heard nothing.
    pub fn new() -> Self {
        Self {
            correlator: Correlator::new(),
            samples: Vec::with_capacity(WINDOW + AudioBlock::LEN),
            scan: None,
            last: None,
            report: ChirpReport::default(),
            latencies: Vec::with_capacity(LATENCIES),
            heard: 0,
        }
    }

    /// Ten milliseconds are played at `now`. True when the report is a different one.
    pub fn hear(&mut self, block: &[f32; AudioBlock::LEN], now: Now) -> bool {
        let changed = self.scan.is_some_and(|scan| self.look(scan));
        self.samples.extend_from_slice(block);
        if self.samples.len() >= WINDOW {
            // Its end is the end of this block.
            let length = Duration::from_micros(
                (self.samples.len() - AudioBlock::LEN) as u64 * 1_000_000 / u64::from(SAMPLE_RATE),
            );
            let from = now.realtime.saturating_sub(length);
            let loud = self.correlator.listen(&self.samples);
            self.scan = loud.then_some(Scan { from, band: 0, best: (0, Match::default()), second: 0.0 });
            self.samples.drain(..STRIDE);
        }
        changed
    }

    /// What was heard so far.
    pub fn report(&self) -> ChirpReport {
        self.report.clone()
    }

    fn look(&mut self, mut scan: Scan) -> bool {
        for band in scan.band..(scan.band + BANDS_A_BLOCK).min(BANDS) {
            let found = self.correlator.find(band);
            if found.likeness > scan.best.1.likeness {
                scan.second = scan.best.1.likeness;
                scan.best = (band, found);
            } else {
                scan.second = scan.second.max(found.likeness);
            }
        }
        scan.band += BANDS_A_BLOCK;
        let done = scan.band >= BANDS;
        self.scan = (!done).then_some(scan);
        done && self.judge(&scan)
    }

    fn judge(&mut self, scan: &Scan) -> bool {
        let (band, found) = scan.best;
        let at = scan.from + Duration::from_micros(found.at as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
        let again = self.last.is_some_and(|last| at.abs_diff(last) < SAME);
        if found.likeness < LIKE || found.likeness < scan.second * BETTER || again {
            return false;
        }
        self.last = Some(at);
        if let Some(heard) = self.report.heard.get_mut(usize::from(band)) {
            *heard += 1;
        }
        self.report.likeness = found.likeness;
        self.late(Duration::from_nanos(u64::from(at.subsec_nanos())));
        true
    }

    /// Chirps begin with the second, so the part of the second at which one is heard is how late it is.
    fn late(&mut self, latency: Duration) {
        let millis = latency.as_secs_f32() * 1000.0;
        match self.latencies.get_mut(self.heard % LATENCIES) {
            Some(oldest) => *oldest = millis,
            None => self.latencies.push(millis),
        }
        self.heard += 1;
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f32::total_cmp);
        self.report.mouth_to_ear_ms = sorted.get(sorted.len() / 2).copied();
    }
}

impl Default for ChirpEar {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(WINDOW == STRIDE + LENGTH && STRIDE.is_multiple_of(AudioBlock::LEN));

#[cfg(test)]
mod tests {
    use hearth_base::{AudioCodec, Bitrate};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::Chirp;
    use super::*;
    use crate::codec::{audio_decoder, audio_encoder};
    use crate::source::AudioSource;
    use crate::voice::voice;

    /// Ten seconds of `sound`, played `late` after it was made.
    fn listen(late: u64, mut sound: impl FnMut(u64, Now) -> [f32; AudioBlock::LEN]) -> ChirpReport {
        let start = Now { monotonic: Now::read().monotonic, realtime: Duration::from_millis(1_700_000_000_250) };
        let mut ear = ChirpEar::new();
        for n in 0..1000 {
            let now = start.at(start.monotonic + Duration::from_millis(n * 10));
            let block = sound(n, now);
            ear.hear(&block, now.at(now.monotonic + Duration::from_millis(late)));
        }
        ear.report()
    }

    fn chirp(source: u8) -> impl FnMut(u64, Now) -> [f32; AudioBlock::LEN] {
        let mut chirp = Chirp::new(source);
        move |_, now| {
            let mut block = [0.0; AudioBlock::LEN];
            chirp.read(now, &mut block);
            block
        }
    }

    #[test]
    fn each_source_is_heard_once_a_second_as_itself_and_the_delay_is_known() {
        for source in [1, 2, 15, 16, 200] {
            let report = listen(87, chirp(source));
            assert!((9..=10).contains(&report.of(source)), "{source}: {report:?}");
            assert_eq!(report.heard.iter().sum::<u64>(), report.of(source), "{source}: {report:?}");
            assert!(report.likeness > 0.99);
            assert!(report.mouth_to_ear_ms.is_some_and(|ms| (ms - 87.0).abs() < 0.2), "{report:?}");
        }
    }

    #[test]
    fn it_is_heard_after_opus_in_every_band() {
        for source in 0..16 {
            let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
            let mut decoder = audio_decoder(AudioCodec::Opus).unwrap();
            let mut chirp = chirp(source);
            let report = listen(0, |n, now| {
                let packet = encoder.encode(&chirp(n, now)).unwrap();
                let mut out = [0.0; AudioBlock::LEN];
                decoder.decode(&packet, &mut out).unwrap();
                out
            });
            println!("{source}: {report:?}");
            assert!(report.of(source) >= 8, "{source}: {report:?}");
            assert!(report.heard.iter().sum::<u64>() - report.of(source) <= 1, "{source}: {report:?}");
            assert!(report.mouth_to_ear_ms.is_some_and(|ms| (2.0..12.0).contains(&ms)), "{report:?}");
        }
    }

    #[test]
    fn voice_noise_and_silence_are_no_chirps() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noise = move |_, _| std::array::from_fn(|_| rng.random_range(-0.3..0.3));
        assert_eq!(listen(0, &mut noise).heard, [0; 16]);
        assert_eq!(listen(0, |n, _| voice(n)).heard, [0; 16]);
        assert_eq!(listen(0, |_, _| [0.0; AudioBlock::LEN]).heard, [0; 16]);
    }

    #[test]
    fn it_is_heard_through_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut chirp = chirp(7);
        let report = listen(30, |n, now| chirp(n, now).map(|x| x + rng.random_range(-0.05..0.05)));
        assert!(report.of(7) >= 9, "{report:?}");
    }
}
