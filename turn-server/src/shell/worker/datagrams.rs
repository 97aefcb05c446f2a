//! Datagrams: read, judged by the core, and gathered for sending. The fast path is here, and copies nothing.

use std::net::SocketAddr;

use super::{EgressSocket, PollSource, Worker};
use crate::codec::ChannelData;
use crate::shell::dtls::{self, Event};
use crate::shell::udp::{Arrival, Found, HEADROOM, SLOTS};
use crate::{FiveTuple, Forward, FromPeer, NextHop, Transport};

/// Datagrams that one socket gives before others have their turn.
const FAIR: usize = 4 * SLOTS;
/// Datagrams that are asked of a quiet socket at once; fewer free slots than this are not worth a call.
pub(super) const FEW: usize = 8;
/// Datagrams that are asked of a busy one.
const MANY: usize = 64;

impl Worker {
    /// Reads a socket until it is empty, or has had its share.
    pub(super) fn read_datagrams(&mut self, exit: EgressSocket) {
        let mut batch = self.batch(exit);
        let mut taken = 0;
        while taken < FAIR {
            if self.path.arena.free() < FEW {
                self.flush();
            }
            let asked = batch.min(self.path.arena.free());
            let mut arrivals = std::mem::take(&mut self.path.arrivals);
            arrivals.clear();
            let found = match self.sockets.udp(exit) {
                Some(socket) => self.path.arena.read(socket, asked, &mut arrivals).unwrap_or(Found::All),
                None => Found::All, // closed by what came before
            };
            for arrival in &arrivals {
                match exit {
                    EgressSocket::Listener(index) => self.take_datagram(index, arrival),
                    EgressSocket::Relay(key) => self.take_data(key, arrival),
                }
            }
            taken += arrivals.len();
            self.path.arrivals = arrivals;
            if found == Found::All {
                self.set_batch(exit, if taken < FEW { FEW } else { MANY });
                return; // the kernel had no more: the next one is a new edge
            }
            batch = MANY;
        }
        self.set_batch(exit, MANY);
        self.path.again.push(match exit {
            EgressSocket::Listener(index) => PollSource::Listener(index),
            EgressSocket::Relay(key) => PollSource::Relay(key),
        });
    }

    /// How many datagrams a socket is asked for first.
    fn batch(&self, exit: EgressSocket) -> usize {
        match exit {
            EgressSocket::Listener(index) => self.sockets.listeners.get(index).map_or(FEW, |listener| listener.batch),
            EgressSocket::Relay(key) => self.sockets.relays.get(key).map_or(FEW, |relay| relay.batch),
        }
    }

    fn set_batch(&mut self, exit: EgressSocket, batch: usize) {
        let place = match exit {
            EgressSocket::Listener(index) => self.sockets.listeners.get_mut(index).map(|listener| &mut listener.batch),
            EgressSocket::Relay(key) => self.sockets.relays.get_mut(key).map(|relay| &mut relay.batch),
        };
        if let Some(place) = place {
            *place = batch;
        }
    }

    fn take_datagram(&mut self, index: usize, arrival: &Arrival) {
        let Some(local) = self.sockets.listeners.get(index).map(|listener| listener.address) else { return };
        let tuple = FiveTuple::udp(arrival.from, local);
        if !self.moved.away.is_empty() && self.forward(tuple, arrival) {
            return;
        }
        let datagram = self.path.arena.get(&arrival.bytes);
        if dtls::is_dtls(datagram) {
            let datagram = datagram.to_vec();
            return self.take_dtls(tuple, &datagram);
        }
        if !self.links.doors.udp {
            return;
        }
        if ChannelData::is_one(datagram) {
            match self.core.pass_channel_data(&tuple, datagram, self.now) {
                Some(passage) => self.pass(passage, arrival),
                None => self.carry_out(),
            }
        } else {
            self.set_clock(false);
            self.core.handle_client(tuple, self.path.arena.get(&arrival.bytes), self.now);
            self.carry_out_for(tuple, |worker| worker.path.arena.get(&arrival.bytes).to_vec());
        }
    }

