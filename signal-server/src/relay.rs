//! The relay in the server's own process: bound here, and known to members by credentials that the server signs.
//!
//! The secret between them is made at the start, unless one is shared with other TURN servers already. It owns nothing
//! once it is bound.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use hearth_signal::ServerConfig;
use hearth_signal::config::RelayPlan;
use hearth_signal::rooms::{TurnRest, TurnSecret};
use hearth_turn::settings::External;
use hearth_turn::shell::{Listen, Shell};
use hearth_turn::{Config, NameRule, PeerPolicy, Secret};

/// How long one is good that a page of the old protocol gets before it is in a room: time to find one.
const BEFORE_JOIN: Duration = Duration::from_secs(600);
/// How long a credential is good.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// The lowest port of peers: below it stand services, and a browser's or client's media never does (RFC 6335 section
/// 6).
const FIRST_PEER_PORT: u16 = 1024;
/// Allocations of one member: a browser in a room of 12 makes one for each peer and network interface, twice that with
/// a screen.
const OF_A_MEMBER: usize = 64;
/// Allocations of one client address, or IPv6 /64. A room of 12 behind one NAT has 132 ends of connections, and a
/// browser allocates for each by UDP and by TCP: 264.
const OF_AN_ADDRESS: usize = 288;

/// Binds the relay, and puts it among the servers that members are told of.
///
/// # Errors
/// A sentence: the address that is not to be had.
pub(crate) fn bind(plan: &RelayPlan, server: &mut ServerConfig) -> anyhow::Result<Shell> {
    let chance: [u8; 32] = rand::random();
    let shared: Vec<Vec<u8>> = plan.secrets.iter().map(|secret| secret.reveal().as_bytes().to_vec()).collect();
    let secrets = if shared.is_empty() { vec![chance.to_vec()] } else { shared };
    let config = config(plan, &secrets)?;
    let external = plan.external.iter().copied().map(External::from).collect();
    let listen = Listen { external, workers: 0, ..Listen::on(&plan.listen) };
    let shell = Shell::bind(config, &listen)
        .context("The relay cannot start. Choose another address by --turn-listen, or end the other TURN server")?;
    let urls = with_tcp(urls(plan, shell.local_addrs()));
    warn_of_privacy(plan, shell.local_addrs());
    // Our own secret needs no asking after.
    server.asked_relays.retain(|other| !urls.iter().any(|url| is_same(other, url)));
    let ice = &mut server.rooms.ice;
    // An older set-up names the very relay whose place we take, with a password that we do not know.
    ice.fixed.retain(|other| !other.urls.iter().all(|url| urls.iter().any(|ours| is_same(url, ours))));
    let first = secrets.into_iter().next().and_then(TurnSecret::new);
    let secret = first.context("The secret of the relay is empty. Write one")?;
    match &mut ice.turn {
        Some(turn) => {
            let is_known = |ours: &String| turn.urls.iter().any(|url| is_same(url, ours));
            let further: Vec<String> = urls.into_iter().filter(|url| !is_known(url)).collect();
            turn.urls.extend(further);
        }
        none => *none = Some(TurnRest { urls, secret, lifetime: LIFETIME, before_join: BEFORE_JOIN }),
    }
    Ok(shell)
}

/// How it relays: for who is given a credential by us, which is anyone who says hello. So no TCP to peers (RFC 6062),
/// which is a proxy to any service, no ports of services, and quotas that a new name does not renew.
fn config(plan: &RelayPlan, secrets: &[Vec<u8>]) -> anyhow::Result<Config> {
    let mut config = Config::new(rand::random());
    let secrets = secrets.iter().map(Secret::new).collect::<Result<_, _>>();
    config.secrets = secrets.context("The secret of the relay is empty. Write one")?;
    // Who shares the secret may sign as well.
    config.names = if plan.secrets.is_empty() { NameRule::Granted } else { NameRule::NotWithdrawn };
    config.peers = PeerPolicy::allowing(plan.allow_peers.iter().copied());
    config.relay_ports = plan.ports.clone();
    config.options.tcp_relays = false;
    config.options.first_peer_port = FIRST_PEER_PORT;
    config.options.family = plan.family;
    config.quotas.allocations = plan.allocations;
    config.quotas.allocations_per_user = OF_A_MEMBER;
    config.quotas.allocations_per_address = OF_AN_ADDRESS;
    Ok(config)
}

/// Each way by UDP, and after it the same by TCP: some networks let no UDP out.
fn with_tcp(urls: Vec<String>) -> Vec<String> {
    urls.into_iter().flat_map(|url| [url.clone(), format!("{url}?transport=tcp")]).collect()
}

