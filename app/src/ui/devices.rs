//! Words and pictures of devices: what could be chosen, and what has become of the choice.

use std::collections::BTreeSet;
use std::path::Path;

use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceKind, DeviceState};
use rust_i18n::t;

use super::facts;
use super::icons::{self, Icon};
use super::parts::Pick;
use crate::view::{Fault, Spot, View};

/// How sound servers begin what they call a monitor.
const MONITOR_OF: &str = "Monitor of ";

/// What a person calls a kind of device.
pub(super) fn kind(kind: DeviceKind) -> String {
    match kind {
        DeviceKind::Camera => t!("ui.device.camera").into_owned(),
        DeviceKind::Microphone => t!("ui.device.microphone").into_owned(),
        DeviceKind::Speaker => t!("ui.device.speaker").into_owned(),
    }
}

/// The picture of a kind of device.
pub(super) fn icon(kind: DeviceKind) -> Icon {
    match kind {
        DeviceKind::Camera => icons::CAMERA,
        DeviceKind::Microphone => icons::MICROPHONE,
        DeviceKind::Speaker => icons::SPEAKER,
    }
}

/// That nothing comes from a microphone or a camera, in two words: none is there, or what is there does not run.
pub(super) fn short(of: DeviceKind, view: &View) -> Option<String> {
    let word = match (of, facts::device(view, of).2) {
        // Known before anybody wants it.
        (DeviceKind::Camera, DeviceState::Off) if lacks(of, view) => t!("ui.call.no_camera"),
        (DeviceKind::Microphone, DeviceState::Off) if lacks(of, view) => t!("ui.call.no_microphone"),
        (_, DeviceState::Off | DeviceState::Opening | DeviceState::On { .. }) | (DeviceKind::Speaker, _) => {
            return None;
        }
        (DeviceKind::Camera, DeviceState::Failed(why)) if is_absence(why) => t!("ui.call.no_camera"),
        (DeviceKind::Microphone, DeviceState::Failed(why)) if is_absence(why) => t!("ui.call.no_microphone"),
        (DeviceKind::Camera, DeviceState::Failed(_)) => t!("ui.call.no_picture"),
        (DeviceKind::Microphone, DeviceState::Failed(_)) => t!("ui.call.no_sound"),
    };
    Some(word.into_owned())
}

/// Whether somebody has looked for the device that is chosen, and found none of its kind.
fn lacks(of: DeviceKind, view: &View) -> bool {
    let (entries, chosen, _) = facts::device(view, of);
    let is_real = matches!(chosen, DeviceChoice::Default | DeviceChoice::Named(_));
    is_real && view.devices.lists.is_known && entries.iter().all(|entry| entry.is_monitor)
}

/// Whether there is no such device: nothing is broken then.
pub(super) fn is_absence(fault: &DeviceFault) -> bool {
    match fault {
        DeviceFault::NoDevice | DeviceFault::Unplugged | DeviceFault::NoSoundServer => true,
        DeviceFault::InUse
        | DeviceFault::NoPermission
        | DeviceFault::Refused
        | DeviceFault::Stalled
        | DeviceFault::Unreadable
        | DeviceFault::File(_)
        | DeviceFault::Other(_) => false,
    }
}

/// What has become of a device, where that is worth a sentence, and whether it is a fault.
pub(super) fn state(of: DeviceKind, state: &DeviceState, spot: Spot) -> Option<(String, bool)> {
    match state {
        DeviceState::Off | DeviceState::On { .. } => None,
        DeviceState::Opening => Some((t!("ui.device.opening").into_owned(), false)),
        DeviceState::Failed(fault) => Some((Fault::Device(of, fault.clone()).told(spot), !is_absence(fault))),
    }
}

/// What can be chosen of a kind of device. What is chosen is among it also when it is not plugged in.
pub(super) fn picks(of: DeviceKind, view: &View) -> Vec<Pick<DeviceChoice>> {
    let (entries, chosen, state) = facts::device(view, of);
    let mut picks = vec![Pick { value: DeviceChoice::Default, text: default(entries, chosen, state) }];
    let pick = |entry: &DeviceEntry| Pick {
        value: DeviceChoice::Named(entry.id.clone()),
        text: if entry.is_monitor { played(&entry.name) } else { entry.name.clone() },
    };
    picks.extend(entries.iter().map(pick));
    if let DeviceChoice::Named(id) = chosen
        && !entries.iter().any(|entry| entry.id == *id)
    {
        let text = t!("ui.device.absent", name = id.0).into_owned();
        picks.push(Pick { value: chosen.clone(), text });
    }
    let test = match of {
        DeviceKind::Camera => Some(t!("ui.device.test_pattern")),
        DeviceKind::Microphone => Some(t!("ui.device.test_tone")),
        DeviceKind::Speaker => None,
    };
    picks.extend(test.map(|text| Pick { value: DeviceChoice::Test, text: text.into_owned() }));
    picks.extend(files(of, view).into_iter().map(file));
    picks.push(Pick { value: DeviceChoice::Off, text: t!("ui.device.none").into_owned() });
    picks
}

/// The files that may stand for a device: the one of the command line, and the one that is chosen.
fn files(of: DeviceKind, view: &View) -> BTreeSet<&Path> {
    let given = match of {
        DeviceKind::Camera => view.devices.files.camera.as_deref(),
        DeviceKind::Microphone => view.devices.files.microphone.as_deref(),
        DeviceKind::Speaker => None,
    };
    let chosen = match facts::device(view, of).1 {
        DeviceChoice::File(path) => Some(path.as_path()),
        DeviceChoice::Off | DeviceChoice::Default | DeviceChoice::Named(_) | DeviceChoice::Test => None,
    };
    given.into_iter().chain(chosen).collect()
}

fn file(path: &Path) -> Pick<DeviceChoice> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Pick { value: DeviceChoice::File(path.to_owned()), text: name.to_string_lossy().into_owned() }
}

/// A monitor, in words that tell it from a microphone.
fn played(name: &str) -> String {
    t!("ui.device.plays", name = name.trim_start_matches(MONITOR_OF)).into_owned()
}

fn default(entries: &[DeviceEntry], chosen: &DeviceChoice, state: &DeviceState) -> String {
    let running = match state {
        DeviceState::On { name } if *chosen == DeviceChoice::Default => Some(name),
        DeviceState::On { .. } | DeviceState::Off | DeviceState::Opening | DeviceState::Failed(_) => None,
    };
    let name = running.or_else(|| entries.iter().find(|entry| entry.is_default).map(|entry| &entry.name));
    match name {
        Some(name) => t!("ui.device.default_named", name = name).into_owned(),
        None => t!("ui.device.default").into_owned(),
    }
}
