//! Whole calls in virtual time: N real calls, the real signalling core and the real TURN core over simulated links.
//!
//! Every test prints its seeds on failure; one seed gives one history.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and prints what it did"
)]
#![expect(unreachable_pub, reason = "the modules of one test binary")]

mod bad_input;
mod bottlenecks;
mod client;
mod clocks;
mod codecs;
mod counts;
mod descriptions;
mod hammer;
mod hellos;
mod layers;
mod looks;
mod losses;
mod media;
mod moves;
mod nat_matrix;
mod nats;
mod pairs;
mod passwords;
mod publications;
mod raw;
mod regained;
mod relays;
mod restart;
mod routes;
mod screens;
mod script;
mod servers;
mod sharing;
mod talk;
mod ways;
mod world;

use std::net::IpAddr;
use std::time::Duration;

use hearth_base::{FrameKind, TrackSource};
use hearth_call::{Input, PeerPhase, Route, Switch, TransportPolicy};
use hearth_netsim::LinkConfig;

use world::World;

/// Whether this is the long run.
fn soaking() -> bool {
    std::env::var_os("HEARTH_SOAK").is_some()
}

const LAN: LinkConfig = LinkConfig::delayed(Duration::from_millis(5));

#[test]
fn two_people_meet_see_and_hear_each_other() {
    let mut world = World::new(1, LAN);
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    world.run(Duration::from_secs(5));
    for (client, other) in [(0, 1), (1, 0)] {
        let got = world.clients[client].sink.got.get(&other).expect("media came");
        assert!(got.frames.len() > 70, "{} frames", got.frames.len());
        assert!(got.sounds > 240, "{} sounds", got.sounds);
    }
}

#[test]
fn relay_only_goes_through_the_relay_at_both_ends() {
    let mut world = World::new(2, LAN);
    for index in [0, 1] {
        world.add_client(TransportPolicy::RelayOnly);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(3));
    for client in &world.clients {
        let peer = &client.call.snapshot().peers[0];
        assert_eq!(peer.connection.phase, PeerPhase::Connected(Route::Relayed));
        let pair = peer.connection.pair.clone().expect("a pair");
        assert_eq!((pair.local.0.as_str(), pair.remote.0.as_str()), ("relay", "relay"));
        assert!(client.sink.got.values().all(|got| got.frames.len() > 30));
    }
}

#[test]
fn a_quiet_call_does_not_spin() {
    let mut world = World::new(3, LAN);
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    let before = world.steps;
    world.run(Duration::from_secs(10));
    // 65 frames and 50 sounds a second and direction make a few hundred events; a timer in the past makes thousands.
    let per_second = (world.steps - before) / 10;
    println!("{per_second} events a virtual second");
    assert!(per_second < 1000, "{per_second} events a second");
}

/// Two people in a call.
fn pair(seed: u64) -> World {
    let mut world = World::new(seed, LAN);
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    world.run(Duration::from_secs(1));
    world
}

#[test]
fn a_camera_that_comes_back_begins_with_a_key_frame() {
    let mut world = pair(4);
    world.enable(0, TrackSource::Camera, Switch::Off);
    world.run(Duration::from_secs(2));
    let seen = world.clients[1].sink.got[&0].frames.len();
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients[1].sink.got[&0].frames.len(), seen, "a camera that is off is not seen");
    world.clients[1].sink.kinds.clear();
    world.enable(0, TrackSource::Camera, Switch::On);
    world.run(Duration::from_secs(2));
    assert_eq!(world.clients[1].sink.kinds.first(), Some(&FrameKind::Key));
    assert!(world.clients[1].sink.got[&0].frames.len() > seen + 20);
}

#[test]
fn an_address_more_restarts_nothing() {
    let mut world = pair(5);
    let addresses = vec![world.clients[0].address.into(), "10.0.9.9".parse::<IpAddr>().unwrap().into()];
    world.give(0, Input::Interfaces(addresses));
    world.run(Duration::from_secs(2));
    for client in &world.clients {
        let peer = &client.call.snapshot().peers[0];
        assert_eq!((peer.connection.handshakes, peer.connection.restarts), (1, 0), "{:?}", peer.connection.phase);
    }
}
