//! The thread that keeps devices as they are wanted.
//!
//! Waits for choices, for what devices say, for pictures, and for the next look at what lives. Owner of: the watches,
//! the devices that are held, and where pictures go. Decides nothing about a device: its [`Watch`] does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, tick};
use hearth_base::{DeviceChoice, DeviceKind, DeviceLists, Picture};

use super::open_device::{LivenessSigns, OpenDevice, Opened};
use super::watch::{SupervisorOrder, Watch};
use super::{CaptureCallback, DeviceView, DevicesView, News, Notice, OpenAttempt, TestSources, list};
use crate::Now;
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::threads::{AudioPortsHandle, StartError, Stop, Worker};
use crate::tick::{NullSpeaker, PortChange};

/// From one look at what lives to the next.
const LOOK: Duration = Duration::from_millis(100);
/// What devices say before it is heard. Cap 64: two words an opening, and one opening each quarter of a second. Full:
/// the opening counts as one that never answered.
const NEWS: usize = 64;
const KINDS: [DeviceKind; 3] = [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker];

/// What the thread is told.
pub(super) enum SupervisorMessage {
    Choice(DeviceKind, DeviceChoice),
    Capture(Option<CaptureCallback>),
}

/// One kind of device.
struct SupervisedDevice {
    watch: Watch,
    held: Option<OpenDevice>,
    life: Option<LivenessSigns>,
    /// Of devices that are closed: samples missed, buffers that were no picture.
    losses: (u64, u64),
}

pub(super) struct DeviceSupervisor {
    tests: TestSources,
    sockets: AudioPortsHandle,
    kept: BTreeMap<DeviceKind, SupervisedDevice>,
    say: Sender<News>,
    news: Receiver<News>,
    pictures: PicturePath,
    lists: ListWatch,
    view: ViewPublisher,
}

impl DeviceSupervisor {
    pub(super) fn new(
        tests: TestSources,
        sockets: AudioPortsHandle,
        publish: SlotSender<DevicesView>,
        preview: SlotSender<Picture>,
        notice: Box<dyn Notice>,
    ) -> Result<Self, StartError> {
        let (say, news) = bounded(NEWS);
        let kept = |kind| (kind, SupervisedDevice { watch: Watch::new(kind), held: None, life: None, losses: (0, 0) });
        Ok(Self {
            tests,
            sockets,
            kept: KINDS.map(kept).into(),
            say,
            news,
            pictures: PicturePath::new(preview),
            lists: ListWatch::spawn()?,
            view: ViewPublisher { publish, last: DevicesView::default(), notice },
        })
    }

    /// Keeps them until it is told to stop.
    pub(super) fn run(mut self, stop: &Stop, tells: &Receiver<SupervisorMessage>) {
        let looks = tick(LOOK);
        let mut tells = tells.clone();
        let (news, pictures) = (self.news.clone(), self.pictures.taken.receiver().clone());
        let mut lists = self.lists.found.receiver().clone();
        loop {
            select! {
                recv(stop) -> _ => return,
                recv(tells) -> told => match told {
                    Ok(told) => self.handle_told(told),
                    Err(_) => tells = never(), // about to stop
                },
                recv(news) -> said => said.into_iter().for_each(|said| self.handle_news(said)),
                recv(pictures) -> picture => {
                    if let Ok(picture) = picture {
                        self.pictures.handle_picture(picture);
                        self.view.notice.picture();
                    }
                    continue;
                }
                recv(lists) -> found => match found {
                    Ok(found) => self.handle_lists(found),
                    Err(_) => lists = never(), // the thread that looks has died; the last list stays
                },
                recv(looks) -> _ => self.look(),
            }
            self.act();
            self.tell();
        }
    }

    fn handle_told(&mut self, told: SupervisorMessage) {
        match told {
            SupervisorMessage::Capture(capture) => self.pictures.capture = capture,
            SupervisorMessage::Choice(kind, choice) => {
                let now = now();
                self.of(kind).into_iter().for_each(|kept| kept.watch.handle_choice(choice.clone(), now));
            }
        }
    }

    fn handle_news(&mut self, news: News) {
        let now = now();
        match news {
            News::Opened((kind, attempt), Opened { name, id, attach, life }) => {
                let sockets = self.sockets.clone();
                let Some(kept) = self.of(kind) else { return };
                if kept.watch.attempt() != Some(attempt) {
                    return; // another was chosen meanwhile; what was opened closes by itself
                }
                let attached = attach.is_none_or(|attach| sockets.attach(attach).is_ok());
                if !attached {
                    tracing::warn!("the audio thread takes no device");
                    return; // given up as one that never answered, and tried again
                }
                tracing::info!(?kind, name, "open");
                kept.life = Some(life);
                kept.watch.handle_opened(attempt, Ok((name, id)), now);
            }
            News::Lost((kind, attempt), fault) => {
                let Some(kept) = self.of(kind) else { return };
                let before = kept.watch.state();
                kept.watch.handle_lost(attempt, fault.clone(), now);
                if kept.watch.state() != before {
                    // It is tried again and again, and mostly fails as it did before.
                    tracing::warn!(?kind, ?fault, "does not run");
                }
            }
        }
    }

