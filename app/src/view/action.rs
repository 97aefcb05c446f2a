//! What a person can want.

use std::fmt;
use std::net::IpAddr;

use hearth_base::{DeviceChoice, DeviceKind, ScreenEntry};
use hearth_call::{Hand, Switch, Watching};
use hearth_protocol::{PeerId, RoomName, RoomPassword};

use super::Settings;

/// Something that a person wants. What makes no sense at the stage is ignored.
#[derive(Clone, PartialEq)]
pub enum Action {
    /// To the door of a room of our own.
    Start,
    /// To the door of the room that this link or number means.
    Join(String),
    /// To the door of a room found on this network.
    JoinNearby(RoomName),
    /// To the door of a room that we were in, by its place in the list.
    JoinRecent(usize),
    /// No room that we were in is remembered any more.
    ForgetRecent,
    /// Through the door.
    Enter,
    /// To open a door that asks for a password.
    Unlock(RoomPassword),
    /// Back from the door, or out of the room. One that this machine hosts ends with us; one on a server goes on.
    Leave,
    /// Out of the room, and to the door of the one that [`View::elsewhere`](super::View::elsewhere) names.
    GoElsewhere,
    /// Not there.
    Stay,
    /// Out of the room, and everybody else too.
    EndForAll,
    /// To be called so.
    SetNick(String),
    /// Microphone on or off.
    SetMicrophone(Switch),
    /// Camera on or off.
    SetCamera(Switch),
    /// To know what of this desktop could be shared.
    LookAtScreens,
    /// To share this of it, in the place of what is shared; or nothing any more.
    Share(Option<ScreenEntry>),
    /// Another device.
    Choose(DeviceKind, DeviceChoice),
    /// To know which devices there are, though none is open; or not any more.
    LookAtDevices(bool),
    /// To hear whether the speaker works.
    TestSound,
    /// To say something to all.
    Say(String),
    /// To be seen with a raised hand, or no longer.
    SetHand(Hand),
    /// To hear somebody louder or softer: 1 is as they are, 0 to 2.
    SetVolume(PeerId, f32),
    /// To be sent so much of somebody's pictures.
    Watch(PeerId, Watching),
    /// To let somebody in.
    Admit(PeerId),
    /// To send somebody away from the door.
    Deny(PeerId),
    /// To take somebody out of the room.
    Kick(PeerId),
    /// To give the link another secret: the old one lets nobody in.
    RenewLink,
    /// To hand the role of the host over to somebody.
    MakeHost(PeerId),
    /// To silence everybody else.
    MuteAll,
    /// To let nobody in any more, or people again.
    SetLocked(bool),
    /// To ask a password of who comes without the link, or none any more.
    SetPassword(Option<RoomPassword>),
    /// To put this address into the link.
    ChooseAddress(IpAddr),
    /// Other settings.
    Change(Box<Settings>),
    /// To read no more of the fault.
    Dismiss,
    /// To read no more of the crash; its report stays where it is.
    DismissCrash,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Start => "Start",
            // A link holds a secret, a password is one, and what is said in a room stays in it.
            Self::Join(_) => "Join(..)",
            Self::Unlock(_) => "Unlock(..)",
            Self::SetPassword(Some(_)) => "SetPassword(..)",
            Self::SetPassword(None) => "SetPassword(None)",
            Self::Say(_) => "Say(..)",
            Self::JoinNearby(room) => return write!(f, "JoinNearby({room})"),
            Self::JoinRecent(place) => return write!(f, "JoinRecent({place})"),
            Self::ForgetRecent => "ForgetRecent",
            Self::Enter => "Enter",
            Self::Leave => "Leave",
            Self::GoElsewhere => "GoElsewhere",
            Self::Stay => "Stay",
            Self::EndForAll => "EndForAll",
            Self::SetNick(nick) => return write!(f, "SetNick({nick:?})"),
            Self::SetMicrophone(switch) => return write!(f, "SetMicrophone({switch:?})"),
            Self::SetCamera(switch) => return write!(f, "SetCamera({switch:?})"),
            Self::Choose(kind, choice) => return write!(f, "Choose({kind:?}, {choice:?})"),
            Self::LookAtScreens => "LookAtScreens",
            // A title may say more than a log should.
            Self::Share(entry) => return write!(f, "Share({:?})", entry.as_ref().map(|entry| entry.id)),
            Self::LookAtDevices(wanted) => return write!(f, "LookAtDevices({wanted})"),
            Self::TestSound => "TestSound",
            Self::SetHand(hand) => return write!(f, "SetHand({hand:?})"),
            Self::SetVolume(peer, volume) => return write!(f, "SetVolume({peer}, {volume})"),
            Self::Watch(peer, watching) => return write!(f, "Watch({peer}, {watching:?})"),
            Self::Admit(peer) => return write!(f, "Admit({peer})"),
            Self::Deny(peer) => return write!(f, "Deny({peer})"),
            Self::Kick(peer) => return write!(f, "Kick({peer})"),
            Self::RenewLink => "RenewLink",
            Self::MakeHost(peer) => return write!(f, "MakeHost({peer})"),
            Self::MuteAll => "MuteAll",
            Self::SetLocked(locked) => return write!(f, "SetLocked({locked})"),
            Self::ChooseAddress(address) => return write!(f, "ChooseAddress({address})"),
            Self::Change(settings) => return write!(f, "Change({settings:?})"),
            Self::Dismiss => "Dismiss",
            Self::DismissCrash => "DismissCrash",
        };
        f.write_str(name)
    }
}
