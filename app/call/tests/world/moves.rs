//! Machines that change their addresses in mid-call, sleep and wake: media follows, make before break.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hearth_call::{AdapterType, Input, LocalAddress, PeerPhase, Route, TransportPolicy};
use hearth_netsim::{Filtering, LinkConfig, NatConfig};

use crate::LAN;
use crate::world::World;

/// One way of a path across a continent.
const FAR: LinkConfig = LinkConfig::delayed(Duration::from_millis(40));
/// Between two pictures, where nothing stops; a step of the simulation more.
const FRAME: Duration = Duration::from_millis(68);
const FIRST: &str = "10.0.0.1";
const SECOND: &str = "10.0.8.8";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn pair_on(seed: u64, link: LinkConfig, policies: [TransportPolicy; 2]) -> World {
    let mut world = World::new(seed, link);
    for (index, policy) in policies.into_iter().enumerate() {
        world.add_client(policy);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "seed {seed}: not connected");
    world.run(Duration::from_secs(2));
    world
}

/// The longest time without a picture since `since`, in either direction, up to now.
fn longest_gap(world: &World, since: Instant) -> Duration {
    let gaps = world.clients.iter().flat_map(|client| client.sink.got.values()).map(|got| {
        let before = got.frame_times.iter().rfind(|at| **at <= since).copied().unwrap_or(since);
        let after = got.frame_times.iter().copied().filter(|at| *at > since);
        let times: Vec<Instant> = [before].into_iter().chain(after).chain([world.now]).collect();
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default()
    });
    gaps.max().expect("both see each other")
}

fn check_kept(world: &World) {
    for client in &world.clients {
        let connection = &client.call.snapshot().peers[0].connection;
        assert_eq!((connection.handshakes, connection.restarts), (1, 0), "{:?}", connection.phase);
        assert!(connection.is_connected(), "{:?}", connection.phase);
    }
}

/// Runs for so long, and asserts at every step that nobody is shown as out of reach.
fn run_connected(world: &mut World, time: Duration) {
    let lost = world.run_until(time, |world| {
        let peers = |client: &crate::client::Client| client.call.snapshot().peers;
        !world.clients.iter().all(|client| peers(client).iter().all(|peer| peer.connection.is_connected()))
    });
    let phases: Vec<_> = world.clients.iter().flat_map(|client| client.call.snapshot().peers).collect();
    assert!(!lost, "somebody is shown as out of reach, and media never stopped for long: {phases:?}");
}

#[test]
fn an_address_lost_and_another_found_are_a_few_round_trips_without_media() {
    for (seed, who, link, limit) in [
        (2_200, 0, LAN, Duration::from_millis(160)),
        (2_201, 1, LAN, Duration::from_millis(160)),
        (2_202, 0, FAR, Duration::from_millis(320)),
        (2_203, 1, FAR, Duration::from_millis(320)),
    ] {
        let mut world = pair_on(seed, link, [TransportPolicy::All; 2]);
        // Not by the server's help: it is out of reach.
        world.bar_signal(who);
        let since = world.now;
        world.move_client(who, ip(SECOND));
        run_connected(&mut world, Duration::from_secs(5));
        let gap = longest_gap(&world, since);
        println!("seed {seed}: {gap:?} without a picture, {:?} one way", link.delay);
        assert!(gap <= limit, "seed {seed}: {gap:?} without a picture");
        check_kept(&world);
        let pair = world.clients[who].call.snapshot().peers[0].connection.pair.clone().expect("a pair");
        assert!(pair.local.1.starts_with(SECOND), "{pair:?}");
    }
}

#[test]
fn an_address_that_is_found_only_later_is_used_at_once() {
    let mut world = pair_on(2_210, FAR, [TransportPolicy::All; 2]);
    world.set_addresses(0, &[]);
    world.run(Duration::from_millis(1_200));
    let found = world.now;
    world.set_addresses(0, &[ip(SECOND)]);
    world.run(Duration::from_secs(5));
    let first = world.clients.iter().flat_map(|client| client.sink.got.values()).map(|got| {
        let after = got.frame_times.iter().find(|at| **at > found + FAR.delay);
        *after.expect("pictures") - found
    });
    let took = first.max().expect("both see each other");
    println!("media flows again {took:?} after the address was found");
    assert!(took <= Duration::from_millis(320), "{took:?}");
    check_kept(&world);
}

#[test]
fn the_same_address_that_is_back_in_a_moment_is_used_again() {
    let mut world = pair_on(2_211, LAN, [TransportPolicy::All; 2]);
    let since = world.now;
    // The kernel keeps what is bound to an address that goes.
    world.give(0, Input::Interfaces(Vec::new()));
    world.run(Duration::from_millis(500));
    world.give(0, Input::Interfaces(vec![ip(FIRST).into()]));
    run_connected(&mut world, Duration::from_secs(2));
    // By the relay and back again.
    let gap = longest_gap(&world, since);
    assert!(gap <= Duration::from_millis(100), "{gap:?}");
    check_kept(&world);
}

