//! What went wrong, and the one sentence in which a person reads it: what happened, then what to do.
//!
//! Every case has its words in `assets/locales`; this is the only place that chooses between them.

use hearth_base::{DeviceFault, DeviceKind, ScreenFault};
use hearth_protocol::ErrorCode;
use rust_i18n::t;

/// What a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A device does not run.
    Device(DeviceKind, DeviceFault),
    /// Nothing of this desktop can be shared, or not any more.
    Screen(ScreenFault),
    /// The host cannot be reached.
    HostUnreachable,
    /// The text is no link and no number.
    WrongLink,
    /// What was typed is neither, and was not meant as a link.
    NotARoom,
    /// The link leads without encryption to another machine.
    UnencryptedLink,
    /// Nobody on this network, nor the server, knows the number.
    NoSuchRoom,
    /// The server's key is not the one of the link.
    WrongHost,
    /// The room is full.
    RoomFull(u32),
    /// The host ended the room.
    RoomEnded,
    /// The host took us out.
    Removed,
    /// The host, of this name, silenced everybody.
    Silenced(String),
    /// The host did not let us in.
    Denied,
    /// The secret is not the room's.
    WrongInvite,
    /// The port for hosting is taken.
    BusyPort(u16),
    /// Hosting did not work, in words that follow.
    Hosting(String),
    /// The address of our own server is none.
    WrongServer,
    /// It is reached without encryption.
    UnencryptedServer,
    /// The server said no.
    Refused(ServerRefusal),
    /// The call ended by a mistake of this program.
    Broken,
    /// Something in this program did not start, in a sentence of its own.
    Other(String),
}

/// A reason of a server that is no fault of its own here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRefusal(pub ErrorCode);

/// Where a person reads of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Before a room: they can still join.
    Door,
    /// In it.
    Call,
}

impl Fault {
    /// The sentence where the person is: in a call, what is missing means something else than before it.
    pub fn told(&self, spot: Spot) -> String {
        match (self, spot) {
            (Self::Device(DeviceKind::Camera, DeviceFault::NoDevice), Spot::Call) => {
                t!("fault.camera_missing_here").into_owned()
            }
            (Self::Device(DeviceKind::Microphone, DeviceFault::NoDevice), Spot::Call) => {
                t!("fault.microphone_missing_here").into_owned()
            }
            _ => self.sentence(),
        }
    }

    /// Whether something went wrong. What others decided is news, and no fault.
    pub fn is_alarm(&self) -> bool {
        !matches!(self, Self::RoomEnded | Self::Removed | Self::Silenced(_) | Self::Denied)
    }

    /// The sentence, in the language that is spoken now.
    pub fn sentence(&self) -> String {
        match self {
            Self::Device(kind, fault) => device(*kind, fault),
            Self::Screen(fault) => screen(fault),
            Self::HostUnreachable => t!("fault.host_unreachable").into_owned(),
            Self::WrongLink => t!("fault.bad_link").into_owned(),
            Self::NotARoom => t!("fault.not_a_room").into_owned(),
            Self::UnencryptedLink => t!("fault.unencrypted_link").into_owned(),
            Self::NoSuchRoom => t!("fault.no_such_room").into_owned(),
            Self::WrongHost => t!("fault.wrong_server").into_owned(),
            Self::RoomFull(people) => t!("fault.room_full", people = people).into_owned(),
            Self::RoomEnded => t!("fault.room_ended").into_owned(),
            Self::Removed => t!("fault.removed").into_owned(),
            Self::Silenced(nick) if nick.trim().is_empty() => t!("fault.silenced").into_owned(),
            Self::Silenced(nick) => t!("fault.silenced_by", nick = nick.trim()).into_owned(),
            Self::Denied => t!("fault.denied").into_owned(),
            Self::WrongInvite => t!("fault.bad_invite").into_owned(),
            Self::BusyPort(port) => t!("fault.busy_port", port = port).into_owned(),
            Self::Hosting(why) => t!("fault.hosting", why = why).into_owned(),
            Self::WrongServer => t!("fault.bad_server").into_owned(),
            Self::UnencryptedServer => t!("fault.unencrypted_server").into_owned(),
            Self::Refused(ServerRefusal(code)) => refused(*code),
            Self::Broken => t!("fault.broken").into_owned(),
            Self::Other(sentence) => sentence.clone(),
        }
    }
}

