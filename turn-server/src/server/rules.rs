//! What the operator decided, as far as it can be decided again while calls go on.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::Server;
use super::auth::Credentials;
use super::discovery::Discovery;
use crate::config::{Changes, Options};
use crate::{Config, PeerPolicy, Quotas};

/// The rules of the moment.
pub(super) struct Rules {
    pub(super) peers: PeerPolicy,
    /// Whom the server serves alone, once it was told.
    pub(super) members: Option<BTreeSet<IpAddr>>,
    pub(super) own: Vec<SocketAddr>,
    pub(super) quotas: Quotas,
    pub(super) options: Options,
    pub(super) discovery: Vec<Discovery>,
    /// Whether it waits for the last allocation to end, and makes no other.
    pub(super) draining: bool,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            peers: config.peers.clone(),
            members: None,
            own: config.own.clone(),
            quotas: config.quotas,
            options: config.options,
            discovery: config.discovery.clone(),
            draining: false,
        }
    }
}

impl Server {
    /// From now on knows these users and secrets, these peers and quotas. Allocations that stand go on, anyone who made
    /// them; data to peers that are refused now ends at once.
    pub fn reload(&mut self, changes: &Changes, now: Instant) {
        self.handle_timeout(now);
        let realm = std::mem::take(&mut self.gate.credentials.realm);
        self.gate.credentials = Credentials::new(realm, &changes.users, &changes.secrets);
        self.rules.peers = changes.peers.clone();
        self.rules.quotas = changes.quotas;
        if self.rules.members.is_none() {
            let (commons, peers) = (&self.commons, &self.rules.peers);
            let stays = |peer: IpAddr| peers.permits(peer) || commons.bound(SocketAddr::new(peer, 0)).is_some();
            self.table.forbid_peers(|peer| !stays(peer));
            self.forbid_connections();
        }
    }

    /// Ends connections with peers that are not permitted any more.
    pub(super) fn forbid_connections(&mut self) {
        for id in self.connections.with(|peer| !self.permits(peer)) {
            self.disconnect(id);
        }
    }

    /// From now on makes no new allocation; those that stand are refreshed and go on.
    pub fn drain(&mut self) {
        self.rules.draining = true;
    }
}
