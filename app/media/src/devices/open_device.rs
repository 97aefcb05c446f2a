//! A device that is held, or is about to be: the thread that does it, and the signs of its life.
//!
//! Owner of: that thread. Dropped, it closes the device; a device that does not answer is left to its thread, which
//! closes it when it does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, TryRecvError};
use hearth_base::{DeviceChoice, DeviceFault, DeviceId, DeviceKind, Picture};

use super::camera::CaptureSink;
use super::lease::Lease;
use super::sound::{self, Pulse};
use super::{News, OpenAttempt, TestSources, camera};
use crate::Now;
use crate::chirp::Chirp;
use crate::files::{AudioFileReader, FileCamera, FileFault, REFILL};
use crate::pattern::Pattern;
use crate::slot::SlotSender;
use crate::source::SourceLost;
use crate::threads::{CameraThread, StartError, Stop, Worker, by_clock};
use crate::tick::{Input, NullSpeaker, PortChange};

/// How long a device may take to close.
const PATIENCE: Duration = Duration::from_millis(500);

/// A device has been opened.
pub(super) struct Opened {
    /// What a person reads; empty for a test source.
    pub(super) name: String,
    pub(super) id: DeviceId,
    /// What the audio thread gets.
    pub(super) attach: Option<PortChange>,
    pub(super) life: LivenessSigns,
}

/// The signs of a device's life.
#[derive(Clone, Debug)]
pub(super) enum LivenessSigns {
    /// A sound card's callbacks.
    Sound(Pulse),
    /// A camera's pictures, and what was none.
    Pictures { taken: Arc<AtomicU64>, broken: Arc<AtomicU64> },
    /// A test source's, which cannot die; how often it was looked at.
    Always(u64),
}

impl LivenessSigns {
    pub(super) fn beats(&mut self) -> u64 {
        match self {
            Self::Sound(pulse) => pulse.beats(),
            Self::Pictures { taken, .. } => taken.load(Ordering::Relaxed),
            Self::Always(looks) => {
                *looks += 1;
                *looks
            }
        }
    }

    pub(super) fn fault(&self) -> Option<DeviceFault> {
        match self {
            Self::Sound(pulse) => pulse.fault(),
            Self::Pictures { .. } | Self::Always(_) => None,
        }
    }

    /// Samples missed, buffers that were no picture.
    pub(super) fn losses(&self) -> (u64, u64) {
        match self {
            Self::Sound(pulse) => (pulse.misses(), 0),
            Self::Pictures { broken, .. } => (0, broken.load(Ordering::Relaxed)),
            Self::Always(_) => (0, 0),
        }
    }
}

/// What holds a device open.
pub(super) enum OpenDevice {
    /// Its thread.
    Device { _worker: Worker },
    /// The pattern's thread.
    Pattern { _camera: CameraThread },
    /// Nothing: the chirp lives in the audio thread, and who plays to nobody needs nothing.
    Test,
}

impl OpenDevice {
    /// Begins to open what is chosen. What comes of it is said in `news`; pictures go to `pictures`.
    pub(super) fn open(
        opening: OpenAttempt,
        choice: DeviceChoice,
        tests: TestSources,
        news: Sender<News>,
        pictures: &SlotSender<Picture>,
    ) -> Result<Self, StartError> {
        let pictures = pictures.another();
        let (kind, _) = opening;
        if choice == DeviceChoice::Test {
            return Self::test(opening, tests, &news, pictures);
        }
        let name = match kind {
            DeviceKind::Camera => "camera",
            DeviceKind::Microphone => "microphone",
            DeviceKind::Speaker => "speaker",
        };
        let worker = Worker::spawn(name, move |stop| match (kind, &choice) {
            (DeviceKind::Camera, DeviceChoice::File(path)) => {
                hold_video_file(path, tests, Capture::new(opening, stop, news, pictures));
            }
            (DeviceKind::Camera, _) => hold_camera(&choice, Capture::new(opening, stop, news, pictures)),
            (DeviceKind::Microphone, DeviceChoice::File(path)) => hold_audio_file(opening, path, &stop, &news),
            (DeviceKind::Microphone | DeviceKind::Speaker, _) => hold_sound(opening, &choice, &stop, &news),
        })?;
        Ok(Self::Device { _worker: worker.give_up_after(PATIENCE) })
    }

    fn test(
        opening: OpenAttempt,
        tests: TestSources,
        news: &Sender<News>,
        mut pictures: SlotSender<Picture>,
    ) -> Result<Self, StartError> {
        let (held, attach) = match opening.0 {
            DeviceKind::Camera => {
                let pattern = Box::new(Pattern::new(tests.source, tests.resolution, tests.rate));
                let camera = CameraThread::spawn(pattern, move |picture| pictures.put(picture), |_| {})?;
                (Self::Pattern { _camera: camera }, None)
            }
            DeviceKind::Microphone => {
                let chirp = Input::Test(Box::new(Chirp::new(tests.source)));
                (Self::Test, Some(PortChange::Microphone(Some(chirp))))
            }
            DeviceKind::Speaker => (Self::Test, Some(PortChange::Speaker(Box::new(NullSpeaker)))),
        };
        let life = LivenessSigns::Always(0);
        say(news, News::Opened(opening, Opened { name: String::new(), id: DeviceId("test".into()), attach, life }));
        Ok(held)
    }
}

