//! Two addresses and two ports, by which a client learns how the NATs before it behave (RFC 5780).

use std::net::{IpAddr, SocketAddr};

/// Listeners on each of two addresses with each of two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The addresses, of one family.
    pub addresses: [IpAddr; 2],
    /// The ports.
    pub ports: [u16; 2],
}

impl Discovery {
    /// The four of them.
    pub fn all(&self) -> [SocketAddr; 4] {
        let ([one, two], [lower, upper]) = (self.addresses, self.ports);
        [(one, lower), (two, lower), (one, upper), (two, upper)].map(SocketAddr::from)
    }

    /// The address and port that differ both from those of `local`; `None` when it is none of the four.
    pub(super) fn counterpart(&self, local: SocketAddr) -> Option<SocketAddr> {
        let [first, second] = self.addresses;
        let [lower, upper] = self.ports;
        let ip = other(local.ip(), first, second)?;
        let port = other(local.port(), lower, upper)?;
        Some(SocketAddr::new(ip, port))
    }
}

/// That of the two which `this` is not.
fn other<T: PartialEq>(this: T, first: T, second: T) -> Option<T> {
    match this {
        this if this == first => Some(second),
        this if this == second => Some(first),
        _ => None,
    }
}
