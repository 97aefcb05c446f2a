//! One room on one LAN: the servers, two headless clients, and a guest in Chromium.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use hearth_protocol::SpkiHash;
use tempfile::TempDir;

use crate::browser::{Browser, Devices, Program};
use crate::calls::People;
use crate::lan::{Host, Lan};
use crate::process::{Process, built};
use crate::{FIRST, GUEST, SECOND};

/// Where the signalling server listens: the LAN is the test's own, so the port is free.
pub const SIGNAL_PORT: u16 = 8443;
pub const TURN_PORT: u16 = 3478;
/// Where it is reached by TLS.
const TLS_PORT: u16 = 5349;
/// Says where the relay is; who says so hears of no other.
const TURN_URL: &str = "--turn-url";
pub const STARTING: Duration = Duration::from_secs(90);

/// Which ways media may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    All,
    RelayOnly,
    /// The same, and to the relay by TCP alone, as where a firewall lets nothing else out.
    RelayByTcp,
    /// The same by TLS, as where a firewall lets nothing out but what looks like the web.
    RelayByTls,
}

impl Paths {
    /// How the relay is reached, as browsers call it (RTCIceCandidateStats.relayProtocol).
    pub fn relay_protocol(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::RelayOnly => Some("udp"),
            Self::RelayByTcp => Some("tcp"),
            Self::RelayByTls => Some("tls"),
        }
    }

    /// What members are told of the relay, where it is not what they are told by default.
    fn turn_url(self, server: &Host) -> Option<String> {
        match self {
            Self::All | Self::RelayOnly => None,
            Self::RelayByTcp => Some(format!("turn:{}?transport=tcp", server.at(TURN_PORT))),
            Self::RelayByTls => Some(format!("turns:{}?transport=tcp", server.at(TLS_PORT))),
        }
    }
}

/// Who is in a room, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub paths: Paths,
    /// The guest's browser.
    pub guest: Program,
    /// The video codecs of the second client; all that there are, when none is said.
    pub second_codecs: Option<&'static str>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { paths: Paths::All, guest: Program::Chromium(Devices::Allowed), second_codecs: None }
    }
}

/// A room with everybody in it. Fields are dropped in this order: programs before the LAN that they stand on.
pub struct Room {
    pub guest: Browser,
    pub first: Process,
    pub second: Process,
    pub signal: Process,
    pub turn: Process,
    server: Host,
    pub second_host: Host,
    pub guest_host: Host,
    link: String,
    folder: TempDir,
    _lan: Lan,
}

/// A room with one client in it, and a host for anyone who is to meet it. Fields are dropped in this order.
pub struct Pair {
    pub first: Process,
    _signal: Process,
    _turn: Process,
    pub second_host: Host,
    pub link: String,
    _folder: TempDir,
    _lan: Lan,
}

impl Pair {
    /// Starts both servers and the client.
    pub fn open() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hearth-e2e").tempdir()?;
        let mut lan = Lan::new()?;
        let (server, first_host, second_host) = (lan.host("server")?, lan.host("first")?, lan.host("second")?);
        let (turn, signal, spki) = servers(&server, &folder, &[])?;
        let address = format!("https://{}", server.at(SIGNAL_PORT));
        let (first, link) = first_client(&first_host, &address, &spki.to_text(), Paths::All)?;
        Ok(Self { first, _signal: signal, _turn: turn, second_host, link, _folder: folder, _lan: lan })
    }
}

impl Room {
    /// Starts everything; nobody has met yet when it returns.
    pub fn open(plan: Plan) -> Result<Self> {
        Self::open_with(plan, |_| Ok(()))
    }

