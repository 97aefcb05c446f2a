//! Clients by TCP and TLS: accepted, cut into messages, and bounded.

use std::io;

use super::{PollSource, Worker};
use crate::codec::{ChannelData, frame_length};
use crate::shell::clients::{Client, ClientRole, OUTBOX, OVERFLOW, PATIENCE};
use crate::shell::stream::{BufferedStream, FirstByte, Gone, Progress};
use crate::{FiveTuple, Output, Transport};

/// Connections that are accepted in one go.
const ACCEPTED: usize = 64;

impl Worker {
    pub(super) fn accept_clients(&mut self, door: usize) {
        for _ in 0..ACCEPTED {
            let Some(listener) = self.sockets.doors.get(door) else { return };
            match listener.socket.accept() {
                Ok((socket, from)) if self.clients.admits(from.ip()) => {
                    let mut client = Client::new(BufferedStream::new(socket), from.ip(), self.now);
                    let key = self.clients.all.vacant_key();
                    if client.stream.register(&self.registry, PollSource::Client(key).token()).is_ok() {
                        self.clients.insert(client);
                    }
                }
                Ok(_) => self.core.handle_refused_connections(1),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // That one is gone already: the next one is tried. Where there are no files left, anyone who ends lets
                // the rest in with the next connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => return self.core.handle_refused_connections(1),
            }
        }
        self.path.again.push(PollSource::Door(door));
    }

    pub(super) fn take_client(&mut self, key: usize) {
        if self.serve_client(key).is_err() {
            self.close_client(key);
        }
    }

    fn serve_client(&mut self, key: usize) -> Result<(), Gone> {
        let Some(client) = self.clients.all.get_mut(key) else { return Ok(()) };
        if let ClientRole::Spliced(peer) = client.role {
            return self.pump(key, peer);
        }
        client.stream.flush()?;
        let Some(tuple) = self.know_client(key)? else { return Ok(()) };
        let Some(client) = self.clients.all.get_mut(key) else { return Ok(()) };
        if client.is_known && client.stream.inbox.is_empty() {
            client.patience = self.now + PATIENCE; // a message begins
        }
        let progress = client.stream.read()?;
        self.take_messages(key, tuple)?;
        if progress == Progress::More {
            self.path.again.push(PollSource::Client(key));
        }
        match self.clients.all.get_mut(key) {
            Some(client) if client.role == ClientRole::Messages && client.stream.has_ended => Err(Gone),
            Some(client) => client.stream.flush(),
            None => Ok(()),
        }
    }

    /// Who a client is, once its first byte is there.
    fn know_client(&mut self, key: usize) -> Result<Option<FiveTuple>, Gone> {
        let Some(client) = self.clients.all.get_mut(key) else { return Ok(None) };
        if let Some(tuple) = client.tuple {
            return Ok(Some(tuple));
        }
        let transport = match client.stream.opening()? {
            None => return Ok(None),
            Some(FirstByte::Plain) if self.links.doors.tcp => Transport::Tcp,
            Some(FirstByte::Tls) if self.links.doors.tls => {
                client.stream.encrypt(&self.links.identity.as_ref().ok_or(Gone)?.tls)?;
                Transport::Tls
            }
            Some(FirstByte::Plain | FirstByte::Tls) => return Err(Gone),
        };
        let (from, local) = client.stream.addresses().map_err(|_| Gone)?;
        let tuple = FiveTuple { client: from, local, transport };
        self.clients.name(key, tuple);
        Ok(Some(tuple))
    }

