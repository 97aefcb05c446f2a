//! Which address of this machine belongs into a link: one that the others can reach.
//!
//! Never a container's, a tunnel's only if the person picks it, loopback only where there is nothing else. Stateless.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::engine::interfaces::CONTAINERS;
use crate::view::{AddressKind, InviteAddress};

/// Interfaces that lead into a tunnel.
const TUNNELS: [&str; 9] = ["tun", "tap", "wg", "utun", "ppp", "tailscale", "zt", "nordlynx", "ipsec"];

/// An address that no network has (RFC 5737) but that the default route leads to.
const FAR: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The addresses of this machine that can be in a link, the best first and chosen; `picked` is chosen while it is
/// there.
pub(crate) fn addresses(picked: Option<IpAddr>) -> Vec<InviteAddress> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found = interfaces.iter().map(|interface| (interface.name.as_str(), interface.ip()));
    choose(found, default_route(), picked)
}

/// The address that packets to the world come from. Nothing is sent: a connected socket knows it already.
fn default_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(SocketAddr::from(FAR)).ok()?;
    socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified())
}

fn choose<'a>(
    found: impl Iterator<Item = (&'a str, IpAddr)>,
    default_route: Option<IpAddr>,
    picked: Option<IpAddr>,
) -> Vec<InviteAddress> {
    let mut addresses: Vec<InviteAddress> = found
        .filter_map(|(interface, address)| {
            let kind = kind(interface, address)?;
            Some(InviteAddress { address, interface: interface.to_owned(), kind, is_chosen: false })
        })
        .collect();
    // A card before a tunnel; the one that leads to the world before another; IPv4, which people can read out, before
    // IPv6; an address of the router's choosing before one that the machine made up.
    addresses.sort_by_key(|entry| {
        (
            entry.kind,
            Some(entry.address) != default_route,
            entry.address.is_ipv6(),
            is_made_up(entry.address),
            entry.address,
        )
    });
    addresses.dedup_by_key(|entry| entry.address);
    if addresses.iter().any(|entry| entry.kind != AddressKind::Loopback) {
        addresses.retain(|entry| entry.kind != AddressKind::Loopback);
    }
    let chosen = addresses.iter().position(|entry| Some(entry.address) == picked).unwrap_or(0);
    if let Some(entry) = addresses.get_mut(chosen) {
        entry.is_chosen = true;
    }
    addresses
}

fn kind(interface: &str, address: IpAddr) -> Option<AddressKind> {
    let begins = |names: &[&str]| names.iter().any(|name| interface.starts_with(name));
    let zoned = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if zoned || address.is_unspecified() || begins(&CONTAINERS) {
        return None;
    }
    Some(match address {
        address if address.is_loopback() => AddressKind::Loopback,
        IpAddr::V4(_) | IpAddr::V6(_) if begins(&TUNNELS) => AddressKind::Vpn,
        IpAddr::V4(_) | IpAddr::V6(_) => AddressKind::Lan,
    })
}

fn is_made_up(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &[(&str, &str)], default_route: Option<&str>, picked: Option<&str>, expected: &[&str]) {
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        let found = found.iter().map(|(name, address)| (*name, parse(address)));
        let chosen = choose(found, default_route.map(parse), picked.map(parse));
        let shown: Vec<String> =
            chosen.iter().map(|a| format!("{}{}", a.address, if a.is_chosen { "*" } else { "" })).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_link_holds_an_address_that_the_others_reach() {
        let all = [
            ("lo", "127.0.0.1"),
            ("docker0", "172.17.0.1"),
            ("br-4a5b", "172.18.0.1"),
            ("wg0", "10.8.0.2"),
            ("wlan0", "fe80::1"),
            ("wlan0", "fd00::5"),
            ("wlan0", "192.168.1.5"),
            ("eth0", "10.0.0.5"),
        ];
        check(&all, None, None, &["10.0.0.5*", "192.168.1.5", "fd00::5", "10.8.0.2"]);
        check(&all, Some("192.168.1.5"), None, &["192.168.1.5*", "10.0.0.5", "fd00::5", "10.8.0.2"]);
        // Anyone who sends everything through a tunnel still has their family beside them.
        check(&all, Some("10.8.0.2"), None, &["10.0.0.5*", "192.168.1.5", "fd00::5", "10.8.0.2"]);
        check(&all, None, Some("10.8.0.2"), &["10.0.0.5", "192.168.1.5", "fd00::5", "10.8.0.2*"]);
        check(&all, None, Some("10.9.9.9"), &["10.0.0.5*", "192.168.1.5", "fd00::5", "10.8.0.2"]);
    }

    #[test]
    fn where_there_is_little_the_little_is_taken() {
        check(&[("lo", "127.0.0.1")], None, None, &["127.0.0.1*"]);
        check(&[("eth0", "2001:db8::5"), ("lo", "::1")], None, None, &["2001:db8::5*"]);
        check(&[("eth0", "169.254.7.7"), ("eth1", "10.1.1.1")], None, None, &["10.1.1.1*", "169.254.7.7"]);
        check(&[("eth0", "10.1.1.1"), ("eth0", "10.1.1.1")], None, None, &["10.1.1.1*"]);
        check(&[], None, None, &[]);
    }
}
