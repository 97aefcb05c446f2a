//! Two people on a lossy path: nobody may be left without a connection.
//!
//! Without the repeater of DTLS flights 5 of 400 pairs never connect at 1 % loss, and 111 at 20 %.

use std::time::Duration;

use hearth_call::TransportPolicy;
use hearth_netsim::{LinkConfig, Loss};

use crate::hellos::Cutter;
use crate::world::World;

/// How hellos go out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hellos {
    Whole,
    /// As Firefox cuts them.
    Cut,
}

/// How long a pair may take: less than the watchdog, which rebuilds a connection that hangs and would hide a lost
/// flight.
const PATIENCE: Duration = Duration::from_secs(6);

/// Connects `count` pairs at a loss, and says how long each took; `None` never did.
fn connect(count: u64, loss: f64, hellos: Hellos) -> Vec<Option<Duration>> {
    let pair = |seed| {
        let link = LinkConfig { loss: Loss::Independent(loss), ..LinkConfig::delayed(Duration::from_millis(20)) };
        let mut world = World::new(seed, link);
        for index in [0, 1] {
            world.add_client(TransportPolicy::All);
            world.clients[index].cutter = (hellos == Hellos::Cut).then(Cutter::default);
            world.enter(index);
        }
        let begun = world.elapsed();
        let done = world.run_until(PATIENCE, World::all_connected);
        done.then(|| world.elapsed() - begun)
    };
    (0..count).map(|n| pair(n * 1000 + (loss * 100.0) as u64)).collect()
}

fn check(loss: f64, hellos: Hellos) {
    let count = match hellos {
        _ if crate::soaking() => 1000,
        Hellos::Whole => 250,
        Hellos::Cut => 100,
    };
    let times = connect(count, loss, hellos);
    let mut connected: Vec<_> = times.iter().flatten().copied().collect();
    connected.sort();
    let dead: Vec<_> = times.iter().enumerate().filter(|(_, t)| t.is_none()).map(|(n, _)| n).collect();
    println!(
        "{count} pairs at {:.0} % loss: {} dead, connected in {:?} (median), {:?} (95 %), {:?} (longest)",
        loss * 100.0,
        dead.len(),
        connected[connected.len() / 2],
        connected[connected.len() * 95 / 100],
        connected[connected.len() - 1],
    );
    assert!(dead.is_empty(), "dead pairs: {dead:?}");
}

#[test]
fn no_pair_is_dead_at_1_percent_loss() {
    check(0.01, Hellos::Whole);
}

#[test]
fn no_pair_is_dead_at_5_percent_loss() {
    check(0.05, Hellos::Whole);
}

#[test]
fn no_pair_is_dead_at_10_percent_loss() {
    check(0.10, Hellos::Whole);
}

#[test]
fn no_pair_is_dead_at_20_percent_loss() {
    check(0.20, Hellos::Whole);
}

#[test]
fn no_pair_is_dead_whose_hellos_are_cut_at_1_percent_loss() {
    check(0.01, Hellos::Cut);
}

#[test]
fn no_pair_is_dead_whose_hellos_are_cut_at_10_percent_loss() {
    check(0.10, Hellos::Cut);
}

#[test]
fn no_pair_is_dead_whose_hellos_are_cut_at_30_percent_loss() {
    check(0.30, Hellos::Cut);
}