/// What a person can do something about has a sentence; the rest is for anyone who is asked for help.
fn refused(code: ErrorCode) -> String {
    match code {
        ErrorCode::RateLimited => t!("fault.rate_limited").into_owned(),
        ErrorCode::UnsupportedVersion => t!("fault.old_version").into_owned(),
        ErrorCode::Locked => t!("fault.locked").into_owned(),
        ErrorCode::BadPassword => t!("fault.bad_password").into_owned(),
        ErrorCode::Banned => t!("fault.banned").into_owned(),
        ErrorCode::Full
        | ErrorCode::Taken
        | ErrorCode::BadInvite
        | ErrorCode::BadRoom
        | ErrorCode::NoSuchRoom
        | ErrorCode::RoomEnded
        | ErrorCode::Denied
        | ErrorCode::NotHost
        | ErrorCode::NotInRoom
        | ErrorCode::NoSuchSession
        | ErrorCode::BadMessage
        | ErrorCode::Unknown => t!("fault.refused").into_owned(),
    }
}

fn screen(fault: &ScreenFault) -> String {
    match fault {
        ScreenFault::NoDisplay(why) => t!("fault.screen_missing", why = why),
        ScreenFault::Gone => t!("fault.screen_gone"),
        ScreenFault::Refused(why) => t!("fault.screen_refused", why = why),
    }
    .into_owned()
}

fn device(kind: DeviceKind, fault: &DeviceFault) -> String {
    use DeviceKind::{Camera, Microphone, Speaker};
    let sentence = match (kind, fault) {
        (_, DeviceFault::NoSoundServer) => t!("fault.no_sound_server"),
        (_, DeviceFault::Refused) => t!("fault.sound_refused"),
        (Camera, DeviceFault::InUse) => t!("fault.camera_in_use"),
        (Camera, DeviceFault::NoPermission) => t!("fault.camera_no_permission"),
        (Camera, DeviceFault::NoDevice) => t!("fault.camera_missing"),
        (Camera, DeviceFault::Unplugged) => t!("fault.camera_unplugged"),
        (Camera, DeviceFault::Stalled) => t!("fault.camera_stalled"),
        (Camera, DeviceFault::Unreadable) => t!("fault.camera_unreadable"),
        (Camera, DeviceFault::File(_)) => t!("fault.camera_file"),
        (Camera, DeviceFault::Other(_)) => t!("fault.camera_other"),
        (Microphone, DeviceFault::InUse) => t!("fault.microphone_in_use"),
        (Microphone, DeviceFault::NoPermission) => t!("fault.microphone_no_permission"),
        (Microphone, DeviceFault::NoDevice) => t!("fault.microphone_missing"),
        (Microphone, DeviceFault::Unplugged) => t!("fault.microphone_unplugged"),
        (Microphone, DeviceFault::Stalled) => t!("fault.microphone_stalled"),
        (Microphone, DeviceFault::File(_)) => t!("fault.microphone_file"),
        (Microphone, DeviceFault::Other(_) | DeviceFault::Unreadable) => t!("fault.microphone_other"),
        (Speaker, DeviceFault::InUse) => t!("fault.speaker_in_use"),
        (Speaker, DeviceFault::NoPermission) => t!("fault.speaker_no_permission"),
        (Speaker, DeviceFault::NoDevice) => t!("fault.speaker_missing"),
        (Speaker, DeviceFault::Unplugged) => t!("fault.speaker_unplugged"),
        (Speaker, DeviceFault::Stalled) => t!("fault.speaker_stalled"),
        (Speaker, DeviceFault::Other(_) | DeviceFault::Unreadable | DeviceFault::File(_)) => t!("fault.speaker_other"),
    };
    sentence.into_owned()
}
