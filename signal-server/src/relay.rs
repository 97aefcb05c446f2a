//! The relay in the server's own process: bound here, and known to members by credentials that the server signs.
//!
//! The secret between them is made at the start, unless one is shared with other TURN servers already. It owns nothing
//! once it is bound.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use hearth_signal::config::RelayPlan;
use hearth_signal::rooms::{IceConfig, TurnRest, TurnSecret};
use hearth_turn::shell::{Listen, Shell};
use hearth_turn::{Config, PeerPolicy, Secret};

/// How long one is good that a page of the old protocol gets before it is in a room: time to find one.
const BEFORE_JOIN: Duration = Duration::from_secs(600);
/// How long a credential is good.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// Binds the relay, and puts it among the servers that members are told of.
///
/// # Errors
/// A sentence: the address that is not to be had.
pub(crate) fn bind(plan: &RelayPlan, ice: &mut IceConfig) -> anyhow::Result<Shell> {
    let chance: [u8; 32] = rand::random();
    let secret = plan.secret.as_ref().map_or(chance.to_vec(), |secret| secret.reveal().as_bytes().to_vec());
    let mut config = Config::new(rand::random());
    config.secrets = vec![Secret::new(&secret).context("The secret of the relay is empty. Write one")?];
    config.peers = PeerPolicy::allowing(plan.allow_peers.iter().copied());
    config.relay_ports = plan.ports.clone();
    config.quotas.allocations = plan.allocations;
    let listen = Listen { external: plan.external.clone(), workers: 0, ..Listen::on(&plan.listen) };
    let shell = Shell::bind(config, &listen)
        .context("The relay cannot start. Choose another address by --turn-listen, or end the other TURN server")?;
    let urls = with_tcp(urls(plan, shell.local_addrs()));
    warn_of_privacy(plan, shell.local_addrs());
    // An older set-up names the very relay whose place we take, with a password that we do not know.
    ice.fixed.retain(|other| !other.urls.iter().all(|url| urls.iter().any(|ours| is_same(url, ours))));
    let secret = TurnSecret::new(secret).context("The secret of the relay is empty. Write one")?;
    match &mut ice.turn {
        Some(turn) => turn.urls.extend(urls.into_iter().filter(|url| !turn.urls.contains(url)).collect::<Vec<_>>()),
        none => *none = Some(TurnRest { urls, secret, lifetime: LIFETIME, before_join: BEFORE_JOIN }),
    }
    Ok(shell)
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

/// Whether both URLs name one relay by UDP; 3478 is the port of those that name none (RFC 7065, section 3.1).
fn is_same(url: &str, ours: &str) -> bool {
    let plain = url.strip_suffix("?transport=udp").unwrap_or(url).to_ascii_lowercase();
    let ours = ours.to_ascii_lowercase();
    plain == ours || format!("{plain}:{}", Config::PORT) == ours
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
    use super::*;

    fn plan(names: &[&str], external: &[&str]) -> RelayPlan {
        RelayPlan {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            external: external.iter().map(|ip| ip.parse().unwrap()).collect(),
            ports: 49152..=65535,
            allow_peers: Vec::new(),
            allocations: 10,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            secret: None,
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
        for (url, is_ours) in [
            ("turn:talk.example:3478", true),
            ("turn:Talk.example", true),
            ("turn:talk.example:3478?transport=udp", true),
            ("turn:talk.example:3478?transport=tcp", false),
            ("turn:talk.example:3479", false),
            ("turn:other.example:3478", false),
        ] {
            assert_eq!(is_same(url, "turn:talk.example:3478"), is_ours, "{url}");
        }
    }
}
