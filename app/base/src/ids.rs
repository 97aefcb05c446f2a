//! What a frame belongs to.

/// A track of this call, ours or another's: a handle that lives as long as the call and is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

/// Sound or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackSource {
    /// A camera, or the test pattern that stands for one.
    Camera,
    /// A shared screen or window.
    Screen,
    /// A microphone, or the chirp that stands for one.
    Microphone,
    /// What the computer plays, shared with a screen.
    System,
}

impl TrackSource {
    /// Sound or picture.
    pub fn kind(self) -> TrackKind {
        match self {
            Self::Camera | Self::Screen => TrackKind::Video,
            Self::Microphone | Self::System => TrackKind::Audio,
        }
    }
}

/// One of the sizes that a video track is encoded in; 0 is the smallest. An encoder's output is (track, layer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer(pub u8);

/// In how many temporal layers a track's layer is encoded. The upper one of two holds every other frame, which is
/// discardable: a link that has no room for it does without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemporalLayers {
    /// Each frame is made of the one before.
    #[default]
    One,
    /// Each frame is made of the last one of the lower layer.
    Two,
}

impl TemporalLayers {
    /// What the lower one takes of the rate of both, as far as the encoder can be told.
    pub const LOWER_PART: f64 = 0.6;
}
