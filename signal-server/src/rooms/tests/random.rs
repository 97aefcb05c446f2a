//! Seeded chaos: whatever arrives in whatever order, nothing panics and nothing grows.

use rand::RngExt as _;

use super::*;

const SEEDS: u64 = 40;
const STEPS: usize = 2_000;

#[test]
fn random_scripts_keep_every_invariant() {
    let mut counted = Counters::default();
    for seed in 0..SEEDS {
        let counters = chaos(seed);
        counted.bad_messages += counters.bad_messages;
        counted.resumed += counters.resumed;
        counted.timed_out += counters.timed_out;
        counted.floods += counters.floods;
        counted.stray_signals += counters.stray_signals;
    }
    let met = [counted.bad_messages, counted.resumed, counted.timed_out, counted.floods, counted.stray_signals];
    assert!(met.iter().all(|count| *count > 20), "the chaos is too tame: {counted:?}");
}

fn chaos(seed: u64) -> Counters {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut bench = Bench::new();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..STEPS {
        let any = rng.random_range(0..clients.len().max(1));
        match rng.random_range(0..20) {
            0 if clients.len() < 20 => clients.push(bench.client()),
            1 if !clients.is_empty() => {
                bench.cut(&clients[any]);
                // Some come back, some stay away.
                if rng.random_bool(0.7) {
                    let client = &mut clients[any];
                    if !bench.come_back(client) {
                        clients.swap_remove(any);
                    }
                } else {
                    clients.swap_remove(any);
                }
            }
            3 if !clients.is_empty() && rng.random_bool(0.05) => {
                for _ in 0..25 {
                    bench.say_text(clients[any].conn, "[");
                }
            }
            2 => bench.wait(Duration::from_millis(rng.random_range(0..8_000))),
            _ if !clients.is_empty() => {
                let text = random_message(&mut rng, &clients, any);
                clients[any].sent += 1;
                bench.say_text(clients[any].conn, &text);
            }
            _ => {}
        }
        for client in &mut clients {
            bench.hear(client);
        }
        clients.retain(|client| !bench.closed.contains_key(&client.conn));
        check(&bench, seed);
    }
    bench.rooms.counters().clone()
}

fn check(bench: &Bench, seed: u64) {
    let rooms = &bench.rooms;
    let members: usize = rooms.sessions.values().filter(|s| s.member.is_some()).count();
    assert!(rooms.rooms.len() <= members, "seed {seed}: a room without members");
    assert!(rooms.tokens.len() <= 2 * rooms.sessions.len(), "seed {seed}: tokens of the dead");
    let attached = rooms.conns.values().filter(|c| matches!(c.phase, Phase::InSession(_))).count();
    let away = rooms.sessions.values().filter(|s| s.link == session::Link::Away).count();
    assert_eq!(attached + away, rooms.sessions.len(), "seed {seed}: a session without a connection");
    for session in rooms.sessions.values().filter(|s| s.link == session::Link::Away) {
        assert!(session.member.is_some(), "seed {seed}: away outside a room");
    }
}

/// A message as a client would say it, or one with a few bytes changed.
fn random_message(rng: &mut ChaCha20Rng, clients: &[Client], any: usize) -> String {
    let seq = clients[any].sent + 1;
    let to = clients[rng.random_range(0..clients.len())].id;
    let room = rng.random_range(0..4);
    let body = match rng.random_range(0..9) {
        0 => format!(r#""type":"create","room":"r{room}""#),
        1 | 2 => format!(r#""type":"join","room":"r{room}","nick":"n""#),
        3..=5 => format!(r#""type":"signal","to":"{to}","sid":7,"desc":{{"type":"offer","sdp":"v=0"}}"#),
        6 => format!(r#""type":"update","media":{{"audio":{}}}"#, rng.random_bool(0.5)),
        7 => r#""type":"leave""#.to_owned(),
        _ => r#""type":"signal","sid":1,"cand":{"candidate":""}"#.to_owned(),
    };
    let mut bytes = format!(r#"{{"seq":{seq},{body}}}"#).into_bytes();
    if rng.random_bool(0.15) {
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[at] = rng.random(),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, rng.random()),
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
