//! The threads: each named, owning what it works on, stopped and joined when its handle is dropped.
//!
//! | thread | what | in | out |
//! |---|---|---|---|
//! | camera | [`CameraThread`] | the device, or absolute deadlines | a closure; usually a slot of one |
//! | encode | [`EncodeThread`] | a slot of one, commands | [`VideoSink`] |
//! | decode-k | [`DecodeThreads`] | 8 pictures a track | [`PictureSink`] |
//! | audio | [`AudioThread`] | 256 packets, commands | [`crate::turn::AudioSink`], [`crate::turn::Speaker`] |
//!
//! Here, and in [`Now::read`], the clock is read. Decisions are not made here but in what the threads own.

mod audio;
mod camera;
mod decode;
mod encode;
mod encoding;
mod frame_times;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use camera::by_clock;
pub(crate) use worker::{Stop, Worker};

use hearth_base::{EncodedFrame, Layer, Picture, TrackId};

pub use audio::{AudioPortsHandle, AudioThread};
pub use camera::CameraThread;
pub use decode::{DecodeCounters, DecodeThreads, Lost, Queued};
pub use encode::EncodeThread;
pub use encoding::{EncodeCommand, EncodeReport, Encoding, LayerCounters, LayerSettings};
pub use frame_times::FrameTimes;

use crate::Now;
use crate::tick::Accepted;

/// Where encoded pictures go. Must not block. Holds at most 3 a layer.
pub trait VideoSink: Send {
    /// Whether it would take a picture of this layer. While it would not, raw pictures are left out before they are
    /// encoded, which costs nothing and needs no key frame afterwards.
    fn room(&mut self, track: TrackId, layer: Layer) -> bool;

    /// One picture. When it says [`Accepted::Full`], the picture is lost, and the layer goes on with a key frame.
    fn video(&mut self, frame: EncodedFrame) -> Accepted;
}

/// Where decoded pictures go. Must not block; usually a slot of one.
pub trait PictureSink: Send {
    /// One picture, decoded at `now`.
    fn picture(&mut self, track: TrackId, picture: Picture, now: Now);
}

/// Why a thread did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave none.
    #[error("the system gave no thread for {name}: {error}; close other programs and try again")]
    Thread {
        /// Its name.
        name: String,
        /// In the system's words.
        error: std::io::Error,
    },
}
