//! Who looks at the pictures: the window, or only anyone who counts them.
//!
//! Owner of: nothing that lasts. A picture for the window goes into a slot of one, where the newest wins, and a repaint
//! is asked for; a toolkit makes many requests into one frame.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hearth_base::{Picture, TrackId};
use hearth_media::Now;
use hearth_media::sinks::{StampReport, StampSink};
use hearth_media::slot::{SlotReceiver, SlotSender, slot};
use hearth_media::threads::PictureSink;

use crate::view::{Pictures, VideoFeed};

/// Asks the window to draw itself again, from any thread.
#[derive(Clone)]
pub struct Repaint(Arc<dyn Fn(ShowingEvent) + Send + Sync>);

/// Why the window should draw itself again: how soon that must be is for the window to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowingEvent {
    /// A new view.
    View,
    /// A picture of our own camera.
    OwnPicture,
    /// A picture of somebody else's.
    Picture,
}

impl Repaint {
    /// A request that `ask` makes.
    pub fn new(ask: impl Fn(ShowingEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks.
    pub(crate) fn ask(&self, news: ShowingEvent) {
        (self.0)(news);
    }
}

impl fmt::Debug for Repaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repaint")
    }
}

/// Who looks at the pictures.
#[derive(Clone, Debug)]
pub enum Showing {
    /// Nobody: their stamps are read and counted.
    Stamps,
    /// The window, which is asked to repaint itself.
    Window {
        /// How.
        repaint: Repaint,
        /// Whether stamps are read and counted, too.
        stamps: Stamps,
    },
}

/// Whether stamps are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// In every picture; it costs some microseconds each.
    Read,
    /// No.
    Ignored,
}

/// When the first picture of all was decoded.
pub(super) type FirstPicture = Arc<OnceLock<Instant>>;

/// What becomes of the pictures of one track.
pub(super) struct ShownTrack {
    pub(super) sink: Box<dyn PictureSink>,
    pub(super) stamps: Option<SlotReceiver<StampReport>>,
    pub(super) feed: Option<VideoFeed>,
}

impl Showing {
    /// Whether stamps and chirps are counted.
    pub(super) fn counts(&self) -> bool {
        match self {
            Self::Stamps | Self::Window { stamps: Stamps::Read, .. } => true,
            Self::Window { stamps: Stamps::Ignored, .. } => false,
        }
    }

    /// A place for the pictures of one track of theirs.
    pub(super) fn track(&self, track: TrackId, first: FirstPicture) -> ShownTrack {
        let (stamps, reports) = self.counts().then(StampSink::new).unzip();
        let (screen, feed) = self.screen(track, ShowingEvent::Picture).unzip();
        ShownTrack { sink: Box::new(Sink { stamps, screen, first }), stamps: reports, feed }
    }

    /// A place in the window for the pictures of a track, which are `news` each; none where there is no window.
    pub(super) fn screen(&self, track: TrackId, news: ShowingEvent) -> Option<(Screen, VideoFeed)> {
        let Self::Window { repaint, .. } = self else { return None };
        let (slot, receiver) = slot();
        let feed = VideoFeed::new(track, Arc::new(Receiver(receiver)));
        Some((Screen { slot, news, repaint: repaint.clone() }, feed))
    }
}

/// The way of a picture into the window.
pub(super) struct Screen {
    slot: SlotSender<Picture>,
    news: ShowingEvent,
    repaint: Repaint,
}

impl Screen {
    pub(super) fn show(&mut self, picture: Picture) {
        self.slot.put(picture);
        self.repaint.ask(self.news);
    }
}

struct Receiver(SlotReceiver<Picture>);

impl Pictures for Receiver {
    fn take(&self) -> Option<Picture> {
        self.0.take()
    }
}

/// Reads the stamps, shows the picture, and notes when the first one came.
struct Sink {
    stamps: Option<StampSink>,
    screen: Option<Screen>,
    first: FirstPicture,
}

impl PictureSink for Sink {
    fn picture(&mut self, track: TrackId, picture: Picture, now: Now) {
        self.first.get_or_init(|| now.monotonic);
        if let Some(stamps) = &mut self.stamps {
            stamps.picture(track, picture.clone(), now);
        }
        if let Some(screen) = &mut self.screen {
            screen.show(picture);
        }
    }
}
