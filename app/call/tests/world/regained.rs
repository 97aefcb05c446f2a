//! A network that comes while there is no connection, or when there is none any more.

use std::time::Duration;

use hearth_call::{Input, PeerPhase, TransportPolicy};

use crate::LAN;
use crate::world::World;

/// Two people and no relay; the server is reached by a way that is no address of theirs.
fn without_relay(seed: u64) -> World {
    let mut world = World::new(seed, LAN);
    world.stop_turn();
    for _ in 0..2 {
        world.add_client(TransportPolicy::All);
    }
    world
}

fn phase(world: &World, index: usize) -> PeerPhase {
    world.clients[index].call.snapshot().peers[0].connection.phase
}

#[test]
fn an_address_that_is_found_while_a_connection_is_built_belongs_to_it() {
    for (seed, who) in [(2_400, 0), (2_401, 1)] {
        let mut world = without_relay(seed);
        world.give(who, Input::Interfaces(Vec::new()));
        for index in 0..2 {
            world.enter(index);
        }
        world.run(Duration::from_secs(2));
        assert!(!world.all_connected(), "{who} has no address");
        let found = world.now;
        let address = world.clients[who].address;
        world.give(who, Input::Interfaces(vec![address.into()]));
        assert!(world.run_until(Duration::from_secs(15), World::all_connected), "{who}: {:?}", phase(&world, who));
        let took = world.now - found;
        println!("{who}: connected {took:?} after the address was found");
        assert!(took <= Duration::from_secs(1), "{who}: {took:?}");
    }
}

#[test]
fn an_address_that_is_found_after_ice_has_failed_ends_the_wait() {
    for (seed, who) in [(2_410, 0), (2_411, 1)] {
        let mut world = without_relay(seed);
        let (a, b) = (world.clients[0].node, world.clients[1].node);
        world.net.set_partition(a, b, true);
        for index in 0..2 {
            world.enter(index);
        }
        world.run(Duration::from_secs(40));
        let has_failed = |world: &World| (0..2).all(|index| phase(world, index) == PeerPhase::Failed);
        assert!(world.run_until(Duration::from_secs(60), has_failed), "{:?}", phase(&world, who));
        world.net.set_partition(a, b, false);
        let found = world.now;
        let address = world.clients[who].address;
        world.set_addresses(who, &[address, "10.0.8.8".parse().unwrap()]);
        assert!(world.run_until(Duration::from_secs(15), World::all_connected), "{who}: {:?}", phase(&world, who));
        let took = world.now - found;
        println!("{who}: connected {took:?} after the address was found");
        assert!(took <= Duration::from_secs(1), "{who}: {took:?}");
    }
}

#[test]
fn a_path_that_was_followed_is_shown_no_more_once_ice_has_failed() {
    let mut world = without_relay(2_420);
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(2));
    world.move_client(0, "10.0.8.8".parse().unwrap());
    world.run(Duration::from_secs(2));
    let pair = |world: &World| world.clients[1].call.snapshot().peers[0].connection.pair.clone();
    assert!(pair(&world).is_some_and(|pair| pair.remote.1.starts_with("10.0.8.8")), "{:?}", pair(&world));
    // Nobody can mend it.
    let (a, b) = (world.clients[0].node, world.clients[1].node);
    world.net.set_partition(a, b, true);
    world.bar_signal(0);
    world.cut_signal(0);
    let is_gone = |world: &World| {
        let peers = world.clients[1].call.snapshot().peers;
        peers.first().is_some_and(|peer| peer.connection.pair.is_none())
    };
    assert!(world.run_until(Duration::from_secs(29), is_gone), "what ICE has given up is shown");
    world.net.set_partition(a, b, false);
    world.admit_signal(0);
    assert!(world.run_until(Duration::from_secs(30), World::all_connected), "{:?}", phase(&world, 1));
}

#[test]
fn a_server_that_is_out_of_reach_is_not_dialled_at_each_change_of_the_network() {
    let mut world = without_relay(2_430);
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.stop_server();
    world.bar_signal(1); // of one of them alone
    let address = world.clients[0].address;
    world.run(Duration::from_secs(10));
    let before = world.dials;
    world.set_addresses(0, &[address, "10.0.9.1".parse().unwrap()]);
    world.run(Duration::from_millis(100));
    assert!(world.dials > before, "the first change is a reason to dial at once");
    let before = world.dials;
    for n in 0..200_u8 {
        world.set_addresses(0, &[address, std::net::IpAddr::from([10, 0, 8, n])]);
        world.run(Duration::from_millis(100));
    }
    let dials = world.dials - before;
    println!("{dials} in 20 s");
    assert!(dials <= 45, "{dials} in 20 s, by both");
}
