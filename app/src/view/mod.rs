//! What the window shows, and what a person can want of it: values, nothing that lives.
//!
//! The engine makes a [`View`] whenever something changes; the window draws the newest and hands back [`Action`]s. So a
//! test draws any moment of the program by writing it down. No toolkit, no runtime, no device is named here.

mod action;
mod connection;
mod fault;
mod invite;
mod room;
mod settings;
mod video_feed;

use std::path::PathBuf;

use hearth_base::{DeviceLists, DeviceState, ScreenEntry, ScreenFault};
use hearth_call::Switch;
use hearth_protocol::RoomName;

pub use action::Action;
pub use connection::{ConnectionHistory, ConnectionPath, ConnectionSample, PathEnd, SAMPLES};
pub use fault::{Fault, ServerRefusal, Spot};
pub use invite::{AddressKind, Invite, InviteAddress};
pub use room::{
    Admission, ChatLine, Knocker, Me, PasswordPrompt, PasswordPromptState, Person, Progress, Quality, Room, RoomServer,
    ServerKey, SharedScreen, Speaker,
};
pub use settings::{LanguageChoice, PEOPLE, PictureSize, Processing, Settings, ThemeChoice};
pub use video_feed::{Pictures, VideoFeed};

/// One look at the whole program.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What is on the screen.
    pub stage: Stage,
    /// What the person chose, as it is kept.
    pub settings: Settings,
    /// What could be chosen, and what has become of the choice.
    pub devices: Devices,
    /// What of this desktop could be shared, as it was when somebody last wanted to know.
    pub screens: Screens,
    /// The rooms that are announced on this network, by number.
    pub nearby: Vec<NearbyRoom>,
    /// Rooms that we were in, the newest first.
    pub recent: Vec<RecentRoom>,
    /// What the person should read now; shown over any stage until dismissed or past.
    pub fault: Option<Fault>,
    /// How often the program was started again, which is to bring the window to the front.
    pub summoned: u64,
    /// The room that a link leads to which was opened while one is in another: to go there is to leave this one. With a
    /// number that tells one asking from the next.
    pub elsewhere: Option<(u64, RoomName)>,
    /// The report of a crash of the last run, until it was looked at or thrown away.
    pub crash: Option<PathBuf>,
    /// Where the log is.
    pub log: Option<PathBuf>,
}

/// What is on the screen.
///
/// ```text
/// Home -> PreJoin -> Room -> Home (a fault says why, where the person did not leave)
/// ```
#[derive(Clone, Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it lives as long as its view")]
pub enum Stage {
    /// Start, join, find.
    #[default]
    Home,
    /// How do I look, and which microphone is it?
    PreJoin(PreJoin),
    /// On the way into a room, or in it.
    Room(Room),
}

/// The look in the mirror before the door.
#[derive(Clone, Debug, Default)]
pub struct PreJoin {
    /// Which door.
    pub door: PreJoinView,
    /// What is wanted of the microphone.
    pub microphone: Switch,
    /// What is wanted of the camera.
    pub camera: Switch,
    /// Our own picture.
    pub feed: Option<VideoFeed>,
    /// How loud the microphone is, 0 to 1.
    pub level: f32,
}

/// Which door a person is before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PreJoinView {
    /// Of a room of our own, on this machine or on the server of the settings.
    #[default]
    Start,
    /// Of a room that is there.
    Join {
        /// Its number or name.
        room: RoomName,
        /// Whether we hold the secret that opens it; else the host is asked.
        invited: bool,
    },
}

/// What could be chosen, and what has become of the choice.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// What there is.
    pub lists: DeviceLists,
    /// What has become of the microphone.
    pub microphone: DeviceState,
    /// What has become of the speaker.
    pub speaker: DeviceState,
    /// What has become of the camera.
    pub camera: DeviceState,
    /// What may stand for a camera and a microphone.
    pub files: DeviceFiles,
}

/// What of this desktop could be shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Screens {
    /// It is being looked at.
    #[default]
    Unknown,
    /// This.
    Known(Vec<ScreenEntry>),
    /// Nothing.
    Failed(ScreenFault),
}

/// Files that stand for devices, as the command line names them: they are chosen then, and among what can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFiles {
    /// A video file (YUV4MPEG2).
    pub camera: Option<PathBuf>,
    /// A recording (WAV).
    pub microphone: Option<PathBuf>,
}

/// A room that somebody on this network announces. Nobody vouches for what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearbyRoom {
    /// Its number or name.
    pub room: RoomName,
    /// Who hosts it, where they let that be known.
    pub host: Option<String>,
    /// How many people are in it, where that is said.
    pub people: Option<u32>,
    /// Whether nobody comes in any more.
    pub is_locked: bool,
}

/// A room that we were in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRoom {
    /// Its number or name.
    pub room: RoomName,
    /// The server's host and port.
    pub server: String,
    /// Seconds since 1970 when we were there last.
    pub seen_unix_s: u64,
}
