//! What is checked of a call, by the statistics of the clients and the probe in the guest's page.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hearth_base::AudioBlock;
use hearth_media::Now;
use hearth_media::chirp::ChirpEar;
use serde_json::Value;

use crate::browser::Browser;
use crate::process::{Process, now};
use crate::room::{Room, from_base64};
use crate::stats::{codec, object, objects};
use crate::{FIRST, GUEST, SECOND};

/// The share of what the other sent that should be decoded, where nothing else runs: in the soak.
const SHARE: f64 = 0.8;
/// The window in which that should be so.
const WINDOW: Duration = Duration::from_secs(10);
/// Pictures of one other, in order, that should be decoded. How many come in a second is up to the machine and anyone
/// who works beside it: benchmarks and the soak ask that.
const PICTURES: u64 = 100;
/// Further pictures of one other: more than were on their way.
const FURTHER: u64 = 30;
/// Chirps, one each second, that should be heard.
const CHIRPS: u64 = 5;
/// For what a loaded machine does in a while. Nobody waits for longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether rates and gaps in real time are judged: nothing else runs then.
pub fn is_soak() -> bool {
    std::env::var_os("HEARTH_SOAK").is_some()
}

/// The longest that pictures may stay away, milliseconds, in the soak.
const GAP_MS: f64 = 500.0;

/// Ten times what `cargo xtask bench join` aims at, in the soak.
const FIRST_FRAME_MS: f64 = 2500.0;

/// Anyone who joined saw somebody soon.
pub fn check_first_frame(client: &Process) -> Result<()> {
    let time = number(&client.next_stats()?, "/timeToFirstFrame")? * 1000.0;
    println!("the first picture came {time:.0} ms after the wish to join");
    ensure!(time <= FIRST_FRAME_MS || !is_soak(), "the first picture came after {time} ms");
    Ok(())
}

/// The three who are to see and hear each other.
pub struct People<'a> {
    pub first: &'a Process,
    pub second: &'a Process,
    pub guest: &'a Browser,
}

/// A point to compare with: who was there, and what of each source had come.
pub struct Watch {
    pub timestamp: f64,
    pub handshakes: Vec<(String, u64, u64)>,
    pictures: Vec<(u64, u64)>,
    drawn: u64,
}

/// What `client` has so far.
pub fn watch(client: &Process) -> Result<Watch> {
    let stats = client.next_stats()?;
    let mut sources = objects(&stats, "media-source").filter_map(|(_, source)| source.get("frames")?.as_u64());
    let drawn = sources.next().context("frames of the camera")?;
    Ok(Watch {
        timestamp: number(&stats, "/timestamp")?,
        handshakes: handshakes(&stats),
        pictures: pictures(&stats),
        drawn,
    })
}

/// Pictures decoded so far of each source.
fn pictures(stats: &Value) -> Vec<(u64, u64)> {
    let stamps = objects(stats, "inbound-rtp").filter_map(|(_, stream)| stream.get("stamps"));
    stamps.filter_map(|stamps| Some((stamps.get("source")?.as_u64()?, stamps.get("pictures")?.as_u64()?))).collect()
}

/// In the soak, by the senders' own counts: of what they drew in ten seconds, each receiver decoded its share.
pub fn check_shares(room: &Room) -> Result<()> {
    if !is_soak() {
        return Ok(());
    }
    let drawn_by_guest = || room.guest.evaluate("return probe.sent")?.as_u64().context("sent");
    let seen_by_guest = |source: u8| {
        let script = format!("return probe.seen.filter((one) => one[0] === {source}).length");
        room.guest.evaluate(&script)?.as_u64().context("seen")
    };
    let look = || -> Result<_> {
        let (first, second) = (watch(&room.first)?, watch(&room.second)?);
        let guest = (drawn_by_guest()?, seen_by_guest(FIRST)?, seen_by_guest(SECOND)?);
        Ok([
            ("First at Second", first.drawn, of(&second.pictures, FIRST)),
            ("First at the guest", first.drawn, guest.1),
            ("Second at First", second.drawn, of(&first.pictures, SECOND)),
            ("Second at the guest", second.drawn, guest.2),
            ("the guest at First", guest.0, of(&first.pictures, GUEST)),
            ("the guest at Second", guest.0, of(&second.pictures, GUEST)),
        ])
    };
    let before = look()?;
    pass_time(&room.first, WINDOW)?;
    for ((who, drawn_before, got_before), (_, drawn, got)) in before.into_iter().zip(look()?) {
        let share = (got - got_before) as f64 / (drawn - drawn_before) as f64;
        println!("{who}: {} of {} pictures, {:.0} %", got - got_before, drawn - drawn_before, share * 100.0);
        ensure!(share >= SHARE, "{who}: {share} of the sender's own count");
    }
    Ok(())
}

