//! Encoded frames into RTP payloads and back, by the payload format of their codec. Each format is a file of its own,
//! with both directions: `h264` (RFC 6184), `vp8` (RFC 7741).
//!
//! What comes in is from outside: each length is checked, what does not fit is refused whole. The state of a frame in
//! the making is its caller's.

use bytes::Bytes;
use hearth_base::{FrameKind, VideoCodec};

use super::{BadPayload, h264, vp8};

/// The payloads of one frame, in order; the last one takes the marker. H.264 says in the frame itself whether others
/// need it.
pub(crate) fn packetize(codec: VideoCodec, frame: &Bytes, is_discardable: bool) -> Vec<Bytes> {
    match codec {
        VideoCodec::H264 => h264::packetize(frame),
        VideoCodec::Vp8 => vp8::packetize(frame, is_discardable),
    }
}

/// A payload of the frame with this number among those that somebody gets. They run on however often the layer changes:
/// browsers hold a frame back whose number does not follow.
pub(crate) fn renumber(codec: VideoCodec, payload: &Bytes, number: u16) -> Bytes {
    match codec {
        VideoCodec::H264 => payload.clone(),
        VideoCodec::Vp8 => vp8::renumber(payload, number),
    }
}

/// Whether a key frame may begin with this payload.
pub(crate) fn begins_key_frame(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => h264::begins_key_frame(payload),
        VideoCodec::Vp8 => vp8::begins_key_frame(payload),
    }
}

/// Whether decoding may begin with the frame in these payloads.
pub(crate) fn is_key_frame<'a>(codec: VideoCodec, mut payloads: impl Iterator<Item = &'a Bytes>) -> bool {
    match codec {
        VideoCodec::H264 => h264::is_key_frame(payloads),
        VideoCodec::Vp8 => payloads.next().is_some_and(|payload| vp8::begins_key_frame(payload)),
    }
}

/// The frame in these payloads, which are whole and in order.
pub(crate) fn depacketize<'a>(
    codec: VideoCodec,
    payloads: impl Iterator<Item = &'a Bytes>,
) -> Result<(FrameKind, Bytes), BadPayload> {
    match codec {
        VideoCodec::H264 => h264::depacketize(payloads),
        VideoCodec::Vp8 => vp8::depacketize(payloads),
    }
}
