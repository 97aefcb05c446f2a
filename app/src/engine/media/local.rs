//! Our side: devices as they are wanted and as they are, and the encoder of our picture.
//!
//! Owner of: the devices and the encoding thread. A camera that is off is released; a microphone that is off stays
//! open, so that who speaks without being heard can be told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::{
    DeviceChoice, DeviceKind, DeviceState, EncodedFrame, Layer, Picture, Resolution, ScreenEntry, TrackId, TrackSource,
};
use hearth_call::Switch;
use hearth_media::devices::{Devices, DevicesView, Notice, TestSources};
use hearth_media::threads::{AudioPortsHandle, EncodeCommand, EncodeReport, EncodeThread, LayerSettings, StartError};
use hearth_media::tick::Accepted;
use tokio::sync::mpsc;

use super::sharing::ScreenShare;
use super::showing::{Screen, Showing, ShowingEvent};
use super::{EngineConfig, FIRST_VIDEO, ToCall, accepted};
use crate::engine::Choices;
use crate::view::VideoFeed;

/// How high the pictures of each layer are at most, as the call chooses among them; the largest is the camera's own.
pub(super) const LAYERS: [(Layer, u32); 3] = [(Layer(0), 180), (Layer(1), 360), (Layer(2), Resolution::MAX_SIDE)];
/// News of the devices: one wakes the call, which looks at all of them. Full: it is awake already.
const NEWS: usize = 1;

/// What the person wants sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MuteStates {
    pub(super) microphone: Switch,
    pub(super) camera: Switch,
}

/// Which track comes from which device.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalTracks {
    pub(super) microphone: Option<TrackId>,
    pub(super) camera: Option<TrackId>,
}

/// Our side.
pub(super) struct LocalMedia {
    devices: Devices,
    tracks: LocalTracks,
    /// Of each track of video.
    encoders: BTreeMap<TrackId, EncodeThread>,
    choices: Choices,
    wanted: MuteStates,
    drawn: Arc<AtomicU64>,
    feed: Option<VideoFeed>,
    shared: Option<ScreenShare>,
    showing: Showing,
    /// For what is shared: where its frames go, and who is woken when it is lost.
    frames: mpsc::Sender<EncodedFrame>,
    wake: mpsc::Sender<()>,
}

