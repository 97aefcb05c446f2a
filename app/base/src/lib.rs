//! The nouns that both sides of a call share: ids, units, frames, layers.
//!
//! `hearth-call` moves encoded frames and knows nothing of devices; `hearth-media` makes and shows them and knows
//! nothing of networks. What the two have to agree on is here, and only that. No behaviour beyond arithmetic.

mod codec;
mod device;
mod frame;
mod ids;
mod level;
mod picture;
mod units;

pub use codec::{AudioCodec, VideoCodec};
pub use device::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, DeviceLists, DeviceState};
pub use frame::{AudioPacket, EncodedAudio, EncodedVideo, FrameKind, ReceivedVideo};
pub use ids::{Layer, TrackId, TrackKind, TrackSource};
pub use level::{Level, Volume};
pub use picture::{AudioBlock, BadPicture, Picture, SAMPLE_RATE};
pub use units::{Bitrate, FrameRate, Resolution};
