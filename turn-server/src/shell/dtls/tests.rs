//! Sessions in virtual time: who is waited for, and how many of one source.

use std::net::SocketAddr;

use super::*;
use crate::Transport;
use crate::shell::tests::wires::{dtls_client, identity};

/// The client's end of a session.
struct End {
    tuple: FiveTuple,
    dtls: Dtls,
    is_connected: bool,
}

/// Sessions, who they are with, and the time.
struct Stage {
    sessions: Sessions,
    identity: std::sync::Arc<Identity>,
    start: Instant,
}

impl Stage {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
        let start = Instant::now();
        Self { sessions: Sessions::default(), identity: identity().0, start }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// A client, of a source and a port, that has said nothing.
    fn end(&self, source: u8, port: u16) -> End {
        let local = SocketAddr::from(([5, 0, 0, 1], 3478));
        let client = SocketAddr::from(([9, 0, 0, source], port));
        let tuple = FiveTuple { client, local, transport: Transport::Dtls };
        End { tuple, dtls: dtls_client(self.start), is_connected: false }
    }

    /// Gives both ends what the other one says until nothing is said; gives what the client heard as data.
    fn exchange(&mut self, end: &mut End) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        loop {
            let said = end.said(&mut heard);
            if said.is_empty() {
                return heard;
            }
            for datagram in said {
                let events = self.sessions.handle(end.tuple, &datagram, Some(&self.identity), self.start);
                self.tell(end, events);
            }
        }
    }

    fn tell(&mut self, end: &mut End, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Send(packet) => end.dtls.handle_packet(&packet).unwrap(),
                Event::Message(message) => {
                    let events = self.sessions.send(end.tuple, &message); // an echo
                    self.tell(end, events);
                }
            }
        }
    }

    /// A client whose handshake is done.
    fn connected(&mut self, source: u8, port: u16) -> End {
        let mut end = self.end(source, port);
        self.exchange(&mut end);
        assert!(end.is_connected);
        end
    }

    /// A client that has said one thing and no more.
    fn begun(&mut self, source: u8, port: u16) -> FiveTuple {
        let mut end = self.end(source, port);
        let said = end.said(&mut Vec::new());
        self.sessions.handle(end.tuple, &said[0], Some(&self.identity), self.start);
        end.tuple
    }

    /// Whether what the client says still comes back.
    fn answers(&mut self, end: &mut End) -> bool {
        end.dtls.send_application_data(b"there?").unwrap();
        self.exchange(end) == [b"there?"]
    }
}

impl End {
    fn said(&mut self, heard: &mut Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        let mut buffer = vec![0; RECORD];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => said.push(packet.to_vec()),
                Output::ApplicationData(data) => heard.push(data.to_vec()),
                Output::Connected => self.is_connected = true,
                Output::Timeout(_) => return said,
                Output::BufferTooSmall { .. }
                | Output::PeerCert(_)
                | Output::KeyingMaterial(..)
                | Output::CloseNotify
                | _ => {}
            }
        }
    }
}

#[test]
fn who_has_no_allocation_is_waited_for_and_then_forgotten() {
    let mut stage = Stage::new();
    let mut known = stage.connected(1, 1);
    let stranger = stage.connected(1, 2);
    let silent = stage.begun(1, 3);
    let is_known = |tuple: &FiveTuple| *tuple == known.tuple;
    stage.sessions.acknowledge(&known.tuple, true, stage.start);
    assert!(stage.sessions.sweep(stage.at(9_999), is_known).1.is_empty());
    assert_eq!(stage.sessions.sweep(stage.at(10_000), is_known).1, [silent], "its handshake took too long");
    assert!(stage.sessions.sweep(stage.at(39_999), is_known).1.is_empty());
    assert_eq!(stage.sessions.sweep(stage.at(40_000), is_known).1, [stranger.tuple]);
    assert!(stage.sessions.sweep(stage.at(3_600_000), is_known).1.is_empty() && stage.answers(&mut known));
    // Its allocation has ended: from there on, half a minute.
    assert!(stage.sessions.sweep(stage.at(3_629_000), |_| false).1.is_empty());
    assert!(stage.sessions.sweep(stage.at(3_658_999), |_| false).1.is_empty());
    assert_eq!(stage.sessions.sweep(stage.at(3_659_000), |_| false).1, [known.tuple]);
    assert!(stage.sessions.is_empty() && stage.sessions.opening.is_empty());
}

