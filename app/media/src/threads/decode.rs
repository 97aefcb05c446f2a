//! The decode threads: each track pinned to one of them, so that its pictures stay in order.
//!
//! A track has at most [`QUEUE`] pictures waiting. Beyond, all of them go, and nothing is decoded until a key frame
//! comes: a late picture is worth less than the next whole one. After an error too the decoder holds until a key frame.
//! It is made for the first picture's codec, and again when they change to another one. Owner of: the decoders (in the
//! threads), what each track waits for (here).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use hearth_base::{CaptureTime, EncodedFrame, FrameKind, Picture, TrackId, VideoCodec};

use super::frame_times::{FrameClock, FrameTimes};
use super::worker::{Stop, Worker};
use super::{PictureSink, StartError};
use crate::Now;
use crate::codec::{CodecError, VideoDecoder, video_decoder};
use crate::slot::{SlotReceiver, SlotSender, slot};

/// Cap 8: half a second at 15 pictures a second, beyond which it is better to ask for a key frame. Full: all go.
const QUEUE: u64 = 8;
/// What one thread's tracks have waiting together, and their beginnings and ends. Full: the picture goes, and its track
/// waits for a key frame.
const THREAD_QUEUE: usize = 256;

/// Is told, from a decode thread, that a track needs a key frame. Must not block.
pub type Lost = Arc<dyn Fn(TrackId) + Send + Sync>;

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It will be decoded.
    Yes,
    /// It waits for no decoder: its track is unknown, or waits for a key frame.
    Dropped,
    /// It and all that waited are gone: ask for a key frame.
    KeyFrameWanted,
}

/// One track's counters, under the names of W3C's RTCInboundRtpStreamStats where it has them; times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecodeCounters {
    /// Frames that came.
    #[serde(skip)]
    pub received: u64,
    /// Frames that were decoded.
    pub frames_decoded: u64,
    /// Of those, the ones that stand alone.
    pub key_frames_decoded: u64,
    /// Frames that were not, for want of room or of a key frame.
    pub frames_dropped: u64,
    /// Beyond the specification: errors of the decoder.
    pub decoder_errors: u64,
    /// Time spent decoding.
    pub total_decode_time: f64,
    /// How evenly they came out.
    #[serde(flatten)]
    pub times: FrameTimes,
}

/// The decode threads.
#[derive(Debug)]
pub struct DecodeThreads {
    threads: Vec<Thread>,
    tracks: BTreeMap<TrackId, Track>,
}

#[derive(Debug)]
struct Thread {
    work: Sender<Work>,
    _worker: Worker,
}

/// What the caller knows of a track.
#[derive(Debug)]
struct Track {
    thread: usize,
    next: u64,
    skipping: bool,
    /// Of the newest picture.
    codec: Option<VideoCodec>,
    shared: Arc<Shared>,
    reports: SlotReceiver<FrameTimes>,
    times: FrameTimes,
}

/// What both sides know of it.
#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicU64,
    /// Pictures below this number are not to be decoded any more.
    flushed: AtomicU64,
    received: AtomicU64,
    decoded: AtomicU64,
    keys: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
    busy_micros: AtomicU64,
    /// Nothing is sent: the next interval between frames says nothing.
    is_inactive: AtomicBool,
}

enum Work {
    Begin(TrackId, Decoding),
    Frame { number: u64, codec: VideoCodec, frame: EncodedFrame },
    End(TrackId),
}

/// What a thread knows of a track.
struct Decoding {
    decoder: Option<(VideoCodec, Box<dyn VideoDecoder>)>,
    sink: Box<dyn PictureSink>,
    shared: Arc<Shared>,
    lost: Lost,
    holding: bool,
    clock: FrameClock,
    reports: SlotSender<FrameTimes>,
}

