//! People who can do different codecs: each pair takes the best that both have, and anyone who shares none is told.

use std::time::Duration;

use hearth_base::VideoCodec::{self, H264, Vp8};
use hearth_call::{Command, Input, PeerSnapshot, TransportPolicy};
use hearth_netsim::{LinkConfig, Loss};

use crate::LAN;
use crate::world::World;

const BOTH: &[VideoCodec] = &[H264, Vp8];

/// Everybody with these codecs, connected and for some seconds in the room.
fn meet(seed: u64, link: LinkConfig, people: &[&[VideoCodec]]) -> World {
    let mut world = World::new(seed, link);
    for codecs in people {
        let index = world.add_client_with(TransportPolicy::All, codecs);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "{people:?}: not connected");
    world.run(Duration::from_secs(4));
    world
}

fn peer(world: &World, of: usize, other: usize) -> PeerSnapshot {
    let nick = format!("client {other}");
    world.clients[of].call.snapshot().peers.into_iter().find(|peer| peer.nick == nick).expect("a peer")
}

/// What `of` gets of `other`, and in which codec: nothing, and says so, or pictures.
fn check(world: &World, of: usize, other: usize, expected: Option<VideoCodec>) {
    let got = world.clients[of].sink.got.get(&(other as u8)).expect("sound comes in any case");
    let snapshot = peer(world, of, other);
    assert_eq!(got.codec, expected, "{of} of {other}");
    assert_eq!(snapshot.connection.video_codec, expected, "{of} to {other}");
    assert_eq!(snapshot.connection.lacks_video_codec, expected.is_none(), "{of} of {other}");
    assert_eq!(got.frames.len() > 40, expected.is_some(), "{of} of {other}: {} frames", got.frames.len());
    assert!(got.sounds > 150, "{of} of {other}: {} sounds", got.sounds);
}

#[test]
fn two_people_take_the_best_that_both_have_whoever_offers() {
    let cases: [(&[VideoCodec], &[VideoCodec], Option<VideoCodec>); 7] = [
        (BOTH, BOTH, Some(H264)),
        (BOTH, &[Vp8], Some(Vp8)),
        (&[Vp8], BOTH, Some(Vp8)),
        (BOTH, &[H264], Some(H264)),
        (&[Vp8], &[Vp8], Some(Vp8)),
        (&[Vp8], &[H264], None),
        (&[H264], &[Vp8], None),
    ];
    for (seed, (first, second, expected)) in (950..).zip(cases) {
        let world = meet(seed, LAN, &[first, second]);
        check(&world, 0, 1, expected);
        check(&world, 1, 0, expected);
        for client in &world.clients {
            assert_eq!(client.source.codecs(), expected.into_iter().collect::<Vec<_>>(), "{first:?} and {second:?}");
        }
    }
}

#[test]
fn who_has_both_encodes_for_each_and_no_longer_than_there_is_somebody() {
    let mut world = meet(960, LAN, &[BOTH, &[H264], &[Vp8]]);
    assert_eq!(world.clients[0].source.codecs(), BOTH, "for one each");
    for (of, other, expected) in
        [(0, 1, Some(H264)), (1, 0, Some(H264)), (0, 2, Some(Vp8)), (2, 0, Some(Vp8)), (1, 2, None), (2, 1, None)]
    {
        check(&world, of, other, expected);
    }
    world.give(2, Input::Command(Command::Leave));
    world.run(Duration::from_secs(2));
    assert_eq!(world.clients[0].source.codecs(), [H264], "nobody takes VP8 any more");
    let seen = world.clients[1].sink.got[&0].frames.len();
    world.run(Duration::from_secs(2));
    assert!(world.clients[1].sink.got[&0].frames.len() > seen + 20, "who is left sees on");
}

#[test]
fn a_camera_that_comes_back_begins_with_a_key_frame_in_each_codec() {
    use hearth_base::{FrameKind, TrackSource};
    use hearth_call::Switch;
    let mut world = meet(961, LAN, &[BOTH, &[H264], &[Vp8]]);
    world.enable(0, TrackSource::Camera, Switch::Off);
    world.run(Duration::from_secs(1));
    let before: Vec<_> = [1, 2].map(|of| world.clients[of].sink.got[&0].frames.len()).into();
    [1, 2].into_iter().for_each(|of: usize| world.clients[of].sink.kinds.clear());
    // Only the first one's pictures are looked at: those two see nothing of each other.
    world.enable(0, TrackSource::Camera, Switch::On);
    world.run(Duration::from_secs(2));
    for (of, before) in [1, 2].into_iter().zip(before) {
        assert_eq!(world.clients[of].sink.kinds.first(), Some(&FrameKind::Key), "{of}");
        assert!(world.clients[of].sink.got[&0].frames.len() > before + 20, "{of}");
    }
}

#[test]
fn lost_packets_are_repaired_in_either_codec() {
    for (seed, codec) in (970..).zip(VideoCodec::ALL) {
        let link = LinkConfig {
            jitter: Duration::from_millis(30),
            loss: Loss::Independent(0.05),
            ..LinkConfig::delayed(Duration::from_millis(20))
        };
        let mut world = meet(seed, link, &[BOTH, &[codec]]);
        let from = world.clients[0].source.frames;
        world.run(Duration::from_secs(30));
        let to = world.clients[0].source.frames;
        world.run(Duration::from_secs(1));
        let got = world.clients[1].sink.got[&0].frames.iter().filter(|number| (from..to).contains(number)).count();
        let lost = 1.0 - got as f64 / f64::from(to - from);
        println!("{codec:?}: {:.2} % of frames lost at 5 %", lost * 100.0);
        assert!(lost <= 0.005, "{codec:?}: {lost} of frames lost");
    }
}
