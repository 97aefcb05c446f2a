//! End to end: real programs, a real browser, real sockets, on a LAN of network namespaces.
//!
//! Two headless clients and a Chromium with the guest page, against standalone servers. Each picture carries a stamp
//! and each sound a chirp, so that every receiver knows whose picture it decoded and which one, and whose chirp it
//! heard. Waits are on events with a deadline; nothing sleeps.

#![expect(clippy::print_stdout, reason = "a test prints what it measured")]
#![expect(unreachable_pub, reason = "the modules of one test binary")]

mod browser;
mod calls;
mod desktop;
mod files;
mod firefox;
mod kinds;
mod lan;
mod moves;
mod package;
mod peers;
mod process;
mod room;
mod six;
mod stats;
mod tree;
mod window;

use std::time::Duration;

use anyhow::{Result, ensure};

use browser::{Devices, Program};
use calls::{check_all_see_all, check_first_frame, check_gone, check_guest_steady, check_shares, check_steady, watch};
use lan::enter_namespaces;
use process::now;
use room::{Paths, Plan, Room};

/// Who sends what: sources are stamped into pictures and chirps.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const GUEST: u8 = 3;

/// How often somebody comes again, and how long they may take to see who is there.
const COMINGS: u32 = 6;
const MEETING: Duration = Duration::from_secs(20);
/// How long everybody may take to see and hear everybody, on a loaded machine of two cores.
const ALL: Duration = Duration::from_secs(90);
/// How long a change may take to be seen by another, and how long somebody stays who is killed: the server's grace, and
/// some.
const SOON: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(60);
/// Bytes that tell media from what holds a connection open.
const RELAYED: u64 = 1_000_000;
/// How long a browser's own checks are kept back. A name is asked for within 100 ms, again after a second.
const NAMES: Duration = Duration::from_secs(3);

/// Everybody sees and hears the right others; one leaves, one is killed, one loses its WebSocket, the server is killed.
#[test]
fn two_clients_and_a_browser_in_one_room() -> Result<()> {
    enter_namespaces()?;
    let mut room = Room::open(Plan::default())?;
    let begun = now();
    check_all_see_all(&room.people(), ALL)?;
    println!("everybody saw and heard everybody after {:?}", now() - begun);
    room.guest.keep_screenshot("room")?;
    check_first_frame(&room.second)?;
    check_shares(&room)?;
    for nick in ["First", "Guest"] {
        stats::check_counters(&room.second, nick)?;
    }

    let (first, second) = (watch(&room.first)?, watch(&room.second)?);
    room.second_host.cut_tcp(room::SIGNAL_PORT)?;
    room.first.wait_stats(SOON, |stats| calls::away(stats, "Second"))?;
    calls::wait_pictures(&room.first, &[SECOND, GUEST])?;
    calls::wait_pictures(&room.second, &[FIRST, GUEST])?;
    calls::wait_pictures_at(&room.guest, &[FIRST, SECOND])?;
    room.second_host.mend_tcp()?;
    room.first.wait_stats(SOON, |stats| calls::back(stats, "Second"))?;
    let what = "a WebSocket cut for a while";
    check_steady(&room.first, &first, what)?;
    check_steady(&room.second, &second, what)?;
    check_guest_steady(&room.guest, &[FIRST, SECOND], &first, what)?;

    let killed = now();
    room.second.kill()?;
    room.first.wait_stats(SOON, |stats| calls::faltering(stats, "Second"))?;
    println!("a killed client was marked faltering after {:?}", now() - killed);
    check_gone(&room, "Second", GONE)?;
    println!("and gone after {:?}", now() - killed);

    let before = watch(&room.first)?;
    room.signal.kill()?;
    calls::wait_pictures(&room.first, &[GUEST])?;
    calls::wait_pictures_at(&room.guest, &[FIRST])?;
    let what = "the signalling server killed";
    check_steady(&room.first, &before, what)?;
    check_guest_steady(&room.guest, &[FIRST], &before, what)?;

    let left = now();
    room.first.terminate()?;
    room.guest.wait_for("the others gone", SOON, "return window.hearth.peers.length === 0")?;
    println!("who left was gone at the guest after {:?}", now() - left);
    Ok(())
}

