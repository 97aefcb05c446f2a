//! Calls of the headless client with peers that nobody here wrote, as newcomers to its room.
//!
//! Both ends decode what the other sends; one who leaves is gone at once, one who is killed after the server's grace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::calls;
use crate::lan::{Host, enter_namespaces};
use crate::process::{Process, built};
use crate::room::Pair;
use crate::stats;

/// Python or Node on two loaded cores, what they load, and the handshake.
const MEETING: Duration = Duration::from_secs(60);

/// Statistics come each second; nothing that waits for the server's grace comes within these.
const AT_ONCE: Duration = Duration::from_secs(15);

/// The server's grace for a connection that broke, and some.
const GONE: Duration = Duration::from_secs(60);

/// Two seconds of video.
const FRAMES: u64 = 30;
/// Blocks of 10 to 20 ms that a peer heard something in: of the chirps, one each second, more than one.
const CHIRPED: u64 = 12;
/// A second of sound, in the client's turns of 10 ms.
const SAMPLES: u64 = 48_000;

/// aiortc's H.264 encoder begins with 1000 kbit/s and stays there unless told otherwise. Its grain comes out at most a
/// fifth above what it aims at.
const BEYOND_FIRST_RATE: u64 = 1500;
/// The mean of so many seconds: a key frame alone makes a second large, and the next one small.
const SECONDS: usize = 4;

/// A file of `e2e/peers`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/peers").join(name)
}

/// What `cargo xtask test` has got from the registries.
fn fetched(what: &str) -> Result<PathBuf> {
    let profile = built("hearth")?;
    let path = profile.ancestors().nth(2).context("target/PROFILE/hearth")?.join(what);
    ensure!(path.exists(), "`cargo xtask test` gets the peer");
    Ok(path)
}

/// Programs that take part with one video codec, and say each second what they have decoded.
#[derive(Clone, Copy)]
enum Peer {
    /// The example client, with a picture that needs a high rate.
    Aiortc,
    Wrtc,
    NodeDatachannel,
    Webrtcbin,
}

impl Peer {
    fn command(self, host: &Host) -> Result<Command> {
        let node = |name| -> Result<Command> {
            let mut command = host.command("node");
            command.arg(script(name)).env("NODE_PATH", fetched("peers-node/node_modules")?);
            Ok(command)
        };
        let python = |python: PathBuf, name| {
            let mut command = host.command(python);
            command.arg(script(name));
            command
        };
        match self {
            Self::Aiortc => Ok(python(fetched("peers/bin/python")?, "noise.py")),
            Self::Wrtc => node("wrtc.cjs"),
            Self::NodeDatachannel => node("datachannel.cjs"),
            // The system's Python, for which the bindings of GStreamer are installed.
            Self::Webrtcbin => Ok(python("/usr/bin/python3".into(), "webrtcbin.py")),
        }
    }

    fn nick(self) -> &'static str {
        match self {
            Self::Aiortc => "Python",
            Self::Wrtc => "wrtc",
            Self::NodeDatachannel => "node-datachannel",
            Self::Webrtcbin => "webrtcbin",
        }
    }
}

/// A peer that is in the room, and its id there.
struct Caller {
    program: Process,
    id: String,
}

impl Caller {
    /// Joins, and waits until both ends have decoded video in `codec`, and sound.
    fn call(pair: &Pair, peer: Peer, codec: &str) -> Result<Self> {
        let nick = peer.nick();
        let mut command = peer.command(&pair.second_host)?;
        let program = Process::start(nick, command.arg(codec).env("HEARTH_LINK", &pair.link), None)?;
        program.wait_line(MEETING, |line| {
            (decoded(line, "video")? >= FRAMES && decoded(line, "audio")? >= CHIRPED).then_some(())
        })?;
        let id = pair.first.wait_stats(MEETING, |stats| {
            // The one before may still be away, and the server numbers those of one name.
            let named = |peer: &Value| peer.get("nick")?.as_str()?.starts_with(nick).then_some(());
            let here = |peer: &&Value| peer.get("away") == Some(&false.into()) && named(peer).is_some();
            let peer = stats.get("peers")?.as_array()?.iter().find(here)?;
            let sent = stats::codec(peer, stats::object(peer, "outbound-rtp", Some("camera"))?)?;
            (sent == codec && is_decoded(peer, codec)?).then(|| peer.get("id")?.as_str().map(str::to_owned))?
        })?;
        println!("{nick} and the client decode each other's {codec}, and sound");
        Ok(Self { program, id })
    }

