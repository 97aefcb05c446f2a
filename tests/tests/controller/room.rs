//! A room on the LAN, from the first click to the last word.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth::view::{
    Action, AddressKind, Fault, Invite, NearbyRoom, Person as Seen, PreJoinView, Progress, Quality, Room,
    ServerRefusal, Settings, Speaker,
};
use hearth_call::{Route, Switch};
use hearth_protocol::{ErrorCode, PeerId, RoomName};

use crate::lan::Lan;
use crate::person::{Person, ROOM, SOON, settings};
use crate::place::{alone, now, run};

/// From a click on one side to the mark on the other.
const MARK: Duration = Duration::from_millis(300);

/// Number, lobby, link, media, marks, chat, kick, deny, the end.
#[test]
fn a_room_hosted_on_the_lan() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let host = lan.host("ann")?;
    for (name, address) in [("docker0", "172.17.0.1/16"), ("wg0", "10.8.0.2/24")] {
        run(&host, &["ip", "link", "add", name, "type", "veth", "peer", "name", &format!("{name}-far")])?;
        run(&host, &["ip", "addr", "add", address, "dev", name])?;
        run(&host, &["ip", "link", "set", name, "up"])?;
    }
    let ann = Person::new(&host, "Ann")?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    let eve = Person::new(&lan.host("eve")?, "Eve")?;

    let begun = now();
    let invite = ann.start()?;
    println!("from Start to in the room: {:?}", now() - begun);
    check_invite(&ann, &invite, host.address)?;

    let number = invite.number.clone();
    let seen =
        ben.wait("the room nearby", SOON, |view| view.nearby.iter().any(|near| near.room == number).then_some(()))?;
    println!("seen nearby after {:?}", seen.1);
    card(&ann, &ben, &number)?;
    knock_and_enter(&ann, &ben, &invite)?;
    let (of_ben, of_ann) = (meet(&ann, "Ben")?, meet(&ben, "Ann")?);
    chat(&ann, &ben)?;
    marks(&ann, &ben, of_ben)?;
    ann.action(Action::SetVolume(of_ben, 0.5))?;
    ann.until("a volume", SOON, |room| of(room, of_ben).is_some_and(|person| (person.volume - 0.5).abs() < 0.01))?;
    // A guest cannot put the host out.
    ben.action(Action::Kick(of_ann))?;

    let begun = now();
    eve.action(Action::Join(invite.link.clone()))?;
    ensure!(eve.at_door()?.door == PreJoinView::Join { room: invite.number.clone(), invited: true }, "another door");
    eve.action(Action::Enter)?;
    let (progress, _) = eve.room("in", ROOM, |room| (room.progress != Progress::Entering).then_some(room.progress))?;
    ensure!(progress == Progress::In, "the link did not open the door: {progress:?}");
    println!("by the link: {:?}", now() - begun);
    meet(&eve, "Ann")?;
    meet(&eve, "Ben")?;

    ann.action(Action::Kick(of_ben))?;
    ben.fault(&Fault::Removed, "The host removed you from the room.", SOON)?;
    eve.until("Ben gone", SOON, |room| room.people.len() == 1)?;
    ben.join(invite.number.as_str())?;
    ben.progress(Progress::Waiting, ROOM)?;
    let again = knocker(&ann)?;
    ann.action(Action::Deny(again))?;
    ben.fault(&Fault::Denied, "The host declined your request.", SOON)?;
    ann.until("nobody at the door", SOON, |room| room.lobby.is_empty())?;

    a_room_of_their_own(&ben, &invite)?;
    another_network(&ann, &invite)?;
    the_end(&ann, &ben, &eve, &invite)
}

/// Who was not let in makes no room beside ours, whose relay would be theirs.
fn a_room_of_their_own(ben: &Person, invite: &Invite) -> Result<()> {
    let address = invite.addresses.iter().find(|entry| entry.is_chosen).context("no address")?.address;
    let server = format!("https://{address}:8443");
    ben.action(Action::Change(Box::new(Settings { server, ..settings("Ben") })))?;
    ben.action(Action::Start)?;
    ben.at_door()?;
    ben.action(Action::Enter)?;
    let refused = Fault::Refused(ServerRefusal(ErrorCode::NotHost));
    ben.fault(&refused, &refused.sentence(), SOON)?;
    ben.action(Action::Change(Box::new(settings("Ben"))))
}