/// A client that comes after a browser makes the offer, and the browser answers it. This browser and both clients agree
/// on RFC 8888, by an offer of either side, and by it the browser learns that the path bears more than it begins with.
#[test]
fn a_client_meets_a_browser_that_was_there_before() -> Result<()> {
    enter_namespaces()?;
    let mut room = Room::open(Plan { guest: Program::ReportingChromium, ..Plan::default() })?;
    for _ in 0..COMINGS {
        let begun = now();
        room.second_comes_again()?;
        room.second.wait_stats(MEETING, |stats| calls::sees(stats, "Guest"))?;
        println!("the client saw the browser's picture {:?} after it was started", now() - begun);
    }
    let reports = "return probe.reports().then((all) => all.length === 2 \
                     && all.every(([reports, estimate]) => reports > 20 && estimate > 500_000) && all)";
    let reports = room.guest.wait_for("reports by RFC 8888", SOON, reports)?;
    println!("the browser got so many reports, and thinks that each path bears so many bits a second: {reports}");

    // Where packets get lost, sound comes with what was before it (RED), and goes on.
    // A packet of Opus has some 17 bytes here, and 5 more of its own with each that it carries.
    let sizes =
        |are: &str| format!("return probe.sizes().then((all) => all.length === 2 && all.every((one) => {are}) && all)");
    let plain = room.guest.wait_for("plain sound", ALL, &sizes("one > 0 && one < 25"))?;
    room::lose_some(&room.guest_host)?;
    let redundant = room.guest.wait_for("redundant sound", ALL, &sizes("one > 28"))?;
    println!("packets of sound of both clients had {plain} bytes, and have {redundant} where a tenth is lost");
    calls::check_guest_hears(&room.guest, &[FIRST, SECOND], now() + MEETING)?;
    Ok(())
}

/// A browser that was not allowed camera or microphone hides its addresses behind names; it is found by them. Its own
/// checks are kept back at first: were its name not asked for, nothing would be known of it but what they come from.
#[test]
fn a_browser_is_found_by_its_name() -> Result<()> {
    enter_namespaces()?;
    let mut room =
        Room::open_with(Plan { guest: Program::Chromium(Devices::Asked), ..Plan::default() }, room::withhold_checks)?;
    // Each time that the clients' statistics come, they have asked, been answered, and tried.
    calls::pass_time(&room.first, NAMES)?;
    room::release_checks(&room.guest_host)?;
    for client in [&room.first, &room.second] {
        client.wait_stats(MEETING, |stats| calls::goes_to(stats, "Guest", room.guest_host.address))?;
        client.wait_stats(MEETING, |stats| calls::sees(stats, "Guest"))?;
    }
    // Who comes later was not listening when the browser announced its name, and it announces it once.
    room::withhold_checks(&room.guest_host)?;
    room.second_comes_again()?;
    calls::pass_time(&room.first, NAMES)?;
    room::release_checks(&room.guest_host)?;
    room.second.wait_stats(MEETING, |stats| calls::goes_to(stats, "Guest", room.guest_host.address))?;
    let script = "return probe.candidates.filter((one) => / typ host/.test(one))";
    let candidates: Vec<String> = serde_json::from_value(room.guest.evaluate(script)?)?;
    println!("the browser calls itself {candidates:?}");
    ensure!(!candidates.is_empty() && candidates.iter().all(|one| one.contains(".local ")), "it shows its addresses");
    Ok(())
}

/// A client that has VP8 alone beside one that has both, and a browser: all see all, each pair in what both have.
#[test]
fn a_client_with_vp8_alone_meets_a_client_with_both_and_a_browser() -> Result<()> {
    enter_namespaces()?;
    let room = Room::open(Plan { second_codecs: Some("vp8"), ..Plan::default() })?;
    check_all_see_all(&room.people(), ALL)?;
    room.first.wait_stats(SOON, |stats| calls::takes(stats, &[("Second", "VP8"), ("Guest", "H264")]))?;
    room.second.wait_stats(SOON, |stats| calls::takes(stats, &[("First", "VP8"), ("Guest", "VP8")]))?;
    room.first.wait_stats(SOON, |stats| calls::encodes(stats, &["H264", "VP8"]))?;
    room.second.wait_stats(SOON, |stats| calls::encodes(stats, &["VP8"]))?;
    let codecs = room.guest.evaluate("return (await window.hearth.stats()).map((one) => one.codec)")?;
    let mut codecs: Vec<String> = serde_json::from_value(codecs)?;
    codecs.sort();
    ensure!(codecs == ["video/H264", "video/VP8"], "the guest gets {codecs:?}");
    Ok(())
}

