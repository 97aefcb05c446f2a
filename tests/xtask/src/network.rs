//! The address under which other machines on the local network reach this one, and the network's range.
//!
//! Sends nothing: a UDP socket that is connected, but never used, already knows which of our addresses it would send
//! from. So containers' and tunnels' interfaces are left out unless the default route goes through them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// An address that no network has (RFC 5737) but that the default route leads to.
const FAR: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Our place in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Our address.
    pub(crate) address: IpAddr,
    /// The range around it, as `ADDR/PREFIX`.
    pub(crate) range: String,
}

/// Where we are: on the network of the default route, or alone.
pub(crate) fn place() -> Option<Place> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(SocketAddr::from(FAR)).ok()?;
    let IpAddr::V4(address) = socket.local_addr().ok()?.ip() else { return None };
    if address.is_loopback() || address.is_unspecified() {
        return None;
    }
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let range = range_of(address, &routes).unwrap_or_else(|| format!("{address}/32"));
    Some(Place { address: address.into(), range })
}

/// This machine alone.
pub(crate) fn alone() -> Place {
    Place { address: Ipv4Addr::LOCALHOST.into(), range: "127.0.0.0/8".to_owned() }
}

/// The narrowest network around `address` in a routing table as Linux shows it: numbers in hexadecimal, in the byte
/// order of the machine; field 1 is the destination, 7 the mask.
fn range_of(address: Ipv4Addr, routes: &str) -> Option<String> {
    let number = |text: &str| Some(u32::from_be_bytes(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
    let networks = routes.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let destination = number(fields.nth(1)?)?;
        let mask = number(fields.nth(5)?)?;
        let around = mask != 0 && address.to_bits() & mask == destination;
        around.then_some((mask.count_ones(), destination))
    });
    let (prefix, destination) = networks.max()?;
    Some(format!("{}/{prefix}", Ipv4Addr::from_bits(destination)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
broken";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_range_is_the_narrowest_network_around_the_address() {
        assert_eq!(range_of(Ipv4Addr::new(192, 168, 1, 7), ROUTES).as_deref(), Some("192.168.1.0/24"));
        assert_eq!(range_of(Ipv4Addr::new(172, 17, 0, 2), ROUTES).as_deref(), Some("172.17.0.0/16"));
        assert_eq!(range_of(Ipv4Addr::new(10, 0, 0, 1), ROUTES), None);
        assert_eq!(range_of(Ipv4Addr::new(10, 0, 0, 1), ""), None);
    }
}