impl DecodeThreads {
    /// Starts so many threads, at least one.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(count: usize) -> Result<Self, StartError> {
        let thread = |n: usize| {
            let (work, queue) = bounded(THREAD_QUEUE);
            let worker = Worker::spawn(&format!("decode-{n}"), move |stop| run(&stop, &queue))?;
            Ok(Thread { work, _worker: worker })
        };
        let threads = (0..count.max(1)).map(thread).collect::<Result<_, StartError>>()?;
        Ok(Self { threads, tracks: BTreeMap::new() })
    }

    /// A track begins: its pictures go to `sink`, and `lost` is told when it needs a key frame. One that is there
    /// already begins again.
    pub fn begin(&mut self, track: TrackId, sink: Box<dyn PictureSink>, lost: Lost) {
        let thread = track.0 as usize % self.threads.len().max(1);
        let shared = Arc::<Shared>::default();
        let (sender, reports) = slot();
        let decoding = Decoding {
            decoder: None,
            sink,
            shared: shared.clone(),
            lost,
            holding: true,
            clock: FrameClock::default(),
            reports: sender,
        };
        if self.send(thread, Work::Begin(track, decoding)) {
            let times = FrameTimes::default();
            self.tracks.insert(track, Track { thread, next: 0, skipping: false, codec: None, shared, reports, times });
        }
    }

    /// It is over.
    pub fn end(&mut self, track: TrackId) {
        if let Some(Track { thread, shared, .. }) = self.tracks.remove(&track) {
            shared.flushed.store(u64::MAX, Ordering::Relaxed);
            // Should there be no room, the thread keeps an idle decoder until it ends itself.
            self.send(thread, Work::End(track));
        }
    }

    /// A frame of video came.
    pub fn handle_video(&mut self, frame: EncodedFrame) -> Queued {
        let Some(codec) = frame.codec.video() else { return Queued::Dropped };
        let Some(track) = self.tracks.get_mut(&frame.track) else { return Queued::Dropped };
        track.codec = Some(codec);
        let shared = track.shared.clone();
        shared.received.fetch_add(1, Ordering::Relaxed);
        let key = frame.kind == FrameKind::Key;
        let full = shared.waiting.load(Ordering::Relaxed) >= QUEUE;
        if full {
            shared.flushed.store(track.next, Ordering::Relaxed);
        }
        if !key && (full || track.skipping) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            let first = !std::mem::replace(&mut track.skipping, true);
            return if first { Queued::KeyFrameWanted } else { Queued::Dropped };
        }
        let (thread, number) = (track.thread, track.next);
        track.next += 1;
        track.skipping = false;
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        let id = frame.track;
        if self.send(thread, Work::Frame { number, codec, frame }) {
            return Queued::Yes;
        }
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
        shared.dropped.fetch_add(1, Ordering::Relaxed);
        if let Some(track) = self.tracks.get_mut(&id) {
            track.skipping = true;
        }
        Queued::KeyFrameWanted
    }

    /// How a track's newest picture was encoded. `None` when there was none.
    pub fn codec(&self, track: TrackId) -> Option<VideoCodec> {
        self.tracks.get(&track)?.codec
    }

    /// Nothing of a track is sent at the moment: that is neither a freeze nor a pause.
    pub fn handle_inactive(&mut self, track: TrackId) {
        if let Some(track) = self.tracks.get(&track) {
            track.shared.is_inactive.store(true, Ordering::Relaxed);
        }
    }

    /// A track's counters. `None` when it has not begun.
    pub fn counters(&mut self, track: TrackId) -> Option<DecodeCounters> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let track = self.tracks.get_mut(&track)?;
        if let Some(newer) = track.reports.take() {
            track.times = newer;
        }
        let shared = &track.shared;
        Some(DecodeCounters {
            received: read(&shared.received),
            frames_decoded: read(&shared.decoded),
            key_frames_decoded: read(&shared.keys),
            frames_dropped: read(&shared.dropped),
            decoder_errors: read(&shared.errors),
            total_decode_time: Duration::from_micros(read(&shared.busy_micros)).as_secs_f64(),
            times: track.times,
        })
    }

    fn send(&self, thread: usize, work: Work) -> bool {
        self.threads.get(thread).is_some_and(|thread| thread.work.try_send(work).is_ok())
    }
}

fn run(stop: &Stop, queue: &Receiver<Work>) {
    let mut tracks = BTreeMap::new();
    loop {
        select! {
            recv(stop) -> _ => return,
            recv(queue) -> work => match work {
                Ok(work) => handle(&mut tracks, work),
                Err(_) => return,
            },
        }
    }
}

fn handle(tracks: &mut BTreeMap<TrackId, Decoding>, work: Work) {
    match work {
        Work::Begin(track, decoding) => drop(tracks.insert(track, decoding)),
        Work::End(track) => drop(tracks.remove(&track)),
        Work::Frame { number, codec, frame } => {
            if let Some(decoding) = tracks.get_mut(&frame.track) {
                decoding.handle_frame(number, codec, &frame);
            }
        }
    }
}

impl Decoding {
    fn decode(&mut self, codec: VideoCodec, frame: &EncodedFrame, now: Instant) -> Result<Option<Picture>, CodecError> {
        let decoder = match self.decoder.take_if(|(known, _)| *known == codec) {
            Some((_, known)) => known,
            None => video_decoder(codec)?,
        };
        let (_, decoder) = self.decoder.insert((codec, decoder));
        decoder.decode(&frame.payload, now)
    }

    fn handle_frame(&mut self, number: u64, codec: VideoCodec, frame: &EncodedFrame) {
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        let flushed = number < self.shared.flushed.load(Ordering::Relaxed);
        let changed = self.decoder.as_ref().is_some_and(|(known, _)| *known != codec);
        let useless = (self.holding || changed) && frame.kind == FrameKind::Delta;
        if flushed || useless {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.holding = true;
            return;
        }
        let begin = Now::read();
        let decoded = self.decode(codec, frame, begin.monotonic);
        let now = Now::read();
        let busy = now.monotonic.saturating_duration_since(begin.monotonic);
        self.shared.busy_micros.fetch_add(busy.as_micros() as u64, Ordering::Relaxed);
        match decoded {
            Ok(picture) => {
                self.holding = false;
                if let Some(picture) = picture {
                    self.shared.decoded.fetch_add(1, Ordering::Relaxed);
                    self.shared.keys.fetch_add(u64::from(frame.kind == FrameKind::Key), Ordering::Relaxed);
                    if self.shared.is_inactive.swap(false, Ordering::Relaxed) {
                        self.clock.handle_inactive();
                    }
                    let captured = match frame.captured {
                        CaptureTime::There(captured) => captured,
                        CaptureTime::Here(_) => None,
                    };
                    self.clock.handle_frame(picture.resolution(), captured, now.monotonic);
                    self.reports.put(self.clock.times());
                    self.sink.picture(frame.track, picture, now);
                }
            }
            Err(_) => {
                self.shared.errors.fetch_add(1, Ordering::Relaxed);
                self.holding = true;
                (self.lost)(frame.track);
            }
        }
    }
}
