//! SimpleWebRTC itself, as npm has it, in a real Chromium, on a page like those of the set-up that Hearth replaces; and
//! socket.io's own client.

use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_signal::ServerConfig;
use hearth_signal::rooms::{LegacyRules, RoomsConfig};
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::browser::{Driver, Page};
use crate::legacy::with_pages;
use crate::{Running, start};

/// The libraries, byte for byte: `cargo xtask test` gets them from npm. Name, SHA-512 of the archive, the file wanted
/// of it.
const LIBRARIES: [(&str, &str, &str); 2] = [
    ("simplewebrtc-3.0.2.tgz", SIMPLEWEBRTC, "package/out/simplewebrtc-with-adapter.bundle.js"),
    ("socket.io-client-1.7.4.tgz", SOCKET_IO, "package/dist/socket.io.js"),
];
const SIMPLEWEBRTC: &str = "2b7453142d924020cafa041e07611936094cd5e633dbbf13f5ee63acd72c94f7ced13886cda842136232e69c9d58688b1ac5183ae00361c980b56e1f159b33bc";
const SOCKET_IO: &str = "bd6f71afd5f24c97a3152fffec635998b4cb91448072f392c515d786ba2357eef06e84c507c0aebcad540425b736207692aca2d21f5c4dec83edd5e375477d8d";

/// A folder as nginx served it: the page, and the libraries beside it.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), include_str!("old/index.html")).unwrap();
    std::fs::write(folder.path().join("client.html"), "<script src=\"socket.io.js\"></script>").unwrap();
    for (archive, digest, file) in LIBRARIES {
        let archive = libraries().join(archive);
        let bytes = std::fs::read(&archive).unwrap_or_else(|e| {
            panic!("{}: {e}. `cargo xtask test` gets it, or: npm pack {}", archive.display(), "NAME@VERSION")
        });
        let is: String = Sha512::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(is, digest, "{} is another file than it was", archive.display());
        let unpack = ["-xzf", archive.to_str().unwrap(), "--strip-components=2", "-C", folder.path().to_str().unwrap()];
        assert!(Command::new("tar").args(unpack).arg(file).status().unwrap().success());
    }
    folder
}

fn libraries() -> PathBuf {
    // target/debug/deps/sockets-HASH
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().join("npm")
}

/// The old set-up: the page on one port, the signalling on another.
pub(crate) async fn old(folder: &Path, most: Option<u32>) -> Running {
    let rooms = RoomsConfig { legacy: Some(LegacyRules { max_clients: most }), ..RoomsConfig::default() };
    let other = ([127, 0, 0, 1], 0).into();
    let config = ServerConfig { static_files: Some(folder.to_owned()), also_listen: vec![other], ..with_pages() };
    start(ServerConfig { rooms, ..config }).await
}

impl Running {
    /// The page's address, for a room.
    fn old_page(&self, nick: &str) -> String {
        old_page(self.address.port(), self.others[0].port(), nick)
    }
}

/// The page's address where it lies on one port, and calls another.
pub(crate) fn old_page(page: u16, signalling: u16, nick: &str) -> String {
    old_page_at("localhost", page, signalling, nick)
}

/// The same where the machine is called so.
pub(crate) fn old_page_at(host: &str, page: u16, signalling: u16, nick: &str) -> String {
    format!("http://{host}:{page}/?port={signalling}&roomid=4711&nick={nick}")
}

pub(crate) async fn open(driver: &Driver, server: &Running, nick: &str) -> Page {
    let page = driver.page("en").await;
    page.open(&server.old_page(nick)).await;
    page
}

#[tokio::test]
async fn pages_call_each_other_share_screens_come_late_and_send_files() {
    let folder = folder();
    let (server, driver) = (old(folder.path(), Some(3)).await, Driver::start().await);
    let ann = open(&driver, &server, "Ann").await;
    ann.until("joined === 0").await;
    let ben = open(&driver, &server, "Ben").await;
    ben.until("joined === 1").await;
    for page in [&ann, &ben] {
        page.until("frames('incoming').length === 1 && frames('incoming').every((n) => n > 10)").await;
    }
    ann.evaluate("webrtc.mute()").await;
    ben.until("events.includes('mute audio')").await;
    ann.evaluate("webrtc.sendToAll('chat', {message: 'hello', nick: 'Ann'})").await;
    ben.until("chats.includes('Ann: hello')").await;

    ann.evaluate("sendFile()").await;
    ben.until("received.length === 1").await;
    let file = ben.evaluate("return [received[0][0], received[0][1], received[0][2].length]").await;
    assert_eq!(file, json!(["tea.txt", 80_000, 80_000]));

    ann.evaluate("share()").await;
    ben.until("frames('screen').length === 1 && frames('screen')[0] > 10").await;
    // Who comes late sees the screen, too.
    let eve = open(&driver, &server, "Eve").await;
    eve.until("joined === 2").await;
    eve.until("frames('incoming').length === 2 && frames('incoming').every((n) => n > 10)").await;
    eve.until("frames('screen').length === 1 && frames('screen')[0] > 10").await;
    ann.evaluate("webrtc.stopScreenShare()").await;
    for page in [&ben, &eve] {
        page.until("events.includes('videoRemoved screen')").await;
    }

    let late = open(&driver, &server, "Late").await;
    late.until("joined === 'full'").await;
    late.close().await;
    eve.evaluate("webrtc.leaveRoom()").await;
    ben.until("events.includes('videoRemoved video')").await;
    assert_eq!(ben.evaluate("return frames('incoming').length").await, json!(1));
    server.stop().await;
}

#[tokio::test]
async fn the_clients_own_library_keeps_the_order_on_each_transport() {
    let folder = folder();
    let (server, driver) = (old(folder.path(), None).await, Driver::start().await);
    let page = driver.page("en").await;
    page.open(&format!("http://localhost:{}/client.html", server.address.port())).await;
    let url = format!("http://localhost:{}", server.others[0].port());
    for transports in ["['polling']", "['websocket']", "['polling', 'websocket']"] {
        page.evaluate(&format!(
            "window.got = []; window.wrong = 0; window.sent = false; \
             const open = () => io.connect('{url}', {{transports: {transports}, forceNew: true}}); \
             const [one, two] = [open(), open()]; window.both = [one, two]; \
             two.on('message', (data) => {{ if (data.n !== got.length) wrong++; got.push(data.n); }}); \
             one.emit('join', 'order', () => two.emit('join', 'order', () => {{ \
               for (let n = 0; n < 3000; n++) one.emit('message', {{to: two.id, type: 'n', n}}); sent = true; }}));"
        ))
        .await;
        page.until("sent && got.length === 3000").await;
        assert_eq!(page.evaluate("return wrong").await, json!(0), "{transports}");
        page.evaluate("both.forEach((one) => one.disconnect())").await;
    }
    server.stop().await;
}
