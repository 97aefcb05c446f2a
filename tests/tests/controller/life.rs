//! What lasts from one start to the next, and what must not outlast a visit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use hearth::view::{Action, Fault, PreJoinView, Progress, Settings, Stage, ThemeChoice};
use hearth_base::{DeviceChoice, DeviceKind};
use hearth_call::Switch;
use hearth_protocol::{PeerId, RoomName};

use crate::lan::Lan;
use crate::person::{Person, ROOM, SOON, settings};
use crate::place::{alone, now, threads};
use crate::room::meet;

/// How long a window may take to close while it hosts.
const CLOSING: Duration = Duration::from_secs(20);

/// Settings, rooms, links that the desktop hands over.
#[test]
fn what_is_found_again() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let host = lan.host("ben")?;
    let mut ben = Person::new(&host, "Ben")?;
    let invite = ann.start()?;
    let changed = Settings { theme: ThemeChoice::Dark, join_camera: Switch::Off, ..settings("Ben 本") };
    ben.action(Action::Change(Box::new(changed.clone())))?;
    ben.join(&invite.link)?;
    ben.progress(Progress::In, ROOM)?;
    ben.wait("a room to remember", SOON, |view| (view.recent.len() == 1).then_some(()))?;
    ann.until("a camera off from the beginning", SOON, |room| room.people.iter().any(|p| !p.media.video))?;
    ben.close();

    let folder = ben.folder();
    let ben = Person::at(&host, "Ben", folder.clone(), None)?;
    let view = ben.view()?;
    ensure!(view.settings == changed, "{:?}", view.settings);
    ensure!(view.recent.iter().map(|room| &room.room).eq([&invite.number]), "{:?}", view.recent);
    ben.action(Action::JoinRecent(0))?;
    let door = ben.at_door()?;
    ensure!(door.door == PreJoinView::Join { room: invite.number.clone(), invited: true }, "{:?}", door.door);
    ensure!(door.camera == Switch::Off, "the camera's switch is forgotten");
    ben.action(Action::Enter)?;
    ben.progress(Progress::In, ROOM)?;
    ben.action(Action::ForgetRecent)?;
    ben.wait("rooms forgotten", SOON, |view| view.recent.is_empty().then_some(()))?;
    drop(ben);

    let hearth = invite.link.replacen("https://", "hearth://", 1);
    for link in [invite.link.clone(), hearth] {
        let file = Person::settings_file(folder.path());
        std::fs::write(&file, "nick = [[[")?;
        let ben = Person::at(&host, "Ben", folder.clone(), Some(link))?;
        let door = ben.at_door()?;
        ensure!(door.door == PreJoinView::Join { room: invite.number.clone(), invited: true }, "{:?}", door.door);
        let view = ben.view()?;
        ensure!(view.settings == Settings::default(), "{:?}", view.settings);
        ensure!(view.recent.is_empty() && file.with_extension("toml.bad").exists(), "damaged settings are kept aside");
    }
    let ben = Person::at(&host, "Ben", folder, Some("hearth://tea".to_owned()))?;
    ben.fault(&Fault::WrongLink, "This is not a Hearth link. Ask the host to send it again.", SOON)?;
    Ok(())
}

/// However far a visit came, nothing of it is left, and what makes no sense there changes nothing.
#[test]
fn leaving_at_each_step() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let invite = ann.start()?;
    let mut ben = Person::new(&lan.host("ben")?, "Ben")?;
    ben.wait("the room nearby", SOON, |view| (!view.nearby.is_empty()).then_some(()))?;
    let before = threads()?;
    type Step<'a> = (&'a str, Option<String>, Option<Progress>);
    let number = Some(invite.number.to_string());
    let address = ann.host.address.to_string();
    let steps: [Step<'_>; 6] = [
        ("the door of our own room", None, None),
        ("the door of another one", number.clone(), None),
        ("looking for a number", Some("000111222".to_owned()), Some(Progress::Entering)),
        ("on the way", Some(invite.link.replacen(&address, "10.77.0.99", 1)), Some(Progress::Entering)),
        ("the lobby", number, Some(Progress::Waiting)),
        ("the room", Some(invite.link.clone()), Some(Progress::In)),
    ];
    for (step, text, progress) in steps {
        ben.action(text.map_or(Action::Start, Action::Join))?;
        ben.at_door()?;
        nonsense(&ben, &[Action::Say("tea".to_owned()), Action::Kick(PeerId::from_random([1; 12]))])?;
        if let Some(progress) = progress {
            ben.action(Action::Enter)?;
            ben.progress(progress, ROOM)?;
            nonsense(&ben, &[Action::Enter, Action::ChooseAddress([10, 0, 0, 1].into())])?;
        }
        let begun = now();
        ben.action(Action::Leave)?;
        ben.home(SOON)?;
        println!("left {step} in {:?}", now() - begun);
        ensure!(ben.view()?.fault.is_none(), "{step}: {:?}", ben.view()?.fault);
        ann.until("nobody there", SOON, |room| room.people.is_empty() && room.lobby.is_empty())?;
    }
    at_home(&ben)?;
    hurried(&ben, &invite.number)?;
    ensure_gone(&before)?;
    ben.port_closes(ben.host.at(8443), SOON)?;
    println!("the controller closes in {:?}", ben.close());
    ensure_one_controller()
}

