//! What the core wants done, done.

use super::datagrams::FEW;
use super::{EgressSocket, PollSource, RelaySocket, Worker, WorkerRelay};
use crate::server::AddressKey;
use crate::shell::bind;
use crate::shell::mailbox::WorkerMessage;
use crate::shell::udp::Socket;
use crate::{FiveTuple, Output, Protocol, Transport};
use std::io;
use std::net::SocketAddr;

/// The longest message that is handed to another worker: no request is as long, and a stranger's might be.
const REQUEST: usize = 2048;

impl Worker {
    /// Carries out all outputs of the core.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            self.carry_out_this(output);
        }
    }

    /// The same after a message of `tuple`, which `message` gives once more where it is another worker's.
    pub(super) fn carry_out_for(&mut self, tuple: FiveTuple, message: impl Fn(&Self) -> Vec<u8>) {
        while let Some(output) = self.core.poll_output() {
            self.carry_out_one(output, tuple, &message);
        }
    }

    /// Carries out one output of a message of `tuple`.
    pub(super) fn carry_out_one(&mut self, output: Output, tuple: FiveTuple, message: impl Fn(&Self) -> Vec<u8>) {
        if let Output::HandOver { worker, .. } = output {
            let bytes = message(self);
            self.hand_over(worker, tuple, bytes);
        } else {
            self.carry_out_this(output);
        }
    }

    fn carry_out_this(&mut self, output: Output) {
        match output {
            Output::Transmit { to, payload } => self.transmit(to, &payload),
            Output::RelayTransmit { relay, destination, payload, dont_fragment } => {
                let socket = self.sockets.relay(relay).and_then(|key| self.sockets.udp(EgressSocket::Relay(key)));
                let sent = socket.is_some_and(|socket| match dont_fragment {
                    true => socket.send_whole(destination, &payload),
                    false => socket.send(destination, &payload),
                });
                if !sent {
                    self.core.handle_unsent(1);
                }
            }
            Output::OpenRelay { relay, protocol } => {
                if let Err(error) = self.open(relay, protocol) {
                    report(relay, &error);
                    self.core.handle_relay_failed(relay);
                }
            }
            Output::CloseRelay { relay } => self.close_relay(relay),
            Output::Connect { connection, relay, peer } => self.connect(connection, relay, peer),
            Output::Splice { connection, client } => self.splice(connection, client),
            Output::Disconnect { connection } => self.disconnect(connection),
            Output::HandOver { .. } => {} // only in answer to a message, where it is taken
            Output::Deliver { worker, relay, from, payload } => {
                if let Some(parcels) = self.path.parcels.get_mut(usize::from(worker)) {
                    parcels.push(relay, from, &payload);
                }
            }
        }
    }

    pub(super) fn transmit(&mut self, to: FiveTuple, payload: &[u8]) {
        match to.transport {
            Transport::Udp => self.send_raw(to.local, to.client, payload),
            Transport::Dtls => {
                let events = self.sessions.send(to, payload);
                self.take_events(to, events);
            }
            Transport::Tcp | Transport::Tls => self.send_message(to, payload),
        }
    }

    fn open(&mut self, relay: SocketAddr, protocol: Protocol) -> io::Result<()> {
        let entry = self.sockets.relays.vacant_entry();
        let key = entry.key();
        let token = PollSource::Relay(key).token();
        let socket = match protocol {
            Protocol::Udp => {
                let mut socket = Socket::relay(relay)?;
                socket.register(&self.registry, token)?;
                RelaySocket::Udp(socket)
            }
            Protocol::Tcp => {
                let mut socket = mio::net::TcpListener::from_std(bind::relay_tcp(relay)?);
                self.registry.register(&mut socket, token, mio::Interest::READABLE)?;
                RelaySocket::Tcp(socket)
            }
        };
        entry.insert(WorkerRelay { address: relay, socket, batch: FEW });
        self.sockets.by_address.insert(AddressKey(relay), key);
        Ok(())
    }

    fn close_relay(&mut self, relay: SocketAddr) {
        // What was gathered for it goes first: its place may be another relay's within this very turn.
        self.flush_keeping_arena();
        if let Some(key) = self.sockets.by_address.remove(&AddressKey(relay)) {
            self.sockets.relays.try_remove(key);
        }
    }

    /// Sends what was gathered, while datagrams of this turn are still being read.
    fn flush_keeping_arena(&mut self) {
        let sockets = &self.sockets;
        let unsent = self.path.outbox.flush(self.path.arena.bytes(), |exit| sockets.udp(exit));
        self.core.handle_unsent(unsent);
    }

    /// Gives a client, and the message that says so, to the worker it belongs to.
    fn hand_over(&mut self, worker: crate::Worker, tuple: FiveTuple, bytes: Vec<u8>) {
        let Some(postbox) = self.links.postboxes.get(usize::from(worker)).cloned().filter(|_| bytes.len() <= REQUEST)
        else {
            return;
        };
        // Anyone who takes it tells its home, which is a different one's where it is a guest here.
        let guest_of = self.moved.guests.get(&tuple).copied();
        let from = guest_of.unwrap_or(self.links.number);
        let letter = match tuple.transport {
            Transport::Udp => WorkerMessage::Datagram { tuple, bytes, from },
            Transport::Dtls => {
                let Some(session) = self.sessions.release(tuple) else { return };
                match guest_of.and_then(|home| self.links.postboxes.get(usize::from(home))) {
                    // A box that is full leaves the way as it was: the client hears nothing, and begins again.
                    Some(home) => drop(home.post(WorkerMessage::Away { tuple, at: worker, answers: Vec::new() })),
                    None => self.note_away(tuple, worker),
                }
                WorkerMessage::Session { tuple, session: Box::new(session), message: bytes, from }
            }
            Transport::Tcp | Transport::Tls => {
                let Some(client) = self.release_client(tuple, &bytes) else { return };
                WorkerMessage::Client(Box::new(client))
            }
        };
        if postbox.post(letter).is_err() {
            self.moved.away.remove(&tuple); // it begins again, here
            tracing::warn!("a worker of the relay is too busy to take a client over");
        }
    }
}

/// A taken port is nothing new, another error is worth a word.
fn report(relay: SocketAddr, error: &io::Error) {
    if error.kind() != io::ErrorKind::AddrInUse {
        tracing::warn!(%relay, %error, "a relay could not be opened; check the relay addresses and the limit of open files");
    }
}
