//! With whom clients may exchange data: nobody on a special-purpose address, unless the operator opened it by name.
//!
//! A relay that sends anywhere is a way round every firewall in front of the network it is in. So the default is the
//! public internet and nothing else. The policy judges addresses; which of them are the server's own is known to the
//! core.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Judges peers' addresses.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

impl PeerPolicy {
    /// The public internet, and the named ranges. They match an address as it is written: `10.0.0.0/8` opens none of
    /// the IPv6 disguises of `10.0.0.1`.
    pub fn allowing(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: allowed.into_iter().collect(), denied: Vec::new() }
    }

    /// The same, without the named ranges of the public internet. What is allowed by name stays allowed: a few
    /// addresses may be taken out of a range that is denied, as coturn has it.
    #[must_use]
    pub fn denying(self, denied: impl IntoIterator<Item = IpNet>) -> Self {
        Self { denied: denied.into_iter().collect(), ..self }
    }

    /// Whether the operator opened a range that holds `peer`.
    pub fn opens(&self, peer: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.contains(&peer))
    }

    /// Whether data may go to `peer`.
    pub fn permits(&self, peer: IpAddr) -> bool {
        let is_denied = || self.denied.iter().any(|range| range.contains(&peer));
        self.opens(peer) || !(is_special(peer) || is_denied())
    }
}

/// IPv4 ranges that are not the public internet: IANA's special-purpose registry (RFC 6890 and its updates), multicast,
/// and the reserved rest with the broadcast address.
const SPECIAL_V4: [([u8; 4], u8); 19] = [
    ([0, 0, 0, 0], 8),        // "this network", unspecified
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // a cloud's host agent, reachable from every machine in it
    ([169, 254, 0, 0], 16),   // link-local, and the clouds' metadata services
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 52, 193, 0], 24),  // AMT
    ([192, 88, 99, 0], 24),   // 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // AS112
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// Ranges within 2000::/3 that are not the public internet.
const SPECIAL_V6: [([u16; 3], u8); 5] = [
    ([0x2001, 0, 0], 23),           // protocol assignments: Teredo, ORCHID, benchmarks, ...
    ([0x2001, 0x0db8, 0], 32),      // documentation
    ([0x2002, 0, 0], 16),           // 6to4, which can wrap any IPv4 address
    ([0x2620, 0x004f, 0x8000], 48), // AS112
    ([0x3fff, 0, 0], 20),           // documentation
];

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    SPECIAL_V4.iter().any(|(range, length)| (bits ^ u32::from_be_bytes(*range)) >> (32 - u32::from(*length)) == 0)
}

/// Only 2000::/3 is handed out for the public internet. What lies outside is special by that alone: loopback,
/// link-local, unique local, site-local, multicast, and the wrappings of IPv4 (mapped, compatible, NAT64 of both
/// prefixes).
fn is_special_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    bits >> 125 != 1
        || SPECIAL_V6.iter().any(|([a, b, c], length)| {
            let range = Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0).to_bits();
            (bits ^ range) >> (128 - u32::from(*length)) == 0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "
        0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254
        168.63.129.16 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1
        192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
        255.255.255.255
        :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 ::10.0.0.1 ::ffff:0:10.0.0.1
        64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::10.0.0.1 64:ff9b:1:ffff:: 100::1 2001::1 2001:0:a00:1::
        2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1:: 2620:4f:8000::1 3fff::1 5f00::1
        fc00::1 fdff::1 fe80::1 febf::1 fec0::1 feff::1 ff02::1 ff0e::1";
    const PERMITTED: &str =
        "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1
        172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255
        2001:200::1 2001:4860:4860::8888 2003::1 2600::1 2a00::1 3ffe::1";

    fn check(policy: &PeerPolicy, addresses: &str, expected: bool) {
        for address in addresses.split_whitespace() {
            assert_eq!(policy.permits(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn special_addresses_are_refused_in_every_disguise() {
        check(&PeerPolicy::default(), REFUSED, false);
    }

    #[test]
    fn the_public_internet_is_permitted() {
        check(&PeerPolicy::default(), PERMITTED, true);
    }

    #[test]
    fn a_denied_range_is_closed_but_for_what_is_allowed_in_it() {
        let range = |text: &str| [text.parse().unwrap()];
        let policy = PeerPolicy::allowing(range("8.8.8.0/24")).denying(range("8.0.0.0/8"));
        check(&policy, "8.8.8.8 9.9.9.9", true);
        check(&policy, "8.8.9.1 8.1.1.1 10.0.0.1", false);
    }

    #[test]
    fn an_opened_range_opens_nothing_beside_it() {
        let policy = PeerPolicy::allowing(["10.0.0.0/8".parse().unwrap(), "fd00:1::/32".parse().unwrap()]);
        check(&policy, "10.0.0.1 10.255.255.255 fd00:1::1 8.8.8.8", true);
        check(
            &policy,
            "192.168.1.1 127.0.0.1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1:: fd00:2::1",
            false,
        );
    }
}