/// Everybody decodes pictures of the right others, in their order, and hears their chirps.
pub fn check_all_see_all(people: &People<'_>, limit: Duration) -> Result<()> {
    let end = now() + limit;
    let left = || end.saturating_duration_since(now());
    for (client, sources) in [(people.first, [SECOND, GUEST]), (people.second, [FIRST, GUEST])] {
        client.wait_stats(left(), |stats| sources.iter().try_for_each(|source| decodes_source(stats, *source)))?;
    }
    for source in [FIRST, SECOND] {
        let seen = people.guest.wait_for("pictures at the guest", left(), &seen_script(source));
        let seen = seen.with_context(|| seen_at(people.guest, source))?;
        println!("the guest decoded {seen} different pictures of source {source}");
    }
    check_guest_hears(people.guest, &[FIRST, SECOND], now() + PATIENCE)
}

/// Whether this line of statistics shows enough of the source's pictures, in order, and its chirps. A browser on a busy
/// machine sends some pictures again: those are not counted.
pub fn decodes_source(stats: &Value, source: u8) -> Option<()> {
    let is_of_it = |stream: &Value| stream.pointer("/stamps/source") == Some(&source.into());
    let (peer, video) = objects(stats, "inbound-rtp").find(|(_, stream)| is_of_it(stream))?;
    let stamps = |name| video.get("stamps")?.get(name)?.as_u64();
    let good = stamps("pictures")?.checked_sub(stamps("repeated")?)? >= PICTURES
        && stamps("fallen")? == 0
        && stamps("foreign")? == 0;
    let sound = object(peer, "inbound-rtp", Some("microphone"))?;
    let heard = sound.pointer(&format!("/chirps/heard/{}", source % 16))?.as_u64()?;
    (good && heard >= CHIRPS).then_some(())
}

/// The same at the guest, for pictures: how many different ones there are of the last that came, once they are enough.
fn seen_script(source: u8) -> String {
    format!(
        "const seen = probe.seen.filter((one) => one[0] === {source}).slice(-2 * {PICTURES}).map((one) => one[1]); \
         if (seen.some((number, n) => n > 0 && number < seen[n - 1])) throw new Error('numbers fall'); \
         const different = new Set(seen).size; return different >= {PICTURES} && different"
    )
}

/// What the guest has seen of one source: how many pictures, numbers, and the longest gap, for who must find out why.
fn seen_at(guest: &Browser, source: u8) -> String {
    let script = format!(
        "const seen = probe.seen.filter((one) => one[0] === {source}); \
         const gaps = seen.slice(1).map((one, n) => Math.round(one[2] - seen[n][2])); \
         return [seen.length, new Set(seen.map((one) => one[1])).size, Math.max(0, ...gaps), probe.sent]"
    );
    match guest.evaluate(&script) {
        Ok(found) => {
            format!("source {source}: pictures, different ones, longest gap in ms, own pictures drawn: {found}")
        }
        Err(error) => format!("source {source}: {error}"),
    }
}

