//! What workers of one server give each other, and are told from outside.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;

use super::clients::Client;
use super::dtls::Session;
use super::tls::Identity;
use crate::{Changes, FiveTuple, Worker};

/// Letters that wait for one worker. Full: data is dropped and counted, as a full socket would; a client that moves
/// gets no answer and asks again; orders from outside wait.
const LETTERS: usize = 4096;

/// Bytes of data in the messages that wait for one worker: some milliseconds of a busy one. Full: as above.
const BYTES: usize = 8 << 20;

/// A letter.
pub(super) enum WorkerMessage {
    /// A datagram of a client that belongs to the reader, though it hashed to the writer.
    Datagram { tuple: FiveTuple, bytes: Vec<u8>, from: Worker },
    /// A whole connection, whose inbox begins with the message that belongs to the reader.
    Client(Box<Client>),
    /// A DTLS session, and the message in it that belongs to the reader.
    Session { tuple: FiveTuple, session: Box<Session>, message: Vec<u8>, from: Worker },
    /// From now on datagrams of this client are the writer's. Then the client is told: what it sends upon that finds
    /// its way.
    Away { tuple: FiveTuple, at: Worker, answers: Vec<Vec<u8>> },
    /// No longer, unless somebody else has said so since.
    Home { tuple: FiveTuple, at: Worker },
    /// Data for relays of the reader.
    Parcels(Batch),
    /// Other users, secrets, peers and quotas.
    Reload(Arc<Changes>),
    /// Another certificate, or none.
    Identity(Option<Arc<Identity>>),
    /// No new allocations.
    Drain,
    /// Look at what else has changed.
    Look,
    /// The end.
    Stop,
    /// A test wants the worker to end by a fault.
    #[cfg(test)]
    Fault,
}

/// Data that relays of one worker send to relays of another, gathered over an iteration.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) all: Vec<BatchedDatagram>,
}

/// One datagram among them.
pub(super) struct BatchedDatagram {
    pub(super) relay: SocketAddr,
    pub(super) from: SocketAddr,
    /// Where its data stands, with room for ChannelData in front.
    pub(super) data: Range<usize>,
}

impl WorkerMessage {
    /// Bytes of data in it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Datagram { bytes, .. } => bytes.len(),
            Self::Parcels(parcels) => parcels.bytes.len(),
            Self::Away { answers, .. } => answers.iter().map(Vec::len).sum(),
            Self::Client(_)
            | Self::Session { .. }
            | Self::Home { .. }
            | Self::Reload(_)
            | Self::Identity(_)
            | Self::Drain
            | Self::Look
            | Self::Stop => 0,
            #[cfg(test)]
            Self::Fault => 0,
        }
    }
}

impl Batch {
    pub(super) fn push(&mut self, relay: SocketAddr, from: SocketAddr, data: &[u8]) {
        self.bytes.extend_from_slice(&[0; super::udp::HEADROOM]);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.all.push(BatchedDatagram { relay, from, data: start..self.bytes.len() });
    }
}

/// The way to one worker.
#[derive(Clone)]
pub(super) struct Mailbox {
    sender: Sender<WorkerMessage>,
    /// Bytes of data that wait.
    bytes: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// A postbox, and what its worker reads.
    pub(super) fn new(waker: Waker) -> (Self, Receiver<WorkerMessage>) {
        let (sender, receiver) = bounded(LETTERS);
        (Self { sender, bytes: Arc::default(), waker: Arc::new(waker) }, receiver)
    }

    /// Leaves a message, unless the box is full: then it comes back.
    pub(super) fn post(&self, mail: WorkerMessage) -> Result<(), WorkerMessage> {
        let weight = mail.weight();
        if weight > 0 && self.bytes.fetch_add(weight, Ordering::Relaxed) > BYTES {
            self.taken(weight);
            return Err(mail);
        }
        match self.sender.try_send(mail) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(TrySendError::Full(mail) | TrySendError::Disconnected(mail)) => {
                self.taken(weight);
                Err(mail)
            }
        }
    }

    /// Data of that many bytes waits no more.
    pub(super) fn taken(&self, weight: usize) {
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Leaves a message, and waits for room; nobody reads it when the worker is gone.
    pub(super) fn order(&self, mail: WorkerMessage) {
        if self.sender.send(mail).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "a worker of the relay was not woken");
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    fn postbox() -> (Mailbox, Receiver<WorkerMessage>, Poll) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        let (postbox, letters) = Mailbox::new(waker);
        (postbox, letters, poll)
    }

    fn parcels(bytes: usize) -> WorkerMessage {
        let mut parcels = Batch::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        parcels.push(address, address, &vec![0; bytes - super::super::udp::HEADROOM]);
        WorkerMessage::Parcels(parcels)
    }

    #[test]
    fn letters_hold_so_many_bytes_of_data_and_orders_all_the_same() {
        let (postbox, letters, _poll) = postbox();
        let eighth = BYTES / 8;
        let posted = (0..100).take_while(|_| postbox.post(parcels(eighth)).is_ok()).count();
        assert_eq!(posted, 9, "the budget, and the one letter that goes beyond it");
        // A full box refuses data of whatever size, again and again, and it costs nothing.
        let local = SocketAddr::from(([127, 0, 0, 1], 9));
        let datagram = || {
            let tuple = FiveTuple::udp(local, local);
            WorkerMessage::Datagram { tuple, bytes: vec![0], from: 0 }
        };
        assert!((0..100).all(|_| postbox.post(datagram()).is_err() && postbox.post(parcels(BYTES)).is_err()));
        assert!(postbox.post(WorkerMessage::Look).is_ok());
        // Anyone who reads makes room, as much as was read.
        postbox.taken(letters.try_recv().unwrap().weight());
        assert!(postbox.post(parcels(eighth)).is_ok() && postbox.post(datagram()).is_err());
        while let Ok(letter) = letters.try_recv() {
            postbox.taken(letter.weight());
        }
        assert_eq!(postbox.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn letters_are_so_many_and_who_is_gone_gets_none() {
        let (postbox, letters, _poll) = postbox();
        assert_eq!((0..10_000).take_while(|_| postbox.post(parcels(100)).is_ok()).count(), LETTERS);
        assert_eq!(postbox.bytes.load(Ordering::Relaxed), 100 * LETTERS, "what was refused is not counted");
        drop(letters);
        assert!(postbox.post(WorkerMessage::Look).is_err());
    }
}
