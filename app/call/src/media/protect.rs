//! Frame protection: what may stand between an encoded frame and the packetiser, and on the way back.
//!
//! Today nothing does: [`Open`]. End-to-end encryption against a forwarding member will be a second implementation,
//! with a packetiser that takes its frames as opaque; both ends of a link agree on it in their descriptions.

use bytes::Bytes;

/// Protects whole encoded frames.
pub(crate) trait FrameProtection: Send {
    /// The frame as it travels.
    fn protect(&mut self, frame: Bytes) -> Bytes;
    /// The frame as it was; `None` when it is not what was sent.
    fn unprotect(&mut self, frame: Bytes) -> Option<Bytes>;
}

/// No protection beyond that of the transport (DTLS-SRTP).
#[derive(Debug, Default)]
pub(crate) struct Open;

impl FrameProtection for Open {
    fn protect(&mut self, frame: Bytes) -> Bytes {
        frame
    }

    fn unprotect(&mut self, frame: Bytes) -> Option<Bytes> {
        Some(frame)
    }
}
