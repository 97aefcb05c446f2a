//! Calls through a relay that is killed, comes back, and has no room for ever.

use std::net::IpAddr;
use std::time::Duration;

use hearth_call::{Command, Input, PeerPhase, Route, TransportPolicy};

use crate::LAN;
use crate::world::World;

/// Two people whose media goes through the relay alone.
fn relayed(seed: u64) -> World {
    let mut world = World::new(seed, LAN);
    for index in [0, 1] {
        world.add_client(TransportPolicy::RelayOnly);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(1));
    world
}

fn pictures(world: &World) -> usize {
    world.clients.iter().flat_map(|client| client.sink.got.values()).map(|got| got.frames.len()).sum()
}

/// How long it takes until media flows again.
fn mended(world: &mut World, limit: Duration) -> Duration {
    let begun = world.elapsed();
    world.run(Duration::from_secs(3)); // the silence has to be noticed first
    let seen = pictures(world);
    let flows = |world: &World| world.all_connected() && pictures(world) > seen + 20;
    assert!(world.run_until(limit, flows), "seed {}: not mended in {limit:?}", world.seed);
    world.elapsed() - begun
}

#[test]
fn a_relay_that_is_killed_and_started_again_is_asked_anew() {
    for seed in 40..45 {
        let mut world = relayed(seed);
        world.run(Duration::from_secs(15));
        world.stop_turn();
        world.start_turn();
        let took = mended(&mut world, Duration::from_secs(12));
        println!("media flows again {took:?} after the relay was killed");
        for client in &world.clients {
            let peer = &client.call.snapshot().peers[0];
            assert_eq!(peer.connection.phase, PeerPhase::Connected(Route::Relayed));
            assert_eq!(peer.connection.handshakes, 1, "the connection was kept");
        }
    }
}

#[test]
fn a_relay_that_is_away_for_a_while_is_found_again() {
    for away in [3, 10, 30] {
        let mut world = relayed(50 + away);
        world.stop_turn();
        world.run(Duration::from_secs(away));
        world.start_turn();
        let took = mended(&mut world, Duration::from_secs(40));
        println!("away for {away} s: media flows again {took:?} after it came back");
    }
}

#[test]
fn who_leaves_at_any_moment_leaves_no_allocation_behind() {
    for ms in (0..400).step_by(5) {
        let mut world = World::new(60, LAN);
        for index in [0, 1] {
            world.add_client(TransportPolicy::RelayOnly);
            world.enter(index);
        }
        world.run(Duration::from_millis(ms));
        for index in [0, 1] {
            world.give(index, Input::Command(Command::Leave));
        }
        world.run(Duration::from_secs(2));
        assert_eq!(world.turn.stats().allocations, 0, "left after {ms} ms");
    }
}

/// Each move brings further addresses, which one allocation is to let in.
#[test]
fn forty_moves_of_the_other_side_use_no_relay_up() {
    let mut world = World::new(70, LAN);
    world.add_client(TransportPolicy::RelayOnly);
    world.add_client(TransportPolicy::All);
    for index in [0, 1] {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    for number in 1..=40 {
        world.move_client(1, IpAddr::from([10, 0, 2, number]));
        mended(&mut world, Duration::from_secs(20));
    }
    // Two to begin with, and then as often as the pace of replacing them allows.
    let allocated = world.turn.stats().allocated;
    assert!((20..=50).contains(&allocated), "{:?}", world.turn.stats());
}
