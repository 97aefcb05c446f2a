//! Frame protection: what may stand between an encoded frame, of audio or video, and its packets, and on the way back.
//!
//! Today nothing does: [`Open`]. End-to-end encryption against a forwarding member will be a second implementation,
//! with a packetiser that takes its frames as opaque; both ends of a link agree on it in their descriptions.

use hearth_base::EncodedFrame;

/// Protects whole encoded frames.
pub(crate) trait FrameProtection: Send {
    /// The frame as it travels. What is not its payload stays readable, also to who forwards it.
    fn protect(&mut self, frame: EncodedFrame) -> EncodedFrame;
    /// The frame as it was; `None` when it is not what was sent.
    fn unprotect(&mut self, frame: EncodedFrame) -> Option<EncodedFrame>;
}

/// No protection beyond that of the transport (DTLS-SRTP).
#[derive(Debug, Default)]
pub(crate) struct Open;

impl FrameProtection for Open {
    fn protect(&mut self, frame: EncodedFrame) -> EncodedFrame {
        frame
    }

    fn unprotect(&mut self, frame: EncodedFrame) -> Option<EncodedFrame> {
        Some(frame)
    }
}
