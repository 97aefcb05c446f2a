//! An audio file in a microphone's place.
//!
//! The device's thread reads it, brings it to 48 kHz and one channel, and keeps a ring full ([`AudioFileReader`]); the
//! audio thread takes ten milliseconds at a time out of that ([`FileMicrophone`]), and never waits for a disk. Nothing
//! is taken out of it as echo or noise: it shall come as it is. Owner of: the file, and the ring's two ends, each by
//! one side.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, SAMPLE_RATE};
use hound::{SampleFormat, WavReader};
use rtrb::{Consumer, Producer, RingBuffer};

use super::FileFault;
use crate::Now;
use crate::devices::Resampler;
use crate::source::AudioSource;

/// Sound between disk and audio thread. Cap 500 ms: a disk that sleeps longer is heard. Full: the reader waits.
const RING: usize = SAMPLE_RATE as usize / 2;
/// From one look at the ring to the next.
pub(crate) const REFILL: Duration = Duration::from_millis(100);
/// Rates that sound cards have, Hz.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// The end that reads the file.
#[derive(Debug)]
pub(crate) struct AudioFileReader<R> {
    wav: LoopedWav<R>,
    /// None where the file has our rate.
    resampler: Option<Resampler>,
    /// Samples of the file for each of ours.
    step: f64,
    ring: Producer<f32>,
}

impl AudioFileReader<BufReader<File>> {
    /// The audio file of this name, and the end that the audio thread gets.
    ///
    /// # Errors
    /// [`FileFault`] where it is none that can be played.
    pub(crate) fn open(path: &Path) -> Result<(Self, FileMicrophone), FileFault> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<R: Read + Seek> AudioFileReader<R> {
    fn new(file: R) -> Result<(Self, FileMicrophone), FileFault> {
        let wav = LoopedWav::open(file)?;
        let step = f64::from(wav.rate) / f64::from(SAMPLE_RATE);
        let resampler = (wav.rate != SAMPLE_RATE).then(|| Resampler::new(step));
        let (ring, taken) = RingBuffer::new(RING);
        let mut reader = Self { wav, resampler, step, ring };
        reader.refill()?;
        Ok((reader, FileMicrophone { ring: taken }))
    }

    /// Fills the ring.
    ///
    /// # Errors
    /// [`FileFault`] where the file was replaced, or cannot be read any more.
    pub(crate) fn refill(&mut self) -> Result<(), FileFault> {
        let room = self.ring.slots();
        let Some(resampler) = &mut self.resampler else {
            for _ in 0..room {
                // There was room, and nobody else fills it.
                let _pushed = self.ring.push(self.wav.next()?);
            }
            return Ok(());
        };
        for _ in 0..resampler.lacks(room, self.step) {
            resampler.feed([self.wav.next()?]);
        }
        for _ in 0..room {
            let _pushed = resampler.next(self.step).map(|sample| self.ring.push(sample));
        }
        resampler.tidy();
        Ok(())
    }
}

/// The end that is a microphone.
#[derive(Debug)]
pub(crate) struct FileMicrophone {
    ring: Consumer<f32>,
}

impl AudioSource for FileMicrophone {
    fn read(&mut self, now: Now, block: &mut [f32; AudioBlock::LEN]) -> Option<Instant> {
        let chunk = self.ring.read_chunk(AudioBlock::LEN).ok()?;
        block.iter_mut().zip(chunk).for_each(|(to, sample)| *to = sample);
        Some(now.monotonic)
    }
}

/// The samples of a file in one channel, begun again where they end.
#[derive(Debug)]
struct LoopedWav<R> {
    /// None after a file could not be begun again.
    reader: Option<Reader<R>>,
    rate: u32,
    channels: u16,
    /// Samples since it was begun.
    played: u64,
}

struct Reader<R> {
    wav: WavReader<R>,
    /// What makes one of the largest sample; none where samples are floats already.
    scale: Option<f32>,
}

impl<R: Read + Seek> LoopedWav<R> {
    fn open(file: R) -> Result<Self, FileFault> {
        let reader = Reader::begin(file)?;
        let spec = reader.wav.spec();
        if !RATES.contains(&spec.sample_rate) || !(1..=2).contains(&spec.channels) {
            return Err(FileFault::SoundFormat { channels: spec.channels, rate: spec.sample_rate });
        }
        Ok(Self { reader: Some(reader), rate: spec.sample_rate, channels: spec.channels, played: 0 })
    }

    /// The next sample.
    fn next(&mut self) -> Result<f32, FileFault> {
        if let Some(sample) = self.mixed()? {
            self.played += 1;
            return Ok(sample);
        }
        if self.played == 0 {
            return Err(FileFault::NoSound);
        }
        // By its beginning, not by the reader's own way back: that one goes wrong where 24 bits lie in four bytes.
        let reader = self.reader.take().ok_or(FileFault::NoSound)?;
        self.reader = Some(Reader::begin(reader.wav.into_inner())?);
        let sample = self.mixed()?.ok_or(FileFault::NoSound)?;
        self.played = 1;
        Ok(sample)
    }

    /// The mean of the channels. None at the end, also where the file is cut off.
    fn mixed(&mut self) -> Result<Option<f32>, FileFault> {
        let reader = self.reader.as_mut().ok_or(FileFault::NoSound)?;
        let mut sum = 0.0;
        for _ in 0..self.channels {
            match reader.sample() {
                Some(Ok(sample)) => sum += sample,
                None => return Ok(None),
                Some(Err(hound::Error::IoError(_) | hound::Error::FormatError(_))) if self.played > 0 => {
                    return Ok(None);
                }
                Some(Err(error)) => return Err(refused(error)),
            }
        }
        Ok(Some(sum / f32::from(self.channels.max(1))))
    }
}

impl<R: Read + Seek> Reader<R> {
    fn begin(mut file: R) -> Result<Self, FileFault> {
        file.seek(SeekFrom::Start(0))?;
        let wav = WavReader::new(file).map_err(refused)?;
        let spec = wav.spec();
        let scale = match spec.sample_format {
            SampleFormat::Int => Some((-f32::from(spec.bits_per_sample.saturating_sub(1))).exp2()),
            SampleFormat::Float => None,
        };
        Ok(Self { wav, scale })
    }

