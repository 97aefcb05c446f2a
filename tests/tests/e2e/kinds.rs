//! Four kinds of people in one open room: the desktop client, the guest page in Chromium and in Firefox, and a page
//! that was written for signalmaster.
//!
//! Each sends stamps and chirps of its own, so that everybody can say whose they decoded.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_protocol::SpkiHash;
use tempfile::TempDir;

use crate::browser::{Browser, Devices, Program};
use crate::calls::{self, check_guest_hears};
use crate::lan::{Host, Lan};
use crate::process::{Process, built, now};
use crate::room::{self, Paths, SIGNAL_PORT, guest_browser, servers, walk_in};
use crate::stats;

/// Who sends what.
const DESKTOP: u8 = 1;
const CHROMIUM: u8 = 2;
const FIREFOX: u8 = 3;
const OLD: u8 = 4;
const LATE: u8 = 5;
/// Pictures of one other that should be decoded before anything is judged.
const PICTURES: u32 = 60;
const MEETING: Duration = Duration::from_secs(90);
/// How long those who lost the server may take to be back.
const BACK: Duration = Duration::from_secs(20);

/// The room, with everybody in it. Fields are dropped in this order.
struct Kinds {
    old: Browser,
    chromium: Browser,
    firefox: Browser,
    desktop: Process,
    signal: Process,
    _turn: Process,
    server: Host,
    folder: TempDir,
    link: String,
    lan: Lan,
}

impl Kinds {
    fn open() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hearth-kinds").tempdir()?;
        let mut lan = Lan::new()?;
        let server = lan.host("server")?;
        let pages = old_pages(&folder)?;
        let (turn, signal, spki) = servers(&server, &folder, &["--static", &pages])?;
        let room = format!("https://{}/r/99999", server.at(SIGNAL_PORT));
        // The old page first: it opens the room by asking for it.
        let old = browser(&mut lan, &folder, &spki, Program::Chromium(Devices::Allowed), OLD)?;
        let address = server.at(SIGNAL_PORT);
        old.open(&format!("https://{address}/?port={SIGNAL_PORT}&roomid=99999&nick=Old"))?;
        old.wait_for("the room", MEETING, "return joined === 0")?;
        let link = format!("{room}#k={}\n", spki.to_text());
        let desktop = room::client(&lan.host("desktop")?, &["join"], "Desktop", DESKTOP, Paths::All, Some(&link))?;
        let chromium = browser(&mut lan, &folder, &spki, Program::Chromium(Devices::Allowed), CHROMIUM)?;
        walk_in(&chromium, &room)?;
        let firefox = browser(&mut lan, &folder, &spki, Program::Firefox, FIREFOX)?;
        walk_in(&firefox, &room)?;
        Ok(Self { old, chromium, firefox, desktop, signal, _turn: turn, server, folder, link, lan })
    }

    /// The old page shares its screen, which is a drawing: the client that is there sees it, and so does one that comes
    /// later, until it is shared no more.
    fn check_screen(&mut self) -> Result<()> {
        self.old.evaluate("share()")?;
        wait_screen(&self.desktop, |decoded| decoded >= u64::from(PICTURES)).context("the screen")?;
        let host = self.lan.host("late")?;
        let mut late = room::client(&host, &["join"], "Late", LATE, Paths::All, Some(&self.link))?;
        wait_screen(&late, |decoded| decoded >= u64::from(PICTURES)).context("the screen, to who came later")?;
        self.old.evaluate("webrtc.stopScreenShare()")?;
        for client in [&self.desktop, &late] {
            wait_screen(client, |decoded| decoded == 0).context("no screen any more")?;
        }
        late.terminate()?;
        late.wait_end(MEETING)?;
        let three = "return window.hearth.peers.length === 3";
        self.chromium.wait_for("three others", MEETING, three)?;
        Ok(())
    }

    fn probed(&self) -> [(&'static str, &Browser, u8); 2] {
        [("Chromium", &self.chromium, CHROMIUM), ("Firefox", &self.firefox, FIREFOX)]
    }

    /// The old page shows everybody, by the frames of its own elements, and has sound of everybody. (Its library's
    /// shims keep the probe from its tracks.)
    fn check_old_page(&self) -> Result<()> {
        let shown = format!(
            "const shown = frames('incoming'); return shown.length === 3 && shown.every((n) => n >= {PICTURES}) && shown"
        );
        let shown = self.old.wait_for("three others on the old page", MEETING, &shown)?;
        println!("the old page shows so many frames of each: {shown}");
        let energy = "const streams = [...document.querySelectorAll('#remoteVideos video')].map((one) => one.srcObject); \
                      return streams.length === 3 && streams.every((one) => one.getAudioTracks().length === 1 && one.getVideoTracks().length === 1)";
        self.old.wait_for("sound and picture of each in one stream", MEETING, energy)?;
        Ok(())
    }

    fn check_all_see_all(&self) -> Result<()> {
        self.check_old_page()?;
        for (name, page, own) in self.probed() {
            let end = now() + MEETING;
            let left = || end.saturating_duration_since(now());
            let others = others(own);
            for source in &others {
                let count = format!("probe.seen.filter((one) => one[0] === {source}).length");
                let enough = format!("return {count} >= {PICTURES} && {count}");
                let seen = page.wait_for("pictures", left(), &enough);
                let seen = seen.with_context(|| format!("{name}, of source {source}"))?;
                println!("{name} decoded {seen} pictures of source {source}");
            }
            check_guest_hears(page, &others, now() + MEETING).with_context(|| name.to_owned())?;
        }
        let others = [CHROMIUM, FIREFOX, OLD];
        self.desktop
            .wait_stats(MEETING, |stats| others.iter().try_for_each(|source| calls::decodes_source(stats, *source)))
    }
}

