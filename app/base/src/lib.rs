//! The nouns that both sides of a call share: ids, units, frames, layers.
//!
//! `hearth-call` moves encoded frames and knows nothing of devices; `hearth-media` makes and shows them and knows
//! nothing of networks. What the two have to agree on is here, and only that. No behaviour beyond arithmetic.
//!
//! ```
//! use hearth_base::{Bitrate, FrameRate, Resolution};
//!
//! let size = Resolution::new(1280, 720).expect("both sides are even");
//! assert_eq!(size.area(), 921_600);
//! // How long a datagram of 1200 bytes takes on a link of 1 Mbit/s.
//! assert_eq!(Bitrate::from_kbps(1000).time_for(1200).as_micros(), 9600);
//! assert_eq!(FrameRate::new(25).time_of(50).as_secs(), 2);
//! ```

mod codec;
mod device;
mod frame;
mod ids;
mod level;
mod picture;
mod screen;
mod switch;
mod units;

pub use codec::{AudioCodec, Codec, VideoCodec};
pub use device::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, DeviceLists, DeviceState};
pub use frame::{CaptureTime, EncodedFrame, FrameKind, NtpTime};
pub use ids::{Layer, TemporalLayers, TrackId, TrackKind, TrackSource};
pub use level::{Level, Volume};
pub use picture::{AudioBlock, BadPicture, Picture, SAMPLE_RATE};
pub use screen::{ScreenEntry, ScreenFault, ScreenId};
pub use switch::Switch;
pub use units::{Bitrate, FrameRate, Resolution};
