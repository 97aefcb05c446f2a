//! What was made and got so far, as values.

use std::collections::BTreeMap;

use hearth_media::chirp::ChirpReport;
use hearth_media::files::RecordingReport;
use hearth_media::sinks::StampReport;
use hearth_media::threads::{DecodeCounters, LayerCounters};
use hearth_media::tick::{SentCounters, TrackReport, VoiceReport};
use hearth_protocol::PeerId;
use serde::Serialize;

/// What was made and got so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MediaStats {
    /// Pictures that the camera took; the test pattern's numbers go up to this.
    pub drawn: u64,
    /// Of our picture, all layers together, in each codec that anybody took: `H264`, `VP8`.
    pub video: BTreeMap<&'static str, LayerCounters>,
    /// Of our sound.
    pub audio: SentCounters,
    /// How loud we are.
    #[serde(skip)]
    pub voice: VoiceReport,
    /// Commands that a busy thread did not take.
    pub commands_lost: u64,
    /// What is being recorded; nothing where nobody asked for it.
    #[serde(skip_serializing_if = "RecordingStats::is_none")]
    pub recordings: RecordingStats,
    /// From the start of the media to the first picture of somebody else, decoded; milliseconds.
    pub first_frame_ms: Option<f64>,
    /// Theirs, a track each.
    pub tracks: Vec<RemoteStats>,
}

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordingStats {
    /// Of video.
    pub video: Option<RecordingReport>,
    /// Of sound.
    pub audio: Option<RecordingReport>,
}

impl RecordingStats {
    fn is_none(&self) -> bool {
        self.video.is_none() && self.audio.is_none()
    }
}

/// One track of theirs.
#[derive(Clone, Debug, Serialize)]
pub struct RemoteStats {
    /// Which.
    pub track: u32,
    /// Whose.
    #[serde(serialize_with = "as_text")]
    pub peer: PeerId,
    /// From where: `camera`, `microphone`, `screen` or `system`.
    pub source: &'static str,
    /// Of video: what their newest picture was encoded in.
    pub codec: Option<&'static str>,
    /// Pictures decoded.
    pub decoded: Option<DecodeCounters>,
    /// Stamps read in them.
    pub stamps: Option<StampReport>,
    /// Sound played.
    pub played: Option<TrackReport>,
    /// Chirps heard in it.
    pub chirps: Option<ChirpReport>,
}

fn as_text<S: serde::Serializer>(peer: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(peer.as_str())
}
