//! A worker without its thread: turns are taken by hand, at times that are made up.

use std::net::{IpAddr, Ipv4Addr};

use mio::Waker;

use super::*;
use crate::shell::dtls::Session;
use crate::{Config, SharedState, Transport};

/// One of two workers, and what the other one is sent.
fn worker() -> (Worker, Receiver<WorkerMessage>, Poll) {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    let now = Instant::now();
    let mut config = Config::new([5; 32]);
    config.relay_addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()];
    let core =
        Server::worker(&config, Arc::new(SharedState::new(&config, 2)), 1, now, Duration::from_secs(1_700_000_000));
    let (poll, other) = (Poll::new().unwrap(), Poll::new().unwrap());
    let (own_box, letters) = Mailbox::new(Waker::new(poll.registry(), LETTERS).unwrap());
    let (other_box, sent) = Mailbox::new(Waker::new(other.registry(), LETTERS).unwrap());
    let (stats, _) = watch::channel(Stats::default());
    let links = Links {
        number: 1,
        letters,
        postboxes: vec![other_box, own_box],
        identity: None,
        doors: ListenSockets { udp: true, tcp: true, tls: true, dtls: true },
        members: None,
        stats,
        swept: now,
    };
    let listening = Listening { udp: Vec::new(), tcp: Vec::new() };
    (Prepared::new(core, poll, listening, links, now).unwrap().begin(), sent, other)
}

fn guest(port: u16) -> FiveTuple {
    FiveTuple {
        client: SocketAddr::from(([9, 0, 0, 1], port)),
        local: SocketAddr::from(([5, 0, 0, 1], 3478)),
        transport: Transport::Dtls,
    }
}

/// Whom the other worker is told that it has back.
fn sent_home(sent: &Receiver<WorkerMessage>) -> Vec<FiveTuple> {
    sent.try_iter()
        .filter_map(|mail| if let WorkerMessage::Home { tuple, at: 1 } = mail { Some(tuple) } else { None })
        .collect()
}

#[test]
fn a_guest_by_dtls_without_an_allocation_is_sent_home_once_its_session_is_over() {
    let (mut worker, sent, _poll) = worker();
    let (start, tuple) = (worker.now, guest(1));
    let session = Session::open_for_tests(start);
    let letter = WorkerMessage::Session {
        tuple,
        session: Box::new(session),
        message: b"\x00\x01\x00\x00noise".to_vec(),
        from: 0,
    };
    worker.links.postboxes[1].post(letter).map_err(drop).unwrap();
    worker.take_letters();
    assert!(worker.sessions.has(&tuple) && worker.moved.guests.contains_key(&tuple));
    for seconds in [1, 15, 29] {
        worker.now = start + Duration::from_secs(seconds);
        worker.sweep();
        assert_eq!(sent_home(&sent), [], "after {seconds} s");
    }
    worker.now = start + Duration::from_secs(30);
    worker.sweep();
    assert_eq!(sent_home(&sent), [tuple]);
    assert!(!worker.sessions.has(&tuple) && worker.moved.guests.is_empty());
}

#[test]
fn a_stranger_among_guests_leaves_nothing_behind() {
    let (mut worker, sent, _poll) = worker();
    for port in 1..100 {
        let tuple = FiveTuple { transport: Transport::Udp, ..guest(port) };
        let letter = WorkerMessage::Datagram { tuple, bytes: vec![0x40, 0, 0, 0], from: 0 };
        worker.links.postboxes[1].post(letter).map_err(drop).unwrap();
    }
    worker.take_letters();
    assert!(worker.moved.guests.is_empty() && sent.is_empty());
    assert_eq!(worker.core.stats().dropped.no_allocation, 99);
}

#[test]
fn who_is_back_home_is_not_sent_away_by_an_old_letter() {
    let (mut worker, _sent, _poll) = worker();
    let (one, other) = (guest(1), guest(2));
    let letters = [
        WorkerMessage::Away { tuple: one, at: 2, answers: Vec::new() },
        WorkerMessage::Away { tuple: other, at: 0, answers: Vec::new() },
        WorkerMessage::Away { tuple: one, at: 0, answers: Vec::new() }, // it went on from there
        WorkerMessage::Home { tuple: one, at: 2 },
        WorkerMessage::Home { tuple: other, at: 0 },
    ];
    for letter in letters {
        worker.links.postboxes[1].post(letter).map_err(drop).unwrap();
    }
    worker.take_letters();
    assert_eq!(worker.moved.away.get(&one), Some(&0));
    assert_eq!(worker.moved.away.get(&other), None);
}
