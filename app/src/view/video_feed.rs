//! Pictures on their way to the window: a handle by which the newest is taken.

use std::fmt;
use std::sync::Arc;

use hearth_base::{Picture, TrackId};

/// Where pictures of one track come from. The newest wins: one that nobody took in time is gone.
pub trait Pictures: Send + Sync {
    /// The newest picture, if there is one since the last time that somebody asked.
    fn take(&self) -> Option<Picture>;
}

/// The moving pictures of one track. Cheap to clone; all clones take from one slot.
#[derive(Clone)]
pub struct VideoFeed {
    /// Tells this feed from others, also when the same person sends another one later.
    pub track: TrackId,
    pictures: Arc<dyn Pictures>,
}

impl VideoFeed {
    /// The feed of `track`, shown by `pictures`.
    pub fn new(track: TrackId, pictures: Arc<dyn Pictures>) -> Self {
        Self { track, pictures }
    }

    /// The newest picture, if there is a newer one than the last time.
    pub fn take(&self) -> Option<Picture> {
        self.pictures.take()
    }
}

impl fmt::Debug for VideoFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Film").field(&self.track).finish()
    }
}
