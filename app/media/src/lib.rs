//! Sources, codecs, jitter buffer and sinks: everything between a device and encoded media.
//!
//! The parts take the time as an argument and are tested on a virtual clock; [`threads`] drives them on the real one.
//! Owner of: the media threads and what each of them holds. Knows nothing of networks and calls, nothing of windows.

pub mod chirp;
mod clock;
pub mod codec;
pub mod devices;
pub mod jitter;
pub mod panics;
pub mod pattern;
pub mod realtime;
mod scale;
pub mod sinks;
pub mod slot;
pub mod source;
pub mod stamp;
pub mod threads;
pub mod tick;
pub mod voice;

pub use clock::Now;
