//! What media comes from: cameras and microphones, and the test sources that stand for them.
//!
//! A device implements one of these traits; the thread that drives it is in [`crate::threads`]. Owns nothing.

use std::time::Instant;

use hearth_base::{AudioBlock, FrameRate, Picture};

use crate::Now;

/// Who sets the pace of a [`VideoSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The thread that drives it, by absolute deadlines.
    Clock(FrameRate),
    /// The device: [`VideoSource::capture`] blocks until it has a picture.
    Device,
}

/// A source of pictures.
pub trait VideoSource: Send {
    /// Who sets the pace.
    fn pace(&self) -> Pace;

    /// The next picture, taken at `now`. `None` when there is none this time.
    ///
    /// # Errors
    /// [`SourceLost`] when there will be none again.
    fn capture(&mut self, now: Now) -> Result<Option<Picture>, SourceLost>;
}

/// A source of sound.
pub trait AudioSource: Send {
    /// Fills the block, and says when its first sample was taken. `None` when nothing is there yet: that is silence.
    fn read(&mut self, now: Now, block: &mut [f32; AudioBlock::LEN]) -> Option<Instant>;
}

/// A device that went away. The sentence says which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceLost(pub String);
