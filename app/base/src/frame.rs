//! Encoded media on its way through a call.

use std::time::Instant;

use bytes::Bytes;

use crate::{AudioCodec, Layer, TrackId, VideoCodec};

/// Whether a picture can be decoded alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Can be decoded without anything before it.
    Key,
    /// Needs the pictures before it.
    Delta,
}

/// One encoded picture, from an encoder.
#[derive(Clone, Debug)]
pub struct EncodedVideo {
    /// Our track.
    pub track: TrackId,
    /// Which of its sizes.
    pub layer: Layer,
    /// How it is encoded.
    pub codec: VideoCodec,
    /// Whether it can be decoded alone.
    pub kind: FrameKind,
    /// When the camera took it: the RTP time stamp is made of this, never of summed durations.
    pub captured: Instant,
    /// H.264: an access unit with start codes (Annex B). VP8: a frame (RFC 6386 section 9.1).
    pub payload: Bytes,
}

/// One encoded block of sound, from an encoder.
#[derive(Clone, Debug)]
pub struct EncodedAudio {
    /// Our track.
    pub track: TrackId,
    /// How it is encoded.
    pub codec: AudioCodec,
    /// When its first sample was taken, in samples of 48 kHz since the track began.
    pub position: u64,
    /// When its first sample was taken.
    pub captured: Instant,
    /// Whether it begins to speak after silence (the RTP marker, RFC 3551 section 4.1).
    pub begins_talk: bool,
    /// One Opus packet.
    pub payload: Bytes,
}

/// One encoded picture of another's track, whole and in order; after a gap it is always a key frame.
#[derive(Clone, Debug)]
pub struct ReceivedVideo {
    /// Their track.
    pub track: TrackId,
    /// How it is encoded.
    pub codec: VideoCodec,
    /// Whether it can be decoded alone.
    pub kind: FrameKind,
    /// RTP time stamp at 90 kHz, extended to run on.
    pub time: u64,
    /// When its last packet arrived.
    pub arrived: Instant,
    /// H.264: an access unit with start codes (Annex B). VP8: a frame (RFC 6386 section 9.1).
    pub payload: Bytes,
}

/// One packet of another's sound, as it came: late, doubled, out of order or never. The jitter buffer puts it right.
#[derive(Clone, Debug)]
pub struct AudioPacket {
    /// Their track.
    pub track: TrackId,
    /// RTP sequence number, extended to run on.
    pub sequence: u64,
    /// RTP time stamp at 48 kHz, extended to run on.
    pub time: u64,
    /// When it arrived.
    pub arrived: Instant,
    /// One Opus packet.
    pub payload: Bytes,
}
