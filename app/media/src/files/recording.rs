//! What is received, written to files as it is seen and heard: the frames of one track, and the mix.
//!
//! Each has a thread of its own and a bounded queue before it, so that no disk holds a call up: what finds the queue
//! full is dropped and counted, and the time that it took is filled with what was there before. Each thing comes with
//! the time at which it was seen; which frame of the file that makes follows from this time alone. Owner of: the files.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use hearth_base::{AudioBlock, FrameRate, Picture, Resolution, SAMPLE_RATE};
use hound::{SampleFormat, WavSpec, WavWriter};

use super::y4m::{FileRate, Y4mHeader, write_frame};
use crate::scale::Scaler;
use crate::threads::{Stop, Worker};
use crate::tick::{MixListener, TURN};
use crate::{Now, threads};

/// The longest recording, on the disk 25 GB of 1280x720 at 30 frames a second. What comes later is left out.
pub const LONGEST: Duration = Duration::from_secs(600);

/// Pictures that wait to be written: half a second of 30 a second, 40 MB of 1280x720. Full: the newest is left out, and
/// counted.
const PICTURES: usize = 15;
/// Sound that waits to be written: a second. Full: the newest is left out, and counted; the file is silent there.
const BLOCKS: usize = 100;
/// How often frames are written that nothing new comes for, and how long after their time: what was seen until then is
/// in the queue by then.
const LAG: Duration = Duration::from_millis(200);
/// Blocks after which the length in a WAV file's header is brought up to date: a second.
const HEADER_EVERY: u64 = 100;

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be made.
    #[error("the file cannot be written: {0}")]
    Io(#[from] io::Error),
    /// No thread to be had.
    #[error(transparent)]
    Start(#[from] threads::StartError),
}

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RecordingReport {
    /// Frames, or ten milliseconds of sound, that are in the file.
    pub written: u64,
    /// How many of these repeat the one before, or are silent because nothing was heard at their time.
    pub filled: u64,
    /// What came while the disk was busy, and is not in the file.
    pub dropped: u64,
    /// Times that the file could not be written; nothing was after the first.
    pub failures: u64,
}

/// A recording under way. Dropped, it writes what waits, and ends the file.
#[derive(Debug)]
pub struct Recorder<T: Send + 'static> {
    input: RecorderInput<T>,
    _worker: Worker,
}

/// The end that things are put in.
#[derive(Debug)]
pub struct RecorderInput<T> {
    queue: Sender<(Instant, T)>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    filled: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
}

impl Recorder<Picture> {
    /// Records video (YUV4MPEG2) of this size and rate. Its first frame is the first picture.
    ///
    /// # Errors
    /// [`RecordError`] when there is no file or thread.
    pub fn video(path: &Path, resolution: Resolution, rate: FrameRate) -> Result<Self, RecordError> {
        let video = VideoRecording::begin(BufWriter::new(File::create(path)?), resolution, rate)?;
        Self::spawn("record-video", PICTURES, video)
    }
}

impl Recorder<[f32; AudioBlock::LEN]> {
    /// Records audio (WAV, 16 bits, one channel). It begins with the first block.
    ///
    /// # Errors
    /// [`RecordError`] when there is no file or thread.
    pub fn audio(path: &Path) -> Result<Self, RecordError> {
        let sound = AudioRecording::begin(BufWriter::new(File::create(path)?))?;
        Self::spawn("record-audio", BLOCKS, sound)
    }
}

impl<T: Send + 'static> Recorder<T> {
    fn spawn(
        name: &str,
        waiting: usize,
        writer: impl RecordingWriter<T> + Send + 'static,
    ) -> Result<Self, RecordError> {
        let (queue, queued) = bounded(waiting);
        let counters = Arc::<Counters>::default();
        let counted = counters.clone();
        let worker = Worker::spawn(name, move |stop| {
            if let Err(error) = run(&stop, &queued, writer, &counted) {
                tracing::error!(%error, "a recording ends early");
                counted.failures.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Self { input: RecorderInput { queue, counters }, _worker: worker })
    }

    /// Another end that things are put in.
    pub fn input(&self) -> RecorderInput<T> {
        RecorderInput { queue: self.input.queue.clone(), counters: self.input.counters.clone() }
    }

    /// What was recorded so far.
    pub fn report(&self) -> RecordingReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.input.counters;
        RecordingReport {
            written: read(&counters.written),
            filled: read(&counters.filled),
            dropped: read(&counters.dropped),
            failures: read(&counters.failures),
        }
    }
}