    /// Gathers ChannelData of a client for where it goes.
    fn pass(&mut self, passage: Forward, arrival: &Arrival) {
        let start = arrival.bytes.start;
        let data = start + passage.data.start..start + passage.data.end;
        match passage.way {
            NextHop::Peer { relay, peer } => {
                if let Some(key) = self.sockets.relay(relay) {
                    self.path.outbox.push(EgressSocket::Relay(key), peer, data);
                }
            }
            // The header in front of the data makes room for its own.
            NextHop::Client { to, number } => self.gather(to, number, data),
            NextHop::Worker { worker, relay, from } => {
                if let Some(parcels) = self.path.parcels.get_mut(usize::from(worker)) {
                    parcels.push(relay, from, self.path.arena.get(&data));
                }
            }
        }
    }

    fn take_data(&mut self, key: usize, arrival: &Arrival) {
        let Some(relay) = self.sockets.relays.get(key).map(|relay| relay.address) else { return };
        match self.core.pass_from_peer(relay, arrival.from, arrival.bytes.len(), self.now) {
            FromPeer::Channel { to, number } => self.gather(to, number, arrival.bytes.clone()),
            FromPeer::Indication { to } => {
                self.core.indicate(to, arrival.from, self.path.arena.get(&arrival.bytes));
                self.carry_out();
            }
            FromPeer::Dropped => {}
        }
    }

    /// Gathers data that is in the arena for a client, its header written in front.
    fn gather(&mut self, to: FiveTuple, number: u16, data: std::ops::Range<usize>) {
        let whole = data.start - HEADROOM..data.end;
        ChannelData::write_header(number, self.path.arena.get_mut(whole.clone())); // bounded by the core
        if to.transport != Transport::Udp {
            let message = self.path.arena.get(&whole).to_vec();
            return self.send_data(to, &message);
        }
        if let Some(index) = self.sockets.listener(to.local) {
            self.path.outbox.push(EgressSocket::Listener(index), to.client, whole);
        }
    }

    /// Takes a datagram of a session, or of one that begins.
    pub(super) fn take_dtls(&mut self, tuple: FiveTuple, datagram: &[u8]) {
        let tuple = FiveTuple { transport: Transport::Dtls, ..tuple };
        let identity = self.links.identity.clone().filter(|_| self.links.doors.dtls);
        let events = self.sessions.handle(tuple, datagram, identity.as_deref(), self.now);
        self.take_events(tuple, events);
        self.acknowledge_session(tuple);
        if !self.sessions.has(&tuple) && self.core.holds(&tuple) {
            self.core.handle_client_gone(tuple);
            self.carry_out();
        }
    }

    /// Says whether an allocation is behind a session, and counts those that were refused.
    pub(super) fn acknowledge_session(&mut self, tuple: FiveTuple) {
        self.sessions.acknowledge(&tuple, self.core.holds(&tuple), self.now);
        self.core.handle_refused_connections(self.sessions.take_refused());
    }

    pub(super) fn take_events(&mut self, tuple: FiveTuple, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Send(packet) => self.send_raw(tuple.local, tuple.client, &packet),
                Event::Message(message) => self.take_message(tuple, &message),
            }
        }
    }

    pub(super) fn sweep_sessions(&mut self) {
        let core = &self.core;
        let (events, gone) = self.sessions.sweep(self.now, |tuple| core.holds(tuple));
        for (tuple, event) in events {
            self.take_events(tuple, vec![event]);
        }
        for tuple in gone {
            self.core.handle_client_gone(tuple);
        }
    }

    /// Sends a datagram from a listener at once.
    pub(super) fn send_raw(&mut self, local: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        let socket = self.sockets.listener(local).and_then(|index| self.sockets.udp(EgressSocket::Listener(index)));
        if !socket.is_some_and(|socket| socket.send(destination, payload)) {
            self.core.handle_unsent(1);
        }
    }

    /// Gives a datagram to the worker that its client belongs to, if that is a different one.
    fn forward(&mut self, tuple: FiveTuple, arrival: &Arrival) -> bool {
        let dtls = FiveTuple { transport: Transport::Dtls, ..tuple };
        let away = self.moved.away.get(&tuple).or_else(|| self.moved.away.get(&dtls));
        let Some(postbox) = away.and_then(|at| self.links.postboxes.get(usize::from(*at))) else { return false };
        let bytes = self.path.arena.get(&arrival.bytes).to_vec();
        let letter = crate::shell::mailbox::WorkerMessage::Datagram { tuple, bytes, from: self.links.number };
        if postbox.post(letter).is_err() {
            self.core.handle_unsent(1);
        }
        true
    }
}
