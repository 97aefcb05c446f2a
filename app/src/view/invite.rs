//! How others come into a room: what the invite panel shows.

use std::fmt;
use std::net::IpAddr;

use hearth_protocol::RoomName;

/// How others come into the room.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// The number, for those on the same network: it leads to the lobby.
    pub number: RoomName,
    /// The link, secret included: it lets in at once.
    pub link: String,
    /// Whether this machine is the server: then the room ends with this program, and browsers warn of its certificate.
    pub is_hosted: bool,
    /// The addresses that can be in the link; empty where a server's name does.
    pub addresses: Vec<InviteAddress>,
    /// Words of the server's key, which desktop clients show, too.
    pub words: String,
    /// SHA-256 of the certificate as browsers show it: `AB:CD:...`.
    pub certificate: Option<String>,
    /// How often somebody came with a wrong secret.
    pub wrong_invites: u32,
    /// How often somebody came with a wrong password.
    pub wrong_passwords: u32,
}

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteAddress {
    /// The address.
    pub address: IpAddr,
    /// The interface's name.
    pub interface: String,
    /// What leads to it.
    pub kind: AddressKind,
    /// Whether the link holds it.
    pub is_chosen: bool,
}

/// What leads to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// A network card: the people in the same house.
    Lan,
    /// A tunnel: only who is in the same VPN.
    Vpn,
    /// This machine alone.
    Loopback,
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The link holds the secret.
        f.debug_struct("Invite")
            .field("number", &self.number)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}