    /// Takes the whole messages that a client's inbox begins with.
    fn take_messages(&mut self, key: usize, tuple: FiveTuple) -> Result<(), Gone> {
        let Some(client) = self.clients.all.get_mut(key) else { return Ok(()) };
        let mut inbox = std::mem::take(&mut client.stream.inbox);
        let mut taken = 0;
        loop {
            let rest = inbox.get(taken..).unwrap_or_default();
            let Some(message) = frame_length(rest).map_err(|_| Gone)?.and_then(|length| rest.get(..length)) else {
                break;
            };
            let start = taken;
            taken += message.len();
            self.set_clock(ChannelData::is_one(message));
            self.core.handle_client(tuple, message, self.now);
            while let Some(output) = self.core.poll_output() {
                // Where the connection changes hands, or becomes a peer's, what follows goes with it.
                let ends = matches!(output, Output::HandOver { .. } | Output::Splice { .. });
                if ends {
                    self.leave_rest(key, inbox.get(taken..).unwrap_or_default().to_vec());
                }
                self.carry_out_one(output, tuple, |_| inbox.get(start..taken).unwrap_or_default().to_vec());
                if ends {
                    self.carry_out();
                    return Ok(());
                }
            }
            if !self.clients.all.contains(key) {
                return Ok(());
            }
        }
        inbox.drain(..taken);
        if let Some(client) = self.clients.all.get_mut(key) {
            client.stream.inbox = inbox;
        }
        if taken > 0 {
            self.clients.acknowledge(key, self.core.holds(&tuple), self.now);
            self.clients.renew(key, self.now);
        }
        Ok(())
    }

    fn leave_rest(&mut self, key: usize, rest: Vec<u8>) {
        if let Some(client) = self.clients.all.get_mut(key) {
            client.stream.inbox = rest;
        }
    }

    pub(super) fn close_client(&mut self, key: usize) {
        let Some(client) = self.clients.remove(key) else { return };
        if let Some(tuple) = client.tuple {
            self.core.handle_client_gone(tuple);
        }
        self.carry_out();
    }

    /// Sends data to a client that comes by another way than UDP. Where it does not keep up, data is dropped: what is
    /// late is of no use, and TCP would deliver all of it.
    pub(super) fn send_data(&mut self, to: FiveTuple, message: &[u8]) {
        match to.transport {
            Transport::Udp => self.send_raw(to.local, to.client, message),
            Transport::Dtls => {
                let events = self.sessions.send(to, message);
                self.take_events(to, events);
            }
            Transport::Tcp | Transport::Tls => self.queue(to, message, OUTBOX),
        }
    }

    /// Sends an answer or indication to a client on a stream.
    pub(super) fn send_message(&mut self, to: FiveTuple, message: &[u8]) {
        self.queue(to, message, OVERFLOW);
    }

    fn queue(&mut self, to: FiveTuple, message: &[u8], bound: usize) {
        let key = self.clients.key(&to);
        let Some(client) = key.and_then(|key| self.clients.all.get_mut(key)) else {
            return self.core.handle_unsent(1);
        };
        if client.stream.queued() + message.len() > bound {
            return self.core.handle_unsent(1);
        }
        client.stream.push(message);
        let padding = message.len().next_multiple_of(4) - message.len();
        client.stream.push([0; 3].get(..padding).unwrap_or_default());
        // A connection that broke says so by an event of its own.
        if client.stream.flush().is_err() {
            tracing::debug!("a client's connection broke");
        }
    }

    pub(super) fn sweep_clients(&mut self) {
        let talking = self.clients.all.iter().filter(|(_, client)| client.role == ClientRole::Messages);
        let tuples: Vec<_> = talking.filter_map(|(key, client)| Some((key, client.tuple?))).collect();
        for (key, tuple) in tuples {
            let is_known = self.core.holds(&tuple);
            self.clients.acknowledge(key, is_known, self.now);
        }
        for key in self.clients.late(self.now) {
            self.core.handle_refused_connections(1);
            self.close_client(key);
        }
    }

    /// Gives a connection away, its inbox beginning with `message`.
    pub(super) fn release_client(&mut self, tuple: FiveTuple, message: &[u8]) -> Option<Client> {
        let key = self.clients.key(&tuple)?;
        let mut client = self.clients.remove(key)?;
        client.stream.deregister(&self.registry).ok()?;
        client.stream.inbox.splice(..0, message.iter().copied());
        Some(client)
    }

    /// Takes one over, and goes on with what its inbox holds.
    pub(super) fn adopt_client(&mut self, mut client: Client) {
        let key = self.clients.all.vacant_key();
        let Some(tuple) = client.tuple else { return };
        // A stranger who is handed from worker to worker is bounded with each of them.
        if !self.clients.admits(client.source) {
            return self.core.handle_refused_connections(1);
        }
        if client.stream.register(&self.registry, PollSource::Client(key).token()).is_err() {
            return;
        }
        self.clients.insert(client);
        if self.take_messages(key, tuple).is_err() {
            self.close_client(key);
        }
    }
}
