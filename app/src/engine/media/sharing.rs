//! What of this desktop is shared, and its encoder.
//!
//! Owner of: the thread that looks at the screen, and the one that encodes it. Dropped, both end.

use hearth_base::{EncodedFrame, FrameRate, Layer, Picture, Resolution, ScreenEntry, ScreenFault, TrackId};
use hearth_media::screens;
use hearth_media::slot::{SlotReceiver, slot};
use hearth_media::source::SourceLost;
use hearth_media::threads::{CameraThread, EncodeCommand, EncodeThread, LayerSettings, StartError};
use hearth_media::tick::Accepted;
use tokio::sync::mpsc;

use super::showing::{Showing, ShowingEvent};
use super::{FIRST_VIDEO, ToCall, accepted};
use crate::view::VideoFeed;

/// Pictures a second at most; a screen that rests gives fewer.
const RATE: u32 = 30;
/// A screen is never made smaller: letters would go first.
const WHOLE: Layer = Layer(2);

/// What can be shared of this desktop now.
///
/// # Errors
/// [`ScreenFault`] where nothing can.
pub fn screens() -> Result<Vec<ScreenEntry>, ScreenFault> {
    screens::list()
}

/// What is shared.
pub(super) struct ScreenShare {
    pub(super) track: TrackId,
    pub(super) entry: ScreenEntry,
    /// What we share, for the window.
    pub(super) feed: Option<VideoFeed>,
    faults: SlotReceiver<ScreenFault>,
    /// Before the encoder: what feeds it ends first.
    _capture: CameraThread,
    encode: EncodeThread,
}

impl ScreenShare {
    /// Begins. `wake` wakes the call when it is over by itself.
    pub(super) fn start(
        track: TrackId,
        entry: ScreenEntry,
        showing: &Showing,
        frames: mpsc::Sender<EncodedFrame>,
        wake: mpsc::Sender<()>,
    ) -> Result<Self, StartError> {
        let rate = FrameRate::new(RATE);
        let layer = LayerSettings { layer: WHOLE, height: Resolution::MAX_SIDE, rate, bitrate: FIRST_VIDEO };
        let (encode, mut pictures) = EncodeThread::spawn(track, &[layer], Box::new(ToCall(frames)))?;
        let (mut screen, feed) = showing.screen(track, ShowingEvent::OwnPicture).unzip();
        let deliver = move |picture: Picture| {
            if let Some(screen) = &mut screen {
                screen.show(picture.clone());
            }
            pictures.put(picture);
        };
        let on_lost = move |why: SourceLost| {
            tracing::warn!(%why, "a shared screen is lost");
            accepted(wake.try_send(()));
        };
        let (tell, faults) = slot();
        let capture = CameraThread::spawn(screens::source(entry.id, rate, tell), deliver, on_lost)?;
        Ok(Self { track, entry, feed, faults, _capture: capture, encode })
    }

    /// Why it is over, where it is over by itself.
    pub(super) fn poll_fault(&self) -> Option<ScreenFault> {
        self.faults.take()
    }

    pub(super) fn tell(&self, command: EncodeCommand) -> Accepted {
        self.encode.command(command)
    }
}
