//! Rooms with a password, by every door that leads to them.

use anyhow::{Result, ensure};
use hearth::view::{Action, PasswordPrompt, PasswordPromptState, Progress, Settings, Stage};
use hearth_protocol::RoomPassword;

use crate::lan::Lan;
use crate::person::{Person, ROOM, SOON, settings};
use crate::place::{alone, now};
use crate::room::meet;
use crate::server::Signalling;
use crate::stranger::Stranger;

fn password(text: &str) -> Result<RoomPassword> {
    Ok(RoomPassword::parse(text)?)
}

impl Person {
    fn asked(&self, progress: Progress, wanted: PasswordPrompt) -> Result<()> {
        self.until(&format!("{wanted:?}"), ROOM, |room| {
            room.progress == progress && room.admission.prompt == Some(wanted)
        })?;
        Ok(())
    }

    fn unlock(&self, text: &str) -> Result<()> {
        self.action(Action::Unlock(password(text)?))
    }

    fn again(&self) -> Result<()> {
        self.action(Action::Leave)?;
        self.home(SOON)?;
        self.action(Action::JoinRecent(0))?;
        self.at_door()?;
        self.action(Action::Enter)
    }
}

/// A host here sets it: who comes by the number, or finds the room nearby, waits for the host or types it.
#[test]
fn a_password_of_a_room_on_the_lan() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    let eve = Person::new(&lan.host("eve")?, "Eve")?;
    let invite = ann.start()?;
    let begun = now();
    ann.action(Action::SetPassword(Some(password("apple pie")?)))?;
    ann.until("the password", SOON, |room| room.admission.has_password && room.admission.is_invite_only)?;
    println!("set after {:?}", now() - begun);

    let number = invite.number.clone();
    ben.wait("the room nearby", SOON, |view| view.nearby.iter().any(|near| near.room == number).then_some(()))?;
    ben.action(Action::JoinNearby(number))?;
    ben.at_door()?;
    ben.action(Action::Enter)?;
    ben.asked(Progress::Waiting, PasswordPrompt::default())?;
    ben.unlock("plum pie")?;
    ben.asked(Progress::Waiting, PasswordPrompt { state: PasswordPromptState::Wrong, refusals: 1 })?;
    ann.until("somebody who waits", SOON, |room| room.lobby.len() == 1)?;
    let begun = now();
    ben.unlock("apple pie")?;
    ben.progress(Progress::In, SOON)?;
    println!("by the password: {:?}", now() - begun);
    ann.until("nobody who waits", SOON, |room| room.lobby.is_empty())?;
    meet(&ann, "Ben")?;

    // Coming again asks for nothing, and the link never did.
    ben.again()?;
    ben.progress(Progress::In, ROOM)?;
    eve.join(&invite.link)?;
    eve.progress(Progress::In, ROOM)?;

    // Another password: what we remember is no guess of the person's, who waits for the host as at first.
    ann.action(Action::SetPassword(Some(password("plum pie")?)))?;
    ben.again()?;
    ben.asked(Progress::Waiting, PasswordPrompt { state: PasswordPromptState::Wanted, refusals: 1 })?;
    ben.unlock("plum pie")?;
    ben.progress(Progress::In, SOON)?;
    ann.action(Action::SetPassword(None))?;
    ann.until("no password", SOON, |room| !room.admission.has_password)?;
    nothing_is_written(&[&ann, &ben])
}

/// A room that is open to everybody who knows its password, on a server.
#[test]
fn a_password_of_an_open_room() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let server = Signalling::start(&lan.host("server")?)?;
    let (_host, room) = Stranger::open(&lan.host("old")?, &server, password("tea")?)?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    ben.action(Action::Change(Box::new(Settings { server: server.address.clone(), ..settings("Ben") })))?;
    ben.join(room.as_str())?;
    ben.asked(Progress::Asked, PasswordPrompt::default())?;
    ben.action(Action::Leave)?;
    ben.home(SOON)?;
    ensure!(ben.view()?.fault.is_none(), "who does not know it has read enough");

    ben.join(&format!("{}/r/{room}", server.address))?;
    ben.asked(Progress::Asked, PasswordPrompt::default())?;
    for n in 1..=10 {
        ben.unlock(&format!("guess {n}"))?;
        ben.asked(Progress::Asked, PasswordPrompt { state: PasswordPromptState::Wrong, refusals: n })?;
    }
    ben.unlock("tea")?;
    let (seconds, _) = ben.room("a while", SOON, |room| match room.admission.prompt {
        Some(PasswordPrompt { state: PasswordPromptState::TooOften { seconds }, .. }) => Some(seconds),
        _ => None,
    })?;
    println!("after ten guesses one waits {seconds} s");
    ben.until("the end of it", ROOM, |room| {
        room.admission.prompt.is_some_and(|ask| ask.state == PasswordPromptState::Wanted)
    })?;
    ben.unlock("tea")?;
    ben.progress(Progress::In, SOON)?;
    ben.again()?;
    ben.progress(Progress::In, ROOM)?;
    ensure!(matches!(&ben.view()?.stage, Stage::Room(room) if room.admission.has_password), "another room");
    nothing_is_written(&[&ben])
}

/// No file of theirs holds what was typed.
fn nothing_is_written(people: &[&Person]) -> Result<()> {
    for person in people {
        let folder = person.folder();
        let mut folders = vec![folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if !path.is_file() {
                    continue; // the socket for later starts
                }
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                for secret in ["apple pie", "plum pie", "\"tea\""] {
                    ensure!(!text.contains(secret), "{} holds a password", path.display());
                }
            }
        }
    }
    Ok(())
}
