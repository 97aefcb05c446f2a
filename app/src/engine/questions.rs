//! Asks the network for the address behind a `.local` name, one question a packet (RFC 6762).
//!
//! The directory's library asks for both families in one packet. Chromium answers packets of one question only, and
//! announces a name only once, when it makes it: a name that is asked for later was never found. So two packets of one
//! question each go out beside the library's; the answers are multicast, and the library hears them like any other.
//! Holds nothing; what cannot be sent is left out, as on a network without multicast.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Protocol, Socket, Type};

/// Where names are asked for.
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Record types A and AAAA, and the class of the internet (RFC 1035, RFC 3596).
const A: u16 = 1;
const AAAA: u16 = 28;
const IN: u16 = 1;
/// Longest label of a name (RFC 1035, section 2.3.4).
const LABEL: usize = 63;

/// Asks once on every interface.
pub(super) fn ask(name: &str) {
    let packets: Vec<Vec<u8>> = [A, AAAA].into_iter().filter_map(|kind| question(name, kind)).collect();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        if interface.is_loopback() {
            continue;
        }
        let sent = match interface.ip() {
            IpAddr::V4(address) => ask_v4(address, &packets),
            IpAddr::V6(address) => ask_v6(address, interface.index, &packets),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, interface = interface.name, "a name is not asked for here");
        }
    }
}

fn ask_v4(interface: Ipv4Addr, packets: &[Vec<u8>]) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_multicast_if_v4(&interface)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.bind(&SocketAddr::new(interface.into(), 0).into())?;
    send(&socket, SocketAddr::new(GROUP_V4.into(), PORT), packets)
}

fn ask_v6(interface: Ipv6Addr, index: Option<u32>, packets: &[Vec<u8>]) -> io::Result<()> {
    // One address of an interface is enough: the link-local one, which each has.
    let Some(index) = index.filter(|_| interface.is_unicast_link_local()) else { return Ok(()) };
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(255)?;
    socket.bind(&SocketAddrV6::new(interface, 0, 0, index).into())?;
    send(&socket, SocketAddrV6::new(GROUP_V6, PORT, 0, index).into(), packets)
}

fn send(socket: &Socket, to: SocketAddr, packets: &[Vec<u8>]) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    packets.iter().try_for_each(|packet| socket.send_to(packet, &to.into()).map(|_| ()))
}

/// One question (RFC 1035, section 4.1); none for what is no name.
fn question(name: &str, kind: u16) -> Option<Vec<u8>> {
    // No id, no flags, one question, no record.
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=LABEL).contains(&usize::from(*length)))?;
        packet.push(length);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend(IN.to_be_bytes());
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_holds_one_question_and_nothing_else() {
        let packet = question("ab-1.local.", AAAA).unwrap();
        assert_eq!(packet, b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04ab-1\x05local\0\0\x1c\0\x01");
        assert_eq!(question("ab-1.local", A).unwrap()[packet.len() - 4..], [0, 1, 0, 1]);
        for nothing in ["", ".", "a..local", &format!("{}.local", "x".repeat(64))] {
            assert_eq!(question(nothing, A), None, "{nothing}");
        }
    }
}
