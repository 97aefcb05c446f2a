//! What can be shared of a desktop: monitors and windows, and the pictures of one of them.
//!
//! A screen is a [`VideoSource`] like a camera, of any even size. It gives a picture when something on it has changed,
//! and the last one again a few times a second while nothing has: so who comes late sees it soon, and letters become
//! sharp while they stand still. Owns nothing; each source has a connection of its own to the display.
//!
//! It is X11's desktop; of one of Wayland's, the windows that speak X11: its monitors look black from there.

mod system;

use std::time::Instant;

use hearth_base::{FrameRate, Picture, ScreenEntry, ScreenFault, ScreenId};

use crate::Now;
use crate::slot::SlotSender;
use crate::source::{Pace, SourceLost, VideoSource};

/// What can be shared now: monitors first, then windows, the topmost first.
///
/// # Errors
/// [`ScreenFault`] where nothing can.
pub fn list() -> Result<Vec<ScreenEntry>, ScreenFault> {
    system::list()
}

/// The pictures of one of them, at most so many a second. It is opened with the first picture that is asked for, in the
/// thread that asks: a display may take its time. Where there will be no picture again, `faults` gets the reason.
pub fn source(id: ScreenId, rate: FrameRate, faults: SlotSender<ScreenFault>) -> Box<dyn VideoSource> {
    Box::new(LazyScreen { id, rate, opened: None, faults })
}

/// What a display gives.
trait ScreenPictures: Send {
    /// The next picture; nothing where there is none yet.
    fn look(&mut self, now: Instant) -> Result<Option<Picture>, ScreenFault>;
}

struct LazyScreen {
    id: ScreenId,
    rate: FrameRate,
    opened: Option<Box<dyn ScreenPictures>>,
    faults: SlotSender<ScreenFault>,
}

impl LazyScreen {
    fn look(&mut self, now: Instant) -> Result<Option<Picture>, ScreenFault> {
        let screen = match &mut self.opened {
            Some(screen) => screen,
            none => none.insert(system::open(self.id)?),
        };
        screen.look(now)
    }
}

impl VideoSource for LazyScreen {
    fn pace(&self) -> Pace {
        Pace::Clock(self.rate)
    }

    fn capture(&mut self, now: Now) -> Result<Option<Picture>, SourceLost> {
        self.look(now.monotonic).map_err(|fault| {
            let lost = SourceLost(fault.to_string());
            self.faults.put(fault);
            lost
        })
    }
}