#[test]
fn a_better_address_that_appears_is_used_without_any_stop_and_a_worse_one_is_not() {
    for (seed, had, came, is_used) in [
        (2_220, AdapterType::Wifi, AdapterType::Ethernet, true),
        (2_221, AdapterType::Cellular, AdapterType::Wifi, true),
        (2_222, AdapterType::Ethernet, AdapterType::Wifi, false),
        (2_223, AdapterType::Ethernet, AdapterType::Vpn, false),
        (2_224, AdapterType::Ethernet, AdapterType::Ethernet, false),
    ] {
        for who in [0, 1] {
            let mut world = World::new(seed, LAN);
            let old = LocalAddress { address: ip(["10.0.0.1", "10.0.0.2"][who]), adapter: had };
            for index in 0..2 {
                world.add_client(TransportPolicy::All);
                if index == who {
                    world.give(index, Input::Interfaces(vec![old]));
                }
                world.enter(index);
            }
            assert!(world.run_until(Duration::from_secs(8), World::all_connected), "seed {seed}: not connected");
            world.run(Duration::from_secs(2));
            let since = world.now;
            world.set_local_addresses(who, &[old, LocalAddress { address: ip(SECOND), adapter: came }]);
            run_connected(&mut world, Duration::from_secs(5));
            let pair = world.clients[who].call.snapshot().peers[0].connection.pair.clone().expect("a pair");
            assert_eq!(pair.local.1.starts_with(SECOND), is_used, "seed {seed}, {who}: {pair:?}");
            let gap = longest_gap(&world, since);
            assert!(gap <= FRAME, "seed {seed}, {who}: {gap:?} without a picture");
            check_kept(&world);
        }
    }
}

#[test]
fn both_who_move_at_once_find_each_other_by_the_servers_help() {
    for seed in 2_230..2_234 {
        let mut world = pair_on(seed, LAN, [TransportPolicy::All; 2]);
        let since = world.now;
        world.move_client(0, ip(SECOND));
        world.move_client(1, ip("10.0.9.9"));
        world.run(Duration::from_secs(6));
        let gap = longest_gap(&world, since);
        println!("seed {seed}: {gap:?} without a picture while both moved");
        assert!(gap <= Duration::from_secs(1), "seed {seed}: {gap:?}");
        assert!(world.all_connected());
    }
}

#[test]
fn through_relays_alone_a_move_is_followed_without_the_servers_help() {
    for (seed, who) in [(2_240, 0), (2_241, 1)] {
        let mut world = pair_on(seed, LAN, [TransportPolicy::RelayOnly; 2]);
        world.bar_signal(who);
        let since = world.now;
        world.move_client(who, ip(SECOND));
        run_connected(&mut world, Duration::from_secs(5));
        let gap = longest_gap(&world, since);
        println!("seed {seed}: {gap:?} without a picture, through relays");
        assert!(gap <= Duration::from_millis(400), "seed {seed}: {gap:?}");
        check_kept(&world);
    }
}

#[test]
fn a_router_that_gives_another_port_is_followed() {
    for filtering in [Filtering::EndpointIndependent, Filtering::AddressAndPortDependent] {
        for behind in [0, 1] {
            let mut world = World::new(2_250, LAN);
            for index in 0..2 {
                if index == behind {
                    world.add_client_behind_nat(filtering, Duration::from_secs(120));
                } else {
                    world.add_client(TransportPolicy::All);
                }
            }
            for index in 0..2 {
                world.enter(index);
            }
            assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
            world.run(Duration::from_secs(2));
            let since = world.now;
            let inside = world.clients[behind].address;
            world.net.restart_nat(inside);
            run_connected(&mut world, Duration::from_secs(5));
            let gap = longest_gap(&world, since);
            println!("{filtering:?}, {behind}: {gap:?} without a picture after the router started again");
            assert!(gap <= Duration::from_millis(700), "{filtering:?}, {behind}: {gap:?}");
            check_kept(&world);
        }
    }
}

#[test]
fn an_address_that_comes_and_goes_all_the_time_does_not_make_media_follow_each_time() {
    let mut world = pair_on(2_260, LAN, [TransportPolicy::All; 2]);
    let old = LocalAddress { address: ip(FIRST), adapter: AdapterType::Wifi };
    let new = LocalAddress { address: ip(SECOND), adapter: AdapterType::Ethernet };
    world.give(0, Input::Interfaces(vec![old]));
    let before = world.turn.stats().allocated;
    let mut pairs = Vec::new();
    for turn in 0..200 {
        let addresses: &[LocalAddress] = if turn % 2 == 0 { &[old, new] } else { &[old] };
        world.set_local_addresses(0, addresses);
        run_connected(&mut world, Duration::from_millis(100));
        pairs.push(world.clients[0].call.snapshot().peers[0].connection.pair.clone());
    }
    pairs.dedup();
    println!("{} paths in 20 s", pairs.len());
    let asked = world.turn.stats().allocated - before;
    // Three at once and one each five seconds; and the other one's, which has no room for so many addresses.
    assert!(asked <= 10, "{asked} allocations in 20 s");
    check_kept(&world);
}

