//! What a datagram costs from the socket to `rtc` and up to the frame: real calls, in virtual time, under a real clock.
//!
//! `cargo bench -p hearth-call`. One call of a room is measured while everybody sends pictures and sound; the figures
//! are the means of 10,000 datagrams, the least of some rounds. They should not grow with the room.

#![allow(dead_code, unreachable_pub, reason = "the world is that of the tests, and used in part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "as in the tests"
)]

#[path = "../tests/world/client.rs"]
mod client;
#[path = "../tests/world/hellos.rs"]
mod hellos;
#[path = "../tests/world/media.rs"]
mod media;
#[path = "../tests/world/servers.rs"]
mod servers;
#[path = "../tests/world/ways.rs"]
mod ways;
#[path = "../tests/world/world.rs"]
mod world;

use std::time::Duration;

use hearth_call::TransportPolicy;
use hearth_netsim::LinkConfig;

use client::Meter;
use world::World;

/// Sizes of the rest of the room.
const PEERS: [usize; 3] = [2, 8, 12];
const DATAGRAMS: u32 = 10_000;
const ROUNDS: u64 = 5;
const LAN: LinkConfig = LinkConfig::delayed(Duration::from_millis(5));

/// Nanoseconds of a datagram: in `Call::handle`, and in asking for what is to be done.
fn measure(seed: u64, peers: usize) -> (f64, f64) {
    let mut world = World::new(seed, LAN);
    for index in 0..=peers {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(20), World::all_connected), "not connected");
    world.run(Duration::from_secs(2));
    world.clients[0].meter = Some(Meter::default());
    let is_done = |world: &World| world.clients[0].meter.is_some_and(|meter| meter.datagrams >= DATAGRAMS);
    assert!(world.run_until(Duration::from_secs(600), is_done), "too few datagrams");
    let meter = world.clients[0].meter.unwrap();
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(meter.datagrams);
    (each(meter.handling), each(meter.asking))
}

fn main() {
    for peers in PEERS {
        let rounds: Vec<_> = (0..ROUNDS).map(|round| measure(9000 + round, peers)).collect();
        let least = |of: fn(&(f64, f64)) -> f64| rounds.iter().map(of).fold(f64::INFINITY, f64::min);
        let (handling, asking) = (least(|round| round.0), least(|round| round.1));
        println!(
            "{peers} peers: {handling:.0} ns a datagram in Call::handle, {asking:.0} ns to ask what is to be done"
        );
    }
}
