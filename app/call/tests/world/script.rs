//! Random scripts: people come, talk, fall silent, leave and crash, while the network under them does what networks do.
//!
//! Invariants, whatever happens:
//! - two who live and can reach each other are connected within 20 s after the network has healed;
//! - who is muted is not heard;
//! - a call that has ended does nothing more, and one that lives holds no more sockets than its peers need;
//! - a server that is gone takes no media with it (coming back to the room is not the call's part yet).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hearth_base::TrackSource;
use hearth_call::{Command, Input, Switch, TransportPolicy};
use hearth_netsim::{Discipline, LinkConfig, Loss, NodeId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::world::World;

const LENGTH: Duration = Duration::from_secs(30);
const CONVERGENCE: Duration = Duration::from_secs(20);
/// Sound that was on its way when its sender fell silent.
const IN_FLIGHT: Duration = Duration::from_millis(500);

/// How often each thing was done.
#[derive(Debug, Default)]
pub struct Done(pub BTreeMap<&'static str, u64>);

impl Done {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

struct Script {
    world: World,
    rng: ChaCha12Rng,
    done: Done,
    /// Who is muted, and since when.
    muted: BTreeMap<usize, Instant>,
    cuts: Vec<(NodeId, NodeId)>,
    next_address: u8,
}

/// Plays one script of `people` and checks every invariant.
pub fn play(seed: u64, people: usize, done: Done) -> (Done, hearth_netsim::Counters) {
    let mut script = Script {
        world: World::new(seed, LinkConfig::delayed(Duration::from_millis(15))),
        rng: ChaCha12Rng::seed_from_u64(seed ^ 0x5c71_b7ed),
        done,
        muted: BTreeMap::new(),
        cuts: Vec::new(),
        next_address: 100,
    };
    script.begin(people);
    while script.world.elapsed() < LENGTH {
        let pause = Duration::from_millis(script.rng.random_range(200..2500));
        script.world.run(pause);
        script.check_always();
        script.act();
    }
    script.heal_and_check();
    (script.done, script.world.net.counters())
}

impl Script {
    fn begin(&mut self, people: usize) {
        for _ in 0..people {
            let transport = if self.rng.random_bool(0.15) { TransportPolicy::RelayOnly } else { TransportPolicy::All };
            let index = self.world.add_client(transport);
            self.world.enter(index);
            let pause = Duration::from_millis(self.rng.random_range(0..1500));
            self.world.run(pause);
        }
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.world.clients.len()).filter(|index| !self.world.clients[*index].has_ended()).collect()
    }

    fn someone(&mut self) -> Option<usize> {
        let alive = self.alive();
        (!alive.is_empty()).then(|| alive[self.rng.random_range(0..alive.len())])
    }

    fn act(&mut self) {
        let Some(who) = self.someone() else { return };
        match self.rng.random_range(0..100) {
            0..20 => self.toggle_mute(who),
            20..40 => self.change_link(),
            40..54 => self.partition(),
            54..64 => self.mend(),
            64..76 => {
                self.done.count("signalling cut");
                self.world.cut_signal(who);
            }
            76..84 => self.change_address(who),
            84..88 if self.alive().len() > 1 => {
                self.done.count("crash");
                self.muted.remove(&who);
                self.world.crash(who);
            }
            88..92 if self.alive().len() > 1 => {
                self.done.count("leave");
                self.muted.remove(&who);
                self.world.give(who, Input::Command(Command::Leave));
            }
            92..96 if self.world.clients.len() < 6 => {
                self.done.count("late join");
                let index = self.world.add_client(TransportPolicy::All);
                self.world.enter(index);
            }
            96..99 => self.restart_server(),
            _ => {}
        }
    }

    fn toggle_mute(&mut self, who: usize) {
        if let Some(since) = self.muted.remove(&who) {
            self.check_silence(who, since);
            self.world.enable(who, TrackSource::Microphone, Switch::On);
        } else {
            self.done.count("mute");
            self.world.enable(who, TrackSource::Microphone, Switch::Off);
            self.muted.insert(who, self.world.now);
        }
    }

    fn check_silence(&self, who: usize, since: Instant) {
        for client in &self.world.clients {
            let heard = client.sink.got.get(&(who as u8)).and_then(|got| got.last_sound);
            let late = heard.is_some_and(|at| at > since + IN_FLIGHT);
            assert!(!late, "seed {}: {who} was heard while muted", self.world.seed);
        }
    }

    fn change_link(&mut self) {
        self.done.count("loss, jitter or rate");
        let loss = self.rng.random_range(0.0..0.15);
        let bursts = Loss::Bursts { enter: loss / 10.0, leave: 0.1, in_bad: 0.8 };
        let config = LinkConfig {
            delay: Duration::from_millis(self.rng.random_range(1..80)),
            jitter: Duration::from_millis(self.rng.random_range(0..40)),
            loss: if self.rng.random_bool(0.5) { Loss::Independent(loss) } else { bursts },
            duplicate: if self.rng.random_bool(0.3) { 0.05 } else { 0.0 },
            rate: self.rng.random_bool(0.3).then_some(8_000_000),
            queue: 64 * 1024,
            discipline: Discipline::DropTail,
        };
        self.world.net.set_default_link(config);
    }

    fn partition(&mut self) {
        let alive = self.alive();
        if alive.len() < 2 {
            return;
        }
        self.done.count("partition");
        let a = alive[self.rng.random_range(0..alive.len())];
        let b = alive[self.rng.random_range(0..alive.len())];
        let pair = (NodeId(a as u32), NodeId(b as u32));
        self.world.net.set_partition(pair.0, pair.1, true);
        self.cuts.push(pair);
    }

    fn mend(&mut self) {
        if let Some((a, b)) = self.cuts.pop() {
            self.world.net.set_partition(a, b, false);
        }
    }

    fn change_address(&mut self, who: usize) {
        self.done.count("address change");
        self.next_address += 1;
        self.world.move_client(who, IpAddr::from([10, 0, 1, self.next_address]));
    }

    /// The server loses its memory; everybody has a ticket.
    fn restart_server(&mut self) {
        self.done.count("server restart");
        self.world.stop_server();
        self.world.run(Duration::from_secs(1));
        self.world.start_server();
    }

    fn check_always(&self) {
        for client in self.world.clients.iter().filter(|client| !client.has_ended()) {
            let peers = client.call.snapshot().peers.len();
            // One socket for the address, one for the relay.
            assert!(client.open_sockets() <= peers * 2, "{} sockets, {peers} peers", client.open_sockets());
        }
    }

    fn heal_and_check(&mut self) {
        while let Some((a, b)) = self.cuts.pop() {
            self.world.net.set_partition(a, b, false);
        }
        self.world.net.set_default_link(LinkConfig::delayed(Duration::from_millis(15)));
        self.check_convergence();
        for (who, since) in std::mem::take(&mut self.muted) {
            self.check_silence(who, since);
        }
    }

    fn check_convergence(&mut self) {
        let converged = self.world.run_until(CONVERGENCE, |world| world.all_living_connected());
        if !converged {
            for client in self.world.clients.iter().filter(|client| !client.has_ended()) {
                let snapshot = client.call.snapshot();
                println!("{:?} {:?}", client.address, snapshot.phase);
                for peer in &snapshot.peers {
                    println!(
                        "   {} away {} {:?} {:?}",
                        peer.nick, peer.away, peer.connection.phase, peer.connection.pair
                    );
                }
            }
            panic!("seed {}: not converged; {:?}", self.world.seed, self.done);
        }
    }
}

/// Plays many, and prints what was injected.
fn play_all(count: u64, people: usize) {
    let mut done = Done::default();
    let mut datagrams = hearth_netsim::Counters::default();
    for n in 0..count {
        let (so_far, counters) = play(n * 10 + people as u64, people, done);
        done = so_far;
        datagrams.sent += counters.sent;
        datagrams.lost += counters.lost;
        datagrams.reordered += counters.reordered;
        datagrams.partitioned += counters.partitioned;
        datagrams.duplicated += counters.duplicated;
        datagrams.queue_full += counters.queue_full;
        datagrams.unroutable += counters.unroutable;
    }
    println!("{count} scripts of {people}: {:?}; {datagrams:?}", done.0);
    assert!(done.0.len() >= 8, "faults that never came: {:?}", done.0);
}

#[test]
fn two_person_scripts_keep_every_invariant() {
    play_all(if crate::soaking() { 1000 } else { 80 }, 2);
}

#[test]
fn five_person_scripts_keep_every_invariant() {
    play_all(if crate::soaking() { 200 } else { 10 }, 5);
}
