//! What was made and got so far, as values.

use std::collections::BTreeMap;

use hearth_base::{Layer, Resolution, TrackId, TrackSource, VideoCodec};
use hearth_media::chirp::ChirpReport;
use hearth_media::files::RecordingReport;
use hearth_media::sinks::StampReport;
use hearth_media::threads::{DecodeCounters, LayerCounters};
use hearth_media::tick::{SentCounters, TrackReport, VoiceReport};
use serde::Serialize;

/// What was made and got so far.
#[derive(Clone, Debug, Default)]
pub struct MediaStats {
    /// Our camera.
    pub camera: CameraStats,
    /// Our sound.
    pub audio: SentCounters,
    /// How loud we are.
    pub voice: VoiceReport,
    /// Commands that a busy thread did not take.
    pub commands_lost: u64,
    /// What is being recorded; nothing where nobody asked for it.
    pub recordings: RecordingStats,
    /// From the start of the media to the first picture of somebody else, decoded; seconds.
    pub first_frame: Option<f64>,
    /// Theirs.
    pub tracks: BTreeMap<TrackId, RemoteStats>,
}

/// Our camera, and the encoders of its pictures.
#[derive(Clone, Debug, Default)]
pub struct CameraStats {
    /// Pictures that it took; the test pattern's numbers go up to this.
    pub frames: u64,
    /// In the last second that was measured.
    pub frames_per_second: f64,
    /// Of the newest.
    pub size: Option<Resolution>,
    /// What became of them in that second.
    pub limits: SourceLimits,
    /// Of each size and codec that anybody took.
    pub layers: BTreeMap<(Layer, VideoCodec), LayerCounters>,
}

/// What kept pictures from being encoded in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceLimits {
    /// An encoder left some out to hold its rate.
    pub is_rate_held: bool,
    /// So many found the encoder busy, or what it makes waiting, that it shows.
    pub is_overloaded: bool,
}

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordingStats {
    /// Of video.
    pub video: Option<RecordingReport>,
    /// Of sound.
    pub audio: Option<RecordingReport>,
}

/// One track of theirs.
#[derive(Clone, Debug)]
pub struct RemoteStats {
    /// From where.
    pub source: TrackSource,
    /// Pictures decoded.
    pub decoded: Option<DecodeCounters>,
    /// Stamps read in them.
    pub stamps: Option<StampReport>,
    /// Sound played.
    pub played: Option<TrackReport>,
    /// Chirps heard in it.
    pub chirps: Option<ChirpReport>,
}
