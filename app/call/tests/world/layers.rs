//! Rooms in which links differ: what one bears decides what that one gets, and nothing else.

use std::time::Duration;

use hearth_base::Layer;
use hearth_call::{Command, Input, TransportPolicy, Watching};
use hearth_netsim::LinkConfig;

use crate::bottlenecks::bottleneck;
use crate::world::World;

/// A LAN, as far as these are concerned.
const CLEAN: LinkConfig = LinkConfig::delayed(Duration::from_millis(10));

/// So many people, each with encoders that obey, of whom the last is behind `weak` in both directions.
fn room(seed: u64, people: usize, weak: LinkConfig) -> World {
    let mut world = World::new(seed, CLEAN);
    for index in 0..people {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        let last = world.clients[people.min(index + 1) - 1].node;
        if index + 1 == people {
            for other in 0..index {
                let other = world.clients[other].node;
                world.net.set_link(other, last, weak);
                world.net.set_link(last, other, weak);
            }
        }
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "seed {seed}: not connected");
    world
}

/// What `by` gets of `of` in some seconds: pictures and kilobits a second.
fn seen(world: &World, by: usize, of: usize) -> (usize, usize) {
    let got = &world.clients[by].sink.got[&(of as u8)];
    (got.frames.len(), got.bytes)
}

#[test]
fn one_weak_link_spoils_nobody_elses_picture() {
    let mut world = room(2_300, 5, bottleneck(300));
    world.run(Duration::from_secs(15));
    let seconds = 10;
    let pairs: Vec<_> = (0..5).flat_map(|by| (0..5).map(move |of| (by, of))).filter(|(by, of)| by != of).collect();
    let before: Vec<_> = pairs.iter().map(|(by, of)| seen(&world, *by, *of)).collect();
    world.run(Duration::from_secs(seconds));
    for ((by, of), (pictures, bytes)) in pairs.into_iter().zip(before) {
        let (pictures_after, bytes_after) = seen(&world, by, of);
        let pictures = (pictures_after - pictures) as f64 / seconds as f64;
        let kbps = (bytes_after - bytes) as f64 * 8.0 / 1000.0 / seconds as f64;
        println!("{of} to {by}: {pictures:.1} pictures a second, {kbps:.0} kbps");
        assert!(pictures > 14.0, "{of} to {by}: {pictures} pictures a second");
        let is_weak = by == 4 || of == 4;
        assert!(if is_weak { (120.0..300.0).contains(&kbps) } else { kbps > 2_000.0 }, "{of} to {by}: {kbps} kbps");
    }
    let layers = |client: usize| -> Vec<Layer> {
        world.clients[client].source.watched.iter().map(|(layer, _)| *layer).collect()
    };
    assert_eq!(layers(0), [Layer(1), Layer(2)], "each size once, however many get it");
    assert_eq!(layers(4), [Layer(1)], "nobody takes more of what does not get through");
}

/// The weak one bears the large layer, though less than half of what it may take: in one temporal layer all would get
/// what that one bears.
#[test]
fn a_link_that_bears_less_of_a_layer_goes_without_every_other_picture_and_the_others_gain() {
    for seed in [2_304, 2_305] {
        let mut world = room(seed, 4, bottleneck(900));
        world.run(Duration::from_secs(30));
        let (seconds, pairs) = (10, [(0, 1), (0, 2), (0, 3)]);
        let before = pairs.map(|(of, by)| seen(&world, by, of));
        let heard = world.clients[3].sink.got[&0].sounds;
        world.run(Duration::from_secs(seconds));
        for ((of, by), (pictures, bytes)) in pairs.into_iter().zip(before) {
            let (pictures_after, bytes_after) = seen(&world, by, of);
            let pictures = (pictures_after - pictures) as f64 / seconds as f64;
            let kbps = (bytes_after - bytes) as f64 * 8.0 / 1000.0 / seconds as f64;
            println!("seed {seed}: {of} to {by}: {pictures:.1} pictures a second, {kbps:.0} kbps");
            let expected = if by == 3 { (6.5..9.0, 450.0..850.0) } else { (14.0..15.5, 950.0..1_400.0) };
            assert!(expected.0.contains(&pictures) && expected.1.contains(&kbps), "seed {seed}: to {by}");
        }
        let heard = world.clients[3].sink.got[&0].sounds - heard;
        assert!(heard >= 495, "seed {seed}: {heard} of 500 packets of sound");
        let at_the_weak = world.clients[3].source.watched.iter().map(|(layer, _)| *layer).collect::<Vec<_>>();
        assert_eq!(at_the_weak, [Layer(2)], "seed {seed}: all of its links are alike");
        let weak = world.clients[3].node;
        for other in (0..3).map(|other| world.clients[other].node).collect::<Vec<_>>() {
            world.net.set_link(other, weak, CLEAN);
            world.net.set_link(weak, other, CLEAN);
        }
        world.run(Duration::from_secs(25));
        let (before, _) = seen(&world, 3, 0);
        world.run(Duration::from_secs(4));
        let pictures = seen(&world, 3, 0).0 - before;
        assert!((59..=62).contains(&pictures), "seed {seed}: it bears all of them now: {pictures} in 4 s");
    }
}

