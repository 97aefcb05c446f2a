//! Devices that are missing, forbidden or in use, before the door and in a room: everybody comes in all the same.
//!
//! The camera is a V4L2 stand-in (`tests/v4l2/README.md`), loaded into a child; there is no sound server.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use hearth::view::{Action, Fault, Progress, Settings, View};
use hearth_base::{DeviceChoice, DeviceFault, DeviceKind, DeviceState};
use hearth_call::Switch;

use crate::lan::Lan;
use crate::person::{Person, ROOM, SOON, settings};
use crate::place::{alone, now};
use crate::{child, room};

const CONTROL: &str = "HEARTH_V4L2_CONTROL";

#[test]
fn devices_that_do_not_run() -> Result<()> {
    if child::is_child() {
        return script();
    }
    let _turn = alone()?;
    let folder = tempfile::tempdir()?;
    let shim = std::env::current_exe()?.with_file_name("libhearth_v4l2_shim.so");
    ensure!(shim.exists(), "cargo puts the stand-in camera beside this test: {}", shim.display());
    child::run(
        "devices::devices_that_do_not_run",
        &[
            ("LD_PRELOAD", shim.display().to_string()),
            ("HEARTH_V4L2_FORMATS", "YUYV:640x480@30".to_owned()),
            (CONTROL, folder.path().join("mode").display().to_string()),
            ("PULSE_SERVER", format!("unix:{}", folder.path().join("none").display())),
        ],
    )
}

/// Tells the stand-in what to do.
fn set(mode: &str) -> Result<()> {
    let path = PathBuf::from(std::env::var_os(CONTROL).context("no control")?);
    let new = path.with_extension("new");
    std::fs::write(&new, mode)?;
    std::fs::rename(new, path)?;
    Ok(())
}

/// Waits until a camera or a sound card is like this.
fn state(person: &Person, kind: DeviceKind, wanted: &DeviceState) -> Result<()> {
    let took = person.wait(&format!("{kind:?} {wanted:?}"), ROOM, |view| {
        let actual = match kind {
            DeviceKind::Camera => &view.devices.camera,
            DeviceKind::Microphone => &view.devices.microphone,
            DeviceKind::Speaker => &view.devices.speaker,
        };
        (actual == wanted).then_some(())
    })?;
    println!("{kind:?} {wanted:?} after {:?}", took.1);
    Ok(())
}

fn fails(person: &Person, kind: DeviceKind, fault: DeviceFault, words: &str) -> Result<()> {
    state(person, kind, &DeviceState::Failed(fault.clone()))?;
    let sentence = Fault::Device(kind, fault).sentence();
    ensure!(sentence == words, "{sentence:?} instead of {words:?}");
    Ok(())
}

fn script() -> Result<()> {
    let mut lan = Lan::new()?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    let real = Settings {
        camera: DeviceChoice::Default,
        microphone: DeviceChoice::Default,
        speaker: DeviceChoice::Default,
        ..settings("Ann")
    };
    ann.action(Action::Change(Box::new(real)))?;
    // Settings list what there is, though nothing is open.
    let named = |view: &View| view.devices.lists.cameras.iter().any(|camera| camera.name == "Stand-in camera");
    ann.action(Action::LookAtDevices(true))?;
    ann.wait("the list of cameras at home", SOON, |view| named(view).then_some(()))?;
    ann.action(Action::LookAtDevices(false))?;
    ann.wait("no list", SOON, |view| (!named(view)).then_some(()))?;
    set("busy")?;
    ann.action(Action::Start)?;
    ann.at_door()?;
    let in_use = "The camera is being used by another app. Close it, then try again.";
    fails(&ann, DeviceKind::Camera, DeviceFault::InUse, in_use)?;
    for kind in [DeviceKind::Microphone, DeviceKind::Speaker] {
        let words = "No sound on this computer. You can still see and chat.";
        fails(&ann, kind, DeviceFault::NoSoundServer, words)?;
    }
    ann.action(Action::Enter)?;
    ann.progress(Progress::In, ROOM)?;
    let invite = ann.invite()?;
    ben.join(&invite.link)?;
    ben.progress(Progress::In, ROOM)?;
    ben.until("what Ann sends", SOON, |room| room.people.iter().any(|p| !p.media.video && !p.media.audio))?;

    set("denied")?;
    ann.action(Action::Choose(DeviceKind::Camera, DeviceChoice::Default))?;
    let denied = "Camera access is blocked. Allow it in system settings.";
    fails(&ann, DeviceKind::Camera, DeviceFault::NoPermission, denied)?;
    set("unplugged")?;
    ann.action(Action::Choose(DeviceKind::Camera, DeviceChoice::Default))?;
    let missing = "No camera found. You can still join.";
    fails(&ann, DeviceKind::Camera, DeviceFault::NoDevice, missing)?;
    set("on")?;
    state(&ann, DeviceKind::Camera, &DeviceState::On { name: "Stand-in camera".into() })?;
    room::meet(&ben, "Ann")?;
    let begun = now();
    ann.action(Action::SetCamera(Switch::Off))?;
    state(&ann, DeviceKind::Camera, &DeviceState::Off)?;
    ben.until("the camera off", SOON, |room| room.people.iter().any(|person| !person.media.video))?;
    println!("a camera is released, and everybody knows, after {:?}", now() - begun);

    // By the settings instead of the menu.
    ann.action(Action::SetCamera(Switch::On))?;
    ann.action(Action::Change(Box::new(settings("Ann"))))?;
    ben.until("the test sources", SOON, |room| room.people.iter().any(|p| p.media.video && p.media.audio))?;
    ann.action(Action::Leave)?;
    ann.home(SOON)?;
    Ok(())
}