/// The host comes into another network: its new address is offered, and so is the hash of the certificate that names
/// it.
fn another_network(ann: &Person, invite: &Invite) -> Result<()> {
    let before = invite.certificate.clone();
    run(&ann.host, &["ip", "addr", "add", "10.77.0.200/24", "dev", "eth0"])?;
    let new = "10.77.0.200".parse::<IpAddr>()?;
    let took = ann.until("the new address and certificate", SOON, |room| {
        let Some(invite) = &room.invite else { return false };
        invite.addresses.iter().any(|entry| entry.address == new) && invite.certificate != before
    })?;
    println!("a new address and its certificate are offered after {took:?}");
    Ok(())
}

fn check_invite(ann: &Person, invite: &Invite, address: std::net::IpAddr) -> Result<()> {
    let number = invite.number.as_str();
    ensure!(number.len() == 9 && number.bytes().all(|b| b.is_ascii_digit()), "the number {number}");
    let link = format!("https://{address}:8443/r/{number}#");
    ensure!(invite.link.starts_with(&link) && invite.link.contains("s=") && invite.link.contains("k="), "another link");
    ensure!(invite.is_hosted && invite.words.split_whitespace().count() >= 3, "words: {}", invite.words);
    let hex = invite.certificate.clone().unwrap_or_default();
    ensure!(hex.len() == 95 && hex.split(':').all(|byte| u8::from_str_radix(byte, 16).is_ok()), "{hex}");
    let shown: Vec<_> = invite.addresses.iter().map(|entry| (entry.address, entry.kind, entry.is_chosen)).collect();
    let tunnel = "10.8.0.2".parse()?;
    ensure!(shown == [(address, AddressKind::Lan, true), (tunnel, AddressKind::Vpn, false)], "{shown:?}");
    for wanted in [tunnel, address] {
        ann.action(Action::ChooseAddress(wanted))?;
        let link = format!("https://{wanted}:8443/");
        ann.until("another link", SOON, |room| room.invite.as_ref().is_some_and(|i| i.link.starts_with(&link)))?;
    }
    Ok(())
}

/// By the number as people write it, past the host.
fn knock_and_enter(ann: &Person, ben: &Person, invite: &Invite) -> Result<()> {
    let number = invite.number.as_str();
    let spaced = format!(" {} {} {} ", &number[..3], &number[3..6], &number[6..]);
    ben.action(Action::Join(spaced))?;
    ensure!(ben.at_door()?.door == PreJoinView::Join { room: invite.number.clone(), invited: false }, "another door");
    let begun = now();
    ben.action(Action::Enter)?;
    ben.progress(Progress::Waiting, ROOM)?;
    println!("from Enter to the lobby: {:?}", now() - begun);
    let (words, _) =
        ben.room("words to compare", SOON, |room| room.server.key.unverified_words().map(str::to_owned))?;
    ensure!(words == invite.words, "both read other words");
    let id = knocker(ann)?;
    println!("and to the host: {:?}", now() - begun);
    let begun = now();
    ann.action(Action::Admit(id))?;
    ben.progress(Progress::In, SOON)?;
    println!("from Admit to in: {:?}", now() - begun);
    Ok(())
}

fn knocker(ann: &Person) -> Result<PeerId> {
    Ok(ann.room("a knock", SOON, |room| room.lobby.first().filter(|k| k.nick == "Ben").map(|k| k.id))?.0)
}

/// Waits until somebody is seen, directly and well.
pub fn meet(person: &Person, nick: &str) -> Result<PeerId> {
    let (id, took) = person.room(&format!("{nick} in the room"), ROOM, |room| {
        let other = room.people.iter().find(|other| other.nick == nick)?;
        let shown = other.feed.as_ref()?.take()?;
        (other.quality == Quality::Good(Route::Direct) && !shown.y().is_empty()).then_some(other.id)
    })?;
    println!("{nick} is seen after {took:?}");
    Ok(id)
}

