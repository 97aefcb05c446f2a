//! Reads `--stats json`: objects of W3C's webrtc-stats, and whether their numbers are those of a call.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::calls::{PATIENCE, peer};
use crate::process::Process;

/// What of a stream has to rise while a call goes on.
const RISING: [(&str, &str, &[&str]); 6] = [
    (
        "inbound-rtp",
        "camera",
        &["packetsReceived", "bytesReceived", "framesReceived", "framesDecoded", "totalDecodeTime"],
    ),
    ("inbound-rtp", "camera", &["totalInterFrameDelay"]),
    ("inbound-rtp", "microphone", &["packetsReceived", "bytesReceived", "totalSamplesReceived", "jitterBufferDelay"]),
    ("inbound-rtp", "microphone", &["jitterBufferEmittedCount", "jitterBufferTargetDelay"]),
    ("outbound-rtp", "camera", &["packetsSent", "bytesSent", "framesSent", "framesEncoded", "totalEncodeTime"]),
    ("outbound-rtp", "microphone", &["packetsSent", "bytesSent", "headerBytesSent"]),
];
/// What is never nothing, nor more than this.
const MEASURED: [(&str, Option<&str>, &str, f64); 8] = [
    ("inbound-rtp", Some("camera"), "frameWidth", 1280.0),
    ("inbound-rtp", Some("camera"), "framesPerSecond", 31.0),
    ("outbound-rtp", Some("camera"), "frameHeight", 720.0),
    ("outbound-rtp", Some("camera"), "targetBitrate", 2_500_000.0),
    ("candidate-pair", None, "availableOutgoingBitrate", 1e9),
    ("candidate-pair", None, "currentRoundTripTime", 2.0),
    ("candidate-pair", None, "bytesReceived", 1e9),
    ("remote-inbound-rtp", None, "roundTripTime", 2.0),
];

/// The one of whom it is known when its pictures were captured.
const FIRST_NICK: &str = "First";
/// What a busy machine does between drawing a stamp and capturing it, and between a report and its departure.
const NEAR_MS: f64 = 40.0;

/// The numbers of the connection to the one called `nick` are those of a call: they rise, and agree with one another.
pub fn check_counters(client: &Process, nick: &str) -> Result<()> {
    let read = |stats: &Value, kind: &str, source: Option<&str>, name: &str| {
        object(peer(stats, nick)?, kind, source)?.get(name)?.as_f64()
    };
    let before = client.next_stats()?;
    client.wait_stats(PATIENCE, |stats| {
        let rises = |(kind, source, names): &(&str, &str, &[&str])| {
            let of = |stats, name: &&str| read(stats, kind, Some(source), name);
            names.iter().all(|name| of(stats, name).zip(of(&before, name)).is_some_and(|(now, then)| now > then))
        };
        let is_measured = |(kind, source, name, most): &(&str, Option<&str>, &str, f64)| {
            read(stats, kind, *source, name).is_some_and(|value| value > 0.0 && value <= *most)
        };
        (RISING.iter().all(rises) && MEASURED.iter().all(is_measured)).then_some(())
    })?;
    let stats = client.next_stats()?;
    let video = |name| read(&stats, "inbound-rtp", Some("camera"), name).with_context(|| format!("no {name}"));
    let audio = |name| read(&stats, "inbound-rtp", Some("microphone"), name).with_context(|| format!("no {name}"));
    ensure!(video("framesDecoded")? <= video("framesReceived")? && video("keyFramesDecoded")? >= 1.0, "{stats:#}");
    ensure!(video("totalFreezesDuration")? <= video("totalInterFrameDelay")?, "{stats:#}");
    ensure!(audio("concealedSamples")? <= audio("totalSamplesReceived")?, "{stats:#}");
    // Opus packets of 10 ms at 32 kbit/s wait for less than a second.
    ensure!(audio("jitterBufferDelay")? / audio("jitterBufferEmittedCount")? < 1.0, "{stats:#}");
    match read(&stats, "inbound-rtp", Some("camera"), "cameraToScreenTime") {
        Some(time) => check_age(object(peer(&stats, nick).context("them")?, "inbound-rtp", Some("camera")), time),
        None => {
            ensure!(nick != FIRST_NICK, "a client of our own does not say when its pictures were captured: {stats:#}");
            Ok(())
        }
    }
}

/// The age of the newest picture by the clocks of both ends is what the stamp in it says: here these are one clock.
fn check_age(video: Option<&Value>, time: f64) -> Result<()> {
    let recent = video.and_then(|video| video.pointer("/stamps/recent")?.as_array()?.last()).context("a stamp")?;
    let age = recent.get(2).and_then(Value::as_f64).context("its age")?;
    println!("from camera to screen: {:.1} ms by the reports, {age:.1} ms by the stamp", time * 1000.0);
    ensure!((time * 1000.0 - age).abs() < NEAR_MS, "{time} s, and {age} ms by the stamp");
    Ok(())
}

/// The objects of one type, of every connection, each with the peer that it is of.
pub fn objects<'a>(stats: &'a Value, kind: &str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let peers = stats.get("peers").and_then(Value::as_array).into_iter().flatten();
    let all = peers.flat_map(|peer| of_peer(peer).map(move |object| (peer, object)));
    all.filter(move |(_, object)| object.get("type").and_then(Value::as_str) == Some(kind))
}

/// The objects of the connection to one peer.
fn of_peer(peer: &Value) -> impl Iterator<Item = &Value> {
    peer.get("stats").and_then(Value::as_array).into_iter().flatten()
}

/// The first object of one type of the connection to one peer, which comes from or shows `source` where one is named.
pub fn object<'a>(peer: &'a Value, kind: &str, source: Option<&str>) -> Option<&'a Value> {
    let text = |object: &'a Value, name: &str| object.get(name).and_then(Value::as_str);
    of_peer(peer).find(|object| {
        text(object, "type") == Some(kind) && source.is_none_or(|source| text(object, "source") == Some(source))
    })
}

/// What a stream is encoded in: `VP8`, without the kind before it.
pub fn codec<'a>(peer: &'a Value, stream: &Value) -> Option<&'a str> {
    let id = stream.get("codecId")?;
    let codec = of_peer(peer).find(|object| object.get("id") == Some(id))?;
    Some(codec.get("mimeType")?.as_str()?.split_once('/')?.1)
}
