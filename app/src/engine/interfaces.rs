//! The addresses of this machine that others may reach, and the news that they have changed.
//!
//! The system says when an address comes or goes (netlink, a routing socket, or the notifications of Windows, by the
//! crate netwatcher); where it does not, or the news is lost, a look each second finds it. Containers' bridges are left
//! out: nobody is behind them who could not be reached otherwise, and each costs checks with every peer.

use std::net::IpAddr;
use std::time::Duration;

use hearth_call::{AdapterType, LocalAddress, Loopback};
use netwatcher::async_adapter::Tokio;
use tokio::sync::mpsc;

use super::clock;

/// Interfaces that lead to containers and virtual machines on this very computer.
pub(crate) const CONTAINERS: [&str; 9] = ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "lxd", "podman"];
/// How the names of others begin (systemd.net-naming-scheme, FreeBSD, macOS); what begins otherwise is a cable.
const WIFI: [&str; 4] = ["wl", "ath", "iwm", "Wi-Fi"];
const CELLULAR: [&str; 3] = ["ww", "rmnet", "pdp_ip"];
const VPN: [&str; 8] = ["tun", "tap", "wg", "utun", "ipsec", "ppp", "tailscale", "zt"];

/// Between two pieces of news: an interface that comes up says five things in a row.
const PACE: Duration = Duration::from_millis(50);

/// All addresses worth offering, the best first: cables before what is wireless, IPv4 before IPv6 (on a LAN both work,
/// and IPv4 has no privacy addresses that expire). `None` when the system does not say: that is no news of the network.
pub(crate) fn addresses(loopback: Loopback) -> Option<Vec<LocalAddress>> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let offered = interfaces.iter().filter(|interface| !begins(&interface.name, &CONTAINERS));
    let offered = offered.filter(|interface| is_offered(interface.ip(), loopback));
    let mut addresses: Vec<_> =
        offered.map(|interface| LocalAddress { address: interface.ip(), adapter: adapter(&interface.name) }).collect();
    addresses.sort_by_key(|one| (one.address.is_loopback(), one.adapter, one.address.is_ipv6(), one.address));
    addresses.dedup_by_key(|one| one.address);
    Some(addresses)
}

/// Says so whenever an address comes or goes, until nobody listens. Where the system does not tell, it ends at once.
pub(super) async fn watch(news: mpsc::Sender<()>) {
    let mut watch = match netwatcher::watch_interfaces_async::<Tokio>() {
        Ok(watch) => watch,
        Err(error) => return tracing::warn!(%error, "nobody tells when an address changes: looking each second"),
    };
    loop {
        drop(watch.changed().await);
        // A look that is due already will see this one, too.
        if let Err(mpsc::error::TrySendError::Closed(())) = news.try_send(()) {
            return;
        }
        tokio::time::sleep_until((clock::now() + PACE).into()).await;
    }
}

fn begins(name: &str, known: &[&str]) -> bool {
    known.iter().any(|one| name.starts_with(one))
}

/// What an interface of this name is.
fn adapter(name: &str) -> AdapterType {
    if begins(name, &WIFI) {
        AdapterType::Wifi
    } else if begins(name, &CELLULAR) {
        AdapterType::Cellular
    } else if begins(name, &VPN) {
        AdapterType::Vpn
    } else {
        AdapterType::Ethernet
    }
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

    #[test]
    fn what_an_interface_is_shows_in_its_name() {
        for (name, expected) in [
            ("eth0", AdapterType::Ethernet),
            ("enp3s0", AdapterType::Ethernet),
            ("en0", AdapterType::Ethernet),
            ("wlp2s0", AdapterType::Wifi),
            ("wlan0", AdapterType::Wifi),
            ("wwan0", AdapterType::Cellular),
            ("wg0", AdapterType::Vpn),
            ("utun3", AdapterType::Vpn),
        ] {
            assert_eq!(adapter(name), expected, "{name}");
        }
    }

    #[tokio::test]
    async fn the_system_tells_what_there_is() {
        let (news, mut heard) = mpsc::channel(1);
        let mut watching = tokio::task::JoinSet::new();
        watching.spawn(watch(news));
        let limit = Duration::from_secs(5);
        // Nothing, where the system lets nobody watch: then the look each second is all there is.
        let told = tokio::time::timeout(limit, heard.recv()).await.unwrap();
        assert!(told.is_some() || watching.join_next().await.is_some());
    }
}
