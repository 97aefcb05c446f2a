//! Sources, codecs, jitter buffer and sinks: everything between a device, or a file, and encoded media.
//!
//! The parts take the time as an argument and are tested on a virtual clock; [`threads`] drives them on the real one.
//! Owner of: the media threads and what each of them holds. Knows nothing of networks and calls, nothing of windows.
//!
//! ```
//! use std::time::Duration;
//!
//! use hearth_base::{Bitrate, FrameKind, FrameRate, Resolution, VideoCodec};
//! use hearth_media::codec::{VideoSettings, video_decoder, video_encoder};
//! use hearth_media::{Now, pattern::Pattern};
//!
//! let (size, rate) = (Resolution::new(320, 180).expect("both sides are even"), FrameRate::new(30));
//! let settings = VideoSettings { rate, bitrate: Bitrate::from_kbps(300) };
//! let mut encoder = video_encoder(VideoCodec::Vp8, settings)?;
//! let mut decoder = video_decoder(VideoCodec::Vp8)?;
//!
//! let now = Now::read();
//! let picture = Pattern::new(1, size, rate).draw(now).expect("a picture");
//! let frame = encoder.encode(&picture, FrameKind::Key, Duration::ZERO)?.expect("the first is never left out");
//! assert_eq!(frame.kind, FrameKind::Key);
//! let shown = decoder.decode(&frame.payload, now.monotonic)?.expect("a key frame stands alone");
//! assert_eq!(shown.resolution(), size);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod chirp;
mod clock;
pub mod codec;
pub mod devices;
pub mod files;
pub mod jitter;
pub mod panics;
pub mod pattern;
pub mod realtime;
mod scale;
pub mod screens;
pub mod sinks;
pub mod slot;
pub mod source;
pub mod stamp;
pub mod threads;
pub mod tick;
pub mod voice;

pub use clock::Now;
