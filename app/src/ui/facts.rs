//! What the window reads of a view in more than one place. Pure: nothing of the window is in it.

use std::borrow::Cow;

use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceKind, DeviceState};
use hearth_call::{PictureFlow, Switch};
use rust_i18n::t;

use crate::view::{Person, Progress, Room, Spot, Stage, View};

/// Whether somebody would notice that we go: who is in the room, or waits to be let in.
pub(super) fn concerns_others(room: &Room) -> bool {
    !room.people.is_empty() || !room.lobby.is_empty()
}

/// The room that we are in, if we are in one.
pub(super) fn in_room(view: &View) -> Option<&Room> {
    match &view.stage {
        Stage::Room(room) => match room.progress {
            Progress::In | Progress::Reconnecting => Some(room),
            Progress::Entering | Progress::Asked | Progress::Waiting => None,
        },
        Stage::Home | Stage::PreJoin(_) => None,
    }
}

/// Why pictures do not move, ours at their place and theirs here.
pub(super) fn still_pictures(person: &Person) -> impl Iterator<Item = Cow<'static, str>> + use<> {
    let (ours, theirs) = person.pictures;
    let theirs = match theirs {
        PictureFlow::Moving => None,
        PictureFlow::Silence => Some(t!("ui.people.silence_from")),
        PictureFlow::Stills => Some(t!("ui.people.stills_from")),
        PictureFlow::Nothing => Some(t!("ui.people.sound_from")),
    };
    let ours = match ours {
        PictureFlow::Moving => None,
        PictureFlow::Silence => Some(t!("ui.people.silence_to")),
        PictureFlow::Stills => Some(t!("ui.people.stills_to")),
        PictureFlow::Nothing => Some(t!("ui.people.sound_to")),
    };
    [theirs, ours].into_iter().flatten()
}

/// What is wanted of microphone and camera, where there is somebody to see or hear us.
pub(super) fn switches(view: &View) -> Option<(Switch, Switch)> {
    match &view.stage {
        Stage::Home => None,
        Stage::PreJoin(door) => Some((door.microphone, door.camera)),
        Stage::Room(room) => Some((room.me.microphone, room.me.camera)),
    }
}

/// Where we are told of a device.
pub(super) fn spot(view: &View) -> Spot {
    if in_room(view).is_some() { Spot::Call } else { Spot::Door }
}

/// What there is of a kind, what is wanted of it, and what has become of that.
pub(super) fn device(view: &View, kind: DeviceKind) -> (&[DeviceEntry], &DeviceChoice, &DeviceState) {
    let (lists, chosen) = (&view.devices.lists, &view.settings);
    match kind {
        DeviceKind::Camera => (&lists.cameras, &chosen.camera, &view.devices.camera),
        DeviceKind::Microphone => (&lists.microphones, &chosen.microphone, &view.devices.microphone),
        DeviceKind::Speaker => (&lists.speakers, &chosen.speaker, &view.devices.speaker),
    }
}

/// Whether it is all sound that does not work, and not one device.
pub(super) fn is_of_server(fault: &DeviceFault) -> bool {
    matches!(fault, DeviceFault::NoSoundServer | DeviceFault::Refused)
}

/// The devices that are wanted and do not run, and why. Where there is no sound at all, that is one thing to read.
pub(super) fn broken(view: &View) -> impl Iterator<Item = (DeviceKind, &DeviceFault)> {
    let (microphone, camera) = switches(view).unwrap_or((Switch::Off, Switch::Off));
    let fault = |kind: DeviceKind, switch: Switch| match device(view, kind).2 {
        DeviceState::Failed(fault) if switch == Switch::On => Some((kind, fault)),
        DeviceState::Failed(_) | DeviceState::Off | DeviceState::Opening | DeviceState::On { .. } => None,
    };
    let speaker = fault(DeviceKind::Speaker, Switch::On);
    let is_mute = |fault: &DeviceFault| speaker.is_some_and(|(_, same)| fault == same && is_of_server(fault));
    let microphone = fault(DeviceKind::Microphone, microphone).filter(|(_, fault)| !is_mute(fault));
    [microphone, fault(DeviceKind::Camera, camera), speaker].into_iter().flatten()
}

/// What somebody is called, also when they did not say.
pub(super) fn named(nick: &str) -> String {
    let nick = nick.trim();
    if nick.is_empty() { t!("ui.call.nameless").into_owned() } else { nick.to_owned() }
}

/// What we are called: nobody is shown a name that is none.
pub(super) fn me(nick: &str) -> String {
    match nick.trim() {
        "" => t!("ui.chat.me").into_owned(),
        nick => t!("ui.call.me", nick = nick).into_owned(),
    }
}