/// The last five seconds of each track hold chirps, one at least, of one other alone. A machine that is busy for a
/// moment swallows some, so it is listened again until `end`; what a track must never hold is somebody else's.
pub fn check_guest_hears(guest: &Browser, sources: &[u8], end: Instant) -> Result<()> {
    let count = sources.len();
    let script = format!("const heard = probe.heard(); return heard.length >= {count} ? heard : false");
    loop {
        let heard = guest.wait_for("five seconds of sound at the guest", Duration::from_secs(20), &script)?;
        let mut found = Vec::new();
        for track in heard.as_array().context("a list")? {
            found.push(chirps(&from_base64(track.as_str().context("base64")?)?, sources));
        }
        let only = |source: &u8| found.iter().any(|track| track.iter().all(|(of, n)| (of == source) == (*n > 0)));
        if sources.iter().all(only) {
            println!("the guest's tracks carry these chirps, as source and number: {found:?}");
            return Ok(());
        }
        ensure!(now() < end, "the guest's tracks do not carry the chirps of one source each: {found:?}");
        guest.evaluate("await new Promise((done) => setTimeout(done, 1000)); return null")?;
    }
}

/// How many chirps of each source are in these samples, 16-bit words.
fn chirps(bytes: &[u8], sources: &[u8]) -> Vec<(u8, u64)> {
    let words = bytes.as_chunks::<2>().0.iter().map(|two| i16::from_le_bytes(*two));
    let samples: Vec<f32> = words.map(|word| f32::from(word) / 32768.0).collect();
    let mut ear = ChirpEar::new();
    let start = Now::read();
    for (n, block) in (0_u32..).zip(samples.as_chunks::<{ AudioBlock::LEN }>().0) {
        ear.hear(block, start.at(start.monotonic + Duration::from_millis(10) * n));
    }
    let report = ear.report();
    sources.iter().map(|source| (*source, report.of(*source))).collect()
}

/// Waits for so much of the client's own time.
pub fn pass_time(client: &Process, time: Duration) -> Result<()> {
    let begun = number(&client.next_stats()?, "/timestamp")?;
    let wanted = begun + time.as_millis() as f64;
    client.wait_stats(time + PATIENCE, |stats| (stats.pointer("/timestamp")?.as_f64()? >= wanted).then_some(()))
}

/// Waits until further pictures of these sources have come: whatever is cut meanwhile, media does not need.
pub fn wait_pictures(client: &Process, sources: &[u8]) -> Result<()> {
    let before = pictures(&client.next_stats()?);
    client.wait_stats(PATIENCE, |stats| {
        let now = pictures(stats);
        sources.iter().all(|source| of(&now, *source) >= of(&before, *source) + FURTHER).then_some(())
    })
}

/// The same in a browser.
pub fn wait_pictures_at(browser: &Browser, sources: &[u8]) -> Result<()> {
    let from = browser.evaluate("return performance.timeOrigin + performance.now()")?;
    for source in sources {
        let further = format!("probe.seen.filter((one) => one[0] === {source} && one[2] > {from}).length");
        browser.wait_for("further pictures", PATIENCE, &format!("return {further} >= {FURTHER}"))?;
    }
    Ok(())
}

/// Pictures of one source, of this list.
fn of(pictures: &[(u64, u64)], source: u8) -> u64 {
    pictures.iter().filter(|(of, _)| *of == u64::from(source)).map(|(_, n)| *n).max().unwrap_or_default()
}

