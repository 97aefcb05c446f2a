//! What the audio turn has done so far, as values.
//!
//! Owns nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_base::{Level, TrackId};

use crate::jitter::JitterCounters;

/// What was done so far, to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioReport {
    /// Our side.
    pub sent: SentCounters,
    /// Our voice.
    pub voice: VoiceReport,
    /// Each of theirs.
    pub tracks: BTreeMap<TrackId, TrackReport>,
    /// Packets of tracks that have not begun, or are over.
    pub unknown: u64,
}

/// Our voice, as it leaves us: after echo, noise and gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceReport {
    /// How loud.
    pub level: Level,
    /// Whether we speak, muted or not.
    pub is_speaking: bool,
    /// Whether we speak and nobody hears it, because we are muted.
    pub is_muted_and_speaking: bool,
}

/// One of their tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrackReport {
    /// What the jitter buffer did.
    pub jitter: JitterCounters,
    /// How long it means to hold sound back.
    pub target_delay: Duration,
    /// How long it does. `None` when nothing plays.
    pub delay: Option<Duration>,
    /// How loud, before its volume.
    #[serde(skip)]
    pub level: Level,
    /// Whether they speak.
    #[serde(skip)]
    pub is_speaking: bool,
}

/// Our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SentCounters {
    /// Turns taken.
    pub turns: u64,
    /// Packets that went out.
    pub packets: u64,
    /// Packets that the sink had no room for.
    pub refused: u64,
    /// Blocks that the microphone did not have in time.
    pub missing: u64,
    /// Errors of the encoder.
    pub errors: u64,
}
