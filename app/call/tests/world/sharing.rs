//! Links that are shared: by all calls of a household, and with traffic of others.

use std::time::Duration;

use hearth_call::TransportPolicy;
use hearth_netsim::{AccessConfig, Discipline, FlowConfig, Hop, LinkConfig, RateSchedule, Traffic};

use crate::bottlenecks::{DELAY, measure, two};
use crate::world::World;

/// So many kilobits a second, before which 300 ms of them can wait.
fn access(kbps: u64) -> AccessConfig {
    AccessConfig {
        rate: Some(kbps * 1000),
        queue: (kbps * 1000 / 8 * 3 / 10) as usize,
        discipline: Discipline::DropTail,
    }
}

#[test]
fn five_people_share_one_uplink_and_nobody_starves() {
    let seed = 2_500;
    let mut world = World::new(seed, LinkConfig::delayed(DELAY));
    for index in 0..5 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        if index == 0 {
            world.net.set_uplink(world.clients[0].node, access(4_000));
        }
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "seed {seed}: not connected");
    world.run(Duration::from_secs(20));
    let seen = |world: &World| -> Vec<(usize, usize, u64)> {
        let got = |by: usize| &world.clients[by].sink.got[&0];
        (1..5).map(|by| (got(by).bytes, got(by).frames.len(), got(by).sounds)).collect()
    };
    let (before, said) = (seen(&world), world.clients[0].source.sounds);
    let seconds = 20.0;
    world.run(Duration::from_secs(20));
    let said = f64::from(world.clients[0].source.sounds - said);
    let rates: Vec<f64> = seen(&world)
        .iter()
        .zip(before)
        .map(|((bytes, frames, sounds), before)| {
            let pictures = (frames - before.1) as f64 / seconds;
            let heard = (sounds - before.2) as f64 / said;
            assert!(pictures > 13.0, "seed {seed}: {pictures} pictures a second");
            assert!(heard > 0.99, "seed {seed}: {heard} of the sound");
            (bytes - before.0) as f64 * 8.0 / 1000.0 / seconds
        })
        .collect();
    let sum: f64 = rates.iter().sum();
    let jain = sum * sum / (4.0 * rates.iter().map(|rate| rate * rate).sum::<f64>());
    println!("seed {seed}: {rates:.0?} kbps, {sum:.0} in all, Jain {jain:.3}");
    assert!((2_800.0..4_000.0).contains(&sum), "seed {seed}: {sum} kbps");
    assert!(jain > 0.9, "seed {seed}: {jain}");
}

/// RFC 8867 section 5.1, one way.
#[test]
fn a_capacity_that_varies_is_followed_up_and_down() {
    let seed = 2_501;
    let mut world = two(seed);
    let (first, second) = (world.clients[0].node, world.clients[1].node);
    let capacities = [(40, 1_000), (20, 2_500), (20, 600), (20, 1_000)];
    let mut at = Duration::ZERO;
    let mut steps = Vec::new();
    for (seconds, kbps) in capacities {
        steps.push((at, kbps * 1000));
        at += Duration::from_secs(seconds);
    }
    let schedule = RateSchedule::from_instant(world.now, steps).with_queue(Duration::from_millis(300));
    world.net.set_link(first, second, LinkConfig { rate: Some(1_000_000), ..LinkConfig::delayed(DELAY) });
    world.net.set_rate_schedule(Hop::Link(first, second), schedule);
    for (seconds, kbps) in capacities {
        world.run(Duration::from_secs(4));
        let got = measure(&mut world, kbps, Duration::from_secs(seconds - 4));
        println!("seed {seed}, {kbps} kbps: {got:?}");
        assert!((0.84..0.97).contains(&got.used), "seed {seed}, {kbps} kbps: {got:?}");
        assert!(got.late < Duration::from_millis(150), "seed {seed}, {kbps} kbps: {got:?}");
        assert!(got.gap < Duration::from_millis(250), "seed {seed}, {kbps} kbps: {got:?}");
    }
}

#[test]
fn a_call_beside_a_download_gets_its_share_and_leaves_one() {
    let seed = 2_502;
    let mut world = two(seed);
    let node = world.clients[0].node;
    world.net.set_uplink(node, access(4_000));
    world.run(Duration::from_secs(10));
    let flow = world.net.add_flow(FlowConfig {
        hop: Hop::Uplink(node),
        traffic: Traffic::Cubic,
        datagram: 1500,
        round_trip: Duration::from_millis(50),
        start: world.now,
        stop: None,
    });
    world.run(Duration::from_secs(20));
    let (mut ours, mut others) = (0.0, 0.0);
    for _ in 0..8 {
        let before = world.net.flow(flow).expect("it is there").delivered;
        let got = measure(&mut world, 4_000, Duration::from_secs(10));
        let theirs = (world.net.flow(flow).expect("it is there").delivered - before) as f64 * 8.0 / 10.0 / 4_000_000.0;
        println!("seed {seed}: {got:?}, theirs {theirs:.2}");
        assert!(got.sound > 0.97, "seed {seed}: {got:?}");
        (ours, others) = (ours + got.used / 8.0, others + theirs / 8.0);
    }
    println!("seed {seed}: ours {ours:.2}, theirs {others:.2}");
    assert!((0.3..0.7).contains(&ours) && (0.3..0.7).contains(&others), "seed {seed}: ours {ours}, theirs {others}");
}

/// Two rooms of two, in each of which one person sits behind the same access link.
fn two_rooms(seed: u64, kbps: u64) -> World {
    let mut world = World::new(seed, LinkConfig::delayed(DELAY));
    for index in 0..4 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
    }
    world.share_node(2, 0);
    for pair in [0, 2] {
        world.room = None;
        world.enter(pair);
        world.enter(pair + 1);
        let is_in = |world: &World| {
            let snapshot = world.clients[pair + 1].call.snapshot();
            snapshot.peers.iter().any(|peer| peer.connection.is_connected())
        };
        assert!(world.run_until(Duration::from_secs(5), is_in), "seed {seed}: not connected");
    }
    let node = world.clients[0].node;
    world.net.set_uplink(node, access(kbps));
    world
}

/// The link bears far less than both took before, so one may take most of what is left at first.
#[test]
fn two_calls_on_one_link_come_to_like_shares() {
    for (seed, kbps) in [(2_503, 3_000), (2_504, 1_000), (2_505, 600)] {
        let mut world = two_rooms(seed, kbps);
        world.run(Duration::from_secs(20));
        let got = |world: &World| [(1, 0), (3, 2)].map(|(who, from)| world.clients[who].sink.got[&from].bytes);
        let before = got(&world);
        let seconds = 40;
        world.run(Duration::from_secs(seconds));
        let after = got(&world);
        let shares = [0, 1].map(|n| (after[n] - before[n]) as f64 * 8.0 / (kbps * 1000 * seconds) as f64);
        let sum = shares[0] + shares[1];
        let jain = sum * sum / (2.0 * (shares[0] * shares[0] + shares[1] * shares[1]));
        println!("seed {seed}, {kbps} kbps: {shares:.2?} of the link, Jain {jain:.3}");
        assert!(jain > 0.8, "seed {seed}, {kbps} kbps: {shares:?}, Jain {jain}");
        assert!((0.75..0.95).contains(&sum), "seed {seed}, {kbps} kbps: {sum}");
    }
}