#[test]
fn a_link_that_recovers_gets_the_large_picture_again_without_a_stop() {
    let mut world = room(2_301, 2, bottleneck(200));
    world.run(Duration::from_secs(10));
    let [first, second] = [0, 1].map(|index| world.clients[index].node);
    for (from, to) in [(first, second), (second, first)] {
        world.net.set_link(from, to, CLEAN);
    }
    let large = |world: &World| world.clients[0].source.watched.iter().all(|(layer, _)| *layer == Layer(2));
    let before = world.now;
    assert!(world.run_until(Duration::from_secs(20), large), "the small picture stays");
    println!("the large picture after {:?}", world.now - before);
    world.run(Duration::from_secs(2));
    let times = &world.clients[1].sink.got[&0].frame_times;
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("pictures");
    assert!(gap < Duration::from_millis(400), "{gap:?} without a picture");
}

#[test]
fn who_looks_and_looks_away_all_the_time_starts_no_encoder_each_time() {
    let mut world = room(2_303, 2, CLEAN);
    world.run(Duration::from_secs(3));
    let first = world.clients[0].call.snapshot().me.expect("in the room");
    let (mut changes, mut before) = (0, encoded(&world));
    for n in 0..100 {
        let camera = if n % 2 == 0 { 0 } else { 720 };
        world.give(1, Input::Command(Command::Watch(first, Watching { camera, ..Watching::default() })));
        world.run(Duration::from_millis(20));
        let now = encoded(&world);
        changes += u32::from(now != before);
        before = now;
    }
    assert!(changes <= 8, "{changes} changes in 2 s");
    world.run(Duration::from_secs(1));
    assert_eq!(encoded(&world), [Layer(2)], "what was said last holds");
}

/// The layers that the first client is asked to encode.
fn encoded(world: &World) -> Vec<Layer> {
    world.clients[0].source.watched.iter().map(|(layer, _)| *layer).collect()
}

#[test]
fn nobody_is_sent_more_than_is_looked_at() {
    let mut world = room(2_302, 3, CLEAN);
    world.run(Duration::from_secs(8));
    assert_eq!(encoded(&world), [Layer(2)]);
    let watch = |world: &mut World, by: usize, camera: u16| {
        let first = world.clients[0].call.snapshot().me.expect("in the room");
        world.give(by, Input::Command(Command::Watch(first, Watching { camera, ..Watching::default() })));
        let before = world.clients[by].sink.got[&0].frames.len();
        world.run(Duration::from_secs(2));
        let got = &world.clients[by].sink.got[&0];
        let times = got.frame_times[before - 1..].windows(2).map(|pair| pair[1] - pair[0]);
        (got.frames.len() - before, times.max())
    };

    let (_, gap) = watch(&mut world, 1, 180);
    assert_eq!(encoded(&world), [Layer(0), Layer(2)], "a small tile gets the small picture, the other person theirs");
    assert!(gap < Some(Duration::from_millis(300)), "{gap:?} without a picture");

    let (pictures, _) = watch(&mut world, 1, 0);
    assert!(pictures < 5, "{pictures} pictures that nobody looks at");
    let (pictures, _) = watch(&mut world, 2, 0);
    assert!(pictures < 5 && encoded(&world).is_empty(), "{pictures} pictures, {:?}", encoded(&world));

    let (pictures, gap) = watch(&mut world, 2, 720);
    assert_eq!(encoded(&world), [Layer(2)], "the large one at once");
    assert!(pictures > 27, "{pictures} pictures, {gap:?} without");
    assert_eq!(world.clients[1].call.snapshot().peers[0].connection.counters.key_frames_asked, 0, "nothing is missed");
}
