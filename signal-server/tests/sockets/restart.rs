//! The server restarted under people who are in a call: the pages come back by themselves, and their media did not
//! notice.

use std::net::Ipv4Addr;
use std::path::Path;

use hearth_signal::ServerConfig;
use hearth_signal::rooms::{LegacyRules, RoomsConfig};
use serde_json::json;

use crate::browser::{Driver, Page};
use crate::{Running, plain, start};

/// A loopback address of this test's own: a port that a server leaves there, and takes again, nobody gets meanwhile.
pub(crate) fn own_loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + high % 64, middle, low)
}

pub(crate) async fn server(address: std::net::SocketAddr, state: &Path) -> Running {
    let rooms = RoomsConfig { legacy: Some(LegacyRules::default()), ..RoomsConfig::default() };
    start(ServerConfig { listen: address, tickets: Some(state.to_owned()), rooms, ..plain() }).await
}

/// Looks twenty times a second at how many pictures came of the one who sends them (somebody who sends none may have a
/// tile as well, and may be first), and keeps the longest time without one; and counts the connections that are made
/// from here on.
pub(crate) const WATCH: &str = "window.gap = 0; window.made = 0; window.frames = 0; \
    let seen = -1, since = performance.now(); setInterval(() => { \
    const videos = [...document.querySelectorAll('.tile:not(.own) video')]; \
    const now = performance.now(); \
    frames = Math.max(0, ...videos.map((video) => video.getVideoPlaybackQuality().totalVideoFrames)); \
    if (frames !== seen) { seen = frames; since = now; } gap = Math.max(gap, now - since); }, 50); \
    window.RTCPeerConnection = class extends RTCPeerConnection { constructor(...rest) { super(...rest); made++; } };";

/// Waits until further pictures have come, more than were on their way.
pub(crate) async fn see_on(page: &Page) {
    page.evaluate("window.until = frames + 30").await;
    page.until("frames >= until").await;
}

/// The longest time without a picture. How long that may be is up to the machine and anyone who works beside it: the
/// soak judges it.
pub(crate) async fn check_gap(page: &Page, who: &str) {
    let gap = page.evaluate("return gap").await.as_f64().unwrap();
    println!("{who}: longest time without a picture: {gap:.0} ms");
    assert!(gap < 1000.0 || std::env::var_os("HEARTH_SOAK").is_none(), "{who}: {gap} ms without a picture");
}

pub(crate) async fn enter(page: &Page, url: &str, nick: &str) {
    page.open(url).await;
    page.until("window.hearth && !document.querySelector('#join-button').disabled").await;
    page.write("#nick", nick).await;
    page.click("#join-button").await;
    page.until("document.body.dataset.screen === 'call'").await;
}

pub(crate) const SEEN: &str = "[...document.querySelectorAll('.tile:not(.own) video')]\
    .some((video) => video.getVideoPlaybackQuality().totalVideoFrames > 20)";

#[tokio::test]
async fn pages_are_back_in_their_room_and_their_media_did_not_notice() {
    let state = tempfile::tempdir().unwrap();
    let first = server((own_loopback(), 0).into(), state.path()).await;
    let (address, driver) = (first.address, Driver::start().await);
    let (ann, ben) = (driver.page("en").await, driver.page("en").await);
    // Browsers first: a host that answers no ping while they start is given up, and its room with it.
    let mut host = crate::client::connect(address).await;
    let room = host.create().await;
    let url = format!("http://{address}/r/{room}");
    enter(&ann, &url, "Ann").await;
    enter(&ben, &url, "Ben").await;
    let ids = "hearth.peers.map((peer) => peer.id).sort().join()";
    let mut before = Vec::new();
    for page in [&ann, &ben] {
        page.until(SEEN).await;
        page.evaluate(WATCH).await;
        before.push(page.evaluate(&format!("return {ids}")).await);
    }
    host.socket.close(None).await.unwrap();
    first.stop().await;
    for page in [&ann, &ben] {
        page.until("document.querySelector('#banner').textContent !== ''").await;
    }
    for page in [&ann, &ben] {
        see_on(page).await;
    }
    let second = server(address, state.path()).await;
    for (page, before) in [&ann, &ben].into_iter().zip(&before) {
        // The host, who is no page, does not come back; its place is kept as long as somebody may be there.
        page.until("document.querySelector('#banner').textContent === '' && hearth.peers.some((peer) => !peer.away)")
            .await;
        let other = page.evaluate("return hearth.peers.filter((peer) => !peer.away).map((peer) => peer.id)").await;
        assert!(before.as_str().unwrap().contains(other[0].as_str().unwrap()), "{before} {other}");
        see_on(page).await;
        assert_eq!(page.evaluate("return made").await, json!(0), "another connection");
        check_gap(page, "a page").await;
    }
    // The room is what it was to anyone who comes now.
    let late = driver.page("en").await;
    enter(&late, &url, "Late").await;
    late.until("hearth.peers.length === 2").await;
    assert_eq!(late.evaluate("return hearth.peers.map((peer) => peer.nick).sort()").await, json!(["Ann", "Ben"]));
    second.stop().await;
}

#[tokio::test]
async fn the_state_folder_keeps_a_key_and_for_how_long_the_server_lived_and_nothing_of_rooms() {
    let state = tempfile::tempdir().unwrap();
    for runs in 1..=3 {
        let server = server(([127, 0, 0, 1], 0).into(), state.path()).await;
        let mut host = crate::client::connect(server.address).await;
        host.create().await;
        server.stop().await;
        let mut files: Vec<_> =
            std::fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["runs", "tickets.key"]);
        let text = std::fs::read_to_string(state.path().join("runs")).unwrap();
        assert_eq!(text.lines().count(), runs, "{text}");
        assert!(text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '\n'), "{text}");
    }
}
