//! Where received media ends when no window shows it: it is measured.
//!
//! Owns nothing itself.

mod chirps;
mod stamps;

pub use chirps::ChirpSink;
pub use stamps::{SeenPicture, StampReport, StampSink, StampWindow, Stamps};