impl LocalMedia {
    /// Starts the devices that are wanted. `news` wakes whenever they are others.
    pub(super) fn start(
        config: &EngineConfig,
        tracks: LocalTracks,
        sockets: AudioPortsHandle,
        pictures: mpsc::Sender<EncodedFrame>,
    ) -> Result<(Self, mpsc::Receiver<()>), StartError> {
        let (wake, news) = mpsc::channel(NEWS);
        let tests = TestSources { source: config.source_id, resolution: config.resolution, rate: config.frame_rate };
        let devices = Devices::spawn(tests, sockets, Box::new(Wake(wake.clone())))?;
        let drawn = Arc::new(AtomicU64::new(0));
        let (mut encoders, mut feed) = (BTreeMap::new(), None);
        if let Some(track) = tracks.camera {
            let screen = config.showing.screen(track, ShowingEvent::OwnPicture);
            let (screen, ours) = screen.unzip();
            let (thread, capture) = film_to(config, track, pictures.clone(), screen, drawn.clone())?;
            refused(devices.set_capture(Some(capture)));
            encoders.insert(track, thread);
            feed = ours;
        }
        let wanted = MuteStates { microphone: config.microphone, camera: config.camera };
        let own = Self {
            devices,
            tracks,
            encoders,
            choices: config.choices.clone(),
            wanted,
            drawn,
            feed,
            shared: None,
            showing: config.showing.clone(),
            frames: pictures,
            wake,
        };
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

    /// Something is wanted, or not any more. A camera that is not is released.
    pub(super) fn want(&mut self, source: TrackSource, switch: Switch) {
        match source {
            TrackSource::Microphone => self.wanted.microphone = switch,
            TrackSource::Camera => {
                self.wanted.camera = switch;
                self.apply(DeviceKind::Camera);
            }
            TrackSource::Screen | TrackSource::System => {} // no device: shared, or not
        }
    }

    /// Shares a screen as this track; what was shared before is not any more.
    pub(super) fn share(&mut self, track: TrackId, entry: ScreenEntry) -> Result<(), StartError> {
        self.shared = None;
        let (frames, wake) = (self.frames.clone(), self.wake.clone());
        self.shared = Some(ScreenShare::start(track, entry, &self.showing, frames, wake)?);
        Ok(())
    }

    /// Shares nothing any more.
    pub(super) fn stop_sharing(&mut self) {
        self.shared = None;
    }

    /// What is shared.
    pub(super) fn shared(&self) -> Option<&ScreenShare> {
        self.shared.as_ref()
    }

    fn apply(&self, kind: DeviceKind) {
        let choice = match kind {
            DeviceKind::Camera if self.tracks.camera.is_none() || self.wanted.camera == Switch::Off => {
                DeviceChoice::Off
            }
            DeviceKind::Camera => self.choices.camera.clone(),
            DeviceKind::Microphone => self.choices.microphone.clone(),
            DeviceKind::Speaker => self.choices.speaker.clone(),
        };
        refused(self.devices.choose(kind, choice));
    }

    /// Whether a track really is sent: it is wanted, and its device runs.
    pub(super) fn sends(&mut self, track: TrackId) -> Switch {
        let view = self.devices.view();
        let (device, wanted) = if Some(track) == self.tracks.microphone {
            (&view.microphone.actual, self.wanted.microphone)
        } else if Some(track) == self.tracks.camera {
            (&view.camera.actual, self.wanted.camera)
        } else {
            let is_shared = self.shared.as_ref().is_some_and(|shared| shared.track == track);
            return if is_shared { Switch::On } else { Switch::Off };
        };
        match device {
            DeviceState::On { .. } => wanted,
            DeviceState::Off | DeviceState::Opening | DeviceState::Failed(_) => Switch::Off,
        }
    }

    pub(super) fn devices(&mut self) -> &DevicesView {
        self.devices.view()
    }

    /// Tells the encoder of a track something; whether it took it.
    pub(super) fn tell(&self, track: TrackId, command: EncodeCommand) -> Accepted {
        match (&self.shared, self.encoders.get(&track)) {
            (Some(shared), _) if shared.track == track => shared.tell(command),
            (_, encode) => encode.map_or(Accepted::Yes, |encode| encode.command(command)),
        }
    }

    pub(super) fn feed(&self) -> Option<VideoFeed> {
        self.feed.clone()
    }

    /// Pictures that the camera took.
    pub(super) fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// What was encoded of the camera so far.
    pub(super) fn encoded(&mut self) -> EncodeReport {
        let camera = self.tracks.camera.and_then(|camera| self.encoders.get_mut(&camera));
        camera.map(|encode| encode.report().clone()).unwrap_or_default()
    }

    /// Releases every device.
    pub(super) fn stop(&mut self) {
        self.shared = None;
        refused(self.devices.set_capture(None));
        for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
            refused(self.devices.choose(kind, DeviceChoice::Off));
        }
        self.encoders.clear();
    }
}

fn film_to(
    config: &EngineConfig,
    track: TrackId,
    pictures: mpsc::Sender<EncodedFrame>,
    mut screen: Option<Screen>,
    drawn: Arc<AtomicU64>,
) -> Result<(EncodeThread, hearth_media::devices::CaptureCallback), StartError> {
    let layers =
        LAYERS.map(|(layer, height)| LayerSettings { layer, height, rate: config.frame_rate, bitrate: FIRST_VIDEO });
    let (encode, mut slot) = EncodeThread::spawn(track, &layers, Box::new(ToCall(pictures)))?;
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
