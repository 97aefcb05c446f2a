//! The window as a person uses it: a real one, by mouse and keyboard alone.
//!
//! One hosts a room, a browser comes in by the link, a second window by the number it finds on the network, after a
//! knock.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_protocol::RoomLink;

use crate::browser::{Browser, Devices, Program};
use crate::calls::{People, check_all_see_all, pass_time};
use crate::desktop::{Desktop, spaced};
use crate::lan::{Lan, enter_namespaces};
use crate::process::{Process, built, now};
use crate::room::{STARTING, guest_browser, walk_in};
use crate::{FIRST, GUEST, SECOND};

/// How long a browser may take to show what a person did elsewhere.
const SOON: Duration = Duration::from_secs(30);
/// How long a person waits for a mark before they click once more.
const MARKED: Duration = Duration::from_secs(10);
/// How long a room is left alone by its host's window.
const UNSEEN: Duration = Duration::from_secs(2);
/// How soon it comes is measured by `cargo xtask bench start`; here, that it does.
const FIRST_FRAME: Duration = Duration::from_secs(40);
/// Processor time at rest, in ticks of 10 ms, of ten seconds. The goal is none at all.
const TICKS: u64 = 5;
/// Windows of ten seconds, of which the best counts.
const WINDOWS: u32 = 4;

#[test]
fn a_room_is_hosted_found_and_left_by_mouse_and_keyboard() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-window").tempdir()?;
    let mut lan = Lan::new()?;
    let (host, friend, guest) = (lan.host("host")?, lan.host("friend")?, lan.host("guest")?);

    let mut host = Desktop::start(&host, "host", folder.path())?;
    host.write_settings()?;
    let begun = now();
    host.open_hearth(&["--stats", "json", "--source-id", &FIRST.to_string()])?;
    let link = host.start_room("Grandma")?;
    println!("from the double click to a link in the clipboard: {:?}", now() - begun);
    let room = RoomLink::parse(&link)?;
    ensure!(room.secret.is_some(), "the copied link lets in");

    let browser = guest_browser(
        &guest,
        &folder.path().join("profile"),
        &room.spki.context("a pin")?,
        Program::Chromium(Devices::Allowed),
        GUEST,
    )?;
    walk_in(&browser, &link)?;
    println!("from the double click to a browser in the room, its start included: {:?}", now() - begun);
    host.read("Guest")?;
    browser.keep_screenshot("in")?;

    let mut friend = Desktop::start(&friend, "friend", folder.path())?;
    friend.write_settings()?;
    friend.open_hearth(&["--stats", "json", "--source-id", &SECOND.to_string()])?;
    knock(&host, &friend, room.room.as_str())?;

    let people = People { first: host.app()?, second: friend.app()?, guest: &browser };
    check_all_see_all(&people, Duration::from_secs(90))?;
    host.keep_screenshot("call")?;
    friend.keep_screenshot("call")?;
    browser.keep_screenshot("call")?;

    talk(&host, &friend, &browser)?;
    show(&host, &friend, &browser)?;
    share(&host, &friend, &browser)?;
    mark(&host, &friend, &browser)?;
    close(&mut host, &mut friend, &browser)
}

/// A second window finds the number, knocks, and is let in.
fn knock(host: &Desktop, friend: &Desktop, number: &str) -> Result<()> {
    let shown = spaced(number);
    friend.find(&format!("Join room {shown}"))?;
    friend.keep_screenshot("1-found")?;
    friend.click("Link or room number")?;
    friend.type_text(&shown)?;
    friend.press("Return")?;
    friend.enter("Uncle")?;
    friend.read("Waiting for the host to let you in…")?;
    friend.keep_screenshot("2-waiting")?;
    host.read("Uncle")?;
    host.keep_screenshot("4-knock")?;
    let begun = now();
    host.click("Admit")?;
    friend.find("Leave")?;
    println!("from the click on Admit to the room: {:?}", now() - begun);
    friend.click("Dismiss")?;
    Ok(())
}