/// Where members find the relay: under its names, else under the address that the world sees, else under its own.
fn urls(plan: &RelayPlan, local: &[SocketAddr]) -> Vec<String> {
    let ports: BTreeSet<u16> = local.iter().map(SocketAddr::port).collect();
    let external = plan.external.iter().map(IpAddr::to_string);
    let names: Vec<String> = plan.names.iter().cloned().chain(external.filter(|_| plan.names.is_empty())).collect();
    if names.is_empty() {
        let outward = local.iter().filter(|address| !address.ip().is_loopback());
        let all: Vec<String> = outward.map(|address| format!("turn:{address}")).collect();
        let loopback = || local.iter().map(|address| format!("turn:{address}")).collect();
        return if all.is_empty() { loopback() } else { all };
    }
    let at = |name: &String, port: &u16| match name.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => format!("turn:{}", SocketAddr::new(address, *port)),
        Err(_) => format!("turn:{name}:{port}"),
    };
    names.iter().flat_map(|name| ports.iter().map(move |port| at(name, port))).collect()
}

/// Whether both URLs name one way to one relay: UDP is that of those that name none, and 3478 their port (RFC 7065,
/// section 3).
fn is_same(url: &str, ours: &str) -> bool {
    way(url) == way(ours)
}

/// Where it leads, with its port, and by which transport.
fn way(url: &str) -> (String, String) {
    let url = url.to_ascii_lowercase();
    let (place, query) = url.split_once('?').unwrap_or((&url, "transport=udp"));
    let has_port =
        place.rsplit_once(':').is_some_and(|(before, port)| before.contains(':') && port.parse::<u16>().is_ok());
    let place = if has_port { place.to_owned() } else { format!("{place}:{}", Config::PORT) };
    (place, query.to_owned())
}

/// A relay that only this network reaches is no help to anybody outside of it.
fn warn_of_privacy(plan: &RelayPlan, local: &[SocketAddr]) {
    let is_private = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    if plan.external.is_empty() && local.iter().all(|address| is_private(address.ip())) {
        tracing::warn!(
            "The relay stands on private addresses: it serves nobody outside of this network. If a NAT leads here, name its \
             address by --turn-external; for people within, open their network by --turn-allow-peer."
        );
    }
}

#[cfg(test)]
mod tests {
    use hearth_turn::DefaultFamily;

    use super::*;

    fn plan(names: &[&str], external: &[&str]) -> RelayPlan {
        RelayPlan {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            external: external.iter().map(|ip| ip.parse().unwrap()).collect(),
            ports: 49152..=65535,
            allow_peers: Vec::new(),
            allocations: 10,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            secrets: Vec::new(),
            family: DefaultFamily::default(),
        }
    }

    #[test]
    fn members_are_told_the_name_that_reaches_furthest() {
        let local: Vec<SocketAddr> =
            ["127.0.0.1:3478", "10.0.0.5:3478", "[fd00::5]:3478"].map(|a| a.parse().unwrap()).to_vec();
        for (plan, expected) in [
            (plan(&["a.example", "fd00::9"], &["203.0.113.7"]), vec!["turn:a.example:3478", "turn:[fd00::9]:3478"]),
            (plan(&[], &["203.0.113.7"]), vec!["turn:203.0.113.7:3478"]),
            (plan(&[], &[]), vec!["turn:10.0.0.5:3478", "turn:[fd00::5]:3478"]),
        ] {
            assert_eq!(urls(&plan, &local), expected);
        }
        assert_eq!(urls(&plan(&[], &[]), &local[..1]), ["turn:127.0.0.1:3478"]);
    }

    #[test]
    fn members_are_told_of_tcp_as_well() {
        let told = with_tcp(vec!["turn:a:1".to_owned(), "turn:[fd00::5]:2".to_owned()]);
        let expected = ["turn:a:1", "turn:a:1?transport=tcp", "turn:[fd00::5]:2", "turn:[fd00::5]:2?transport=tcp"];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_older_entry_of_the_same_relay_is_known_for_what_it_is() {
        let [udp, tcp] = ["turn:talk.example:3478", "turn:talk.example:3478?transport=tcp"];
        for (url, is_udp, is_tcp) in [
            ("turn:talk.example:3478", true, false),
            ("turn:Talk.example", true, false),
            ("turn:talk.example:3478?transport=udp", true, false),
            ("turn:talk.example?transport=udp", true, false),
            ("turn:talk.example:3478?transport=tcp", false, true),
            ("turn:talk.example?transport=tcp", false, true),
            ("turn:talk.example:3479", false, false),
            ("turns:talk.example:3478?transport=tcp", false, false),
            ("turn:other.example:3478", false, false),
        ] {
            assert_eq!((is_same(url, udp), is_same(url, tcp)), (is_udp, is_tcp), "{url}");
        }
        assert!(is_same("turn:[fd00::5]", "turn:[fd00::5]:3478"));
    }
}
