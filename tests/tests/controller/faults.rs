//! Everything that can go wrong on the way into a room and in it, made to happen, and read by who should read it.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, ensure};
use hearth::view::{Action, Fault, Progress, Settings, Stage};
use hearth_call::Switch;
use hearth_protocol::{InviteSecret, RoomLink, SpkiHash};

use crate::lan::{Host, Lan};
use crate::person::{Person, ROOM, SOON, settings};
use crate::place::{alone, now, on, run};
use crate::room::meet;
use crate::server::Signalling;
use crate::stranger::Stranger;

const UNREACHABLE: &str = "Can't reach the host. Same Wi-Fi? Check firewall and VPN.";
const NO_SUCH_ROOM: &str = "No room with that number. Are you on the same network? If not, ask for the link.";
/// How long a room is tried to be entered, and what a loaded machine adds.
const GIVING_UP: Duration = Duration::from_secs(60);
/// A door that is tried again is not given up before this.
const TRIED_AGAIN: Duration = Duration::from_secs(8);

fn with(person: &Person, nick: &str, change: impl FnOnce(&mut Settings)) -> Result<()> {
    let mut settings = settings(nick);
    change(&mut settings);
    person.action(Action::Change(Box::new(settings)))
}

/// Links and numbers that lead nowhere, or to somebody else.
#[test]
fn doors_that_do_not_open() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let host = lan.host("ann")?;
    let ann = Person::new(&host, "Ann")?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    let (wall, knocker) = (lan.host("wall")?, lan.host("dan")?);
    run(&wall, &["nft", "add table inet wall"])?;
    run(&wall, &["nft", "add chain inet wall in { type filter hook input priority 0; policy drop; }"])?;
    let invite = ann.start()?;

    // These three are given up after the same time: at once, then.
    let (fred, gil) = (Person::new(&lan.host("fred")?, "Fred")?, Person::new(&lan.host("gil")?, "Gil")?);
    let dan = Person::new(&knocker, "Dan")?;
    fred.join(&invite.link.replacen(&host.address.to_string(), &wall.address.to_string(), 1))?;
    gil.join(&invite.link.replacen(":8443", ":9", 1))?;
    dan.join(invite.number.as_str())?;
    dan.progress(Progress::Waiting, ROOM)?;
    knocker.cut_tcp(8443)?;

    ben.action(Action::Join("a cup of tea".to_owned()))?;
    ben.fault(&Fault::NotARoom, "Enter a 9-digit room number or a room link.", SOON)?;
    ben.join("000 111 222")?;
    ben.fault(&Fault::NoSuchRoom, NO_SUCH_ROOM, ROOM)?;

    let link = RoomLink::parse(&invite.link)?;
    let other = |secret, spki| RoomLink::new(link.server().as_str(), link.room.clone(), secret, spki);
    ben.join(&other(link.secret, Some(SpkiHash([7; 32])))?.reveal())?;
    let wrong_host = "This is not the host who invited you. Ask for a new link.";
    let took = ben.fault(&Fault::WrongHost, wrong_host, SOON)?;
    ensure!(took < TRIED_AGAIN, "the wrong host was tried again for {took:?}");
    ben.join(&other(Some(InviteSecret::from_random([9; 16])), link.spki)?.reveal())?;
    ben.fault(&Fault::WrongInvite, "This link doesn't work any more. Ask the host for a new one.", SOON)?;
    ann.until("the wrong secret", SOON, |room| room.invite.as_ref().is_some_and(|invite| invite.wrong_invites > 0))?;

    for person in [&fred, &gil, &dan] {
        person.fault(&Fault::HostUnreachable, UNREACHABLE, GIVING_UP)?;
    }
    // Who knocks reads that there is nothing to wait for any more.
    knocker.mend_tcp()?;
    dan.join(invite.number.as_str())?;
    dan.progress(Progress::Waiting, ROOM)?;
    ann.action(Action::EndForAll)?;
    dan.fault(&Fault::RoomEnded, "The host ended the room.", SOON)?;
    Ok(())
}

/// On a server of one's own: its room, its number, its limits.
#[test]
fn a_room_on_a_server() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let server = Signalling::start(&lan.host("server")?)?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let mut ben = Person::new(&lan.host("ben")?, "Ben")?;
    let eve = Person::new(&lan.host("eve")?, "Eve")?;
    with(&ann, "Ann", |settings| settings.server = "tea".to_owned())?;
    ann.action(Action::Start)?;
    let bad = "This is not a server address. Enter one like https://meet.example.org, without a path.";
    ann.fault(&Fault::WrongServer, bad, SOON)?;
    for (person, nick) in [(&ann, "Ann"), (&ben, "Ben")] {
        with(person, nick, |settings| settings.server = format!(" {} ", server.address))?;
    }
    with(&ann, "Ann", |settings| (settings.server, settings.people) = (server.address.clone(), 2))?;
    let invite = ann.start()?;
    ensure!(!invite.is_hosted && invite.addresses.is_empty() && invite.certificate.is_none(), "another invitation");
    // Nobody announces it: the number leads to the server of the settings.
    ben.join(invite.number.as_str())?;
    ben.progress(Progress::Waiting, ROOM)?;
    let (id, _) = ann.room("a knock", SOON, |room| room.lobby.first().map(|knocker| knocker.id))?;
    with(&eve, "Eve", |settings| settings.server = server.address.clone())?;
    eve.join(invite.number.as_str())?;
    eve.progress(Progress::Waiting, ROOM)?;
    let (second, _) = ann.room("another knock", SOON, |room| room.lobby.get(1).map(|knocker| knocker.id))?;
    ann.action(Action::Admit(id))?;
    ben.progress(Progress::In, SOON)?;
    // Whom the host lets in has no place: it is the host who must know.
    ann.action(Action::Admit(second))?;
    ann.wait("that it is full", SOON, |view| (view.fault == Some(Fault::RoomFull(2))).then_some(()))?;
    ann.action(Action::Dismiss)?;
    eve.action(Action::Leave)?;
    eve.home(SOON)?;
    eve.join(&invite.link)?;
    eve.fault(&Fault::RoomFull(2), "The room is full (2 people).", SOON)?;
    eve.join("000111222")?;
    eve.fault(&Fault::NoSuchRoom, NO_SUCH_ROOM, ROOM)?;

    meet(&ann, "Ben")?;
    reconnecting(&ann, &ben)?;
    // Who becomes host by staying, and closes the window, ends the room for nobody else.
    let host = |person: &Person| person.until("the role", SOON, |room| room.role == hearth_protocol::Role::Host);
    ann.action(Action::Leave)?;
    ann.home(SOON)?;
    host(&ben)?;
    let rejoined = ben.invite()?;
    ensure!(rejoined.link.contains("k="), "who came by number passes on the key that was seen");
    ann.action(Action::JoinRecent(0))?;
    ann.at_door()?;
    ann.action(Action::Enter)?;
    ann.progress(Progress::In, ROOM)?;
    let took = ben.close();
    println!("a guest's window closes in {took:?}");
    host(&ann)?;
    let view = ann.view()?;
    ensure!(view.fault.is_none() && matches!(view.stage, Stage::Room(_)), "{:?}", view.fault);
    Ok(())
}