/// Waits for a number of pictures that a client has decoded of somebody's screen; 0 where there is none.
fn wait_screen(client: &Process, wanted: impl Fn(u64) -> bool) -> Result<()> {
    client.wait_stats(MEETING, |stats| {
        let streams = stats::objects(stats, "inbound-rtp").map(|(_, stream)| stream);
        let screens = streams.filter(|stream| stream.get("source") == Some(&"screen".into()));
        let decoded = screens.filter_map(|stream| stream.get("framesDecoded")?.as_u64()).sum();
        wanted(decoded).then(|| println!("{decoded} pictures of a screen decoded"))
    })
}

fn browser(lan: &mut Lan, folder: &TempDir, spki: &SpkiHash, program: Program, source: u8) -> Result<Browser> {
    let host = lan.host(&format!("browser{source}"))?;
    guest_browser(&host, &folder.path().join(format!("profile{source}")), spki, program, source)
}

/// A folder with the old page, and SimpleWebRTC as npm has it beside it.
fn old_pages(folder: &TempDir) -> Result<String> {
    let pages = folder.path().join("pages");
    std::fs::create_dir_all(&pages)?;
    std::fs::write(pages.join("index.html"), include_str!("../../../signal-server/tests/sockets/old/index.html"))?;
    let target =
        built("hearth-signal")?.parent().and_then(|debug| Some(debug.parent()?.to_owned())).context("target")?;
    let archive = target.join("npm/simplewebrtc-3.0.2.tgz");
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).args(["--strip-components=2", "-C"]).arg(&pages);
    let status = tar.arg("package/out/simplewebrtc-with-adapter.bundle.js").status()?;
    ensure!(status.success(), "{} is there after `cargo xtask test`", archive.display());
    Ok(pages.display().to_string())
}

/// Everybody decodes everybody, by the stamps; and goes on doing so while the server is killed and started again.
pub fn everybody_decodes_everybody() -> Result<()> {
    let begun = now();
    let mut kinds = Kinds::open()?;
    kinds.check_all_see_all()?;
    println!("everybody saw and heard everybody after {:?}", now() - begun);
    kinds.chromium.keep_screenshot("kinds")?;
    kinds.old.keep_screenshot("kinds-old")?;
    kinds.check_screen()?;
    after_a_restart(kinds)
}

/// The server is killed, and started again once further pictures of everybody have come to everybody: no new handshake,
/// and who can come back is back in the room. The old page cannot by itself; the others keep its media.
fn after_a_restart(mut kinds: Kinds) -> Result<()> {
    let before = calls::watch(&kinds.desktop)?;
    kinds.signal.kill()?;
    calls::wait_pictures(&kinds.desktop, &[CHROMIUM, FIREFOX, OLD])?;
    for (_, page, own) in kinds.probed() {
        calls::wait_pictures_at(page, &others(own))?;
    }
    let pages = kinds.folder.path().join("pages").display().to_string();
    kinds.signal = room::signal_server(&kinds.server, &kinds.folder, &["--static", &pages])?.0;
    let since = now();
    let back =
        "return window.hearth.peers.filter((peer) => !peer.away).length === 2 && window.hearth.peers.length === 3";
    for page in [&kinds.chromium, &kinds.firefox] {
        page.wait_for("two others back in the room", BACK, back)?;
    }
    kinds.desktop.wait_stats(BACK, |stats| {
        let away = stats.get("peers")?.as_array()?.iter().filter(|peer| peer.get("away") == Some(&true.into()));
        (away.count() == 1).then_some(())
    })?;
    println!("everybody who can was back {:?} after the server", now() - since);
    calls::pass_time(&kinds.desktop, Duration::from_secs(3))?;
    let stats = kinds.desktop.next_stats()?;
    ensure!(
        calls::handshakes(&stats) == before.handshakes,
        "connections were rebuilt: {:?}",
        calls::handshakes(&stats)
    );
    for (name, page, own) in kinds.probed() {
        calls::check_guest_steady(page, &others(own), &before, &format!("{name}, and the server restarted"))?;
    }
    Ok(())
}

/// Whose stamps are read by the one who sends `own`.
fn others(own: u8) -> Vec<u8> {
    [DESKTOP, CHROMIUM, FIREFOX, OLD].into_iter().filter(|source| *source != own).collect()
}
