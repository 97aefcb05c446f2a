//! Tracks that come and go in mid-call, by renegotiation: nothing else of the call notices.

use std::time::Duration;

use hearth_base::{Layer, TrackId, TrackSource, VideoCodec};
use hearth_call::{Command, Input, TransportPolicy};

use crate::LAN;
use crate::media::{Source, VIDEO};
use crate::world::World;

/// The sender of a client's screen, as the sinks tell senders apart: cameras have the numbers of their clients.
fn screen_of(client: usize) -> u8 {
    100 + client as u8
}

/// Somebody's screen, on its way to everybody.
struct Shared {
    client: usize,
    track: TrackId,
    source: Source,
}

fn room(seed: u64, people: usize) -> World {
    let mut world = World::new(seed, LAN);
    for index in 0..people {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "not connected");
    world.run(Duration::from_secs(1));
    world
}

/// A screen has one layer, its own size.
const WHOLE: Layer = Layer(2);

fn share(world: &mut World, client: usize) -> Shared {
    world.give(client, Input::Command(Command::Publish(TrackSource::Screen)));
    let track = world.clients[client].call.snapshot().track(TrackSource::Screen).expect("published").id;
    let mut source = Source::new(screen_of(client), track, track, world.now);
    VideoCodec::ALL.into_iter().for_each(|codec| source.watch(WHOLE, codec, true));
    Shared { client, track, source }
}

fn stop(world: &mut World, shared: &Shared) {
    world.give(shared.client, Input::Command(Command::Unpublish(shared.track)));
}

/// Lets everybody send for a while, these screens as well. A key frame every second: nobody asks these sources.
fn run(world: &mut World, time: Duration, screens: &mut [Shared]) {
    let end = world.now + time;
    let mut number = 0;
    while world.now < end {
        for shared in &mut *screens {
            if number % 15 == 0 {
                VideoCodec::ALL.into_iter().for_each(|codec| shared.source.want_key_frame(WHOLE, codec));
            }
            for frame in shared.source.picture(world.now) {
                world.give(shared.client, Input::Frame(frame));
            }
        }
        number += 1;
        world.run(VIDEO);
    }
}

fn seen(world: &World, by: usize, of: usize) -> usize {
    world.clients[by].sink.got.get(&screen_of(of)).map_or(0, |got| got.frames.len())
}

/// What `by` knows of the screen of `of`: whether it is told of one, and whether there is a track.
fn knows(world: &World, by: usize, of: usize) -> (bool, bool) {
    let them = world.clients[of].call.snapshot().me;
    let peers = world.clients[by].call.snapshot().peers;
    let peer = peers.into_iter().find(|peer| Some(peer.id) == them).expect("in the room");
    (peer.media.screen, peer.tracks.iter().any(|(_, source)| *source == TrackSource::Screen))
}

/// Cameras go on all the while, and no connection was mended for it.
fn assert_undisturbed(world: &World) {
    for client in &world.clients {
        for peer in client.call.snapshot().peers {
            assert_eq!(
                (peer.connection.handshakes, peer.connection.restarts, peer.connection.counters.refused_signals),
                (1, 0, 0),
                "{:?}",
                peer.connection.phase
            );
        }
        for (source, got) in client.sink.got.iter().filter(|(source, _)| **source < 100) {
            let gap = got.frame_times.windows(2).find(|pair| pair[1] - pair[0] >= VIDEO * 3);
            let at = gap.map(|pair| (pair[0] - world.start, pair[1] - world.start));
            assert_eq!(at, None, "a gap in the camera of {source}");
        }
    }
}

#[test]
fn a_screen_is_seen_from_when_it_is_published_until_it_is_not() {
    for sharer in [0, 1] {
        let mut world = room(5100, 2);
        let viewer = 1 - sharer;
        for round in 1..=3 {
            // Its source counts from the beginning.
            world.clients[viewer].sink.got.remove(&screen_of(sharer));
            let mut screens = [share(&mut world, sharer)];
            run(&mut world, Duration::from_secs(3), &mut screens);
            let count = seen(&world, viewer, sharer);
            assert!(count > 30, "client {sharer}, round {round}: {count} frames");
            assert_eq!(knows(&world, viewer, sharer), (true, true));
            stop(&mut world, &screens[0]);
            world.run(Duration::from_secs(1));
            assert_eq!(knows(&world, viewer, sharer), (false, false), "client {sharer}, round {round}");
        }
        assert_undisturbed(&world);
    }
}

#[test]
fn two_who_publish_at_once_see_each_other() {
    for seed in 5200..5210 {
        let mut world = room(seed, 2);
        let mut screens = [share(&mut world, 0), share(&mut world, 1)];
        run(&mut world, Duration::from_secs(4), &mut screens);
        for (by, of) in [(0, 1), (1, 0)] {
            assert!(seen(&world, by, of) > 30, "seed {seed}: {} frames of {of}", seen(&world, by, of));
        }
        assert_undisturbed(&world);
    }
}