/// The connection to the server is cut, and mended.
fn reconnecting(ann: &Person, ben: &Person) -> Result<()> {
    let cut = now();
    ben.host.cut_tcp(8443)?;
    ben.progress(Progress::Reconnecting, SOON)?;
    let (took, said) = (now() - cut, now());
    ben.action(Action::Say("still here".to_owned()))?;
    ann.until("chat past the server", SOON, |room| room.chat.iter().any(|line| line.text == "still here"))?;
    println!("Reconnecting is said after {took:?}, chat goes on in {:?}", now() - said);
    ben.host.mend_tcp()?;
    let mended = now();
    ben.progress(Progress::In, ROOM)?;
    println!("back after {:?}", now() - mended);
    Ok(())
}

/// A guest who can show none of our pictures: who looks at them is told.
#[test]
fn a_guest_without_our_codec() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let server = Signalling::start(&lan.host("server")?)?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    with(&ann, "Ann", |settings| settings.server = server.address.clone())?;
    let link = ann.start()?.link;
    let _stranger = Stranger::enter(&lan.host("old")?, &server, &link)?;
    ben.join(&link)?;
    meet(&ann, "Ben")?;
    let took = ann.until("no common codec", ROOM, |room| {
        room.people.iter().any(|person| person.nick == "Old" && person.lacks_video_codec)
    })?;
    println!("who lacks our codec is told from others after {took:?}");
    ann.until("Ben has it", SOON, |room| room.people.iter().all(|p| p.nick == "Old" || !p.lacks_video_codec))?;
    Ok(())
}

/// Hosting that cannot begin, and who speaks into a microphone that is off.
#[test]
fn hosting_that_cannot_begin() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let host = lan.host("ann")?;
    let ann = Person::new(&host, "Ann")?;
    let taken = listen(&host, 9443)?;
    with(&ann, "Ann", |settings| settings.port = Some(9443))?;
    ann.action(Action::Start)?;
    ann.at_door()?;
    ann.action(Action::Enter)?;
    let words = "Port 9443 is used by another program. Choose another in settings.";
    ann.fault(&Fault::BusyPort(9443), words, SOON)?;
    drop(taken);

    let state = ann.folder().path().join("state");
    std::fs::create_dir_all(&state)?;
    std::fs::write(state.join("host"), "in the way")?;
    ann.action(Action::Start)?;
    ann.at_door()?;
    ann.action(Action::Enter)?;
    let why = ann.wait("no key", SOON, |view| match &view.fault {
        Some(fault @ Fault::Hosting(_)) => Some(fault.sentence()),
        _ => None,
    })?;
    ensure!(
        why.0.starts_with("This computer could not host the room: ") && why.0.ends_with("then try again."),
        "{}",
        why.0
    );
    ensure!(why.0.contains("host") && !why.0.contains("os error"), "in our words, with the place: {}", why.0);
    ann.home(SOON)?;
    std::fs::remove_file(state.join("host"))?;

    // The same port again, as fast as a person clicks: our own last room must not be in the way.
    for _ in 0..3 {
        ann.start()?;
        ann.action(Action::Leave)?;
    }
    // Left while the servers start, and begun again.
    for _ in 0..3 {
        for action in [Action::Start, Action::Enter, Action::Leave] {
            ann.action(action)?;
        }
    }
    let invite = ann.start()?;
    ensure!(invite.link.contains(":9443/"), "another port");
    // With the port taken by somebody, and none chosen, the next one is taken.
    ann.action(Action::EndForAll)?;
    ann.home(SOON)?;
    let _taken = listen(&host, 8443)?;
    with(&ann, "Ann", |settings| settings.port = None)?;
    ensure!(ann.start()?.link.contains(":8444/"), "not the next port");
    ann.action(Action::SetMicrophone(Switch::Off))?;
    ann.until("You're muted", ROOM, |room| room.me.is_muted_talking)?;
    Ok(())
}

fn listen(host: &Host, port: u16) -> Result<TcpListener> {
    Ok(on(host, || TcpListener::bind(("0.0.0.0", port)))??)
}
