//! What the audio turn has done so far, as values.
//!
//! Owns nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_base::{AudioBlock, Level, SAMPLE_RATE, TrackId};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackReport {
    /// What the jitter buffer did.
    pub jitter: JitterCounters,
    /// How long it means to hold sound back.
    pub target_delay: Duration,
    /// How long it does. `None` when nothing plays.
    pub delay: Option<Duration>,
    /// How loud, before its volume.
    pub level: Level,
    /// Whether they speak.
    pub is_speaking: bool,
}

/// The same under the names of W3C's RTCInboundRtpStreamStats: samples at 48 kHz, times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlayoutStats {
    /// Packets that came too late, or too many at once.
    pub packets_discarded: u64,
    /// What each sample that came waited, all together. Divide by the next but one.
    pub jitter_buffer_delay: f64,
    /// What each was meant to wait, all together.
    pub jitter_buffer_target_delay: f64,
    /// Samples that came and left the buffer.
    pub jitter_buffer_emitted_count: u64,
    /// Samples that were played: with guessed ones, and without pauses of the sender.
    pub total_samples_received: u64,
    /// All of these, in seconds.
    pub total_samples_duration: f64,
    /// Of these, the guessed ones.
    pub concealed_samples: u64,
    /// Runs of guessed ones.
    pub concealment_events: u64,
    /// Samples put in to wait for packets.
    pub inserted_samples_for_deceleration: u64,
    /// Samples left out to be on time.
    pub removed_samples_for_acceleration: u64,
    /// How loud, 0 to 1.
    pub audio_level: f64,
    /// Beyond the specification: samples made out of the next packet's redundancy.
    pub recovered_samples: u64,
}

impl TrackReport {
    /// Under the specification's names.
    pub fn stats(&self) -> PlayoutStats {
        const BLOCK: u64 = AudioBlock::LEN as u64;
        let JitterCounters { late, dropped, fec, left_out, put_in, samples, .. } = self.jitter;
        PlayoutStats {
            packets_discarded: late + dropped,
            jitter_buffer_delay: samples.waited.as_secs_f64(),
            jitter_buffer_target_delay: samples.meant.as_secs_f64(),
            jitter_buffer_emitted_count: samples.emitted,
            total_samples_received: samples.played,
            total_samples_duration: samples.played as f64 / f64::from(SAMPLE_RATE),
            concealed_samples: samples.concealed,
            concealment_events: samples.concealments,
            inserted_samples_for_deceleration: put_in * BLOCK,
            removed_samples_for_acceleration: left_out * BLOCK,
            audio_level: f64::from(self.level.amplitude()),
            recovered_samples: fec * BLOCK,
        }
    }
}

/// Our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentCounters {
    /// Ticks so far.
    pub ticks: u64,
    /// Packets that went out.
    pub packets_encoded: u64,
    /// Packets that the sink had no room for.
    pub packets_refused: u64,
    /// Blocks that the microphone did not have in time.
    pub blocks_missed: u64,
    /// Errors of the encoder.
    pub encoder_errors: u64,
}
