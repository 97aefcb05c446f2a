//! What is asked of a world as a whole.

use std::net::IpAddr;

use hearth_call::CallPhase;

use crate::world::{BYSTANDER, World};

impl World {
    /// A machine that has nothing to do with the call is at this address.
    pub fn add_bystander(&mut self, address: IpAddr) {
        self.net.add_address(BYSTANDER, address);
    }

    /// Whether every two who live are connected; who is gone may still be in the snapshot for the server's grace.
    pub fn all_living_connected(&self) -> bool {
        let alive: Vec<_> = self.clients.iter().filter(|client| !client.has_ended()).collect();
        alive.iter().all(|client| {
            let snapshot = client.call.snapshot();
            alive.iter().filter(|other| other.node != client.node).all(|other| {
                let name = other.call.snapshot().me;
                snapshot.peers.iter().any(|p| Some(p.id) == name && p.connection.is_connected())
            })
        })
    }

    /// Whether every two who live are connected.
    pub fn all_connected(&self) -> bool {
        let alive: Vec<_> = self.clients.iter().filter(|client| !client.has_ended()).collect();
        alive.iter().all(|client| {
            let snapshot = client.call.snapshot();
            let connected = snapshot.peers.iter().filter(|peer| peer.connection.is_connected());
            snapshot.phase == CallPhase::InRoom && connected.count() == alive.len() - 1
        })
    }
}
