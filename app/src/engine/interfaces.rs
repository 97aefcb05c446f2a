//! The addresses of this machine that others may reach.
//!
//! Stateless: asked again every few seconds, because a laptop changes its network without telling. Containers' bridges
//! are left out: nobody is behind them who could not be reached otherwise, and each costs checks with every peer.

use std::net::IpAddr;

use hearth_call::Loopback;

/// Interfaces that lead to containers and virtual machines on this very computer.
pub(crate) const CONTAINERS: [&str; 9] = ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "lxd", "podman"];

/// All addresses worth offering, IPv4 first (on a LAN both work, and IPv4 has no privacy addresses that expire). `None`
/// when the system does not say: that is no news of the network.
pub(crate) fn addresses(loopback: Loopback) -> Option<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let offered = interfaces.iter().filter(|interface| !CONTAINERS.iter().any(|name| interface.name.starts_with(name)));
    let mut addresses: Vec<_> =
        offered.map(|interface| interface.ip()).filter(|ip| is_offered(*ip, loopback)).collect();
    addresses.sort_by_key(|address| (address.is_loopback(), address.is_ipv6(), *address));
    addresses.dedup();
    Some(addresses)
}

fn is_offered(address: IpAddr, loopback: Loopback) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    // It means nothing without its zone, which candidates do not carry.
    let zoned = link_local && address.is_ipv6();
    !zoned && !address.is_unspecified() && (!address.is_loopback() || loopback == Loopback::Allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_zoned_addresses_are_not_offered() {
        for (address, expected) in [
            ("192.168.1.5", true),
            ("fd00::1", true),
            ("2001:db8::1", true),
            ("169.254.3.4", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_offered(address.parse().unwrap(), Loopback::Refused), expected, "{address}");
        }
        assert!(is_offered("127.0.0.1".parse().unwrap(), Loopback::Allowed));
    }
}
