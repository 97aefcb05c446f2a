//! Letters of the other workers, and orders from outside.

use super::iteration::Turn;
use super::{EgressSocket, MOVED, PollSource, Worker};
use crate::codec::ChannelData;
use crate::shell::dtls;
use crate::shell::mailbox::{Batch, WorkerMessage};
use crate::shell::udp::Outbox;
use crate::{FiveTuple, FromPeer, Output, Transport};

/// Letters that are taken before sockets have their turn.
const LETTERS: usize = 256;

impl Worker {
    /// Takes all letters that are there. A letter that comes meanwhile wakes the poll again.
    pub(super) fn take_letters(&mut self) -> Turn {
        let mut turn = Turn::Another;
        for _ in 0..LETTERS {
            let Ok(letter) = self.links.letters.try_recv() else { return turn };
            if let Some(own) = self.links.postboxes.get(usize::from(self.links.number)) {
                own.taken(letter.weight());
            }
            match letter {
                WorkerMessage::Datagram { tuple, bytes, from } => self.take_guest(tuple, &bytes, from),
                WorkerMessage::Client(client) => self.adopt_client(*client),
                WorkerMessage::Session { tuple, session, message, from } => {
                    self.settle(tuple, from);
                    // Where there is no room nothing is done for it either: it would not hear of it. The next sweep
                    // sends it home.
                    if self.sessions.adopt(tuple, *session) {
                        self.take_message(tuple, &message);
                        self.acknowledge_session(tuple);
                    }
                }
                WorkerMessage::Away { tuple, at, answers } => {
                    self.note_away(tuple, at);
                    for answer in answers {
                        self.send_raw(tuple.local, tuple.client, &answer);
                    }
                }
                WorkerMessage::Home { tuple, at } => {
                    if self.moved.away.get(&tuple) == Some(&at) {
                        self.moved.away.remove(&tuple);
                    }
                }
                WorkerMessage::Parcels(parcels) => self.take_parcels(parcels),
                WorkerMessage::Reload(changes) => self.core.reload(&changes, self.now),
                WorkerMessage::Identity(identity) => self.links.identity = identity,
                WorkerMessage::Drain => self.core.drain(),
                WorkerMessage::Look => {
                    self.take_members();
                    self.core.end_withdrawn();
                }
                WorkerMessage::Stop => turn = Turn::Last,
                #[cfg(test)]
                WorkerMessage::Fault => panic!("a test wanted it"),
            }
            self.carry_out();
        }
        self.path.again.push(PollSource::Letters);
        turn
    }

    /// From now on datagrams of `tuple` are for the worker `at`.
    pub(super) fn note_away(&mut self, tuple: FiveTuple, at: crate::Worker) {
        if self.moved.away.len() < MOVED {
            self.moved.away.insert(tuple, at);
        }
    }

    /// A client that hashes to `home` belongs here from now on. Where that is this very worker, it has come back.
    fn settle(&mut self, tuple: FiveTuple, home: crate::Worker) {
        if home == self.links.number {
            self.moved.away.remove(&tuple);
        } else {
            self.moved.guests.insert(tuple, home);
        }
    }

    /// Takes a datagram of a client that hashes to `home`.
    fn take_guest(&mut self, tuple: FiveTuple, bytes: &[u8], home: crate::Worker) {
        if dtls::is_dtls(bytes) {
            return self.take_dtls(tuple, bytes);
        }
        if self.moved.guests.contains_key(&tuple) {
            return self.take_message(tuple, bytes);
        }
        self.set_clock(ChannelData::is_one(bytes));
        self.core.handle_client(tuple, bytes, self.now);
        let mut answers = Vec::new();
        while let Some(output) = self.core.poll_output() {
            if let Output::Transmit { to, payload } = output {
                if to == tuple { answers.push(payload) } else { self.transmit(to, &payload) }
            } else {
                self.carry_out_one(output, tuple, |_| bytes.to_vec());
            }
        }
        // Anyone who proved to be a client of ours is one from now on; a stranger leaves nothing behind.
        let is_ours = self.core.holds(&tuple) && self.moved.guests.len() < MOVED;
        if is_ours && home == self.links.number {
            self.settle(tuple, home);
        }
        let postbox = self.links.postboxes.get(usize::from(home));
        let postbox = postbox.filter(|_| is_ours && home != self.links.number);
        match postbox {
            None => answers.iter().for_each(|answer| self.send_raw(tuple.local, tuple.client, answer)),
            // Full: the client hears nothing, and asks again.
            Some(postbox) if postbox.post(WorkerMessage::Away { tuple, at: self.links.number, answers }).is_err() => {
                self.core.handle_unsent(1);
            }
            Some(_) => self.settle(tuple, home),
        }
    }

    /// Takes data of other workers' clients for relays of this one. It goes out from the letter itself.
    fn take_parcels(&mut self, parcels: Batch) {
        let Batch { mut bytes, all } = parcels;
        let mut outbox = std::mem::replace(&mut self.path.letters, Outbox::new());
        for parcel in all {
            let data = bytes.get(parcel.data.clone()).unwrap_or_default();
            match self.core.pass_from_peer(parcel.relay, parcel.from, data.len(), self.now) {
                FromPeer::Dropped => {}
                FromPeer::Indication { to } => self.core.indicate(to, parcel.from, data),
                FromPeer::Channel { to, number } => {
                    let whole = parcel.data.start - crate::shell::udp::HEADROOM..parcel.data.end;
                    let message = bytes.get_mut(whole.clone()).unwrap_or_default();
                    ChannelData::write_header(number, message); // bounded by the core
                    match self.sockets.listener(to.local).filter(|_| to.transport == Transport::Udp) {
                        Some(index) => outbox.push(EgressSocket::Listener(index), to.client, whole),
                        None => {
                            let message = message.to_vec();
                            self.send_data(to, &message);
                        }
                    }
                }
            }
        }
        let sockets = &self.sockets;
        let unsent = outbox.flush(&bytes, |exit| sockets.udp(exit));
        self.path.letters = outbox;
        self.core.handle_unsent(unsent);
    }

    /// Takes a message that came by other ways than a datagram of this worker's own listeners.
    pub(super) fn take_message(&mut self, tuple: FiveTuple, message: &[u8]) {
        self.set_clock(ChannelData::is_one(message));
        self.core.handle_client(tuple, message, self.now);
        self.carry_out_for(tuple, |_| message.to_vec());
    }
}
