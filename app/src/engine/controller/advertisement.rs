//! How others find the room that we host: the addresses in its link, and its announcement on this network.
//!
//! Owner of: the announcement, which is withdrawn with it.

use std::net::IpAddr;

use crate::engine::discovery::{Announced, Card, Discovery};
use crate::engine::hosting::addresses;
use crate::view::{AddressKind, InviteAddress};

/// How others find a room; of one that we do not host, nothing.
#[derive(Debug, Default)]
pub(super) struct Advertisement {
    announced: Option<Announced>,
    /// Addresses of this machine.
    pub(super) addresses: Vec<InviteAddress>,
    /// The one of them that the person wants in the link.
    pub(super) picked: Option<IpAddr>,
}

impl Advertisement {
    /// Looks again which addresses this machine has.
    pub(super) fn look(&mut self) {
        self.addresses = addresses::addresses(self.picked);
    }

    /// Addresses of this machine at which others are served: no tunnel's that nobody picked.
    pub(super) fn served(&self) -> Vec<IpAddr> {
        let served = self.addresses.iter().filter(|entry| entry.is_chosen || entry.kind != AddressKind::Vpn);
        served.map(|entry| entry.address).collect()
    }

    /// Whether the network has been told.
    pub(super) fn is_announced(&self) -> bool {
        self.announced.is_some()
    }

    /// Tells the network, at the addresses that were seen last.
    pub(super) fn announce(&mut self, discovery: &Discovery, card: Card, port: u16) {
        self.announced = discovery.announce(card, &self.served(), port);
    }

    /// The announcement, while there is one.
    pub(super) fn announced(&mut self) -> Option<&mut Announced> {
        self.announced.as_mut()
    }

    /// Tells the network that the room is gone.
    pub(super) fn withdraw(&mut self) {
        self.announced = None;
    }
}