    fn sample(&mut self) -> Option<Result<f32, hound::Error>> {
        match self.scale {
            Some(scale) => self.wav.samples::<i32>().next().map(|sample| sample.map(|sample| sample as f32 * scale)),
            None => self.wav.samples::<f32>().next().map(|sample| sample.map(within_one)),
        }
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("scale", &self.scale).finish_non_exhaustive()
    }
}

/// A file of floats may hold anything.
fn within_one(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

fn refused(error: hound::Error) -> FileFault {
    FileFault::NotWav(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::io::Cursor;

    use hound::{WavSpec, WavSpecEx, WavWriter};

    use super::*;

    /// A tone that goes through a tenth of a second in whole waves, so that its end and beginning fit.
    fn tone(rate: u32, n: u64) -> f32 {
        0.5 * (TAU * 800.0 * (n % u64::from(rate / 10)) as f32 / rate as f32).sin()
    }

    fn file(rate: u32, channels: u16, bits: u16, sample_format: SampleFormat) -> Vec<u8> {
        wide(rate, channels, bits, bits / 8, sample_format)
    }

    /// The same where a sample takes so many bytes.
    fn wide(rate: u32, channels: u16, bits: u16, bytes_per_sample: u16, sample_format: SampleFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut writer = WavWriter::new_with_spec_ex(&mut bytes, WavSpecEx { spec, bytes_per_sample }).unwrap();
        for n in 0..u64::from(rate / 10) {
            // Two channels that differ, and whose mean is the tone.
            for side in [0.25, -0.25].into_iter().take(channels.into()) {
                let sample = tone(rate, n) + if channels == 2 { side } else { 0.0 };
                match sample_format {
                    SampleFormat::Float => writer.write_sample(sample).unwrap(),
                    SampleFormat::Int => {
                        let full = f64::from(bits - 1).exp2() - 1.0;
                        writer.write_sample((f64::from(sample) * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    /// Plays so many blocks, with the ring refilled after each.
    fn play(bytes: Vec<u8>, blocks: usize) -> Vec<f32> {
        let (mut reader, mut microphone) = AudioFileReader::new(Cursor::new(bytes)).unwrap();
        let (mut heard, now) = (Vec::new(), Now::read());
        for _ in 0..blocks {
            let mut block = [0.0; AudioBlock::LEN];
            assert_eq!(microphone.read(now, &mut block), Some(now.monotonic));
            heard.extend(block);
            reader.refill().unwrap();
        }
        heard
    }

    #[test]
    fn every_format_is_heard_as_the_same_tone_round_after_round() {
        for (rate, channels, bits, bytes, format) in [
            (48_000, 1, 16, 2, SampleFormat::Int),
            (48_000, 2, 16, 2, SampleFormat::Int),
            (48_000, 1, 24, 3, SampleFormat::Int),
            (48_000, 2, 24, 4, SampleFormat::Int),
            (48_000, 1, 32, 4, SampleFormat::Int),
            (48_000, 2, 32, 4, SampleFormat::Float),
            (16_000, 1, 16, 2, SampleFormat::Int),
            (44_100, 2, 24, 3, SampleFormat::Int),
            (96_000, 1, 32, 4, SampleFormat::Float),
        ] {
            let heard = play(wide(rate, channels, bits, bytes, format), 100);
            let expected = |n: usize| tone(SAMPLE_RATE, n as u64);
            let worst =
                |range: std::ops::Range<usize>| range.map(|n| (heard[n] - expected(n)).abs()).fold(0.0, f32::max);
            let worst = worst(100..heard.len());
            assert!(worst < 0.01, "{rate} Hz, {channels} channels, {bits} bits: off by {worst}");
        }
    }

    #[test]
    fn an_audio_thread_that_comes_too_soon_hears_silence_and_loses_nothing() {
        let (mut reader, mut microphone) =
            AudioFileReader::new(Cursor::new(file(48_000, 1, 16, SampleFormat::Int))).unwrap();
        let (mut block, now) = ([0.0; AudioBlock::LEN], Now::read());
        let mut taken = 0;
        while microphone.read(now, &mut block).is_some() {
            taken += block.len();
        }
        assert_eq!(taken, RING);
        reader.refill().unwrap();
        assert!(microphone.read(now, &mut block).is_some());
        assert!((block[7] - tone(48_000, RING as u64 + 7)).abs() < 0.001);
    }

    #[test]
    fn what_is_no_wav_file_is_refused_with_a_reason() {
        let good = file(48_000, 1, 16, SampleFormat::Int);
        for (bytes, reason) in [
            (b"YUV4MPEG2 W2 H2 F25:1\n".to_vec(), "no WAV file"),
            (Vec::new(), "no WAV file"),
            (file(4_000, 1, 16, SampleFormat::Int), "4000 Hz"),
            (good[..44].to_vec(), "no WAV file"),
            (file(8, 1, 16, SampleFormat::Int), "8 Hz"),
        ] {
            let refused = AudioFileReader::new(Cursor::new(bytes)).map(drop).unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
        let cut = good[..good.len() / 2].to_vec();
        assert!(AudioFileReader::new(Cursor::new(cut)).is_ok(), "what is cut off begins again");
    }
}