    fn handle_lists(&mut self, found: DeviceLists) {
        let now = now();
        for (kind, kept) in &mut self.kept {
            let list = match kind {
                DeviceKind::Camera => &found.cameras,
                DeviceKind::Microphone => &found.microphones,
                DeviceKind::Speaker => &found.speakers,
            };
            kept.watch.handle_list(list, now);
        }
        self.lists.newest = found;
    }

    /// Looks what lives.
    fn look(&mut self) {
        let now = now();
        for kept in self.kept.values_mut() {
            let Some(life) = &mut kept.life else { continue };
            let beats = life.beats();
            kept.watch.handle_beats(beats, now);
            if let (Some(fault), Some(attempt)) = (life.fault(), kept.watch.attempt()) {
                kept.watch.handle_lost(attempt, fault, now);
            }
        }
    }

    /// Does what the watches say.
    fn act(&mut self) {
        for kind in KINDS {
            while let Some(order) = self.of(kind).and_then(|kept| kept.watch.poll(now())) {
                match order {
                    SupervisorOrder::Close => self.close(kind),
                    SupervisorOrder::Open(attempt, choice) => self.open((kind, attempt), choice),
                }
            }
        }
    }

    fn open(&mut self, opening: OpenAttempt, choice: DeviceChoice) {
        let opened = OpenDevice::open(opening, choice, self.tests, self.say.clone(), &self.pictures.take);
        let Some(kept) = self.of(opening.0) else { return };
        match opened {
            Ok(held) => kept.held = Some(held),
            Err(error) => tracing::warn!(%error, "a device"), // given up as one that never answered
        }
    }

    fn close(&mut self, kind: DeviceKind) {
        // The audio thread's ends go first: a ring whose other end has died is silence.
        let attach = match kind {
            DeviceKind::Camera => None,
            DeviceKind::Microphone => Some(PortChange::Microphone(None)),
            DeviceKind::Speaker => Some(PortChange::Speaker(Box::new(NullSpeaker))),
        };
        if attach.is_some_and(|attach| self.sockets.attach(attach).is_err()) {
            tracing::debug!("the audio thread keeps the dead end of a ring until the next device");
        }
        let Some(kept) = self.of(kind) else { return };
        if let Some(life) = kept.life.take() {
            let (samples, pictures) = life.losses();
            kept.losses = (kept.losses.0 + samples, kept.losses.1 + pictures);
        }
        kept.held = None;
        if kind == DeviceKind::Camera {
            self.pictures.drop_late();
        }
    }

    /// Says how things are, when they are otherwise than before.
    fn tell(&mut self) {
        let of = |kind| {
            let kept = self.kept.get(&kind);
            kept.map(|kept| DeviceView { desired: kept.watch.desired().clone(), actual: kept.watch.state() })
        };
        let losses = |kept: &SupervisedDevice| {
            let now = kept.life.as_ref().map_or((0, 0), LivenessSigns::losses);
            (kept.losses.0 + now.0, kept.losses.1 + now.1)
        };
        let losses = self.kept.values().map(losses).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let view = DevicesView {
            camera: of(DeviceKind::Camera).unwrap_or_default(),
            microphone: of(DeviceKind::Microphone).unwrap_or_default(),
            speaker: of(DeviceKind::Speaker).unwrap_or_default(),
            lists: self.lists.newest.clone(),
            missed_samples: losses.0,
            broken_pictures: losses.1,
        };
        self.view.tell(view);
    }

    fn of(&mut self, kind: DeviceKind) -> Option<&mut SupervisedDevice> {
        self.kept.get_mut(&kind)
    }
}

/// Where pictures go: from the camera that is open to the call and to our own window.
struct PicturePath {
    /// For the camera's thread.
    take: SlotSender<Picture>,
    taken: SlotReceiver<Picture>,
    capture: Option<CaptureCallback>,
    preview: SlotSender<Picture>,
}

impl PicturePath {
    fn new(preview: SlotSender<Picture>) -> Self {
        let (take, taken) = slot();
        Self { take, taken, capture: None, preview }
    }

    fn handle_picture(&mut self, picture: Picture) {
        if let Some(capture) = &mut self.capture {
            capture(picture.clone());
        }
        self.preview.put(picture);
    }

    /// What a camera took just before it was closed is not shown after it.
    fn drop_late(&self) {
        drop(self.taken.take());
    }
}

/// Which devices there are, and the thread that looks for them.
struct ListWatch {
    found: SlotReceiver<DeviceLists>,
    newest: DeviceLists,
    _looks: Worker,
}

impl ListWatch {
    fn spawn() -> Result<Self, StartError> {
        let (looks, found) = list::spawn(|| {})?;
        Ok(Self { found, newest: DeviceLists::default(), _looks: looks })
    }
}

/// What others are told of all devices, and what they were told last.
struct ViewPublisher {
    publish: SlotSender<DevicesView>,
    last: DevicesView,
    notice: Box<dyn Notice>,
}

impl ViewPublisher {
    /// Says how things are, when they are otherwise than before.
    fn tell(&mut self, view: DevicesView) {
        if view != self.last {
            self.last = view.clone();
            self.publish.put(view);
            self.notice.view();
        }
    }
}

fn now() -> Instant {
    Now::read().monotonic
}