/// Wishes that mean nothing where they are made.
fn nonsense(ben: &Person, actions: &[Action]) -> Result<()> {
    let stage = |stage: &Stage| match stage {
        Stage::Home => "home",
        Stage::PreJoin(_) => "door",
        Stage::Room(_) => "room",
    };
    let before = ben.view()?;
    actions.iter().try_for_each(|action| ben.action(action.clone()))?;
    // One that shows: whatever was wished before it has been handled when it does.
    ben.action(Action::SetNick("Ben".to_owned()))?;
    let nick = format!("Ben {}", actions.len());
    ben.action(Action::SetNick(nick.clone()))?;
    ben.wait("a name", SOON, |view| (view.settings.nick == nick).then_some(()))?;
    ben.action(Action::SetNick("Ben".to_owned()))?;
    let after = ben.view()?;
    ensure!(stage(&before.stage) == stage(&after.stage) && after.fault.is_none(), "{:?}", after.fault);
    Ok(())
}

/// An answer that was waited for before comes late, and moves nobody.
fn hurried(ben: &Person, number: &RoomName) -> Result<()> {
    for _ in 0..5 {
        for action in [Action::JoinNearby(number.clone()), Action::Enter, Action::Leave, Action::Start, Action::Enter] {
            ben.action(action)?;
        }
        ben.progress(Progress::In, ROOM)?;
        let invite = ben.invite()?;
        ensure!(invite.is_hosted && invite.number != *number, "led into another room");
        ben.action(Action::Leave)?;
        ben.home(SOON)?;
    }
    Ok(())
}

fn at_home(ben: &Person) -> Result<()> {
    let peer = PeerId::from_random([1; 12]);
    let nobody = RoomName::from_random(7);
    nonsense(
        ben,
        &[
            Action::Enter,
            Action::Leave,
            Action::EndForAll,
            Action::SetMicrophone(Switch::Off),
            Action::SetCamera(Switch::Off),
            Action::Choose(DeviceKind::Camera, DeviceChoice::Test),
            Action::TestSound,
            Action::Say(String::new()),
            Action::SetVolume(peer, f32::NAN),
            Action::Admit(peer),
            Action::Deny(peer),
            Action::Kick(peer),
            Action::ChooseAddress([127, 0, 0, 1].into()),
            Action::JoinRecent(99),
            Action::Dismiss,
            Action::DismissCrash,
        ],
    )?;
    // The door of a room that is gone meanwhile is a door all the same.
    ben.action(Action::JoinNearby(nobody))?;
    ben.at_door()?;
    ben.action(Action::Leave)?;
    ben.home(SOON)?;
    Ok(())
}

/// Of two controllers one is left. A thread that has been joined is in the system's list for a moment more: its memory
/// is given back, which ends the join, before its number is.
fn ensure_one_controller() -> Result<()> {
    let begun = now();
    loop {
        let here = threads()?.into_iter().filter(|(_, name)| name == "controller").count();
        if here == 1 {
            return Ok(());
        }
        ensure!(now() - begun < SOON, "{here} desks");
        std::thread::yield_now();
    }
}

/// No thread is there that was not there before.
fn ensure_gone(before: &[(String, String)]) -> Result<()> {
    let begun = now();
    loop {
        let mut left = threads()?;
        left.retain(|thread| !before.contains(thread));
        // Those of the test harness come and go.
        if left.is_empty() {
            return Ok(());
        }
        ensure!(now() - begun < SOON, "threads are left: {left:?}");
        std::thread::yield_now();
    }
}

/// The window of who hosts is closed: everybody is told.
#[test]
fn a_host_whose_window_closes() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let before = threads()?;
    let mut ann = Person::new(&lan.host("ann")?, "Ann")?;
    let mut ben = Person::new(&lan.host("ben")?, "Ben")?;
    let mut eve = Person::new(&lan.host("eve")?, "Eve")?;
    let invite = ann.start()?;
    ben.join(&invite.link)?;
    meet(&ben, "Ann")?;
    eve.join(invite.number.as_str())?;
    eve.progress(Progress::Waiting, ROOM)?;
    let begun = now();
    let took = ann.close();
    println!("the host's window closes in {took:?}");
    ensure!(took < CLOSING, "the host's window closes in {took:?}");
    for guest in [&ben, &eve] {
        guest.fault(&Fault::RoomEnded, "The host ended the room.", CLOSING)?;
    }
    ben.port_closes(ann.host.at(8443), SOON)?;
    let number = &invite.number;
    ben.wait("the announcement gone", SOON, |view| {
        (view.nearby.iter().all(|near| near.room != *number)).then_some(())
    })?;
    println!("nothing is left of it after {:?}", now() - begun);
    ben.close();
    eve.close();
    ensure_gone(&before)?;

    // With more actions than an engine takes at once on their way, the room is ended all the same.
    let host = ann.host.clone();
    let ann = Person::at(&host, "Ann", Arc::new(tempfile::tempdir()?), None)?;
    ann.action(Action::Change(Box::new(settings("Ann"))))?;
    let ben = Person::new(&ben.host, "Ben")?;
    let invite = ann.start()?;
    ben.join(&invite.link)?;
    meet(&ann, "Ben")?;
    for _ in 0..60 {
        ann.action(Action::Say("!".to_owned()))?;
    }
    drop(ann);
    ben.fault(&Fault::RoomEnded, "The host ended the room.", SOON)?;
    Ok(())
}