/// Since `before`, nothing of this client's calls was rebuilt or restarted, and nobody is gone. In the soak, nothing
/// was missed.
pub fn check_steady(client: &Process, before: &Watch, what: &str) -> Result<()> {
    let stats = client.next_stats()?;
    let since = (number(&stats, "/timestamp")? - before.timestamp) / 1000.0;
    let now = handshakes(&stats);
    ensure!(now == before.handshakes, "{what}: connections were {:?} and are {now:?}", before.handshakes);
    let after = pictures(&stats);
    for (source, old) in &before.pictures {
        let new = after.iter().find(|(s, _)| s == source).map(|(_, n)| *n);
        let grown = new.with_context(|| format!("{what}: source {source} is gone"))? - old;
        println!("{what}: {grown} pictures of source {source} in {since:.1} s");
        let is_enough = grown as f64 >= SHARE * 15.0 * since;
        ensure!(is_enough || !is_soak(), "{what}: {grown} pictures of source {source} in {since} s");
    }
    for (_, stream) in objects(&stats, "inbound-rtp") {
        // The longest of the whole call so far.
        let Some(gap) = stream.pointer("/stamps/longestGap").and_then(Value::as_f64) else { continue };
        println!("{what}: longest gap so far {gap:.3} s");
        ensure!(gap * 1000.0 <= GAP_MS || !is_soak(), "{what}: a gap of {gap} s");
    }
    Ok(())
}

/// What a browser has seen of these since `before`, which is judged in the soak.
pub fn check_guest_steady(guest: &Browser, sources: &[u8], before: &Watch, what: &str) -> Result<()> {
    for source in sources {
        let script = format!(
            "const from = {}, end = performance.timeOrigin + performance.now(); \
             const times = probe.seen.filter((one) => one[0] === {source} && one[2] > from).map((one) => one[2]); \
             const all = [from, ...times, end]; \
             const gaps = all.slice(1).map((time, n) => time - all[n]); \
             return [times.length, (end - from) / 1000, Math.max(...gaps)]",
            before.timestamp
        );
        let seen = guest.evaluate(&script)?;
        println!("{what}: at the guest of source {source}: {seen} (pictures, seconds, longest gap in ms)");
        let value = |n: usize| seen.get(n).and_then(Value::as_f64).context("a number");
        let (count, since, gap) = (value(0)?, value(1)?, value(2)?);
        let is_steady = count >= SHARE * 15.0 * since && gap <= GAP_MS;
        ensure!(is_steady || !is_soak(), "{what}: the guest missed source {source}: {seen}");
    }
    Ok(())
}

/// The one called `nick` is in nobody's room any more.
pub fn check_gone(room: &Room, nick: &str, limit: Duration) -> Result<()> {
    room.first.wait_stats(limit, |stats| peer(stats, nick).is_none().then_some(()))?;
    let script = format!("return window.hearth.peers.every((peer) => peer.nick !== '{nick}')");
    room.guest.wait_for("the one who was killed gone", limit, &script).map(drop)
}

pub fn away(stats: &Value, nick: &str) -> Option<()> {
    (peer(stats, nick)?.get("away") == Some(&true.into())).then_some(())
}

pub fn back(stats: &Value, nick: &str) -> Option<()> {
    (peer(stats, nick)?.get("away") == Some(&false.into())).then_some(())
}

pub fn faltering(stats: &Value, nick: &str) -> Option<()> {
    let phase = peer(stats, nick)?.get("phase")?.as_str()?;
    matches!(phase, "faltering" | "restarting" | "failed").then_some(())
}

/// Pictures of the one called `nick` have come.
pub fn sees(stats: &Value, nick: &str) -> Option<()> {
    let frames = object(peer(stats, nick)?, "inbound-rtp", Some("camera"))?.get("framesReceived")?.as_u64()?;
    (frames > 0).then_some(())
}

/// The connection to the one called `nick` goes to `address`, which was given to us as a candidate.
pub fn goes_to(stats: &Value, nick: &str, address: std::net::IpAddr) -> Option<()> {
    let remote = object(peer(stats, nick)?, "remote-candidate", None)?;
    let found = remote.get("address")?.as_str()?;
    (remote.get("candidateType")?.as_str()? == "host" && found == address.to_string()).then_some(())
}

/// Each of these gets our picture in this codec, and what comes from them is in the same.
pub fn takes(stats: &Value, expected: &[(&str, &str)]) -> Option<()> {
    let agreed = |(nick, expected): &(&str, &str)| {
        let peer = peer(stats, nick)?;
        let sent = codec(peer, object(peer, "outbound-rtp", Some("camera"))?)?;
        let theirs = object(peer, "inbound-rtp", Some("camera"))?;
        let is_decoded = theirs.get("framesDecoded")?.as_u64()? > 0;
        (sent == *expected && codec(peer, theirs)? == *expected && is_decoded).then_some(())
    };
    expected.iter().all(|one| agreed(one).is_some()).then_some(())
}

