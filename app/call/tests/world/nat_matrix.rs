//! Every kind of router with every other: all connect, and directly wherever a hole can be punched (RFC 8445 over the
//! behaviours of RFC 4787, section 5 of RFC 5128).
//!
//! A hole is punched where each side's check comes to a mapping that lets it in. Each is told the other's address as
//! the STUN server sees it. Behind a router whose mappings are the same to all, this is where its checks come from, and
//! the other's filter, whatever it is, has been opened by a check of its own. Behind a symmetric one they come from
//! another port, which nobody was told: only a filter that does not look at the port lets them in.

use std::time::Duration;

use hearth_call::{PeerPhase, Route, TransportPolicy};
use hearth_netsim::{Filtering, Mapping, NatConfig, Ports};

use crate::LAN;
use crate::world::World;

const LIFETIME: Duration = Duration::from_secs(120);

/// What is before a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Nat(NatConfig),
    /// Something that lets no UDP through.
    Wall,
}

const fn nat(mapping: Mapping, filtering: Filtering, ports: Ports) -> Before {
    Before::Nat(NatConfig { mapping, filtering, ports, lifetime: LIFETIME })
}

const FULL_CONE: Before = nat(Mapping::EndpointIndependent, Filtering::EndpointIndependent, Ports::Random);
const RESTRICTED: Before = nat(Mapping::EndpointIndependent, Filtering::AddressDependent, Ports::Random);
const PORT_RESTRICTED: Before = nat(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, Ports::Random);
/// As Linux does it: while no two share a port inside, its mappings look the same to all.
const SYMMETRIC_PRESERVING: Before =
    nat(Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent, Ports::Preserved);
const SYMMETRIC: Before = nat(Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent, Ports::Random);

const ALL: [Before; 7] =
    [Before::Nothing, FULL_CONE, RESTRICTED, PORT_RESTRICTED, SYMMETRIC_PRESERVING, SYMMETRIC, Before::Wall];

/// By row and column of [`ALL`]: `d` directly, `r` by the relay.
const EXPECTED: [&str; 7] = [
    "ddddddr", // nothing
    "ddddddr", // full cone
    "ddddddr", // restricted
    "dddddrr", // port-restricted
    "dddddrr", // symmetric, ports preserved
    "dddrrrr", // symmetric
    "rrrrrrr", // no UDP
];

fn meet(seed: u64, sides: [Before; 2]) -> World {
    let mut world = World::new(seed, LAN);
    world.add_streams();
    for before in sides {
        let index = match before {
            Before::Nothing | Before::Wall => world.add_client(TransportPolicy::All),
            Before::Nat(config) => world.add_client_behind(config),
        };
        world.clients[index].has_streams = true;
    }
    for (index, before) in sides.into_iter().enumerate() {
        if before == Before::Wall {
            world.block_udp(index);
        }
    }
    for index in 0..2 {
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(10), World::all_connected), "seed {seed}, {sides:?}: not connected");
    world.run(Duration::from_millis(1_500));
    world
}

/// One row, against itself and all that follow.
fn check(row: usize) {
    for column in row..ALL.len() {
        let sides = [ALL[row], ALL[column]];
        assert_eq!(EXPECTED[row].as_bytes()[column], EXPECTED[column].as_bytes()[row], "the table is symmetric");
        let expected = match EXPECTED[row].as_bytes()[column] {
            b'd' => Route::Direct,
            _ => Route::Relayed,
        };
        let world = meet(3_000 + (row * 10 + column) as u64, sides);
        for client in &world.clients {
            let connection = &client.call.snapshot().peers[0].connection;
            assert_eq!(connection.phase, PeerPhase::Connected(expected), "{sides:?}: {:?}", connection.pair);
            assert_eq!((connection.handshakes, connection.restarts), (1, 0), "{sides:?}");
            assert!(client.sink.got.values().all(|got| got.frames.len() > 10), "{sides:?}");
        }
    }
}

#[test]
fn with_nothing_before_one_side() {
    check(0);
}

#[test]
fn behind_a_full_cone() {
    check(1);
}

#[test]
fn behind_a_restricted_cone() {
    check(2);
}

#[test]
fn behind_a_port_restricted_cone() {
    check(3);
}

#[test]
fn behind_a_symmetric_router_that_preserves_ports() {
    check(4);
}

#[test]
fn behind_a_symmetric_router() {
    check(5);
}

#[test]
fn behind_a_wall_on_both_sides() {
    check(6);
}
