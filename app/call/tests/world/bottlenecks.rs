//! Links that bear less than the call would send, and encoders that do as they are told.

use std::time::Duration;

use hearth_call::{PictureFlow, TransportPolicy};
use hearth_netsim::LinkConfig;

use crate::media::VIDEO;
use crate::world::World;

/// One way.
pub const DELAY: Duration = Duration::from_millis(25);

/// A link of so many kilobits a second, before which 300 ms of them can wait.
pub fn bottleneck(kbps: u64) -> LinkConfig {
    LinkConfig { rate: Some(kbps * 1000), queue: (kbps * 1000 / 8 * 3 / 10) as usize, ..LinkConfig::delayed(DELAY) }
}

/// What one direction did in some time.
#[derive(Debug)]
pub struct Measured {
    /// Share of the link that pictures took.
    pub used: f64,
    /// How late pictures came beyond the delay of the link, 95 in 100 below it.
    pub late: Duration,
    /// Share of packets of sound that came.
    pub sound: f64,
    /// Longest time without a picture.
    pub gap: Duration,
    /// Share of the time in gaps longer than [`FREEZE`].
    pub frozen: f64,
}

/// What W3C webrtc-stats calls a freeze of a picture that comes every 66 ms: 150 ms more.
const FREEZE: Duration = Duration::from_millis(216);

pub fn measure(world: &mut World, kbps: u64, time: Duration) -> Measured {
    let seen = |world: &World| {
        let got = &world.clients[1].sink.got[&0];
        (got.bytes, got.sounds, world.clients[0].source.sounds, got.frames.len())
    };
    let (bytes, heard, said, frames) = seen(world);
    world.run(time);
    let (bytes_after, heard_after, said_after, _) = seen(world);
    let got = &world.clients[1].sink.got[&0];
    let start = world.start;
    let pictures = || got.frames.iter().zip(&got.frame_times).skip(frames);
    let mut late: Vec<_> = pictures().map(|(n, at)| (*at - start).saturating_sub(VIDEO * *n + DELAY)).collect();
    late.sort();
    let gaps = || got.frame_times[frames.saturating_sub(1)..].windows(2).map(|pair| pair[1] - pair[0]);
    Measured {
        used: (bytes_after - bytes) as f64 * 8.0 / time.as_secs_f64() / (kbps * 1000) as f64,
        late: late.get(late.len() * 95 / 100).copied().unwrap_or(time),
        sound: (heard_after - heard) as f64 / f64::from(said_after - said),
        gap: gaps().max().unwrap_or(time),
        frozen: gaps().filter(|gap| *gap > FREEZE).sum::<Duration>().as_secs_f64() / time.as_secs_f64(),
    }
}

/// How long a link that bears a quarter of what it did takes to be understood.
const DROP: Duration = Duration::from_secs(4);

/// Pictures come, none of them late for a queue of ours; sound comes.
fn assert_flows(got: &Measured) {
    assert!(got.late <= Duration::from_millis(200), "{got:?}");
    assert!(got.gap <= Duration::from_millis(250), "{got:?}");
    assert!(got.sound >= 0.98, "{got:?}");
}

/// Two people who are connected, and whose encoders obey.
pub fn two(seed: u64) -> World {
    enter_two(World::new(seed, LinkConfig::delayed(DELAY)))
}

fn enter_two(mut world: World) -> World {
    for index in 0..2 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    world
}

#[test]
fn a_bottleneck_is_filled_without_its_queue() {
    for (seed, kbps) in [(2_200, 300), (2_201, 600), (2_202, 1_000), (2_203, 2_000)] {
        let mut world = two(seed);
        world.net.set_default_link(bottleneck(kbps));
        world.run(Duration::from_secs(10));
        let mut used = 0.0;
        for _ in 0..3 {
            let got = measure(&mut world, kbps, Duration::from_secs(20));
            println!("seed {seed}, {kbps} kbps: {got:?}");
            assert_flows(&got);
            used += got.used / 3.0;
        }
        // Of a minute: in less the share goes up and down with each fall and the growth after it.
        assert!((0.75..=0.96).contains(&used), "seed {seed}, {kbps} kbps: {used}");
    }
}

/// By reports of each packet in the way of browsers, and by what everybody says once a second.
#[test]
fn whatever_is_reported_a_bottleneck_is_filled() {
    const REPORTS: [&str; 3] = ["ack ccfb", "transport-cc", "transport-wide-cc"];
    for (seed, without, at_least, late) in [(2_205, 1, 0.7, 200), (2_206, 3, 0.5, 400)] {
        let mut world = World::new(seed, LinkConfig::delayed(DELAY));
        world.tamper = Some(Box::new(move |message| {
            let is_kept = |line: &&str| !REPORTS[..without].iter().any(|word| line.contains(word));
            let change = |sdp: &str| sdp.lines().filter(is_kept).map(|line| format!("{line}\r\n")).collect();
            crate::descriptions::rewrite(message, change);
        }));
        let mut world = enter_two(world);
        world.net.set_default_link(bottleneck(1_000));
        world.run(Duration::from_secs(15));
        let got = measure(&mut world, 1_000, Duration::from_secs(20));
        println!("seed {seed}: {got:?}");
        assert!((at_least..=0.96).contains(&got.used), "seed {seed}: {got:?}");
        assert!(got.late <= Duration::from_millis(late) && got.sound >= 0.98, "seed {seed}: {got:?}");
    }
}

