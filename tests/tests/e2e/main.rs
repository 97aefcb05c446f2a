//! End to end: real programs, a real browser, real sockets, on a LAN of network namespaces.
//!
//! Two headless clients and a Chromium with the guest page, against standalone servers. Each picture carries a stamp and
//! each sound a chirp, so that every receiver knows whose picture it decoded and which one, and whose chirp it heard.
//! Waits are on events with a deadline; nothing sleeps.

#![expect(clippy::print_stdout, reason = "a test prints what it measured")]
#![expect(unreachable_pub, reason = "the modules of one test binary")]

mod browser;
mod calls;
mod lan;
mod process;
mod room;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use calls::{check_all_see_all, check_first_frame, check_gone, check_steady, watch};
use process::now;
use room::{Paths, Room};

/// Who sends what: sources are stamped into pictures and chirps.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const GUEST: u8 = 3;

/// Without root there may still be namespaces: the test starts itself again in one of its own.
fn enter_namespaces() -> Result<()> {
    let root = Command::new("id").arg("-u").output()?.stdout.starts_with(b"0\n");
    if root {
        return Ok(());
    }
    ensure!(
        std::env::var_os("HEARTH_E2E_INSIDE").is_none(),
        "This test needs network namespaces. Run it as root, or allow unprivileged user namespaces."
    );
    let script = "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"";
    let error = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("HEARTH_E2E_INSIDE", "1")
        .exec();
    Err(error.into())
}

/// Everybody sees and hears the right others; one leaves, one is killed, one loses its WebSocket, the server is killed.
#[test]
fn two_clients_and_a_browser_in_one_room() -> Result<()> {
    enter_namespaces()?;
    let mut room = Room::open(Paths::All)?;
    let begun = now();
    check_all_see_all(&room, Duration::from_secs(60))?;
    println!("everybody saw and heard everybody after {:?}", now() - begun);
    room.keep_screenshot("room")?;
    check_first_frame(&room.second)?;

    let before = watch(&room.first)?;
    room.second_host.cut_tcp(room::SIGNAL_PORT)?;
    room.first.wait_stats(Duration::from_secs(10), |stats| calls::away(stats, "Second"))?;
    calls::pass_time(&room.first, Duration::from_secs(5))?;
    room.second_host.mend_tcp()?;
    room.first.wait_stats(Duration::from_secs(15), |stats| calls::back(stats, "Second"))?;
    check_steady(&room, &before, "a WebSocket cut for 5 s")?;

    let killed = now();
    room.second.kill()?;
    room.first.wait_stats(Duration::from_secs(10), |stats| calls::faltering(stats, "Second"))?;
    println!("a killed client was marked faltering after {:?}", now() - killed);
    check_gone(&room, "Second", Duration::from_secs(35).saturating_sub(now() - killed))?;
    println!("and gone after {:?}", now() - killed);

    let before = watch(&room.first)?;
    room.signal.kill()?;
    calls::pass_time(&room.first, Duration::from_secs(6))?;
    check_steady(&room, &before, "the signalling server killed")?;

    let left = now();
    room.first.terminate()?;
    room.guest.wait_for("the others gone", Duration::from_secs(2), "return window.hearth.peers.length === 0")?;
    println!("who left was gone at the guest after {:?}", now() - left);
    Ok(())
}

/// Through the relay only: both ends say relay, and the relay counts the bytes.
#[test]
fn relay_only_goes_through_hearth_turn() -> Result<()> {
    enter_namespaces()?;
    let room = Room::open(Paths::RelayOnly)?;
    check_all_see_all(&room, Duration::from_secs(60))?;
    for client in [&room.first, &room.second] {
        client.wait_stats(Duration::from_secs(5), calls::all_relayed)?;
    }
    let pair = room
        .guest
        .evaluate("return (await window.hearth.stats()).map((one) => [one.pair?.local, one.pair?.remote]).flat()")?;
    println!("the guest's pairs: {pair}");
    let kinds = serde_json::to_string(&pair)?;
    ensure!(kinds.contains("relay") && !kinds.contains("\"host\""), "the guest goes another way: {kinds}");
    let before = calls::relayed_bytes(&room.turn)?;
    let sent_before = calls::packets_sent(&room.first)?;
    calls::pass_time(&room.first, Duration::from_secs(3))?;
    let after = calls::relayed_bytes(&room.turn)?;
    let packets = calls::packets_sent(&room.first)? - sent_before;
    println!("hearth-turn relayed {} bytes in 3 s, in which one client sent {packets} packets", after - before);
    // A packet of sound is 60 bytes at least, and each goes through the relay.
    ensure!(packets > 100 && after - before > packets * 60, "the relay did not carry the media");
    Ok(())
}