#[test]
fn who_comes_later_sees_the_screen_that_is_shared() {
    let mut world = room(5300, 2);
    let mut screens = [share(&mut world, 0), share(&mut world, 1)];
    run(&mut world, Duration::from_secs(1), &mut screens);
    let late = world.add_client(TransportPolicy::All);
    world.enter(late);
    run(&mut world, Duration::from_secs(5), &mut screens);
    for of in [0, 1] {
        assert!(seen(&world, late, of) > 30, "{} frames of {of}", seen(&world, late, of));
        assert_eq!(knows(&world, late, of), (true, true));
    }
}

#[test]
fn a_screen_that_is_published_while_a_connection_is_made_is_seen() {
    for (seed, sharer) in [(5400, 0), (5401, 1)] {
        let mut world = World::new(seed, LAN);
        for index in [0, 1] {
            world.add_client(TransportPolicy::All);
            world.enter(index);
        }
        world.run(Duration::from_millis(90)); // the offer is out
        let mut screens = [share(&mut world, sharer)];
        run(&mut world, Duration::from_secs(5), &mut screens);
        assert!(seen(&world, 1 - sharer, sharer) > 30, "{} frames", seen(&world, 1 - sharer, sharer));
        assert_undisturbed(&world);
    }
}

#[test]
fn a_screen_goes_on_over_a_restart() {
    let mut world = room(5500, 2);
    let mut screens = [share(&mut world, 1)];
    run(&mut world, Duration::from_secs(1), &mut screens);
    world.move_client(0, "10.0.7.7".parse().unwrap());
    run(&mut world, Duration::from_secs(8), &mut screens);
    let before = seen(&world, 0, 1);
    run(&mut world, Duration::from_secs(2), &mut screens);
    assert!(seen(&world, 0, 1) > before + 20, "{} frames after {before}", seen(&world, 0, 1));
}

#[test]
fn an_older_page_is_sent_no_screen_and_keeps_the_camera() {
    let mut world = World::new(5600, LAN);
    // The one who is there takes the other for an older page.
    world.tamper = Some(Box::new(|message| {
        if message["type"] == "peer_joined" || message["type"] == "peer_updated" {
            message["peer"]["kind"] = "legacy".into();
        }
    }));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "not connected");
    let mut screens = [share(&mut world, 0)];
    run(&mut world, Duration::from_secs(3), &mut screens);
    assert_eq!((seen(&world, 1, 0), knows(&world, 1, 0).1), (0, false));
    assert_undisturbed(&world);
}

#[test]
fn what_is_published_while_the_server_is_away_is_seen_when_it_is_back() {
    for (seed, sharer) in [(5700, 0), (5701, 1)] {
        let mut world = room(seed, 2);
        world.stop_server();
        let mut screens = [share(&mut world, sharer)];
        run(&mut world, Duration::from_secs(3), &mut screens);
        assert_eq!(seen(&world, 1 - sharer, sharer), 0, "nobody can be told");
        world.start_server();
        run(&mut world, Duration::from_secs(20), &mut screens);
        assert!(seen(&world, 1 - sharer, sharer) > 30, "{} frames", seen(&world, 1 - sharer, sharer));
        assert_undisturbed(&world);
    }
}

#[test]
fn an_offer_that_is_lost_with_its_session_is_made_again() {
    for (seed, sharer) in [(5800, 0), (5801, 1)] {
        let mut world = room(seed, 2);
        let mut screens = [share(&mut world, sharer)];
        world.stop_server(); // before the offer is with the other side
        run(&mut world, Duration::from_secs(2), &mut screens);
        world.start_server();
        run(&mut world, Duration::from_secs(30), &mut screens);
        assert!(seen(&world, 1 - sharer, sharer) > 30, "{} frames", seen(&world, 1 - sharer, sharer));
        assert_undisturbed(&world);
    }
}

#[test]
fn what_is_shared_can_be_changed_at_once_and_again_and_again() {
    let mut world = room(5900, 2);
    for round in 1..=10 {
        world.clients[1].sink.got.remove(&screen_of(0));
        let mut screens = [share(&mut world, 0)];
        run(&mut world, Duration::from_secs(2), &mut screens);
        assert!(seen(&world, 1, 0) > 10, "round {round}: {} frames", seen(&world, 1, 0));
        let tracks = &world.clients[1].call.snapshot().peers[0].tracks;
        let shown = tracks.iter().filter(|(_, source)| *source == TrackSource::Screen).count();
        assert_eq!(shown, 1, "round {round}: {tracks:?}");
        // The next one is published before this one's end is with the other side.
        stop(&mut world, &screens[0]);
    }
    assert_undisturbed(&world);
}

#[test]
fn two_can_share_in_turns_for_long() {
    let mut world = room(6000, 2);
    for round in 0..16 {
        let sharer = round % 2;
        world.clients[1 - sharer].sink.got.remove(&screen_of(sharer));
        let mut screens = [share(&mut world, sharer)];
        run(&mut world, Duration::from_secs(2), &mut screens);
        let count = seen(&world, 1 - sharer, sharer);
        assert!(count > 10, "round {round}: {count} frames");
        stop(&mut world, &screens[0]);
        world.run(Duration::from_secs(1));
        assert_eq!(knows(&world, 1 - sharer, sharer), (false, false), "round {round}");
    }
    assert_undisturbed(&world);
}