    /// The same; `prepare` changes the guest's host before its browser starts.
    pub fn open_with(plan: Plan, prepare: impl FnOnce(&Host) -> Result<()>) -> Result<Self> {
        let paths = plan.paths;
        let folder = tempfile::Builder::new().prefix("hearth-e2e").tempdir()?;
        let mut lan = Lan::new()?;
        let (server, first_host, second_host, guest_host) =
            (lan.host("server")?, lan.host("first")?, lan.host("second")?, lan.host("guest")?);
        let url = paths.turn_url(&server);
        let more: Vec<&str> = url.iter().flat_map(|url| [TURN_URL, url.as_str()]).collect();
        let (turn, signal, spki) = servers(&server, &folder, &more)?;
        let address = format!("https://{}", server.at(SIGNAL_PORT));
        let pin = spki.to_text();
        let (first, link) = first_client(&first_host, &address, &pin, paths)?;
        let mut join = vec!["join"];
        join.extend(plan.second_codecs.into_iter().flat_map(|codecs| ["--video-codecs", codecs]));
        let second = client(&second_host, &join, "Second", SECOND, paths, Some(&format!("{link}\n")))?;
        prepare(&guest_host)?;
        let guest = guest(&guest_host, &folder, &spki, plan.guest, &link, paths)?;
        Ok(Self { guest, first, second, signal, turn, server, second_host, guest_host, link, folder, _lan: lan })
    }

    /// The relay is killed, and another one takes its place, which knows nothing of the allocations.
    pub fn relay_comes_again(&mut self) -> Result<()> {
        self.turn.kill()?;
        self.turn = relay(&self.server, &self.folder)?;
        Ok(())
    }

    /// The second client leaves, and comes back as somebody new: then it makes the offers.
    pub fn second_comes_again(&mut self) -> Result<()> {
        self.second.terminate()?;
        let input = format!("{}\n", self.link);
        self.second = client(&self.second_host, &["join"], "Second", SECOND, Paths::All, Some(&input))?;
        Ok(())
    }

    /// Those whom the checks ask.
    pub fn people(&self) -> People<'_> {
        People { first: &self.first, second: &self.second, guest: &self.guest }
    }
}

/// Both servers; `more` is for the one of rooms.
pub fn servers(server: &Host, folder: &TempDir, more: &[&str]) -> Result<(Process, Process, SpkiHash)> {
    let secret = folder.path().join("secret");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&secret)?;
    writeln!(file, "a secret of this test alone")?;
    let (signal, spki) = signal_server(server, folder, more)?;
    Ok((relay(server, folder)?, signal, spki))
}

/// The relay, by TLS with the key and the certificate of the server of rooms: anyone who trusts that trusts it.
fn relay(server: &Host, folder: &TempDir) -> Result<Process> {
    let mut command = server.command(built("hearth-turn")?);
    for port in [TURN_PORT, TLS_PORT] {
        command.arg("--listen").arg(server.at(port).to_string());
    }
    let state = folder.path().join("state");
    command.arg("--tls-cert").arg(state.join("cert.pem")).arg("--tls-key").arg(state.join("key.pem"));
    command.arg("--secret-file").arg(folder.path().join("secret"));
    command.args(["--allow-peer", "10.77.0.0/24", "--stats", "json"]);
    let turn = Process::start("hearth-turn", &mut command, None)?;
    turn.wait_line(STARTING, |line| line.starts_with("ready").then_some(()))?;
    Ok(turn)
}

/// The server of rooms, with the state that it left in `folder`.
pub fn signal_server(server: &Host, folder: &TempDir, more: &[&str]) -> Result<(Process, SpkiHash)> {
    let secret = folder.path().join("secret");
    let mut command = server.command(built("hearth-signal")?);
    command.arg("--listen").arg(server.at(SIGNAL_PORT).to_string());
    command.arg("--state").arg(folder.path().join("state")).arg("--turn-secret-file").arg(&secret);
    if !more.contains(&TURN_URL) {
        command.arg(TURN_URL).arg(format!("turn:{}", server.at(TURN_PORT)));
    }
    let signal = Process::start("hearth-signal", command.args(more), None)?;
    let spki = signal.wait_line(STARTING, |line| {
        SpkiHash::parse(line.split_whitespace().find_map(|word| word.strip_prefix("spki="))?)
    })?;
    Ok((signal, spki))
}