/// Words in all directions.
fn talk(host: &Desktop, friend: &Desktop, guest: &Browser) -> Result<()> {
    host.click("Chat")?;
    host.type_text("Is the soup ready?")?;
    host.press("Return")?;
    friend.click("Chat")?;
    friend.read("Is the soup ready?")?;
    let heard = "return window.hearth.chat.some((line) => line.text === 'Is the soup ready?')";
    guest.wait_for("the words at the guest", SOON, heard)?;
    guest.evaluate(
        "document.querySelector('#chat-button').click(); const text = document.querySelector('#chat-text'); \
         text.value = 'Nearly!'; text.dispatchEvent(new Event('input')); \
         document.querySelector('#chat-send').click();",
    )?;
    host.read("Nearly!")?;
    friend.read("Nearly!")?;
    host.keep_screenshot("5-chat")?;
    guest.keep_screenshot("chat")?;
    host.press("Escape")?;
    host.click("Chat")
}

/// Hands in both directions, and a screen that the guest shares: whole windows and the page say the same of them.
fn show(host: &Desktop, friend: &Desktop, guest: &Browser) -> Result<()> {
    guest.evaluate("document.querySelector('[data-do=hand]').click()")?;
    for desktop in [host, friend] {
        desktop.read("Guest, hand raised")?;
    }
    host.click("Raise your hand")?;
    guest.wait_for(
        "a hand at the guest",
        SOON,
        "return window.hearth.peers.filter(({ hand }) => hand).length === 1",
    )?;
    friend.read("Grandma, host, hand raised")?;
    host.click("Lower your hand")?;
    guest.wait_for("no hand at the guest", SOON, "return window.hearth.peers.every(({ hand }) => !hand)")?;
    guest.evaluate(
        "navigator.mediaDevices.getDisplayMedia = async () => { \
         const screen = document.createElement('canvas'); [screen.width, screen.height] = [1280, 720]; \
         const draw = screen.getContext('2d'); setInterval(() => { \
         draw.fillStyle = draw.fillStyle === '#ffffff' ? '#fffffe' : '#ffffff'; draw.fillRect(0, 0, 1280, 720); }, 200); \
         return screen.captureStream(); }; \
         document.querySelector('[data-do=hand]').click(); document.querySelector('[data-do=share]').click();",
    )?;
    for desktop in [host, friend] {
        desktop.find("Guest is sharing")?;
    }
    host.keep_screenshot("5-shared")?;
    guest.evaluate("document.querySelector('[data-do=share]').click()")?;
    host.find("Guest")?;
    Ok(())
}

/// The host shares its screen: the others see it beside the host, in the window and on the page, until that stops.
fn share(host: &Desktop, friend: &Desktop, guest: &Browser) -> Result<()> {
    host.click("Share your screen")?;
    host.find("screen (1280x800)")?;
    host.keep_screenshot("6-share")?;
    host.click("screen (1280x800)")?;
    host.find("You are sharing screen")?;
    friend.find("Grandma is sharing")?;
    let screens = |count| {
        format!(
            "return [...document.querySelectorAll('video')].filter(({{ videoWidth, videoHeight, offsetWidth }}) => \
             videoWidth === 1280 && videoHeight === 800 && offsetWidth).length === {count} && \
             document.querySelectorAll('.tile').length === {count} + 3"
        )
    };
    guest.wait_for("the host's screen at the guest", SOON, &screens(1))?;
    for desktop in [host, friend] {
        desktop.keep_screenshot("6-shared")?;
    }
    guest.keep_screenshot("shared")?;
    host.click("Stop sharing")?;
    host.find("Share your screen")?;
    friend.find("Grandma, host")?;
    guest.wait_for("no screen at the guest", SOON, &screens(0))?;
    Ok(())
}

/// A microphone and a camera that are off are marked at the others.
fn mark(host: &Desktop, friend: &Desktop, guest: &Browser) -> Result<()> {
    for (what, button, seen) in [("the microphone", "Mute", "silent"), ("the camera", "Turn camera off", "unseen")] {
        let script = format!("return document.querySelectorAll('.tile.{seen}:not(.own)').length === 1");
        for hand in 1.. {
            let place = host.find(button)?;
            let begun = now();
            host.click_at(place)?;
            match guest.wait_for("the mark at the guest", MARKED, &script) {
                Ok(_) => {
                    println!("{what} off: marked at the guest {:?} after the hand went there", now() - begun);
                    break;
                }
                // A window that stands still for a second swallows a click, and a person clicks again.
                Err(_) if hand < 3 => println!("{what}: nothing came of click {hand}"),
                Err(error) => return Err(error),
            }
        }
    }
    friend.read("Grandma, host, muted, camera off")?;
    friend.keep_screenshot("3-marks")?;
    Ok(())
}

