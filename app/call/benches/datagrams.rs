//! What a datagram costs from the socket to `rtc` and up to the frame: real calls, in virtual time, under a real clock.
//!
//! `cargo bench -p hearth-call`. One call of a room is measured while everybody sends video and audio; the figures are
//! means of 10,000 datagrams, the least of some rounds. They should not grow with the room. Datagrams are given to the
//! call in batches, those of each socket together, as sockets give them: nothing else of the world is done between two
//! of them, so that what is measured is the call and not whose memory is in the cache.

#![expect(dead_code, unreachable_pub, reason = "the world is that of the tests, and used in part")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "as in the tests"
)]

#[path = "../tests/world/client.rs"]
mod client;
#[path = "../tests/world/hellos.rs"]
mod hellos;
#[path = "../tests/world/looks.rs"]
mod looks;
#[path = "../tests/world/media.rs"]
mod media;
#[path = "../tests/world/servers.rs"]
mod servers;
#[path = "../tests/world/ways.rs"]
mod ways;
#[path = "../tests/world/world.rs"]
mod world;

use std::time::{Duration, Instant};

use hearth_call::{Input, SocketId, TransportPolicy};
use hearth_netsim::LinkConfig;

use world::World;

/// Sizes of the rest of the room.
const PEERS: [usize; 3] = [2, 8, 12];
const DATAGRAMS: u32 = 10_000;
/// Virtual time between two batches: the first datagram of each socket finds nothing of its connection in the cache,
/// and takes three times as long as the others; among so many that matters little.
const BATCH: Duration = Duration::from_millis(700);
const ROUNDS: u64 = 5;
const LAN: LinkConfig = LinkConfig::delayed(Duration::from_millis(5));

/// Nanoseconds of a datagram: in `Call::handle`, and in asking for the next time.
fn measure(seed: u64, peers: usize) -> (f64, f64) {
    let mut world = World::new(seed, LAN);
    for index in 0..=peers {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    assert!(world.run_until(Duration::from_secs(20), World::all_connected), "not connected");
    world.run(Duration::from_secs(2));
    world.clients[0].held = Some(Vec::new());
    let (mut datagrams, mut handling, mut asking) = (0, Duration::ZERO, Duration::ZERO);
    while datagrams < DATAGRAMS {
        world.run(BATCH);
        let mut batch = world.clients[0].held.replace(Vec::new()).unwrap();
        batch.sort_by_key(socket);
        for input in batch {
            let call = &mut world.clients[0].call;
            let begun = real_time();
            call.handle(input, world.now);
            let handled = real_time();
            call.poll_timeout();
            asking += real_time() - handled;
            handling += handled - begun;
            datagrams += 1;
            world.drain_client(0);
        }
    }
    assert!(world.all_connected(), "lost somebody meanwhile");
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(datagrams);
    (each(handling), each(asking))
}

fn socket(input: &Input) -> Option<SocketId> {
    if let Input::Datagram { socket, .. } = input { Some(*socket) } else { None }
}

#[expect(clippy::disallowed_methods, reason = "what a benchmark measures is real")]
fn real_time() -> Instant {
    Instant::now()
}

fn main() {
    for peers in PEERS {
        let rounds: Vec<_> = (0..ROUNDS).map(|round| measure(9000 + round, peers)).collect();
        let least = |of: fn(&(f64, f64)) -> f64| rounds.iter().map(of).fold(f64::INFINITY, f64::min);
        let (handling, asking) = (least(|round| round.0), least(|round| round.1));
        println!("{peers} peers: {handling:.0} ns a datagram in Call::handle, {asking:.0} ns to ask for the next time");
    }
}
