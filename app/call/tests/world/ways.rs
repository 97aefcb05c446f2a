//! What is between the people of a world: the relay, and routers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_call::{Input, LocalAddress, TransportPolicy};
use hearth_netsim::{Filtering, NatConfig};
use hearth_turn::{FiveTuple, Output as TurnOutput, Transport};

use crate::servers::{TURN, rooms_with_streams, turn};
use crate::world::{TURN_NODE, Wire, World};

impl World {
    /// A further machine behind a router of its own, which forgets a mapping that is not used for `lifetime`.
    pub fn add_client_behind_nat(&mut self, filtering: Filtering, lifetime: Duration) -> usize {
        self.add_client_behind(NatConfig::endpoint_independent(filtering, lifetime))
    }

    /// A further machine behind such a router.
    pub fn add_client_behind(&mut self, config: NatConfig) -> usize {
        let index = self.add_client(TransportPolicy::All);
        let number = index as u8 + 1;
        let inside = IpAddr::from([192, 168, number, 2]);
        let client = &mut self.clients[index];
        self.net.remove_address(client.address);
        client.move_to(inside);
        self.net.add_nat(client.node, inside, IpAddr::from([10, 9, 0, number]), config);
        self.give(index, Input::Interfaces(vec![inside.into()]));
        index
    }

    /// Takes a client to another network, behind such a router.
    pub fn move_behind(&mut self, index: usize, inside: IpAddr, outside: IpAddr, config: NatConfig) {
        let client = &mut self.clients[index];
        self.net.remove_address(client.address);
        client.move_to(inside);
        self.net.add_nat(client.node, inside, outside, config);
        self.cut_signal(index);
        self.give(index, Input::Interfaces(vec![inside.into()]));
    }

    /// Gives a client these addresses in the place of those it had, all on a cable; its call is told at once, and its
    /// WebSocket is cut where it was on the first of them and that is gone.
    pub fn set_addresses(&mut self, index: usize, addresses: &[IpAddr]) {
        let all: Vec<_> = addresses.iter().map(|address| LocalAddress::from(*address)).collect();
        self.set_local_addresses(index, &all);
    }

    /// The same, with what each of them is on.
    pub fn set_local_addresses(&mut self, index: usize, all: &[LocalAddress]) {
        let addresses: Vec<IpAddr> = all.iter().map(|one| one.address).collect();
        let client = &mut self.clients[index];
        let before: Vec<IpAddr> = client.others.iter().copied().chain([client.address]).collect();
        let is_cut = !addresses.contains(&client.address);
        before.iter().filter(|old| !addresses.contains(old)).for_each(|old| self.net.remove_address(*old));
        addresses.iter().filter(|new| !before.contains(new)).for_each(|new| self.net.add_address(client.node, *new));
        client.rehome(&addresses);
        if is_cut {
            self.cut_signal(index);
        }
        if addresses.is_empty() {
            self.bar_signal(index);
        } else {
            self.admit_signal(index);
        }
        self.give(index, Input::Interfaces(all.to_vec()));
    }

    /// From now on the server names a way to the relay by TCP, too, and streams get there.
    pub fn add_streams(&mut self) {
        assert!(self.clients.is_empty(), "nobody has seen the other server");
        self.rooms = rooms_with_streams(self.seed, self.now);
    }

    /// Lets no UDP of a client out, nor any in.
    pub fn block_udp(&mut self, index: usize) {
        let node = self.clients[index].node;
        let others: Vec<_> = self.clients.iter().map(|client| client.node).filter(|other| *other != node).collect();
        for other in others.into_iter().chain([TURN_NODE]) {
            self.net.set_partition(node, other, true);
        }
    }

    /// A message came to the relay on a stream.
    pub fn on_stream_message(&mut self, from: SocketAddr, message: &[u8]) {
        if self.turn_up {
            self.turn.handle_client(
                FiveTuple { client: from, local: TURN, transport: Transport::Tcp },
                message,
                self.now,
            );
            self.drain_turn();
        }
    }

    /// A message came from it.
    pub fn on_stream_answer(&mut self, to: SocketAddr, message: Vec<u8>) {
        for index in 0..self.clients.len() {
            if !self.clients[index].crashed {
                self.clients[index].deliver(TURN, to, message.clone(), self.now);
                self.drain_client(index);
            }
        }
    }

    /// Kills the relay: its memory is lost, and anyone who asks is not answered.
    pub fn stop_turn(&mut self) {
        self.turn_up = false;
        self.restarts += 1;
        self.turn = turn(self.seed + self.restarts, self.now);
        self.drain_turn();
    }

    pub fn start_turn(&mut self) {
        self.turn_up = true;
    }

    pub fn on_turn_datagram(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if !self.turn_up {
            return;
        }
        if to == TURN {
            self.turn.handle_listener(from, to, payload, self.now);
        } else {
            self.turn.handle_relay(to, from, payload, self.now);
        }
        self.drain_turn();
    }

    pub fn drain_turn(&mut self) {
        while let Some(output) = self.turn.poll_output() {
            match output {
                TurnOutput::Transmit { to, payload } if to.transport == Transport::Tcp => {
                    self.send_wire(Wire::FromRelay(to.client, payload));
                }
                TurnOutput::Transmit { to, payload } => {
                    self.net.send(to.local, to.client, payload, self.now);
                }
                TurnOutput::RelayTransmit { relay, destination, payload, .. } => {
                    self.net.send(relay, destination, payload, self.now);
                }
                TurnOutput::OpenRelay { .. }
                | TurnOutput::CloseRelay { .. }
                | TurnOutput::Connect { .. }
                | TurnOutput::Splice { .. }
                | TurnOutput::Disconnect { .. }
                | TurnOutput::HandOver { .. }
                | TurnOutput::Deliver { .. } => {}
            }
        }
    }
}