#[test]
fn a_link_that_drops_is_followed() {
    for (seed, before, after) in [(2_210, 2_500, 600), (2_211, 1_000, 300), (2_212, 5_000, 1_000)] {
        let mut world = two(seed);
        world.net.set_default_link(bottleneck(before));
        world.run(Duration::from_secs(30));
        world.net.set_default_link(bottleneck(after));
        world.run(DROP);
        for _ in 0..3 {
            let got = measure(&mut world, after, Duration::from_secs(5));
            println!("seed {seed}, {before} to {after} kbps: {got:?}");
            assert!(got.used > 0.6, "{got:?}");
            assert_flows(&got);
        }
    }
}

/// RFC 8083: media that nobody gets is not sent on, both are told, and it is tried again.
#[test]
fn what_never_arrives_is_not_sent_on_and_tried_again() {
    let mut world = two(2_230);
    world.run(Duration::from_secs(5));
    world.clients[1].deaf = true;
    let flows = |world: &World| [0, 1].map(|of| world.clients[of].call.snapshot().peers[0].connection.pictures);
    let (silent, moving) = (PictureFlow::Silence, PictureFlow::Moving);
    let is_told = |world: &World| flows(world) == [(silent, moving), (moving, silent)];
    assert!(world.run_until(Duration::from_secs(10), is_told), "{:?}", flows(&world));
    let sent = |world: &World| world.clients[0].call.snapshot().peers[0].connection.counters.packets_sent;
    let before = sent(&world);
    world.run(Duration::from_secs(1));
    assert_eq!(sent(&world), before, "no picture, and no sound");
    world.run(Duration::from_secs(60));
    let tried = sent(&world) - before;
    assert!((50..before * 4).contains(&tried), "{tried} packets in a minute, {before} in ten seconds at first");
    assert!(world.run_until(Duration::from_secs(60), is_told), "{:?}", flows(&world));

    world.clients[1].deaf = false;
    let is_back = |world: &World| flows(world) == [(moving, moving); 2];
    assert!(world.run_until(Duration::from_secs(60), is_back), "{:?}", flows(&world));
    world.run(Duration::from_secs(5));
    let got = measure(&mut world, 5_000, Duration::from_secs(5));
    assert!(got.sound >= 0.99 && got.gap <= Duration::from_millis(250), "{got:?}");
}

#[test]
fn where_no_moving_picture_goes_a_still_does_or_sound_alone_and_both_are_told() {
    for (seed, kbps, flow, pictures) in [
        (2_220, 150, PictureFlow::Moving, 140..=160),
        (2_221, 75, PictureFlow::Stills, 4..=60),
        (2_222, 44, PictureFlow::Nothing, 0..=1),
    ] {
        let mut world = two(seed);
        world.run(Duration::from_secs(2));
        world.net.set_default_link(bottleneck(kbps));
        world.run(Duration::from_secs(15));
        let flows = |world: &World, of: usize| world.clients[of].call.snapshot().peers[0].connection.pictures;
        // Now and then one tries whether the link bears more, by a second or two of pictures, and falls below a while.
        let is_told = |world: &World| [flows(world, 0), flows(world, 1)] == [(flow, flow); 2];
        assert!(world.run_until(Duration::from_secs(60), is_told), "seed {seed}: it comes to that");
        let seen = world.clients[1].sink.got[&0].frames.len();
        let got = measure(&mut world, kbps, Duration::from_secs(10));
        let seen = world.clients[1].sink.got[&0].frames.len() - seen;
        println!("seed {seed}, {kbps} kbps: {:?}, {seen} pictures, {got:?}", flows(&world, 0));
        assert!(world.run_until(Duration::from_secs(60), is_told), "seed {seed}: as we know and as they say");
        assert!(pictures.contains(&seen), "seed {seed}: {seen} pictures");
        assert!(got.sound >= 0.99, "seed {seed}: {got:?}");

        world.net.set_default_link(LinkConfig::delayed(DELAY));
        world.run(Duration::from_secs(50));
        let got = measure(&mut world, 1_000, Duration::from_secs(5));
        assert_eq!(flows(&world, 1), (PictureFlow::Moving, PictureFlow::Moving), "seed {seed}: it is back");
        assert!(got.gap < Duration::from_millis(250), "seed {seed}: {got:?}");
    }
}