    /// Whether it is in the room, if only by its grace.
    fn is_listed(&self, stats: &Value) -> Option<bool> {
        Some(stats.get("peers")?.as_array()?.iter().any(|peer| peer.get("id") == Some(&self.id.as_str().into())))
    }

    fn wait_gone(&self, pair: &Pair, limit: Duration) -> Result<()> {
        pair.first.wait_stats(limit, |stats| (!self.is_listed(stats)?).then_some(()))
    }
}

/// So many of what came, of the one person that there is.
fn decoded(line: &str, kind: &str) -> Option<u64> {
    let line = serde_json::from_str::<Value>(line).ok()?;
    // The example counts for each person.
    line.get(kind).or_else(|| line.as_object()?.values().next()?.get(kind))?.as_u64()
}

/// Whether the client has decoded what comes from `peer`: its video in `codec`, and its sound.
fn is_decoded(peer: &Value, codec: &str) -> Option<bool> {
    let stream = |source| stats::object(peer, "inbound-rtp", Some(source));
    let (video, audio) = (stream("camera")?, stream("microphone")?);
    let frames = video.get("framesDecoded")?.as_u64()?;
    let samples = audio.get("jitterBufferEmittedCount")?.as_u64()?;
    Some(frames >= FRAMES && stats::codec(peer, video)? == codec && samples >= SAMPLES)
}

/// Calls the client twice: the first caller is killed, the second one leaves.
fn check_calls(peer: Peer, codecs: [&str; 2]) -> Result<()> {
    enter_namespaces()?;
    let pair = Pair::open()?;
    let mut killed = Caller::call(&pair, peer, codecs[0])?;
    killed.program.kill()?;
    pair.first.wait_stats(AT_ONCE, |stats| calls::away(stats, peer.nick()))?;
    let mut leaving = Caller::call(&pair, peer, codecs[1])?;
    leaving.program.terminate()?;
    leaving.wait_gone(&pair, AT_ONCE)?;
    killed.wait_gone(&pair, GONE)
}

#[test]
fn wrtc_is_met_in_vp8() -> Result<()> {
    check_calls(Peer::Wrtc, ["VP8", "VP8"]) // it has no H.264
}

#[test]
fn node_datachannel_is_met_in_vp8_and_h264() -> Result<()> {
    check_calls(Peer::NodeDatachannel, ["VP8", "H264"])
}

#[test]
fn webrtcbin_is_met_in_vp8_and_h264() -> Result<()> {
    check_calls(Peer::Webrtcbin, ["VP8", "H264"])
}

#[test]
fn the_example_on_aiortc_sees_hears_and_is_seen_and_its_going_is_noticed() -> Result<()> {
    enter_namespaces()?;
    let pair = Pair::open()?;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../signal-server/examples/client.py");
    let mut command = pair.second_host.command(fetched("peers/bin/python")?);
    let python = Process::start("Python", command.arg(example).arg("300").env("HEARTH_LINK", &pair.link), None)?;
    python.wait_line(MEETING, |line| (decoded(line, "video")? >= 30 && decoded(line, "audio")? >= 50).then_some(()))?;
    let frames = |stats: &Value| {
        let peer = calls::peer(stats, "Python")?;
        let video = stats::object(peer, "inbound-rtp", Some("camera"))?;
        video.get("framesDecoded")?.as_u64().filter(|frames| *frames >= 30)
    };
    let seen = pair.first.wait_stats(MEETING, frames).context("pictures of aiortc")?;
    println!("{seen} frames of aiortc decoded");
    drop(python); // killed: nothing is said
    pair.first.wait_stats(GONE, |stats| calls::peer(stats, "Python").is_none().then_some(()))
}

/// What aiortc sends follows the rate that the client tells it by REMB, in H.264.
#[test]
fn aiortc_is_told_to_send_more_than_it_begins_with() -> Result<()> {
    enter_namespaces()?;
    let pair = Pair::open()?;
    let mut aiortc = Caller::call(&pair, Peer::Aiortc, "H264")?;
    let mut rates = Vec::new();
    let beyond = aiortc.program.wait_line(MEETING, |line| {
        let rate = serde_json::from_str::<Value>(line).ok()?.get("sent_kbps")?.as_u64()?;
        rates.push(rate);
        let last: &[u64] = rates.last_chunk::<SECONDS>()?;
        (last.iter().sum::<u64>() >= BEYOND_FIRST_RATE * SECONDS as u64).then_some(())
    });
    println!("aiortc sent, in kbit/s each second: {rates:?}");
    beyond?;
    aiortc.program.terminate()?;
    aiortc.wait_gone(&pair, AT_ONCE)
}
