//! A network without IPv4: a call from relay to relay, of the client and both browsers, through the relay in the
//! server.
//!
//! None of them names a family when it asks for a relay, and RFC 8656 has such a request mean IPv4.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_protocol::SpkiHash;
use serde_json::Value;

use crate::browser::{Browser, Devices, Program};
use crate::calls;
use crate::lan::{Family, Lan, enter_namespaces};
use crate::process::{Process, built, now};
use crate::room::{self, Paths, SIGNAL_PORT, STARTING, TURN_PORT, guest_browser, walk_in};
use crate::stats;

/// Who sends what.
const DESKTOP: u8 = 1;
const CHROMIUM: u8 = 2;
const FIREFOX: u8 = 3;
/// Pictures of each other that should be decoded.
const PICTURES: u64 = 30;
/// Two browsers start, and share two processors with the client.
const MEETING: Duration = Duration::from_secs(90);

#[test]
fn client_and_browsers_meet_from_relay_to_relay_without_ipv4() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-six").tempdir()?;
    let mut lan = Lan::of(Family::Ipv6)?;
    let server = lan.host("server")?;
    let mut command = server.command(built("hearth-signal")?);
    command.arg("--listen").arg(server.at(SIGNAL_PORT).to_string()).arg("--state").arg(folder.path().join("state"));
    command.arg("--turn").arg("--turn-listen").arg(server.at(TURN_PORT).to_string());
    let signal = Process::start("hearth-signal", command.args(["--turn-allow-peer", "fd77::/64"]), None)?;
    let spki = signal.wait_line(STARTING, |line| {
        SpkiHash::parse(line.split_whitespace().find_map(|word| word.strip_prefix("spki="))?)
    })?;
    let address = format!("https://{}", server.at(SIGNAL_PORT));
    let (desktop, link) = room::first_client(&lan.host("desktop")?, &address, &spki.to_text(), Paths::RelayOnly)?;
    let (page, secret) = link.split_once('#').context("a link with a secret")?;
    let link = format!("{page}?relay=1#{secret}");
    let mut browser = |name: &str, program, source| -> Result<Browser> {
        let browser = guest_browser(&lan.host(name)?, &folder.path().join(name), &spki, program, source)?;
        walk_in(&browser, &link)?;
        Ok(browser)
    };
    let chromium = browser("chromium", Program::Chromium(Devices::Allowed), CHROMIUM)?;
    let firefox = browser("firefox", Program::Firefox, FIREFOX)?;
    let begun = now();
    desktop.wait_stats(MEETING, both_seen).context("both browsers at the client")?;
    desktop.wait_stats(MEETING, calls::all_relayed)?;
    for (name, browser, others) in
        [("Chromium", &chromium, [DESKTOP, FIREFOX]), ("Firefox", &firefox, [DESKTOP, CHROMIUM])]
    {
        for source in others {
            let enough = format!("return probe.seen.filter((one) => one[0] === {source}).length >= {PICTURES}");
            browser.wait_for("pictures", MEETING, &enough).with_context(|| format!("{name}, of source {source}"))?;
        }
        let pairs = browser.evaluate("return (await window.hearth.stats()).map((one) => one.pair?.local)")?;
        let pairs: Vec<Option<String>> = serde_json::from_value(pairs)?;
        let relayed = pairs.iter().all(|local| local.as_deref() == Some("relay"));
        ensure!(pairs.len() == 2 && relayed, "{name} goes another way: {pairs:?}");
    }
    println!("everybody saw everybody after {:?}", now() - begun);
    Ok(())
}

/// So many pictures of each browser are decoded.
fn both_seen(stats: &Value) -> Option<()> {
    let seen = |source: u8| {
        let stamps = stats::objects(stats, "inbound-rtp").filter_map(|(_, stream)| stream.get("stamps"));
        stamps
            .filter(|stamps| stamps.get("source") == Some(&source.into()))
            .any(|stamps| stamps.get("pictures").and_then(Value::as_u64).is_some_and(|pictures| pictures >= PICTURES))
    };
    [CHROMIUM, FIREFOX].into_iter().all(seen).then_some(())
}
