//! Links that are shared: by all calls of a household, and with traffic of others.

use std::time::Duration;

use hearth_call::TransportPolicy;
use hearth_netsim::{AccessConfig, Discipline, FlowConfig, Hop, LinkConfig, RateSchedule, Traffic};

use crate::bottlenecks::{DELAY, measure, two};
use crate::media::VIDEO;
use crate::world::World;

/// So many kilobits a second, before which 300 ms of them can wait.
fn access(kbps: u64) -> AccessConfig {
    AccessConfig {
        rate: Some(kbps * 1000),
        queue: (kbps * 1000 / 8 * 3 / 10) as usize,
        discipline: Discipline::DropTail,
    }
}

/// Five people, the first behind an access link of so many kilobits; all but the last `late` are in the room.
fn behind_one_uplink(seed: u64, kbps: u64, late: usize) -> World {
    let mut world = World::new(seed, LinkConfig::delayed(DELAY));
    for index in 0..5 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        if index == 0 {
            world.net.set_uplink(world.clients[0].node, access(kbps));
        }
        if index < 5 - late {
            world.enter(index);
        }
    }
    world
}

/// What the others got of the first of five.
#[derive(Debug)]
struct Shared {
    /// Of pictures, kilobits a second each; how alike (Jain's index).
    rates: Vec<f64>,
    jain: f64,
    /// The least of any of them: pictures a second, and the share of the sound that came.
    pictures: f64,
    sound: f64,
    /// How late pictures came, 95 in 100 of all below it.
    late: Duration,
}

impl Shared {
    fn sum(&self) -> f64 {
        self.rates.iter().sum()
    }
}

fn look(world: &mut World, time: Duration) -> Shared {
    let said = world.clients[0].source.sounds;
    let got = |world: &World, by: usize| world.clients[by].sink.got.get(&0).cloned().unwrap_or_default();
    let before: Vec<_> = (1..5).map(|by| got(world, by)).collect();
    world.run(time);
    let (start, said) = (world.start, f64::from(world.clients[0].source.sounds - said));
    let (mut rates, mut late) = (Vec::new(), Vec::new());
    let (mut pictures, mut sound) = (f64::MAX, f64::MAX);
    for (by, before) in (1..5).zip(before) {
        let after = got(world, by);
        rates.push((after.bytes - before.bytes) as f64 * 8.0 / 1000.0 / time.as_secs_f64());
        pictures = pictures.min((after.frames.len() - before.frames.len()) as f64 / time.as_secs_f64());
        sound = sound.min((after.sounds - before.sounds) as f64 / said);
        let came = after.frames.iter().zip(&after.frame_times).skip(before.frames.len());
        late.extend(came.map(|(number, at)| (*at - start).saturating_sub(VIDEO * *number + DELAY)));
    }
    late.sort();
    let late = late.get(late.len() * 95 / 100).copied().unwrap_or(time);
    let sum: f64 = rates.iter().sum();
    let jain = sum * sum / (4.0 * rates.iter().map(|rate| rate * rate).sum::<f64>());
    Shared { rates, jain, pictures, sound, late }
}

/// All come at once, so that nothing is known of the link: it is first asked for far more than it bears.
#[test]
fn five_people_share_one_uplink_and_nobody_starves() {
    for (seed, kbps) in [(2_500, 4_000), (2_506, 1_200), (2_507, 1_200), (2_508, 1_200)] {
        let mut world = behind_one_uplink(seed, kbps, 0);
        assert!(world.run_until(Duration::from_secs(10), World::all_connected), "seed {seed}: not connected");
        world.run(Duration::from_secs(15));
        let got = look(&mut world, Duration::from_secs(20));
        println!("seed {seed}, {kbps} kbps: {got:.2?}");
        let used = got.sum() / kbps as f64;
        assert!((0.7..1.0).contains(&used) && got.jain > 0.9, "seed {seed}: {used}, {got:?}");
        assert!(got.pictures > 13.0 && got.sound > 0.99, "seed {seed}: {got:?}");
        assert!(got.late < Duration::from_millis(150), "seed {seed}: {got:?}");
    }
}

/// At the rate that a link usually bears, the fifth one would fill the queue before this one.
#[test]
fn who_comes_late_gets_a_part_of_the_uplink_and_takes_none_that_is_not_theirs() {
    for (seed, kbps) in [(2_510, 4_000), (2_511, 1_200), (2_512, 1_200)] {
        let mut world = behind_one_uplink(seed, kbps, 1);
        world.run(Duration::from_secs(40));
        world.enter(4);
        assert!(world.run_until(Duration::from_secs(5), World::all_connected), "seed {seed}: not connected");
        let got = look(&mut world, Duration::from_secs(5));
        println!("seed {seed}, {kbps} kbps: {got:.2?}");
        let used = got.sum() / kbps as f64;
        assert!(used > 0.65 && got.jain > 0.95, "seed {seed}: {used}, {got:?}");
        assert!(got.late < Duration::from_millis(200) && got.sound > 0.97, "seed {seed}: {got:?}");
    }
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

/// Where each share hardly bears moving pictures, one falls to stills at first, and sends too little to show that it
/// could send more; the other one leaves no room by itself.
#[test]
fn who_fell_to_stills_beside_another_call_comes_back() {
    for seed in [2_700, 2_701, 2_707] {
        let mut world = two_rooms(seed, 300);
        world.run(Duration::from_secs(80));
        let seen =
            |world: &World| [(1, 0), (3, 2)].map(|(who, from)| world.clients[who].sink.got[&from].frames.len() as f64);
        let before = seen(&world);
        world.run(Duration::from_secs(20));
        let after = seen(&world);
        let pictures = [0, 1].map(|n| (after[n] - before[n]) / 20.0);
        println!("seed {seed}: {pictures:.1?} pictures a second");
        assert!(pictures.iter().all(|rate| *rate > 13.0), "seed {seed}: {pictures:?}");
    }
}
