//! Two clients, of which one has two addresses and loses the one that media goes to: media follows to the other one.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::calls::{self, peer};
use crate::lan::enter_namespaces;
use crate::process::{Process, now};
use crate::room::{self, Pair, Paths};
use crate::stats::{object, objects};
use crate::{FIRST, SECOND};

/// How long two clients may take to see each other, on a loaded machine.
const MEETING: Duration = Duration::from_secs(60);
/// How long it may take until statistics, of which there are some each second, tell of the other address.
const SOON: Duration = Duration::from_secs(20);
/// Pictures that are more than were on their way.
const FURTHER: u64 = 30;
/// The longest that pictures may stay away, in seconds; judged in the soak, where nothing else runs.
const GAP: f64 = 1.0;

#[test]
fn an_address_lost_beside_another_restarts_nothing() -> Result<()> {
    enter_namespaces()?;
    let pair = Pair::open()?;
    let addresses = [pair.second_host.address, pair.second_host.add_address()?];
    let input = format!("{}\n", pair.link);
    let second = room::client(&pair.second_host, &["join"], "Second", SECOND, Paths::All, Some(&input))?;
    let clients = [(&pair.first, SECOND), (&second, FIRST)];
    for (client, source) in clients {
        client.wait_stats(MEETING, |stats| (pictures(stats, source)? >= FURTHER).then_some(()))?;
    }
    let used = |stats: &Value| remote(stats, "Second").filter(|address| addresses.contains(address));
    let lost = pair.first.wait_stats(SOON, used)?;
    let before = [calls::watch(&pair.first)?, calls::watch(&second)?];
    let gaps = [gap(&pair.first, SECOND)?, gap(&second, FIRST)?];

    let begun = now();
    pair.second_host.remove_address(lost)?;
    let found = pair.first.wait_stats(SOON, |stats| used(stats).filter(|address| *address != lost))?;
    println!("media went to {lost}, and goes to {found}; told after {:?}", now() - begun);
    for (client, source) in clients {
        let count = pictures(&client.next_stats()?, source).context("pictures")?;
        client.wait_stats(SOON, |stats| (pictures(stats, source)? >= count + FURTHER).then_some(()))?;
    }
    for ((client, _), before) in clients.into_iter().zip(&before) {
        let after = calls::watch(client)?.handshakes;
        ensure!(after == before.handshakes, "connections were {:?} and are {after:?}", before.handshakes);
    }
    for ((client, source), before) in clients.into_iter().zip(gaps) {
        let gap = gap(client, source)?;
        println!("the longest time without a picture of source {source}: {gap:.3} s, and {before:.3} s before");
        ensure!(gap <= GAP.max(before) || !calls::is_soak(), "{gap} s without a picture");
    }
    Ok(())
}

/// Where the connection to the one called `nick` goes.
fn remote(stats: &Value, nick: &str) -> Option<IpAddr> {
    let peer = peer(stats, nick)?;
    let of_id = |kind: &str, id: &Value| {
        objects(stats, kind).find(|(of, object)| *of == peer && object.get("id") == Some(id)).map(|(_, object)| object)
    };
    let selected = object(peer, "transport", None)?.get("selectedCandidatePairId")?;
    let candidate = of_id("candidate-pair", selected)?.get("remoteCandidateId")?;
    of_id("remote-candidate", candidate)?.get("address")?.as_str()?.parse().ok()
}

fn stamps(stats: &Value, source: u8) -> Option<&Value> {
    let mut stamps = objects(stats, "inbound-rtp").filter_map(|(_, stream)| stream.get("stamps"));
    stamps.find(|stamps| stamps.get("source") == Some(&source.into()))
}

fn pictures(stats: &Value, source: u8) -> Option<u64> {
    stamps(stats, source)?.get("pictures")?.as_u64()
}

/// The longest of the whole call so far, in seconds.
fn gap(client: &Process, source: u8) -> Result<f64> {
    let stats = client.next_stats()?;
    stamps(&stats, source).and_then(|stamps| stamps.get("longestGap")?.as_f64()).context("no gap in the statistics")
}
