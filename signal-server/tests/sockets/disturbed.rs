//! A call of pages that were written for signalmaster, while the server is cut off, is restarted, or only relays.

use std::net::SocketAddr;

use hearth_signal::ServerConfig;
use hearth_signal::rooms::{LegacyRules, RoomsConfig};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::browser::{Driver, Page};
use crate::restart::{SEEN, WATCH, check_gap, enter, own_loopback, see_on};
use crate::simplewebrtc::{folder, old, old_page, old_page_at, open};
use crate::{Running, plain, program, start};

/// A way to the server that can be cut: then nothing stands, and nobody comes through.
struct Way {
    port: u16,
    is_cut: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, cut) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut through = JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                let mut cut = cut.clone();
                through.spawn(async move {
                    let Ok(mut there) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = cut.wait_for(|is_cut| *is_cut) => {}
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                    }
                });
            }
        });
        Self { port, is_cut, _task: task }
    }
}

/// Waits until as many milliseconds have passed, by the page's own clock.
async fn pass(page: &Page, ms: u32) {
    page.evaluate(&format!("window.then = performance.now() + {ms}")).await;
    page.until("performance.now() > then").await;
}

/// By what the page's one connection is known.
async fn sessions(page: &Page) -> String {
    let known = page.evaluate("return sessions()").await.as_str().unwrap().to_owned();
    assert!(known.contains("ice-ufrag") && known.contains("fingerprint") && !known.contains('|'), "{known}");
    known
}

#[tokio::test]
async fn a_page_whose_way_to_the_server_is_cut_for_five_seconds_is_who_it_was() {
    let folder = folder();
    let (server, driver) = (old(folder.path(), None).await, Driver::start().await);
    let way = Way::to(server.others[0]).await;
    let ann = driver.page("en").await;
    ann.open(&old_page(server.address.port(), way.port, "Ann")).await;
    ann.until("joined === 0").await;
    let ben = open(&driver, &server, "Ben").await;
    ben.until("joined === 1").await;
    let mut before = Vec::new();
    for page in [&ann, &ben] {
        page.until("frames('incoming').length === 1 && frames('incoming').every((n) => n > 10)").await;
        page.evaluate("changes.length = 0; watch()").await;
        before.push(sessions(page).await);
    }
    way.is_cut.send_replace(true);
    ann.until("!webrtc.connection.connection.connected").await;
    pass(&ben, 5000).await;
    way.is_cut.send_replace(false);
    // What it says once it is back comes from who it was, and is heard by who has its pictures.
    ann.evaluate("webrtc.sendToAll('chat', {message: 'back', nick: 'Ann'})").await;
    ben.until("chats.includes('Ann: back')").await;
    ben.evaluate("webrtc.sendToAll('chat', {message: 'welcome', nick: 'Ben'})").await;
    ann.until("chats.includes('Ben: welcome')").await;
    pass(&ben, 9000).await; // beyond the time for which the server would have held its place
    for ((page, who), before) in [(&ann, "Ann"), (&ben, "Ben")].into_iter().zip(before) {
        assert_eq!(sessions(page).await, before, "{who}: a restart, or another session");
        assert_eq!(page.evaluate("return [changes, events.includes('videoRemoved video')]").await, json!([[], false]));
        check_gap(page, who).await;
    }
    // Who comes now finds both.
    let late = open(&driver, &server, "Late").await;
    late.until("joined === 2").await;
    late.until("frames('incoming').length === 2 && frames('incoming').every((n) => n > 10)").await;
    server.stop().await;
}

async fn mixed(address: SocketAddr, folder: &std::path::Path, state: &std::path::Path) -> Running {
    let rooms = RoomsConfig { legacy: Some(LegacyRules::default()), ..RoomsConfig::default() };
    let config = ServerConfig { listen: address, tickets: Some(state.to_owned()), rooms, ..plain() };
    start(ServerConfig { static_files: Some(folder.to_owned()), ..config }).await
}

#[tokio::test]
async fn the_others_keep_a_pages_media_while_the_server_is_restarted() {
    let (folder, state) = (folder(), tempfile::tempdir().unwrap());
    let first = mixed((own_loopback(), 0).into(), folder.path(), state.path()).await;
    let (address, driver) = (first.address, Driver::start().await);
    let old = driver.page("en").await;
    old.open(&old_page_at(&address.ip().to_string(), address.port(), address.port(), "Old")).await;
    old.until("joined === 0").await;
    let ann = driver.page("en").await;
    enter(&ann, &format!("http://{address}/r/4711"), "Ann").await;
    ann.until(SEEN).await;
    ann.evaluate(WATCH).await;
    old.until("frames('incoming').length === 1 && frames('incoming')[0] > 10").await;
    old.evaluate("changes.length = 0; watch()").await;
    let before = sessions(&old).await;
    first.stop().await;
    ann.until("document.querySelector('#banner').textContent !== ''").await;
    see_on(&ann).await;
    let second = mixed(address, folder.path(), state.path()).await;
    ann.until("document.querySelector('#banner').textContent === '' && hearth.link").await;
    // It cannot come back by itself, and is there for who had it: longer than somebody unheard would be.
    pass(&ann, 25_000).await;
    ann.until(
        "hearth.peers.length === 1 && hearth.peers[0].kind === 'legacy' && hearth.peers[0].state === 'connected'",
    )
    .await;
    assert_eq!(sessions(&old).await, before, "a restart, or another session");
    assert_eq!(old.evaluate("return [changes, frames('incoming').length]").await, json!([[], 1]));
    check_gap(&ann, "Ann").await;
    check_gap(&old, "Old").await;
    second.stop().await;
}

#[tokio::test]
async fn pages_find_each_other_by_the_relay_alone_with_the_credentials_that_they_are_given() {
    let folder = folder();
    let arguments = format!(
        "--plain-http --listen 127.0.0.1:0 --static {} --turn --turn-listen 127.0.0.1:0 --turn-allow-peer 127.0.0.0/8",
        folder.path().display()
    );
    let (child, lines) = program::start(program::program(&arguments), 2).await;
    let port = program::address(&lines[0], "listening http://").port();
    let driver = Driver::start().await;
    let (ann, ben) = (driver.page("en").await, driver.page("en").await);
    for (page, nick, others) in [(&ann, "Ann", 0), (&ben, "Ben", 1)] {
        page.open(&format!("{}&relay=1", old_page(port, port, nick))).await;
        page.until(&format!("joined === {others}")).await;
    }
    for page in [&ann, &ben] {
        page.until("frames('incoming').length === 1 && frames('incoming').every((n) => n > 30)").await;
        page.evaluate("window.found = []; ways().then((kinds) => { found = kinds; })").await;
        page.until("found.length > 0").await;
        assert_eq!(page.evaluate("return found").await, json!(["relay", "relay"]));
    }
    program::stop(child).await;
}