impl<T> RecorderInput<T> {
    /// Something was seen or heard at `at`. Does not block.
    pub fn put(&self, thing: T, at: Instant) {
        if self.queue.try_send((at, thing)).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl MixListener for RecorderInput<[f32; AudioBlock::LEN]> {
    fn hear(&mut self, block: &[f32; AudioBlock::LEN], now: Now) {
        self.put(*block, now.monotonic);
    }
}

/// What is written, of things that come with their time.
trait RecordingWriter<T> {
    /// This was seen or heard at `at`.
    fn handle(&mut self, thing: T, at: Instant) -> io::Result<()>;
    /// Nothing else was, until then.
    fn advance(&mut self, until: Instant) -> io::Result<()>;
    /// Ends the file.
    fn finish(self) -> io::Result<()>;
    /// What is in it, and how much of that was filled in.
    fn counts(&self) -> (u64, u64);
}

fn run<T>(
    stop: &Stop,
    queue: &Receiver<(Instant, T)>,
    mut writer: impl RecordingWriter<T>,
    counters: &Counters,
) -> io::Result<()> {
    let count = |(written, filled)| {
        counters.written.store(written, Ordering::Relaxed);
        counters.filled.store(filled, Ordering::Relaxed);
    };
    loop {
        select! {
            recv(stop) -> _ => break,
            recv(queue) -> thing => match thing {
                Ok((at, thing)) => writer.handle(thing, at)?,
                Err(_) => break, // nobody is left who could put anything in
            },
            default(LAG) => writer.advance(before(Now::read().monotonic, LAG))?,
        }
        count(writer.counts());
    }
    queue.try_iter().try_for_each(|(at, thing)| writer.handle(thing, at))?;
    writer.advance(Now::read().monotonic)?;
    count(writer.counts());
    writer.finish()
}

fn before(at: Instant, by: Duration) -> Instant {
    at.checked_sub(by).unwrap_or(at)
}

/// Video: at each tick of its rate, what was the newest picture then.
struct VideoRecording<W> {
    to: W,
    scaler: Scaler,
    /// The newest picture, scaled, and whether it was written already.
    newest: Vec<u8>,
    is_written: bool,
    rate: FrameRate,
    began: Option<Instant>,
    written: u64,
    filled: u64,
}

impl<W: Write> VideoRecording<W> {
    fn begin(mut to: W, resolution: Resolution, rate: FrameRate) -> io::Result<Self> {
        let of_file = FileRate::new(rate.fps(), 1).ok_or_else(|| io::Error::other("no frame rate of a video"))?;
        let header = Y4mHeader { resolution, rate: of_file };
        header.write(&mut to)?;
        let (scaler, newest) = (Scaler::new(resolution), vec![0; header.frame_len()]);
        Ok(Self { to, scaler, newest, is_written: false, rate, began: None, written: 0, filled: 0 })
    }

    /// The time of the next frame of the file, while there may be more.
    fn next(&self) -> Option<Instant> {
        let time = self.rate.time_of(self.written);
        self.began.filter(|_| time < LONGEST).map(|began| began + time)
    }
}

impl<W: Write> RecordingWriter<Picture> for VideoRecording<W> {
    fn handle(&mut self, picture: Picture, at: Instant) -> io::Result<()> {
        self.advance(at)?;
        self.began.get_or_insert(at);
        if self.next().is_none() {
            return Ok(()); // long enough
        }
        let scaled = self.scaler.scale(picture.resolution(), picture.planes(), &mut self.newest);
        self.is_written = false;
        scaled.ok_or_else(|| io::Error::other("a picture cannot be scaled"))
    }

    fn advance(&mut self, until: Instant) -> io::Result<()> {
        while self.next().is_some_and(|at| at < until) {
            write_frame(&mut self.to, &self.newest)?;
            self.filled += u64::from(std::mem::replace(&mut self.is_written, true));
            self.written += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn counts(&self) -> (u64, u64) {
        (self.written, self.filled)
    }
}

/// Audio, ten milliseconds at a time; where a time has none, silence.
struct AudioRecording<W: Write + Seek> {
    to: WavWriter<W>,
    began: Option<Instant>,
    written: u64,
    filled: u64,
}

impl<W: Write + Seek> AudioRecording<W> {
    fn begin(to: W) -> io::Result<Self> {
        let sample_format = SampleFormat::Int;
        let spec = WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format };
        let to = WavWriter::new(to, spec).map_err(told)?;
        Ok(Self { to, began: None, written: 0, filled: 0 })
    }

    fn write(&mut self, block: &[f32; AudioBlock::LEN]) -> io::Result<()> {
        for sample in block {
            // A float becomes the nearest there is, also where it is beyond or no number.
            self.to.write_sample((sample * f32::from(i16::MAX)).round() as i16).map_err(told)?;
        }
        self.written += 1;
        if self.written.is_multiple_of(HEADER_EVERY) { self.to.flush().map_err(told) } else { Ok(()) }
    }
}

impl<W: Write + Seek> RecordingWriter<[f32; AudioBlock::LEN]> for AudioRecording<W> {
    fn handle(&mut self, block: [f32; AudioBlock::LEN], at: Instant) -> io::Result<()> {
        let since = at.saturating_duration_since(*self.began.get_or_insert(at));
        if since >= LONGEST {
            return Ok(());
        }
        let place = (since + TURN / 2).as_micros() / TURN.as_micros();
        while u128::from(self.written) < place {
            self.write(&[0.0; AudioBlock::LEN])?;
            self.filled += 1;
        }
        // A turn that was caught up with may fall into the place of the one before: sound is not left out for that.
        self.write(&block)
    }

    fn advance(&mut self, _until: Instant) -> io::Result<()> {
        Ok(()) // there is a block for each time, or a later one says that there was none
    }

    fn finish(self) -> io::Result<()> {
        self.to.finalize().map_err(told)
    }

    fn counts(&self) -> (u64, u64) {
        (self.written, self.filled)
    }
}

fn told(error: hound::Error) -> io::Error {
    if let hound::Error::IoError(error) = error { error } else { io::Error::other(error.to_string()) }
}

#[cfg(test)]
mod tests;