/// A Firefox that has no H.264: all see and hear all, with the Firefox in VP8.
#[test]
fn two_clients_and_a_firefox_in_one_room() -> Result<()> {
    enter_namespaces()?;
    let room = Room::open(Plan { guest: Program::Firefox, ..Plan::default() })?;
    let begun = now();
    let all = check_all_see_all(&room.people(), ALL);
    room.guest.keep_screenshot("firefox")?;
    all?;
    println!("everybody saw and heard everybody after {:?}", now() - begun);
    room.first.wait_stats(SOON, |stats| calls::takes(stats, &[("Second", "H264"), ("Guest", "VP8")]))?;
    let text = room.guest.evaluate("return document.body.innerText")?;
    ensure!(!text.as_str().unwrap_or_default().contains("cannot show"), "the page says of video that it sees: {text}");
    Ok(())
}

/// A desktop client, two guest pages, and a page that was written for signalmaster, in one open room; then the server
/// is restarted.
#[test]
fn four_kinds_of_people_in_one_room() -> Result<()> {
    enter_namespaces()?;
    kinds::everybody_decodes_everybody()
}

/// Through the relay only: both ends say relay, and the relay counts the bytes.
#[test]
fn relay_only_goes_through_hearth_turn() -> Result<()> {
    enter_namespaces()?;
    check_relayed(Paths::RelayOnly).map(drop)
}

/// The same where the relay is reached by TCP alone.
#[test]
fn relay_only_goes_through_hearth_turn_by_tcp() -> Result<()> {
    enter_namespaces()?;
    check_relayed(Paths::RelayByTcp).map(drop)
}

/// By TLS alone, with a certificate of the key that the room's link carries. Then the relay is killed and started
/// again: the streams break, and everybody allocates again.
#[test]
fn relay_only_goes_through_hearth_turn_by_tls_and_survives_its_restart() -> Result<()> {
    enter_namespaces()?;
    let mut room = check_relayed(Paths::RelayByTls)?;
    let killed = now();
    room.relay_comes_again()?;
    calls::check_flows_again(&room, ALL)?;
    println!("everybody saw everybody again {:?} after the relay was killed", now() - killed);
    check_ways(&room, Paths::RelayByTls)
}

fn check_relayed(paths: Paths) -> Result<Room> {
    let room = Room::open(Plan { paths, ..Plan::default() })?;
    check_all_see_all(&room.people(), ALL)?;
    check_ways(&room, paths)?;
    calls::wait_relayed(&room.turn, RELAYED)?;
    Ok(room)
}

/// Every connection goes through the relay at both ends, and the guest's reach it as was meant.
fn check_ways(room: &Room, paths: Paths) -> Result<()> {
    for client in [&room.first, &room.second] {
        client.wait_stats(SOON, calls::all_relayed)?;
    }
    let pairs = room
        .guest
        .evaluate("return (await window.hearth.stats()).map((one) => [one.pair?.local, one.pair?.remote])")?;
    let ways = room.guest.evaluate("return await probe.ways()")?;
    println!("the guest's pairs: {pairs}, and its ways to the relay: {ways}");
    let pairs: Vec<(String, String)> = serde_json::from_value(pairs)?;
    ensure!(pairs.len() == 2 && pairs.iter().all(|(ours, _)| ours == "relay"), "the guest goes another way: {pairs:?}");
    let ways: Vec<Option<String>> = serde_json::from_value(ways)?;
    let is_meant = |way: &Option<String>| way.as_deref() == paths.relay_protocol();
    ensure!(ways.len() == 2 && ways.iter().all(is_meant), "the guest reaches the relay otherwise: {ways:?}");
    Ok(())
}
