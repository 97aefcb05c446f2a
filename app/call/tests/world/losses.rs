//! Paths that lose packets by chance: the rate stays, and pictures come on time.

use std::time::Duration;

use hearth_netsim::{LinkConfig, Loss};

use crate::bottlenecks::{DELAY, measure, two};

/// 5 Mbit/s, before which 300 ms of them can wait, and which loses packets.
fn lossy(loss: Loss) -> LinkConfig {
    LinkConfig { rate: Some(5_000_000), queue: 187_500, loss, ..LinkConfig::delayed(DELAY) }
}

/// Bursts of about four packets, so that 10 % are lost.
const BURSTS: Loss = Loss::Bursts { enter: 0.037, leave: 0.25, in_bad: 0.8 };

/// The share that may be frozen is one picture that was asked for twice, in 15 s; of many seeds it is less.
#[test]
fn chance_loss_costs_neither_the_rate_nor_the_time() {
    for (seed, loss, least_kbps, late, frozen) in [
        (2_400, Loss::Independent(0.05), 2_000, 60, 0.02),
        (2_401, Loss::Independent(0.10), 1_200, 60, 0.02),
        (2_402, BURSTS, 1_000, 150, 0.02),
        (2_403, Loss::Independent(0.30), 500, 100, 0.04),
    ] {
        let mut world = two(seed);
        world.net.set_default_link(lossy(loss));
        world.run(Duration::from_secs(10));
        let got = measure(&mut world, 5_000, Duration::from_secs(15));
        let counters = world.clients[0].call.snapshot().peers[0].connection.counters;
        let received = world.clients[1].call.snapshot().peers[0].connection.counters;

        println!(
            "seed {seed}, {loss:?}: {got:?}, {} sent, {} repairs sent, {} recovered, {} asked for, {} gaps",
            counters.packets_sent,
            counters.repairs_sent,
            received.packets_recovered,
            received.nacks_sent,
            received.gaps
        );
        let kbps = got.used * 5_000.0;
        assert!(kbps >= f64::from(least_kbps), "seed {seed}: {kbps} kbps");
        assert!(got.late <= Duration::from_millis(late), "seed {seed}: {got:?}");
        assert!(got.frozen <= frozen, "seed {seed}: {got:?}");
        assert!(got.sound >= 0.99, "seed {seed}: {got:?}");
    }
}
