//! The addresses of this machine, and what each is worth to a call.

use std::net::IpAddr;

/// An address that others may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// What it is on.
    pub adapter: AdapterType,
}

/// What an address is on, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterType {
    /// A cable, or nothing that is known to be worse.
    #[default]
    Ethernet,
    /// A wireless LAN.
    Wifi,
    /// A mobile network: most cost money.
    Cellular,
    /// A tunnel: what it leads through is one of the others.
    Vpn,
}

impl AdapterType {
    /// The local preference of its candidates (RFC 8445, section 5.1.2.1). It says the same at both ends, whatever
    /// else each of them has.
    pub(crate) fn preference(self) -> u16 {
        match self {
            Self::Ethernet => 0xFFFF,
            Self::Wifi => 0xBFFF,
            Self::Cellular => 0x7FFF,
            Self::Vpn => 0x3FFF,
        }
    }
}

impl From<IpAddr> for LocalAddress {
    fn from(address: IpAddr) -> Self {
        Self { address, adapter: AdapterType::default() }
    }
}