/// Our picture goes out in these codecs alone, encoded.
pub fn encodes(stats: &Value, expected: &[&str]) -> Option<()> {
    let ours = objects(stats, "outbound-rtp").filter(|(_, stream)| stream.get("framesEncoded").is_some());
    let codecs: BTreeSet<&str> = ours.filter_map(|(peer, stream)| codec(peer, stream)).collect();
    codecs.iter().eq(expected).then_some(())
}

/// Every connection goes from relay to relay.
pub fn all_relayed(stats: &Value) -> Option<()> {
    let peers = stats.get("peers")?.as_array()?;
    let relayed = |peer: &Value| {
        let end = |which| object(peer, which, None)?.get("candidateType")?.as_str();
        // A browser's relay shows as what it is found by when its checks come before its candidate.
        end("local-candidate") == Some("relay") && matches!(end("remote-candidate"), Some("relay" | "prflx"))
    };
    (peers.len() == 2 && peers.iter().all(relayed)).then_some(())
}

/// Whatever was cut, pictures of everybody come to everybody again, through connections that stand.
pub fn check_flows_again(room: &Room, limit: Duration) -> Result<()> {
    let end = now() + limit;
    let left = || end.saturating_duration_since(now());
    // A picture that is as young as this was not on its way before.
    let begun = number(&room.first.next_stats()?, "/timestamp")? + 2000.0;
    for (client, sources) in [(&room.first, [SECOND, GUEST]), (&room.second, [FIRST, GUEST])] {
        let mut before: Option<Vec<(u64, u64)>> = None;
        client.wait_stats(left(), |stats| {
            let (now, time) = (pictures(stats), stats.pointer("/timestamp")?.as_f64()?);
            let old = before.get_or_insert_with(|| now.clone());
            if time < begun {
                *old = now;
                return None;
            }
            sources.iter().all(|source| of(&now, *source) > of(old, *source) + 15).then_some(())
        })?;
    }
    for source in [FIRST, SECOND] {
        let script = format!("return probe.seen.filter((one) => one[0] === {source} && one[2] > {begun}).length > 15");
        room.guest.wait_for("pictures at the guest", left(), &script)?;
    }
    Ok(())
}

/// Bytes that hearth-turn has passed on, both ways.
fn relayed_bytes(stats: &Value) -> Option<u64> {
    let bytes = |way: &str| stats.pointer(&format!("/{way}/bytes"))?.as_u64();
    Some(bytes("to_peers")? + bytes("from_peers")?)
}

/// Waits until hearth-turn has passed on so many further bytes.
pub fn wait_relayed(turn: &Process, further: u64) -> Result<()> {
    let before = relayed_bytes(&turn.next_stats()?).context("bytes")?;
    turn.wait_stats(PATIENCE, |stats| (relayed_bytes(stats)? >= before + further).then_some(()))
}

pub fn peer<'a>(stats: &'a Value, nick: &str) -> Option<&'a Value> {
    stats.get("peers")?.as_array()?.iter().find(|peer| peer.get("nick").and_then(Value::as_str) == Some(nick))
}

pub fn handshakes(stats: &Value) -> Vec<(String, u64, u64)> {
    let peers = stats.get("peers").and_then(Value::as_array).into_iter().flatten();
    let counts = peers.filter_map(|peer| {
        let name = peer.get("nick")?.as_str()?.to_owned();
        Some((name, peer.get("handshakes")?.as_u64()?, peer.get("restarts")?.as_u64()?))
    });
    counts.collect()
}

fn number(stats: &Value, at: &str) -> Result<f64> {
    stats.pointer(at).and_then(Value::as_f64).with_context(|| format!("no {at} in the statistics"))
}
