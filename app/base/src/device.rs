//! Devices as a person chooses them and as they turn out: what is wanted and what is are two values.

use std::path::PathBuf;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// Where the picture comes from.
    Camera,
    /// Where the sound comes from.
    Microphone,
    /// Where sound goes.
    Speaker,
}

/// A device of this machine, as the system names it today. It may be gone tomorrow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub String);

/// A device that could be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// How it is chosen.
    pub id: DeviceId,
    /// What a person reads.
    pub name: String,
    /// Whether the system would choose it.
    pub is_default: bool,
    /// Whether it is a microphone that hears what this computer plays: never chosen but by name.
    pub is_monitor: bool,
}

/// The devices that could be chosen now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceLists {
    /// Whether anybody has looked: before that, an empty list says nothing.
    pub is_known: bool,
    /// Cameras.
    pub cameras: Vec<DeviceEntry>,
    /// Microphones.
    pub microphones: Vec<DeviceEntry>,
    /// Speakers.
    pub speakers: Vec<DeviceEntry>,
}

/// What a person wants of a kind of device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// None at all.
    Off,
    /// Whatever the system would take, also when that changes.
    #[default]
    Default,
    /// This one.
    Named(DeviceId),
    /// The test source: the moving pattern, or a chirp each second.
    Test,
    /// A file in its place, played without end: a video file for a camera, a recording for a microphone.
    File(PathBuf),
}

/// What has become of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// Not in use, and not held.
    #[default]
    Off,
    /// On its way.
    Opening,
    /// Runs.
    On {
        /// What a person reads.
        name: String,
    },
    /// Does not run; it is tried again.
    Failed(DeviceFault),
}

/// Why a device does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceFault {
    /// Another program holds it (EBUSY).
    InUse,
    /// The system does not let us (EACCES).
    NoPermission,
    /// There is none.
    NoDevice,
    /// There is no sound server, or it does not answer.
    NoSoundServer,
    /// There is one, and it does not let us in.
    Refused,
    /// It was pulled out (ENODEV).
    Unplugged,
    /// It is there and gives nothing.
    Stalled,
    /// What it gives cannot be read: no format of a camera's is one of ours.
    Unreadable,
    /// The file in its place cannot be played: which, and why, for the log.
    File(String),
    /// Something else, in the system's words.
    Other(String),
}
