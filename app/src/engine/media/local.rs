//! Our side: devices as they are wanted and as they are, and the encoder of our picture.
//!
//! Owner of: the devices and the encoding thread. A camera that is off is released; a microphone that is off stays
//! open, so that who speaks without being heard can be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::{Bitrate, DeviceChoice, DeviceKind, DeviceState, EncodedVideo, Layer, Picture, TrackId};
use hearth_call::Switch;
use hearth_media::devices::{Devices, DevicesView, Notice, TestSources};
use hearth_media::threads::{AudioPortsHandle, EncodeCommand, EncodeReport, EncodeThread, LayerSettings, StartError};
use hearth_media::tick::Accepted;
use tokio::sync::mpsc;

use super::showing::{Screen, ShowingEvent};
use super::{EngineConfig, ToCall, accepted};
use crate::engine::Choices;
use crate::view::VideoFeed;

/// Before the links have said what they bear.
const FIRST_VIDEO: Bitrate = Bitrate::from_kbps(1000);
/// News of the devices: one wakes the call, which looks at all of them. Full: it is awake already.
const NEWS: usize = 1;

/// What the person wants sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MuteStates {
    pub(super) microphone: Switch,
    pub(super) camera: Switch,
}

/// Our side.
pub(super) struct LocalMedia {
    devices: Devices,
    encode: Option<EncodeThread>,
    choices: Choices,
    pub(super) switches: MuteStates,
    drawn: Arc<AtomicU64>,
    feed: Option<VideoFeed>,
}

impl LocalMedia {
    /// Starts the devices that are wanted. `news` wakes whenever they are others.
    pub(super) fn start(
        config: &EngineConfig,
        track: Option<TrackId>,
        sockets: AudioPortsHandle,
        pictures: mpsc::Sender<EncodedVideo>,
    ) -> Result<(Self, mpsc::Receiver<()>), StartError> {
        let (wake, news) = mpsc::channel(NEWS);
        let tests = TestSources { source: config.source_id, resolution: config.resolution, rate: config.frame_rate };
        let devices = Devices::spawn(tests, sockets, Box::new(Wake(wake)))?;
        let drawn = Arc::new(AtomicU64::new(0));
        let (mut encode, mut feed) = (None, None);
        if let Some(track) = track {
            let screen = config.showing.screen(track, ShowingEvent::OwnPicture);
            let (screen, ours) = screen.unzip();
            let (thread, capture) = film_to(config, track, pictures, screen, drawn.clone())?;
            refused(devices.set_capture(Some(capture)));
            (encode, feed) = (Some(thread), ours);
        }
        let switches = MuteStates { microphone: config.microphone, camera: config.camera };
        let own = Self { devices, encode, choices: config.choices.clone(), switches, drawn, feed };
        for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
            own.apply(kind);
        }
        Ok((own, news))
    }

    /// Another device, or none.
    pub(super) fn choose(&mut self, kind: DeviceKind, choice: DeviceChoice) {
        match kind {
            DeviceKind::Camera => self.choices.camera = choice,
            DeviceKind::Microphone => self.choices.microphone = choice,
            DeviceKind::Speaker => self.choices.speaker = choice,
        }
        self.apply(kind);
    }

    /// Camera on or off: off releases the device.
    pub(super) fn switch_camera(&mut self, switch: Switch) {
        self.switches.camera = switch;
        self.apply(DeviceKind::Camera);
    }

    fn apply(&self, kind: DeviceKind) {
        let choice = match kind {
            DeviceKind::Camera if self.encode.is_none() || self.switches.camera == Switch::Off => DeviceChoice::Off,
            DeviceKind::Camera => self.choices.camera.clone(),
            DeviceKind::Microphone => self.choices.microphone.clone(),
            DeviceKind::Speaker => self.choices.speaker.clone(),
        };
        refused(self.devices.choose(kind, choice));
    }

    /// What really is sent: what is wanted, as far as its device runs.
    pub(super) fn sent(&mut self) -> MuteStates {
        let wanted = self.switches;
        let view = self.devices.view();
        let runs = |state: &DeviceState, wanted: Switch| match state {
            DeviceState::On { .. } => wanted,
            DeviceState::Off | DeviceState::Opening | DeviceState::Failed(_) => Switch::Off,
        };
        MuteStates {
            microphone: runs(&view.microphone.actual, wanted.microphone),
            camera: runs(&view.camera.actual, wanted.camera),
        }
    }

    pub(super) fn devices(&mut self) -> &DevicesView {
        self.devices.view()
    }

    /// Tells the encoder something; whether it took it.
    pub(super) fn tell(&self, command: EncodeCommand) -> Accepted {
        self.encode.as_ref().map_or(Accepted::Yes, |encode| encode.command(command))
    }

    pub(super) fn feed(&self) -> Option<VideoFeed> {
        self.feed.clone()
    }

    /// Pictures that the camera took.
    pub(super) fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// What was encoded so far.
    pub(super) fn encoded(&mut self) -> EncodeReport {
        self.encode.as_mut().map(|encode| encode.report().clone()).unwrap_or_default()
    }

    /// Releases every device.
    pub(super) fn stop(&mut self) {
        refused(self.devices.set_capture(None));
        for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
            refused(self.devices.choose(kind, DeviceChoice::Off));
        }
        self.encode = None;
    }
}

fn film_to(
    config: &EngineConfig,
    track: TrackId,
    pictures: mpsc::Sender<EncodedVideo>,
    mut screen: Option<Screen>,
    drawn: Arc<AtomicU64>,
) -> Result<(EncodeThread, hearth_media::devices::CaptureCallback), StartError> {
    let layer = LayerSettings { layer: Layer::default(), halvings: 0, rate: config.frame_rate, bitrate: FIRST_VIDEO };
    let (encode, mut slot) = EncodeThread::spawn(track, &[layer], Box::new(ToCall(pictures)))?;
    let capture = move |picture: Picture| {
        if let Some(screen) = &mut screen {
            screen.show(picture.clone());
        }
        drawn.fetch_add(1, Ordering::Relaxed);
        slot.put(picture);
    };
    Ok((encode, Box::new(capture)))
}

/// People choose by hand, and the thread is asked again when they do: nothing is lost but a log line's worth.
fn refused(accepted: Accepted) {
    if accepted == Accepted::Full {
        tracing::warn!("the devices' thread did not take a choice");
    }
}

/// Wakes the call when a device is a different one.
struct Wake(mpsc::Sender<()>);

impl Notice for Wake {
    fn view(&mut self) {
        // Full: it is awake already. Closed: nobody is left to wake.
        accepted(self.0.try_send(()));
    }

    fn picture(&mut self) {} // the window has a slot of its own
}