/// Who makes the room, and its link.
pub fn first_client(host: &Host, address: &str, pin: &str, paths: Paths) -> Result<(Process, String)> {
    let first = client(host, &["create", address, "--spki", pin], "First", FIRST, paths, None)?;
    let link = first.wait_line(STARTING, |line| line.strip_prefix("link ").map(str::to_owned))?;
    Ok((first, link))
}

/// A client without a window, whose pictures and chirps are stamped with `source`.
pub fn client(
    host: &Host,
    what: &[&str],
    nick: &str,
    source: u8,
    paths: Paths,
    input: Option<&str>,
) -> Result<Process> {
    let mut command = host.command(built("hearth")?);
    command.arg("--headless").args(what).args(["--camera", "pattern", "--microphone", "chirp", "--stats", "json"]);
    command.args(["--nick", nick, "--source-id", &source.to_string()]);
    if paths != Paths::All {
        command.arg("--relay-only");
    }
    Process::start(nick, &mut command, input)
}

/// A browser on `host`, whose camera and microphone are stamped with `source`.
pub fn guest_browser(host: &Host, profile: &Path, spki: &SpkiHash, program: Program, source: u8) -> Result<Browser> {
    let script = include_str!("page.js").replace("__SOURCE__", &source.to_string());
    Browser::start(host, profile, &spki.0, program, script)
}

fn guest(
    host: &Host,
    folder: &TempDir,
    spki: &SpkiHash,
    program: Program,
    link: &str,
    paths: Paths,
) -> Result<Browser> {
    let browser = guest_browser(host, &folder.path().join("profile"), spki, program, GUEST)?;
    let link = match paths {
        Paths::All => link.to_owned(),
        Paths::RelayOnly | Paths::RelayByTcp | Paths::RelayByTls => {
            let (page, secret) = link.split_once('#').context("a link with a secret")?;
            format!("{page}?relay=1#{secret}")
        }
    };
    walk_in(&browser, &link)?;
    Ok(browser)
}

/// Opens the link and goes through the door.
pub fn walk_in(browser: &Browser, link: &str) -> Result<()> {
    browser.open(link)?;
    let join = "const nick = document.querySelector('#nick'); const join = document.querySelector('#join-button'); \
                if (!join || join.disabled) return false; nick.value = 'Guest'; \
                nick.dispatchEvent(new Event('input')); join.click(); return true";
    browser.wait_for("the Join button", STARTING, join)?;
    browser.wait_for("the room", STARTING, "return document.body.dataset.screen === 'call'")?;
    Ok(())
}

/// Keeps the host's connectivity checks to itself, and what goes to the relay: anyone who is to find it must know its
/// address. Answers to the others' checks pass.
pub fn withhold_checks(host: &Host) -> Result<()> {
    nft(host, "add table inet checks")?;
    nft(host, "add chain inet checks out { type filter hook output priority 0; }")?;
    // A Binding request's first two bytes, after the UDP header (RFC 8489, section 5).
    nft(host, "add rule inet checks out meta l4proto udp @th,64,16 0x0001 drop")?;
    nft(host, &format!("add rule inet checks out udp dport {TURN_PORT} drop"))
}

/// Takes that back.
pub fn release_checks(host: &Host) -> Result<()> {
    nft(host, "delete table inet checks")
}

/// One in ten of the datagrams to a host is lost from now on.
pub fn lose_some(host: &Host) -> Result<()> {
    nft(host, "add table inet loss")?;
    nft(host, "add chain inet loss in { type filter hook input priority 0; }")?;
    nft(host, "add rule inet loss in meta l4proto udp numgen random mod 10 == 0 drop")
}

fn nft(host: &Host, rule: &str) -> Result<()> {
    let status = host.command("nft").arg(rule).status().context("nftables is installed by `cargo xtask test`")?;
    ensure!(status.success(), "nft {rule}: {status}");
    Ok(())
}

/// Base64 as browsers write it.
pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}
