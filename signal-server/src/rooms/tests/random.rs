//! Seeded chaos: whatever arrives in whatever order, nothing panics and nothing grows.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::*;

const SEEDS: u64 = 20;
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
        counted.knocks += counters.knocks;
        counted.kicks += counters.kicks;
        counted.wrong_guesses += counters.wrong_guesses;
    }
    let met = [counted.bad_messages, counted.resumed, counted.timed_out, counted.floods, counted.stray_signals];
    let met = met.into_iter().chain([counted.knocks, counted.kicks, counted.wrong_guesses]);
    assert!(met.into_iter().all(|count| count > 20), "the chaos is too tame: {counted:?}");
}

fn chaos(seed: u64) -> Counters {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut bench = Bench::new();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..STEPS {
        let any = rng.random_range(0..clients.len().max(1));
        match rng.random_range(0..20) {
            0 | 4..=7 if clients.len() < 20 => clients.push(bench.client()),
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
                // A host speaks more often than others: most orders of the others end with one answer.
                let hosts: Vec<usize> =
                    (0..clients.len()).filter(|at| bench.rooms.hosted_by(clients[*at].id).is_some()).collect();
                let any = if rng.random_bool(0.3) { hosts.choose(&mut rng).copied().unwrap_or(any) } else { any };
                let text = random_message(&mut rng, &clients, any);
                clients[any].sent += 1;
                let is_host = bench.rooms.hosted_by(clients[any].id).is_some();
                bench.say_text(clients[any].conn, &text);
                if !is_host {
                    check_order(&bench, &clients[any], &text);
                }
            }
            _ => {}
        }
        for client in &mut clients {
            bench.hear(client);
        }
        clients.retain(|client| !bench.closed.contains_key(&client.conn));
        check(&bench, seed);
    }
    for conn in 0..bench.next_conn {
        bench.rooms.handle_disconnected(ConnId(conn), bench.now);
    }
    bench.wait(Duration::from_secs(31));
    assert_eq!((bench.rooms.session_count(), bench.rooms.room_count()), (0, 0), "seed {seed}: ghosts");
    bench.rooms.counters().clone()
}

fn check(bench: &Bench, seed: u64) {
    let rooms = &bench.rooms;
    assert!(rooms.resumption.tokens.len() <= 2 * rooms.sessions.len(), "seed {seed}: tokens of the dead");
    let attached = rooms.conns.values().filter(|c| matches!(c.phase, ConnPhase::InSession(_))).count();
    let away = rooms.sessions.values().filter(|s| s.link == session::Attachment::Away).count();
    assert_eq!(attached + away, rooms.sessions.len(), "seed {seed}: a session without a connection");
    let (mut inside, mut waiting) = (0, 0);
    for (name, room) in &rooms.rooms {
        assert!(!room.members.is_empty(), "seed {seed}: a room without members");
        assert!(room.members.len() <= room.rules.capacity as usize, "seed {seed}: an overfull room");
        assert!(room.lobby.len() <= room::LOBBY, "seed {seed}: an overfull lobby");
        assert!(room.host.is_some_and(|host| room.members.contains(&host)), "seed {seed}: nobody decides");
        // Each of them is there and nowhere else, so nobody both waits and is a member.
        let stands = |peer: &PeerId| rooms.sessions.get(peer).map(|session| (session.member(), session.waiting()));
        let is_member = |peer: &PeerId| stands(peer).is_some_and(|(m, _)| m.is_some_and(|m| m.room == *name));
        let is_waiting = |peer: &PeerId| stands(peer).is_some_and(|(_, w)| w.is_some_and(|w| w.room == *name));
        assert!(room.members.iter().all(is_member), "seed {seed}: a member who is none");
        assert!(room.lobby.iter().all(is_waiting), "seed {seed}: somebody waits who does not");
        inside += room.members.len();
        waiting += room.lobby.len();
    }
    assert_eq!(inside, rooms.sessions.values().filter(|s| s.member().is_some()).count(), "seed {seed}: in no room");
    assert_eq!(waiting, rooms.sessions.values().filter(|s| s.waiting().is_some()).count(), "seed {seed}: at no door");
}

/// Only a host's order is carried out: to anybody else's there is one answer.
fn check_order(bench: &Bench, client: &Client, text: &str) {
    let order = ["admit", "deny", "kick", "end_room"].iter().any(|word| text.contains(&format!("\"{word}\"")));
    let sane = serde_json::from_str::<Numbered<ClientMessage>>(text).is_ok_and(|m| m.seq == Some(client.sent));
    if order
        && sane
        && let Some(heard) = bench.inboxes.get(&client.conn)
    {
        let codes: Vec<_> = errors(&heard.iter().map(|n| n.message.clone()).collect::<Vec<_>>());
        assert!(matches!(codes[..], [ErrorCode::NotHost | ErrorCode::RateLimited]), "{text} by a guest: {heard:?}");
    }
}

/// A message as a client would say it, or one with a few bytes changed.
fn random_message(rng: &mut ChaCha20Rng, clients: &[Client], any: usize) -> String {
    let seq = clients[any].sent + 1;
    let to = clients[rng.random_range(0..clients.len())].id;
    let room = rng.random_range(0..4);
    let [own, wrong] = [3, 4].map(|n| InviteSecret::from_random([n; 16]));
    let body = match rng.random_range(0..16) {
        0 => format!(r#""type":"create","room":"r{room}""#),
        9 => format!(r#""type":"create","room":"r{room}","capacity":3,"invite_hash":"{}""#, own.hash().reveal()),
        1 | 2 => format!(r#""type":"join","room":"r{room}","nick":"n""#),
        10 => format!(r#""type":"join","room":"r{room}","invite":"{}""#, own.reveal()),
        11 => format!(r#""type":"join","room":"r{room}","invite":"{}""#, wrong.reveal()),
        12 => format!(r#""type":"admit","peer":"{to}""#),
        13 => format!(r#""type":"deny","peer":"{to}""#),
        5 | 14 => format!(r#""type":"kick","peer":"{to}""#),
        15 if rng.random_bool(0.1) => r#""type":"end_room""#.to_owned(),
        3 | 4 => format!(r#""type":"signal","to":"{to}","sid":7,"desc":{{"type":"offer","sdp":"v=0"}}"#),
        6 => format!(r#""type":"update","media":{{"audio":{}}}"#, rng.random_bool(0.5)),
        7 => r#""type":"leave""#.to_owned(),
        _ => r#""type":"signal","sid":1,"cand":{"candidate":""}"#.to_owned(),
    };
    let mut bytes = format!(r#"{{"seq":{seq},{body}}}"#).into_bytes();
    if rng.random_bool(0.08) {
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