fn of(room: &Room, id: PeerId) -> Option<&Seen> {
    room.people.iter().find(|person| person.id == id)
}

fn chat(ann: &Person, ben: &Person) -> Result<()> {
    for (from, to, text) in [(ann, ben, "茶好了 https://example.org"), (ben, ann, "Coming!")] {
        let begun = now();
        from.action(Action::Say(text.to_owned()))?;
        to.until("the line", SOON, |room| {
            room.chat.iter().any(|line| line.text == text && matches!(line.from, Speaker::Person { .. }))
        })?;
        println!("a line of chat: {:?}", now() - begun);
        from.until("our own line", SOON, |room| room.chat.iter().any(|l| l.text == text && l.from == Speaker::Me))?;
    }
    Ok(())
}

/// What one switches, the other sees.
fn marks(ann: &Person, ben: &Person, of_ben: PeerId) -> Result<()> {
    type Mark = (&'static str, fn(Switch) -> Action, fn(&Seen) -> bool);
    let both: [Mark; 2] =
        [("microphone", Action::SetMicrophone, |p| p.media.audio), ("camera", Action::SetCamera, |p| p.media.video)];
    for (what, action, is_on) in both {
        for switch in [Switch::Off, Switch::On] {
            let begun = now();
            ben.action(action(switch))?;
            let on = switch == Switch::On;
            ann.until("the mark", SOON, |room| of(room, of_ben).is_some_and(|person| is_on(person) == on))?;
            let took = now() - begun;
            println!("{what} {switch:?}: seen after {took:?} (goal {MARK:?})");
        }
    }
    ben.action(Action::SetMicrophone(Switch::Off))?;
    let said = ben.until("You're muted", ROOM, |room| room.me.is_muted_talking)?;
    println!("who speaks without being heard is told after {said:?}");
    ben.action(Action::SetMicrophone(Switch::On))?;
    ann.until("Ben speaks", SOON, |room| of(room, of_ben).is_some_and(|person| person.is_speaking))?;
    Ok(())
}

/// The host ends the room: nothing of it is left.
fn the_end(ann: &Person, ben: &Person, eve: &Person, invite: &Invite) -> Result<()> {
    let port = ann.host.at(8443);
    ensure!(ben.reaches(port)?, "the room's port is closed");
    let begun = now();
    ann.action(Action::EndForAll)?;
    eve.fault(&Fault::RoomEnded, "The host ended the room.", SOON)?;
    println!("a guest reads the end after {:?}", now() - begun);
    ann.home(SOON)?;
    ben.port_closes(port, SOON)?;
    println!("the port is closed after {:?}", now() - begun);
    let number = &invite.number;
    ben.wait("the announcement gone", SOON, |view| {
        (view.nearby.iter().all(|near| near.room != *number)).then_some(())
    })?;
    println!("the announcement is gone after {:?}", now() - begun);
    let view = ann.view()?;
    ensure!(view.fault.is_none(), "the host reads {:?}", view.fault);
    Ok(())
}

/// What the network reads of a room follows it: the number of people and the lock always, a name by leave alone.
fn card(ann: &Person, ben: &Person, number: &RoomName) -> Result<()> {
    let reads = |what: &str, host: Option<&str>, is_locked: bool| {
        let is_so = |near: &NearbyRoom| {
            near.room == *number
                && near.host.as_deref() == host
                && near.people == Some(1)
                && near.is_locked == is_locked
        };
        ben.wait(what, SOON, |view| view.nearby.iter().any(is_so).then_some(()))
    };
    reads("no name", None, false)?;
    ann.action(Action::Change(Box::new(Settings { show_name: true, ..settings("Ann") })))?;
    reads("a name", Some("Ann"), false)?;
    ann.action(Action::SetLocked(true))?;
    reads("a lock", Some("Ann"), true)?;
    ann.action(Action::SetLocked(false))?;
    reads("no lock", Some("Ann"), false)?;
    Ok(())
}