#[test]
fn a_guest_without_an_allocation_is_forgotten_as_any_other() {
    let (mut home, mut host) = (Stage::new(), Stage::new());
    let guest = home.connected(1, 1);
    let session = home.sessions.release(guest.tuple).unwrap();
    assert!(home.sessions.is_empty());
    host.start = home.start;
    assert!(host.sessions.adopt(guest.tuple, session));
    assert!(host.sessions.sweep(host.at(39_999), |_| false).1.is_empty());
    assert_eq!(host.sessions.sweep(host.at(40_000), |_| false).1, [guest.tuple]);
}

#[test]
fn sessions_of_one_source_are_bounded_and_known_ones_are_not() {
    let mut stage = Stage::new();
    stage.sessions.strangers = UnauthenticatedLimits::new(2);
    let mut first = stage.connected(1, 1);
    let mut second = stage.connected(1, 2);
    let mut refused = stage.end(1, 3);
    stage.exchange(&mut refused);
    assert!(!refused.is_connected && !stage.sessions.has(&refused.tuple), "no handshake is begun for it");
    assert_eq!((stage.sessions.take_refused(), stage.sessions.take_refused()), (1, 0));
    let mut other = stage.connected(2, 1);
    assert!(stage.answers(&mut first) && stage.answers(&mut second) && stage.answers(&mut other));
    // Who has an allocation makes room for the next one; who has none any more takes it.
    stage.sessions.acknowledge(&first.tuple, true, stage.start);
    let mut third = stage.connected(1, 4);
    assert!(stage.answers(&mut third));
    stage.sessions.acknowledge(&first.tuple, false, stage.start);
    let mut fourth = stage.end(1, 5);
    stage.exchange(&mut fourth);
    assert!(!stage.sessions.has(&fourth.tuple));
    // Nor does it help to be handed over.
    let mut elsewhere = Stage::new();
    elsewhere.sessions.strangers = UnauthenticatedLimits::new(0);
    let session = stage.sessions.release(third.tuple).unwrap();
    assert!(!elsewhere.sessions.adopt(third.tuple, session));
    assert!(elsewhere.sessions.is_empty());
}

#[test]
fn handshakes_of_one_source_push_out_its_own_and_nobody_elses() {
    let mut stage = Stage::new();
    let other = stage.begun(2, 1);
    let all: Vec<FiveTuple> = (1..=HANDSHAKES_OF_ONE as u16 + 3).map(|port| stage.begun(1, port)).collect();
    let gone: Vec<u16> = all.iter().filter(|tuple| !stage.sessions.has(tuple)).map(|t| t.client.port()).collect();
    assert_eq!(gone, [1, 2, 3]);
    assert!(stage.sessions.has(&other));
    // They are over after their time, and nothing is counted any more.
    stage.sessions.sweep(stage.at(10_000), |_| false);
    assert!(stage.sessions.is_empty() && stage.sessions.opening.is_empty());
    let again = stage.begun(1, 1);
    assert!(stage.sessions.has(&again));
}

#[test]
fn forged_hellos_push_out_nobody_who_has_shown_a_cookie() {
    let mut stage = Stage::new();
    let mut slow = stage.end(1, 1);
    // Up to the answer with the certificate, which is still on its way to the client.
    let mut flight = Vec::new();
    for _ in 0..4 {
        for datagram in slow.said(&mut Vec::new()) {
            flight.extend(stage.sessions.handle(slow.tuple, &datagram, Some(&stage.identity), stage.start));
        }
        if stage.sessions.all[&slow.tuple].is_proven {
            break;
        }
        let events = std::mem::take(&mut flight);
        stage.tell(&mut slow, events);
    }
    assert!(stage.sessions.all[&slow.tuple].is_proven && !stage.sessions.all[&slow.tuple].is_open);
    let others = 40;
    for forged in 0..others * HANDSHAKES_OF_ONE as u16 {
        stage.begun((forged % others) as u8 + 1, 1000 + forged); // its own source among them
    }
    assert!(stage.sessions.opening.len() <= HANDSHAKES);
    stage.tell(&mut slow, flight);
    stage.exchange(&mut slow);
    assert!(slow.is_connected && stage.answers(&mut slow));
}
