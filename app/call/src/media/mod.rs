//! Media between encoded frames and packets: packetising, frame assembly, repair. Sans-IO, and without `rtc`.

pub(crate) mod assemble;
pub(crate) mod fec;
mod h264;
pub(crate) mod nack;
pub(crate) mod payload_format;
pub(crate) mod protect;
pub(crate) mod remb;
pub(crate) mod unwrap;
mod vp8;

/// Longest payload, bytes. With RTP, SRTP, TURN and IPv6 round it a datagram stays below 1280, which every path
/// carries.
const MAX_PAYLOAD: usize = 1160;
/// Longest frame, bytes: an unlimited key frame at 4K is below 1 MB. Longer ones are refused.
pub(crate) const MAX_UNIT: usize = 4 << 20;

/// The payload is none that its codec allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPayload;