#[test]
fn whoever_wakes_on_another_network_is_back_at_once_and_nobody_has_left() {
    for (slept, who) in [(10, 0), (10, 1), (60, 0), (60, 1)] {
        let mut world = pair_on(2_270 + slept, LAN, [TransportPolicy::All; 2]);
        // It does nothing, and hears nothing.
        world.clients[who].held = Some(Vec::new());
        world.clients[who].asleep = true;
        let node = world.clients[who].node;
        let awake = world.clients[1 - who].node;
        world.net.set_partition(node, awake, true);
        world.run(Duration::from_secs(slept));
        world.net.set_partition(node, awake, false);
        world.clients[who].asleep = false;
        world.clients[who].held = None;
        let since = world.now;
        world.give(who, Input::Woke);
        world.move_client(who, ip(SECOND));
        let is_back = |world: &World| {
            let sees = |client: &crate::client::Client| {
                client.sink.got.values().all(|got| got.frame_times.last().is_some_and(|at| *at > since))
            };
            world.all_connected() && world.clients.iter().all(sees)
        };
        assert!(world.run_until(Duration::from_secs(10), is_back), "slept {slept} s: not back");
        println!("slept {slept} s: back after {:?}", world.now - since);
        assert!(world.now - since <= Duration::from_secs(3), "slept {slept} s: {:?}", world.now - since);
        assert!(world.clients.iter().all(|client| client.call.snapshot().peers.len() == 1), "nobody has left");
    }
}

#[test]
fn a_short_sleep_on_the_same_network_resets_what_was_measured_and_nothing_else() {
    let mut world = World::new(2_280, LAN);
    for index in 0..2 {
        world.add_client(TransportPolicy::All);
        world.clients[index].obeys = true;
        world.enter(index);
    }
    world.run(Duration::from_secs(30));
    let estimate = |world: &World| world.clients[0].call.snapshot().peers[0].connection.estimate;
    let before = estimate(&world);
    world.give(0, Input::Woke);
    world.run(Duration::from_millis(200));
    assert!(estimate(&world) < before, "{} after {before}", estimate(&world));
    run_connected(&mut world, Duration::from_secs(5));
    check_kept(&world);
}

#[test]
fn a_relay_lost_in_mid_call_is_left_for_the_direct_way() {
    let mut world = World::new(2_290, LAN);
    for _ in 0..2 {
        world.add_client(TransportPolicy::All);
    }
    let (a, b) = (world.clients[0].node, world.clients[1].node);
    world.net.set_partition(a, b, true);
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    let phase = |world: &World| world.clients[0].call.snapshot().peers[0].connection.phase;
    assert_eq!(phase(&world), PeerPhase::Connected(Route::Relayed));
    world.run(Duration::from_secs(2));
    world.net.set_partition(a, b, false);
    let since = world.now;
    world.stop_turn();
    run_connected(&mut world, Duration::from_secs(5));
    let gap = longest_gap(&world, since);
    println!("{gap:?} without a picture after the relay was lost");
    assert!(gap <= Duration::from_secs(1), "{gap:?}");
    assert_eq!(phase(&world), PeerPhase::Connected(Route::Direct));
    check_kept(&world);
}

#[test]
fn a_network_without_udp_that_somebody_moves_to_is_left_by_tcp() {
    for who in [0, 1] {
        let mut world = World::new(2_300, LAN);
        world.add_streams();
        for index in 0..2 {
            world.add_client(TransportPolicy::All);
            world.clients[index].has_streams = true;
            world.enter(index);
        }
        assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
        world.run(Duration::from_secs(2));
        let since = world.now;
        world.block_udp(who);
        world.move_client(who, ip(SECOND));
        world.run(Duration::from_secs(12));
        let gap = longest_gap(&world, since);
        println!("{who}: {gap:?} without a picture after the move to a network without UDP");
        assert!(gap <= Duration::from_secs(5), "{who}: {gap:?}");
        let connection = world.clients[who].call.snapshot().peers[0].connection.clone();
        assert_eq!(connection.phase, PeerPhase::Connected(Route::Relayed), "{:?}", connection.pair);
        assert_eq!(connection.handshakes, 1, "the connection was kept");
    }
}

