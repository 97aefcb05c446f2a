//! Clients that come by TCP or TLS.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use slab::Slab;

use super::stream::BufferedStream;
use super::unauthenticated::{STRANGERS, UnauthenticatedLimits};
use crate::FiveTuple;

/// Connections of one worker at once. Full: new ones are closed as they come.
const CONNECTIONS: usize = 16_384;
/// How long a connection may do without an allocation, or with half a message.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that wait for one client. Full: data from peers is dropped, as a full network would; an answer still goes in.
pub(super) const OUTBOX: usize = 512 << 10;
/// Beyond this even answers have no room, and are dropped: a client asks again.
pub(super) const OVERFLOW: usize = OUTBOX + (64 << 10);

/// A client's connection.
pub(super) struct Client {
    pub(super) stream: BufferedStream,
    /// Who it is, once its first byte has said by which transport.
    pub(super) tuple: Option<FiveTuple>,
    pub(super) source: IpAddr,
    /// What its bytes are: messages, or a peer's.
    pub(super) role: ClientRole,
    /// Until when it has to have an allocation, or a whole message.
    pub(super) patience: Instant,
    /// Whether an allocation is behind it.
    pub(super) is_known: bool,
}

/// What the bytes of a client's connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientRole {
    /// Messages.
    Messages,
    /// Data of the peer's connection with that key.
    Spliced(usize),
}

/// All connections of clients of one worker.
pub(super) struct Clients {
    pub(super) all: Slab<Client>,
    by_tuple: HashMap<FiveTuple, usize, RandomState>,
    strangers: UnauthenticatedLimits,
}

impl Default for Clients {
    fn default() -> Self {
        Self { all: Slab::new(), by_tuple: HashMap::default(), strangers: UnauthenticatedLimits::new(STRANGERS) }
    }
}

impl Client {
    pub(super) fn new(stream: BufferedStream, source: IpAddr, now: Instant) -> Self {
        let patience = now + PATIENCE;
        Self { stream, tuple: None, source, role: ClientRole::Messages, patience, is_known: false }
    }
}

impl Clients {
    /// Whether one more from `source` comes in.
    pub(super) fn admits(&self, source: IpAddr) -> bool {
        self.all.len() < CONNECTIONS && self.strangers.admits(source)
    }

    /// Takes a connection in; gives its key.
    pub(super) fn insert(&mut self, client: Client) -> usize {
        if !client.is_known {
            self.strangers.enter(client.source);
        }
        let tuple = client.tuple;
        let key = self.all.insert(client);
        self.by_tuple.extend(tuple.map(|tuple| (tuple, key)));
        key
    }

    pub(super) fn remove(&mut self, key: usize) -> Option<Client> {
        let client = self.all.try_remove(key)?;
        if let Some(tuple) = client.tuple {
            self.by_tuple.remove(&tuple);
        }
        if !client.is_known {
            self.strangers.leave(client.source);
        }
        Some(client)
    }

    /// Says who a client is.
    pub(super) fn name(&mut self, key: usize, tuple: FiveTuple) {
        if let Some(client) = self.all.get_mut(key) {
            client.tuple = Some(tuple);
            self.by_tuple.insert(tuple, key);
        }
    }

    pub(super) fn key(&self, tuple: &FiveTuple) -> Option<usize> {
        self.by_tuple.get(tuple).copied()
    }

    /// Says whether an allocation is behind a client; where none does, its patience begins now.
    pub(super) fn acknowledge(&mut self, key: usize, is_known: bool, now: Instant) {
        let Some(client) = self.all.get_mut(key).filter(|client| client.is_known != is_known) else { return };
        client.is_known = is_known;
        client.patience = now + PATIENCE;
        let source = client.source;
        if is_known { self.strangers.leave(source) } else { self.strangers.enter(source) }
    }

    /// Who has been waited for long enough: strangers, and anyone who began a message and does not end it.
    pub(super) fn late(&self, now: Instant) -> Vec<usize> {
        let is_late = |client: &Client| {
            let waits = !client.is_known || !client.stream.inbox.is_empty();
            client.role == ClientRole::Messages && waits && client.patience <= now
        };
        self.all.iter().filter(|(_, client)| is_late(client)).map(|(key, _)| key).collect()
    }

    /// A message has come whole: what comes next has its own time.
    pub(super) fn renew(&mut self, key: usize, now: Instant) {
        if let Some(client) = self.all.get_mut(key).filter(|client| client.is_known) {
            client.patience = now + PATIENCE;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Connections of this machine, and the other ends, which keep them open.
    fn connections(count: usize) -> (Vec<Client>, Vec<TcpStream>, Instant) {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
        let now = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pair = || {
            let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (here, from) = listener.accept().unwrap();
            here.set_nonblocking(true).unwrap();
            (Client::new(BufferedStream::new(mio::net::TcpStream::from_std(here)), from.ip(), now), there)
        };
        let (clients, others) = (0..count).map(|_| pair()).unzip();
        (clients, others, now)
    }

    #[test]
    fn who_says_nothing_or_half_a_message_is_waited_for_half_a_minute() {
        let (given, _others, now) = connections(3);
        let mut clients = Clients::default();
        let keys: Vec<usize> = given.into_iter().map(|client| clients.insert(client)).collect();
        let [stranger, known, halting] = keys[..] else { panic!("three of them") };
        clients.acknowledge(known, true, now);
        clients.acknowledge(halting, true, now);
        clients.all[halting].stream.inbox = vec![0, 1, 0];
        assert!(clients.late(now + PATIENCE - Duration::from_millis(1)).is_empty());
        assert_eq!(clients.late(now + PATIENCE), [stranger, halting]);
        // Each whole message buys as much time again; and so it is for an allocation that has ended.
        clients.renew(halting, now + PATIENCE);
        clients.acknowledge(known, false, now + PATIENCE);
        assert_eq!(clients.late(now + PATIENCE), [stranger]);
        assert_eq!(clients.late(now + 2 * PATIENCE), [stranger, known, halting]);
    }

    #[test]
    fn strangers_of_one_address_are_bounded_and_those_who_are_known_are_not() {
        let (given, _others, now) = connections(STRANGERS + 1);
        let (mut given, source) = (given.into_iter(), IpAddr::from([127, 0, 0, 1]));
        let mut clients = Clients::default();
        let keys: Vec<usize> = given.by_ref().take(STRANGERS).map(|client| clients.insert(client)).collect();
        assert!(!clients.admits(source) && clients.admits(IpAddr::from([127, 0, 0, 2])));
        clients.acknowledge(keys[0], true, now);
        assert!(clients.admits(source));
        clients.insert(given.next().unwrap());
        assert!(!clients.admits(source));
        clients.remove(keys[1]);
        assert!(clients.admits(source));
    }
}