/// The list of news is longer than what all devices could say while one turn of the supervisor lasts. Were it full, the
/// supervisor would not know, and give the opening up as one that never answered.
fn say(news: &Sender<News>, what: News) {
    if news.try_send(what).is_err() {
        tracing::warn!("nobody listens to a device");
    }
}

fn hold_sound((kind, attempt): OpenAttempt, choice: &DeviceChoice, stop: &Stop, news: &Sender<News>) {
    // A thread before this one still waits for a sound server that does not answer.
    let Some(_lease) = Lease::take(format!("{kind:?} {choice:?}")) else {
        return say(news, News::Lost((kind, attempt), DeviceFault::NoSoundServer));
    };
    match sound::open(kind, choice) {
        Ok(sound::Open { name, id, attach, pulse, stream }) => {
            let opened = Opened { name, id, attach: Some(attach), life: LivenessSigns::Sound(pulse) };
            say(news, News::Opened((kind, attempt), opened));
            // Ends when the device is not wanted any more: nothing is ever sent.
            let _ended = stop.recv();
            drop(stream);
        }
        Err(fault) => say(news, News::Lost((kind, attempt), fault)),
    }
}

/// A recording has no echo and no noise of ours in it: it goes past what takes these out, as the chirp does.
fn hold_audio_file(opening: OpenAttempt, path: &Path, stop: &Stop, news: &Sender<News>) {
    let lost = |fault: FileFault| say(news, News::Lost(opening, file_fault(path, &fault)));
    let (mut reader, microphone) = match AudioFileReader::open(path) {
        Ok(ends) => ends,
        Err(fault) => return lost(fault),
    };
    let attach = Some(PortChange::Microphone(Some(Input::Test(Box::new(microphone)))));
    let (name, id) = file_name(path);
    say(news, News::Opened(opening, Opened { name, id, attach, life: LivenessSigns::Always(0) }));
    while stop.recv_deadline(Now::read().monotonic + REFILL) == Err(RecvTimeoutError::Timeout) {
        if let Err(fault) = reader.refill() {
            return lost(fault);
        }
    }
}

fn hold_video_file(path: &Path, tests: TestSources, mut capture: Capture) {
    let mut video = match FileCamera::open(path, tests.source, tests.resolution, tests.rate) {
        Ok(video) => video,
        Err(fault) => return capture.lost(file_fault(path, &fault)),
    };
    let (name, id) = file_name(path);
    capture.opened(name, id);
    let stop = capture.stop.clone();
    if let Err(SourceLost(why)) = by_clock(&mut video, tests.rate, &stop, &mut |picture| capture.picture(picture)) {
        capture.lost(DeviceFault::File(format!("{}: {why}", path.display())));
    }
}

/// What a person reads of a file, and what tells it from others.
fn file_name(path: &Path) -> (String, DeviceId) {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    (name, DeviceId(format!("file:{}", path.display())))
}

fn file_fault(path: &Path, fault: &FileFault) -> DeviceFault {
    DeviceFault::File(format!("{}: {fault}", path.display()))
}

fn hold_camera(choice: &DeviceChoice, mut capture: Capture) {
    if let Err(fault) = camera::capture(choice, &mut capture) {
        capture.lost(fault);
    }
}

struct Capture {
    opening: OpenAttempt,
    stop: Stop,
    news: Sender<News>,
    pictures: SlotSender<Picture>,
    taken: Arc<AtomicU64>,
    broken: Arc<AtomicU64>,
}

impl Capture {
    fn new(opening: OpenAttempt, stop: Stop, news: Sender<News>, pictures: SlotSender<Picture>) -> Self {
        Self { opening, stop, news, pictures, taken: Arc::default(), broken: Arc::default() }
    }

    fn lost(&self, fault: DeviceFault) {
        say(&self.news, News::Lost(self.opening, fault));
    }
}

impl CaptureSink for Capture {
    fn opened(&mut self, name: String, id: DeviceId) {
        let life = LivenessSigns::Pictures { taken: self.taken.clone(), broken: self.broken.clone() };
        say(&self.news, News::Opened(self.opening, Opened { name, id, attach: None, life }));
    }

    fn picture(&mut self, picture: Picture) {
        // It may have been given up while it waited: then another camera's pictures are shown.
        if self.is_wanted() {
            self.taken.fetch_add(1, Ordering::Relaxed);
            self.pictures.put(picture);
        }
    }

    fn broken(&mut self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        self.stop.try_recv() == Err(TryRecvError::Empty)
    }
}
