//! A path that changes under a call: what was learnt of the old one does not hold the new one down.

use std::net::IpAddr;
use std::time::Duration;

use hearth_base::Bitrate;
use hearth_call::TransportPolicy;
use hearth_netsim::LinkConfig;

use crate::LAN;
use crate::world::World;

/// What a clean path is thought to bear at least after a while.
const FULL: Bitrate = Bitrate::from_kbps(2_500);
/// What any path is thought to bear at first, and some growth.
const FIRST: Bitrate = Bitrate::from_kbps(1_300);

/// Two people who have learnt what their path bears, with encoders that fill it: what is not sent proves nothing.
fn settled(seed: u64) -> World {
    let mut world = World::new(seed, LAN);
    for index in 0..2 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "seed {seed}: not connected");
    world.run(Duration::from_secs(30));
    assert!(estimate(&world) >= FULL, "seed {seed}: {}", estimate(&world));
    world
}

/// What the first thinks that the path to the second bears.
fn estimate(world: &World) -> Bitrate {
    world.clients[0].call.snapshot().peers[0].connection.estimate
}

#[test]
fn a_path_that_became_longer_without_loss_bears_what_it_did() {
    let mut world = settled(2_100);
    world.net.set_default_link(LinkConfig::delayed(Duration::from_millis(100)));
    world.run(Duration::from_secs(60));
    assert!(estimate(&world) >= FULL, "200 ms of round trip, and no queue: {}", estimate(&world));
    // And it is still seen when that path, too, becomes longer and short again.
    world.net.set_default_link(LAN);
    world.run(Duration::from_secs(20));
    assert!(estimate(&world) >= FULL, "{}", estimate(&world));
}

#[test]
fn a_route_to_another_address_is_estimated_from_the_start() {
    let mut world = settled(2_101);
    world.move_client(1, IpAddr::from([10, 0, 9, 9]));
    let moved = |world: &World| {
        let snapshot = world.clients[0].call.snapshot();
        snapshot.peers[0].connection.pair.as_ref().is_some_and(|pair| pair.remote.1.starts_with("10.0.9.9"))
    };
    assert!(world.run_until(Duration::from_secs(10), moved), "the new path is not in use");
    // The next check of the path tells of it.
    assert!(world.run_until(Duration::from_secs(1), |world| estimate(world) < FULL), "the old one's is kept");
    let first = estimate(&world);
    assert!((Bitrate::from_kbps(900)..FIRST).contains(&first), "{first:?}: neither kept nor broken down");
    world.run(Duration::from_secs(30));
    assert!(estimate(&world) >= FULL, "{}", estimate(&world));
}
