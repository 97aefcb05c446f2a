//! What is between the people of a world: the relay, and routers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_call::{Input, TransportPolicy};
use hearth_netsim::Filtering;
use hearth_turn::Output as TurnOutput;

use crate::servers::{TURN, turn};
use crate::world::World;

impl World {
    /// A further machine behind a router of its own, which forgets a mapping that is not used for `lifetime`.
    pub fn add_client_behind_nat(&mut self, filtering: Filtering, lifetime: Duration) -> usize {
        let index = self.add_client(TransportPolicy::All);
        let number = index as u8 + 1;
        let inside = IpAddr::from([192, 168, number, 2]);
        let client = &mut self.clients[index];
        self.net.remove_address(client.address);
        client.move_to(inside);
        self.net.add_nat(client.node, inside, IpAddr::from([10, 9, 0, number]), filtering, lifetime);
        self.give(index, Input::Interfaces(vec![inside]));
        index
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