#[test]
fn on_ipv6_alone_two_meet_and_a_move_is_followed() {
    let mut world = World::new(2_310, LAN);
    for (index, address) in ["fd00::1", "fd00::2"].into_iter().enumerate() {
        world.add_client(TransportPolicy::All);
        world.set_addresses(index, &[ip(address)]);
    }
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(2));
    let since = world.now;
    world.bar_signal(0);
    world.move_client(0, ip("fd00:8::8"));
    run_connected(&mut world, Duration::from_secs(3));
    let gap = longest_gap(&world, since);
    println!("{gap:?} without a picture, on IPv6 alone");
    assert!(gap <= Duration::from_millis(160), "{gap:?}");
    let pair = world.clients[0].call.snapshot().peers[0].connection.pair.clone().expect("a pair");
    assert!(pair.local.1.starts_with("fd00:8::8") && pair.remote.1.starts_with("fd00::2"), "{pair:?}");
    check_kept(&world);
}

/// One moves again and again; whether media was direct, and with the newest address, before each further move.
fn move_on(world: &mut World, times: u8, each: Duration, place: impl Fn(&mut World, u8) -> IpAddr) {
    for n in 0..times {
        let outside = place(world, n);
        let follows = |world: &World| {
            let peers = world.clients[1].call.snapshot().peers;
            peers[0].connection.pair.as_ref().is_some_and(|pair| pair.remote.1.starts_with(&format!("{outside} ")))
        };
        let followed = world.run_until(each, follows);
        let pair = world.clients[1].call.snapshot().peers[0].connection.pair.clone();
        assert!(followed, "move {n} to {outside} is not followed: {pair:?}");
        run_connected(world, each);
    }
    check_kept(world);
}

#[test]
fn a_hundred_moves_are_followed_within_one_generation() {
    let mut world = pair_on(2_320, LAN, [TransportPolicy::All; 2]);
    move_on(&mut world, 100, Duration::from_millis(1_500), |world, n| {
        let address = IpAddr::from([10, 0, 8, n]);
        world.move_client(0, address);
        address
    });
}

#[test]
fn moves_between_routers_that_let_nobody_in_who_is_not_known_are_followed_directly() {
    let config = NatConfig::endpoint_independent(Filtering::AddressAndPortDependent, Duration::from_secs(120));
    let mut world = World::new(2_321, LAN);
    for _ in 0..2 {
        world.add_client_behind(config);
    }
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(8), World::all_connected), "not connected");
    world.run(Duration::from_secs(2));
    move_on(&mut world, 20, Duration::from_millis(2_500), |world, n| {
        let (inside, outside) = (IpAddr::from([192, 168, 50 + n, 2]), IpAddr::from([10, 9, 1, n]));
        world.move_behind(0, inside, outside, config);
        outside
    });
}

#[test]
fn through_relays_alone_a_hundred_moves_are_followed() {
    let mut world = pair_on(2_322, LAN, [TransportPolicy::RelayOnly; 2]);
    for n in 0..100 {
        let since = world.now;
        world.move_client(0, IpAddr::from([10, 0, 8, n]));
        run_connected(&mut world, Duration::from_millis(5_500));
        let gap = longest_gap(&world, since);
        assert!(gap <= Duration::from_millis(400), "move {n}: {gap:?} without a picture");
    }
    check_kept(&world);
}

#[test]
fn each_pair_that_media_went_by_has_its_own_counts() {
    let mut world = pair_on(2_330, LAN, [TransportPolicy::All; 2]);
    let counted = |world: &mut World| {
        let now = world.now;
        world.clients[1].call.stats(now).remove(0).connections.remove(0)
    };
    let before = counted(&mut world);
    let since = world.now;
    world.move_client(0, ip(SECOND));
    world.run(Duration::from_secs(5));
    assert!(longest_gap(&world, since) <= Duration::from_millis(160));
    let after = counted(&mut world);
    let remote = |place: usize| after.pairs[place].candidates.remote.1.as_str();
    let oldest = after.pairs.len() - 1;
    assert!(remote(0).starts_with(SECOND) && remote(oldest).starts_with("10.0.0.1 "), "{:?}", after.pairs);
    let selected: Vec<bool> = after.pairs.iter().map(|pair| pair.is_selected).collect();
    assert_eq!(selected.iter().filter(|is_selected| **is_selected).count(), 1);
    assert!(selected[0] && after.pairs[0].packets_received > 300 && after.pairs[0].responses_received > 5);
    // What came by the old one while media went over is all that it has more than before.
    let grown = after.pairs[oldest].packets_received - before.pairs[0].packets_received;
    assert!(grown < 30, "{grown} packets more on a pair that was left");
    let changes = |of: &hearth_call::ConnectionStats| of.transport.selected_candidate_pair_changes as usize;
    assert_eq!(changes(&after) - changes(&before), oldest, "{:?}", after.pairs);
}