/// The host closes the window: the room goes on without it, until the window is closed for good and everybody reads
/// why.
fn close(host: &mut Desktop, friend: &mut Desktop, guest: &Browser) -> Result<()> {
    host.close_window()?;
    host.find("Minimise")?;
    host.keep_screenshot("6-close")?;
    host.click("Minimise")?;
    host.wait_hidden()?;
    pass_time(host.app()?, UNSEEN)?;
    ensure!(guest.evaluate("return window.hearth.peers.length")? == 2, "a hidden window ends the room");
    host.bring_back()?;
    host.close_window()?;
    host.find("Minimise")?;
    host.click("End for all")?;
    friend.read("The host ended the room.")?;
    friend.keep_screenshot("4-ended")?;
    let read = "return document.body.innerText.includes('The host ended the room.')";
    guest.wait_for("the sentence at the guest", SOON, read)?;
    guest.keep_screenshot("ended")?;
    host.wait_closed()?;
    friend.close_window()?;
    friend.wait_closed()
}

#[test]
fn the_window_is_there_soon_and_rests() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-rest").tempdir()?;
    let mut lan = Lan::new()?;
    let mut alone = Desktop::without_assistance(&lan.host("alone")?, "alone", folder.path())?;
    let begun = now();
    alone.open_hearth(&["--stats", "json"])?;
    alone.app()?.wait_line(FIRST_FRAME, |line| line.contains("timeToWindow").then_some(()))?;
    println!("the first frame was drawn {:?} after the start", now() - begun);
    // What the machine has to do beside it is counted as well where it is in the way: the best of some windows is what
    // it takes.
    let mut least = u64::MAX;
    for _ in 0..WINDOWS {
        let ticks = alone.ticks_at_rest()?;
        println!("at rest the window took {ticks} ticks of processor time in 10 s");
        least = least.min(ticks);
        if least <= TICKS {
            break;
        }
    }
    ensure!(least <= TICKS, "{least} ticks in ten seconds of rest");
    Ok(())
}

/// On a screen that is as low as the window would like to be, its foot is not below the edge, whatever is drawn around
/// it.
#[test]
fn a_low_screen_holds_the_whole_window() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-low").tempdir()?;
    let mut lan = Lan::new()?;
    for (name, screen, height) in [("low", "1100x720x24", 720), ("lower", "1024x640x24", 640)] {
        let mut desktop = Desktop::on_screen(&lan.host(name)?, name, folder.path(), screen)?;
        desktop.open_hearth(&["--stats", "json"])?;
        desktop.app()?.wait_line(FIRST_FRAME, |line| line.contains("timeToWindow").then_some(()))?;
        desktop.wait_above(height)?;
    }
    Ok(())
}

/// A display without RANDR, which the toolkit takes for granted and panics over: a sentence, no crash, and no report of
/// one.
#[test]
fn a_display_that_lacks_something_is_told_of() -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-extension", "RANDR"]);
    let screen = Process::start_unheard("Xvfb", &mut command)?;
    let display = screen.wait_line(STARTING, |line| line.trim().parse::<u32>().ok())?;
    let mut hearth = Command::new(built("hearth")?);
    for (name, folder) in [("HOME", ""), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")] {
        hearth.env(name, home.path().join(folder));
    }
    hearth.env_remove("WAYLAND_DISPLAY").env("DISPLAY", format!(":{display}")).env("HEARTH_LANG", "en");
    let ended = hearth.output()?;
    let said = String::from_utf8(ended.stderr)?;
    ensure!(
        ended.status.code() == Some(1) && said.contains("this display lacks something"),
        "{}: {said}",
        ended.status
    );
    ensure!(said.lines().count() == 1, "one sentence: {said}");
    ensure!(!home.path().join("state/hearth/crashes").exists(), "it is no crash");
    Ok(())
}
