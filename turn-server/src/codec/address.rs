//! The XOR address attributes (RFC 8489 section 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{COOKIE, TransactionId};

/// Reads the value of an XOR address attribute.
pub(crate) fn decode_address(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let ([_, family, port @ ..], rest) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes(*port) ^ port_mask();
    let ip = match family {
        1 => IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes(rest.try_into().ok()?) ^ mask_v4())),
        2 => IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(rest.try_into().ok()?) ^ mask_v6(transaction))),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Appends the value of an XOR address attribute.
pub(crate) fn encode_address(address: SocketAddr, transaction: &TransactionId, to: &mut Vec<u8>) {
    let family = if address.is_ipv4() { 1 } else { 2 };
    to.extend_from_slice(&[0, family]);
    to.extend_from_slice(&(address.port() ^ port_mask()).to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => to.extend_from_slice(&(ip.to_bits() ^ mask_v4()).to_be_bytes()),
        IpAddr::V6(ip) => to.extend_from_slice(&(ip.to_bits() ^ mask_v6(transaction)).to_be_bytes()),
    }
}

/// The value of an address attribute that is not XORed (RFC 8489 section 14.1).
pub(crate) fn encode_plain_address(address: SocketAddr) -> Vec<u8> {
    let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
    value.extend_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => value.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => value.extend_from_slice(&ip.octets()),
    }
    value
}

fn port_mask() -> u16 {
    (mask_v4() >> 16) as u16
}

fn mask_v4() -> u32 {
    u32::from_be_bytes(COOKIE)
}

/// The cookie, then the transaction.
fn mask_v6(transaction: &TransactionId) -> u128 {
    let tail = transaction.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    u128::from(mask_v4()) << 96 | tail
}
