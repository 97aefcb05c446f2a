//! Two ends, and a network between them that loses what a test says.

use std::time::{Duration, Instant};

use rand::SeedableRng as _;

use super::*;

const PASSWORDS: [(&str, &str); 2] =
    [("annsname", "the password of ann, long enough"), ("bobsname", "the password of bob, long enough")];
/// One way.
const DELAY: Duration = Duration::from_millis(20);
const HOST: u32 = (126 << 24) + (0xFFFF << 8) + 255;
const RELAY: u32 = (0xFFFF << 8) + 255;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

struct Bench {
    now: Instant,
    ends: [Renomination; 2],
    /// When, to whom, from where, to where, what.
    flying: Vec<(Instant, usize, SocketAddr, SocketAddr, bytes::Bytes)>,
    dead: Vec<SocketAddr>,
    checks: usize,
}

impl Bench {
    /// The first end controls; both are on their first address, `10.0.0.1` and `10.0.0.2`.
    fn new(priority: u32) -> Self {
        let now = Instant::now();
        let locals = [address("10.0.0.1:1"), address("10.0.0.2:1")];
        let roles = [IceRole::Controlling, IceRole::Controlled];
        let ends = [0, 1].map(|index| {
            let mut end = Renomination::new(ChaCha12Rng::seed_from_u64(index as u64));
            let credentials = IceCredentials::new(PASSWORDS[index], PASSWORDS[1 - index], roles[index]);
            end.add_local(locals[index], priority, now);
            end.start(credentials, (locals[index], locals[1 - index]), priority, now);
            end
        });
        Self { now, ends, flying: Vec::new(), dead: Vec::new(), checks: 0 }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(1);
        for index in [0, 1] {
            if self.ends[index].poll_timeout().is_some_and(|at| at <= self.now) {
                self.ends[index].handle_timeout(self.now);
            }
            while let Some(check) = self.ends[index].poll_transmit() {
                self.checks += 1;
                self.fly(index, check.local, check.remote, check.payload);
            }
        }
        let now = self.now;
        let (due, flying) = std::mem::take(&mut self.flying).into_iter().partition(|(at, ..)| *at <= now);
        self.flying = flying;
        let due: Vec<_> = due;
        for (_, to, from, at, payload) in due {
            self.ends[to].handle_datagram(at, from, &payload, now);
        }
    }

    fn fly(&mut self, from: usize, local: SocketAddr, remote: SocketAddr, payload: bytes::Bytes) {
        if !self.dead.contains(&local) && !self.dead.contains(&remote) {
            self.flying.push((self.now + DELAY, 1 - from, local, remote, payload));
        }
    }

    /// Both send media by their active pair each 20 ms, for so many milliseconds.
    fn run(&mut self, ms: u32) {
        for tick in 0..ms {
            if tick % 20 == 0 {
                for index in [0, 1] {
                    let (local, remote) = self.ends[index].active().unwrap();
                    self.fly(index, local, remote, bytes::Bytes::from_static(&[0x80; 40]));
                }
            }
            self.step();
        }
    }

    fn active(&self) -> [String; 2] {
        [0, 1].map(|index| self.ends[index].active().unwrap().0.ip().to_string())
    }
}

#[test]
fn nothing_is_sent_while_all_is_well() {
    let mut bench = Bench::new(HOST);
    bench.run(10_000);
    assert_eq!((bench.checks, bench.active()), (0, ["10.0.0.1", "10.0.0.2"].map(str::to_owned)));
}

#[test]
fn who_loses_an_address_is_followed_whichever_side_controls() {
    for who in [0, 1] {
        let mut bench = Bench::new(HOST);
        bench.run(1_000);
        let old = bench.ends[who].active().unwrap().0;
        bench.dead.push(old);
        bench.ends[who].set_gone(old, true, bench.now);
        bench.ends[who].add_local(address("10.0.8.8:1"), HOST, bench.now);
        bench.run(80);
        let pairs = [bench.ends[0].active().unwrap(), bench.ends[1].active().unwrap()];
        assert_eq!(pairs[who].0, address("10.0.8.8:1"), "after a round trip");
        assert_eq!(pairs[1 - who].1, address("10.0.8.8:1"), "after two");
        assert!(bench.ends[who].take_switched() && !bench.ends[who].take_switched());
    }
}

#[test]
fn a_silent_pair_is_left_for_one_that_answers_and_not_at_every_pause() {
    let mut bench = Bench::new(HOST);
    for end in &mut bench.ends {
        end.add_remote(address("10.0.0.200:7"), RELAY, bench.now);
    }
    bench.ends[1].add_local(address("10.0.0.200:7"), RELAY, bench.now);
    bench.run(5_000);
    assert_eq!(bench.active(), ["10.0.0.1", "10.0.0.2"].map(str::to_owned), "a relay is no better");
    bench.dead.push(address("10.0.0.2:1"));
    bench.run(600);
    assert_eq!(bench.active(), ["10.0.0.1", "10.0.0.2"].map(str::to_owned), "a pause of the network");
    bench.run(500);
    assert_eq!(bench.active(), ["10.0.0.1", "10.0.0.200"].map(str::to_owned));
}

#[test]
fn what_a_stranger_says_moves_nothing() {
    let mut bench = Bench::new(HOST);
    bench.run(100);
    let stranger = IceCredentials::new(
        ("bobsname", "the password of bob, long enough"),
        ("annsname", "a password that was guessed badly"),
        IceRole::Controlled,
    );
    let forged = stranger.request([9; 12], HOST, 99).unwrap();
    let (local, from) = (address("10.0.0.1:1"), address("203.0.113.9:9"));
    let verdict = bench.ends[0].handle_datagram(local, from, &forged, bench.now);
    assert_eq!(verdict, Verdict::Pass(local, from), "the crate refuses it as well");
    bench.run(2_000);
    assert_eq!((bench.checks, bench.active()), (0, ["10.0.0.1", "10.0.0.2"].map(str::to_owned)));
}

#[test]
fn who_talks_on_from_elsewhere_does_not_keep_a_silent_address_alive() {
    let mut bench = Bench::new(HOST);
    bench.run(100);
    let (local, elsewhere) = (address("10.0.0.1:1"), address("203.0.113.9:9"));
    bench.ends[0].add_remote(elsewhere, HOST, bench.now);
    let base = Verdict::Pass(local, address("10.0.0.2:1"));
    for (later, expected) in [(4, base), (6, Verdict::Pass(local, elsewhere))] {
        let now = bench.now + Duration::from_secs(later);
        assert_eq!(bench.ends[0].handle_datagram(local, elsewhere, &[0x80; 40], now), expected, "after {later} s");
    }
}

#[test]
fn a_nomination_without_an_answer_from_there_is_not_followed() {
    let mut bench = Bench::new(HOST);
    bench.run(100);
    let bob = IceCredentials::new(PASSWORDS[1], PASSWORDS[0], IceRole::Controlled);
    let from = address("203.0.113.9:9");
    // Bob himself, from an address that nothing comes back from: or somebody who sends on what he said.
    let check = bob.request([9; 12], HOST, 99).unwrap();
    bench.ends[0].handle_datagram(address("10.0.0.1:1"), from, &check, bench.now);
    bench.dead.push(from);
    bench.run(5_000);
    assert_eq!(bench.active(), ["10.0.0.1", "10.0.0.2"].map(str::to_owned));
    assert!(bench.checks <= 12, "{} checks toward it", bench.checks);
}
