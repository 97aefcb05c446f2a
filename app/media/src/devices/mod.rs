//! The devices of this machine: what is wanted of them, what has become of it, and what they give.
//!
//! | thread | what | may block on |
//! |---|---|---|
//! | devices | decides, by a [`watch`] for each kind; hands pictures on | closing a device, half a second at most |
//! | device-list | looks every two seconds which devices there are | the sound server |
//! | microphone, speaker | opens one stream, holds it, closes it | the sound server; given up when it does not answer |
//! | camera | opens one camera, reads and converts its pictures | the driver; given up when it does not answer |
//!
//! Sound itself does not pass through here: the ends of the rings are plugged into the audio thread. Works with a call
//! and without one: before a call there are a preview and a level. Owner of: every open device. Keeps no settings.

mod camera;
mod lease;
mod list;
mod open_device;
mod sound;
mod supervisor;
mod watch;

use crossbeam_channel::{Sender, bounded};
use hearth_base::{DeviceChoice, DeviceFault, DeviceKind, DeviceLists, DeviceState, FrameRate, Picture, Resolution};

pub use self::list::DeviceList;
pub(crate) use self::sound::Resampler;
use self::supervisor::{DeviceSupervisor, SupervisorMessage};
use crate::slot::{SlotReceiver, slot};
use crate::threads::{AudioPortsHandle, StartError, Worker};
use crate::tick::Accepted;

/// Choices that wait for the thread. Cap 32: people choose by hand. Full: the choice is refused, the one who makes it
/// says it again.
const COMMANDS: usize = 32;

/// What the test sources are like, and the pictures of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestSources {
    /// Who they say they are, 1 to 255.
    pub source: u8,
    /// Size of their pictures.
    pub resolution: Resolution,
    /// Their pictures a second.
    pub rate: FrameRate,
}

/// Somebody who is told that there is something new. Must not block.
pub trait Notice: Send {
    /// [`Devices::view`] is a different one.
    fn view(&mut self);
    /// The preview has another picture.
    fn picture(&mut self);
}

/// A device as it is wanted and as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceView {
    /// What a person wants. It stays when the device goes.
    pub desired: DeviceChoice,
    /// What has become of it.
    pub actual: DeviceState,
}

/// All devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevicesView {
    /// Where the picture comes from.
    pub camera: DeviceView,
    /// Where the sound comes from.
    pub microphone: DeviceView,
    /// Where sound goes.
    pub speaker: DeviceView,
    /// What could be chosen.
    pub lists: DeviceLists,
    /// Buffers of the camera that were no picture.
    pub broken_pictures: u64,
    /// Samples that a sound card did not get, or that were lost between it and us.
    pub missed_samples: u64,
}

/// Where the camera's pictures go besides the preview. Must not block; usually the encoder's slot.
pub type CaptureCallback = Box<dyn FnMut(Picture) + Send>;

/// The devices, kept as they are wanted until this is dropped. All are off in the beginning.
#[derive(Debug)]
pub struct Devices {
    told: Sender<SupervisorMessage>,
    views: SlotReceiver<DevicesView>,
    view: DevicesView,
    preview: SlotReceiver<Picture>,
    _worker: Worker,
}

impl Devices {
    /// Starts keeping them. Microphone and speaker are plugged into `sockets`, an audio thread's.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(tests: TestSources, sockets: AudioPortsHandle, notice: Box<dyn Notice>) -> Result<Self, StartError> {
        let (told, tells) = bounded(COMMANDS);
        let (publish, views) = slot();
        let (show, preview) = slot();
        let supervisor = DeviceSupervisor::new(tests, sockets, publish, show, notice)?;
        let worker = Worker::spawn("devices", move |stop| supervisor.run(&stop, &tells))?;
        Ok(Self { told, views, view: DevicesView::default(), preview, _worker: worker })
    }

    /// Wants something else. Asked for again, a device that failed is tried at once.
    pub fn choose(&self, kind: DeviceKind, choice: DeviceChoice) -> Accepted {
        self.tell(SupervisorMessage::Choice(kind, choice))
    }

    /// Hands the camera's pictures to somebody besides the preview, or to nobody any more.
    pub fn set_capture(&self, capture: Option<CaptureCallback>) -> Accepted {
        self.tell(SupervisorMessage::Capture(capture))
    }

    /// As things are now.
    pub fn view(&mut self) -> &DevicesView {
        if let Some(newer) = self.views.take() {
            self.view = newer;
        }
        &self.view
    }

    /// The camera's newest picture, once.
    pub fn preview(&self) -> Option<Picture> {
        self.preview.take()
    }

    fn tell(&self, told: SupervisorMessage) -> Accepted {
        if self.told.try_send(told).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

/// Of which kind, and which of its openings.
type OpenAttempt = (DeviceKind, u64);

/// What a device's thread has to say.
enum News {
    /// It is open.
    Opened(OpenAttempt, open_device::Opened),
    /// It is not, or not any more.
    Lost(OpenAttempt, DeviceFault),
}
