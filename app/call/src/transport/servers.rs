//! Which relays the server named, and by which ways they are reached (RFC 7065).
//!
//! Reads URLs and keeps nothing.

use std::net::{IpAddr, SocketAddr};

use hearth_protocol::IceServer;

use crate::peer_connection::{RelayAddress, TurnServer};
use crate::stream::{RelayStream, StreamSecurity};

/// Where STUN and TURN servers listen that say no port (RFC 7064, section 3.2; RFC 7065, section 3.2).
const PORT: u16 = 3478;
/// The same by TLS.
const TLS_PORT: u16 = 5349;

/// The TURN servers in what the server gave, the ways over UDP first, then TCP, then TLS. Over UDP they are known by
/// address: names are the shell's to resolve. A stream's name is kept, because its certificate is for that.
pub(crate) fn turn_servers(servers: &[IceServer]) -> Vec<TurnServer> {
    let mut found = Vec::new();
    for server in servers {
        let (Some(username), Some(password)) = (&server.username, &server.credential) else { continue };
        for url in &server.urls {
            let Some(address) = relay_address(url) else { continue };
            found.push(TurnServer { address, username: username.clone(), password: password.clone() });
        }
    }
    found.sort_by_key(|server| server.address.way());
    found
}

/// Who tells us how it sees us: the STUN servers, and the relays that are reached by UDP, which are STUN servers as
/// well (RFC 8656, section 3). Of those that are named twice the first counts.
pub(crate) fn stun_servers(servers: &[IceServer]) -> Vec<SocketAddr> {
    let urls = || servers.iter().flat_map(|server| &server.urls);
    let relays = urls().filter_map(|url| match relay_address(url)? {
        RelayAddress::Udp(address) => Some(address),
        RelayAddress::Stream(_) => None,
    });
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in urls().filter_map(|url| stun_address(url)).chain(relays) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `stun:HOST[:PORT]` (RFC 7064), known by address like a relay over UDP. `stuns:` is no way to a server-reflexive
/// address: TLS runs over TCP, and what that shows is another socket.
fn stun_address(url: &str) -> Option<SocketAddr> {
    let (host, port) = host_and_port(url.strip_prefix("stun:")?, PORT)?;
    Some(SocketAddr::new(host.parse().ok()?, port))
}

/// `turn:HOST[:PORT][?transport=udp|tcp]` and `turns:HOST[:PORT][?transport=tcp]`.
fn relay_address(url: &str) -> Option<RelayAddress> {
    let (scheme, rest) = url.split_once(':')?;
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let stream = |security, port| {
        let (host, port) = host_and_port(authority, port)?;
        Some(RelayAddress::Stream(RelayStream { host, port, security }))
    };
    match (scheme, query) {
        ("turn", "" | "transport=udp") => {
            let (host, port) = host_and_port(authority, PORT)?;
            Some(RelayAddress::Udp(SocketAddr::new(host.parse().ok()?, port)))
        }
        ("turn", "transport=tcp") => stream(StreamSecurity::Plain, PORT),
        ("turns", "" | "transport=tcp") => stream(StreamSecurity::Tls, TLS_PORT),
        _ => None,
    }
}

fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    if let Ok(address) = authority.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    let bare = authority.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(authority);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some((ip.to_string(), default));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, default),
    };
    // A name and nothing else: what follows is handed to the resolver.
    let is_name = !host.is_empty() && host.len() <= 253;
    let is_name = is_name && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_name.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Option<String> {
        Some(match relay_address(url)? {
            RelayAddress::Udp(address) => format!("udp {address}"),
            RelayAddress::Stream(RelayStream { host, port, security }) => format!("{security:?} {host} {port}"),
        })
    }

    #[test]
    fn turn_urls_are_read() {
        for (url, expected) in [
            ("turn:10.0.0.1:3478", Some("udp 10.0.0.1:3478")),
            ("turn:10.0.0.1", Some("udp 10.0.0.1:3478")),
            ("turn:10.0.0.1:5000?transport=udp", Some("udp 10.0.0.1:5000")),
            ("turn:[fd00::1]:3478", Some("udp [fd00::1]:3478")),
            ("turn:[fd00::1]", Some("udp [fd00::1]:3478")),
            ("turn:relay.example.org", None),
            ("turn:10.0.0.1?transport=tcp", Some("Plain 10.0.0.1 3478")),
            ("turn:relay.example.org:99?transport=tcp", Some("Plain relay.example.org 99")),
            ("turn:[fd00::1]:80?transport=tcp", Some("Plain fd00::1 80")),
            ("turns:relay.example.org", Some("Tls relay.example.org 5349")),
            ("turns:10.0.0.1:443?transport=tcp", Some("Tls 10.0.0.1 443")),
            ("turns:10.0.0.1?transport=udp", None),
            ("turn:10.0.0.1?transport=sctp", None),
            ("turn:a b?transport=tcp", None),
            ("turn:?transport=tcp", None),
            ("turn:name:port?transport=tcp", None),
            ("stun:10.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(shown(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn stun_servers_are_asked_first_and_relays_after_them_and_each_once() {
        let given = |urls: &[&str]| IceServer {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            username: None,
            credential: None,
        };
        let turn = given(&["turn:10.0.0.1", "turn:10.0.0.1?transport=tcp", "turn:[fd00::1]:99", "turns:10.0.0.3"]);
        let stun = given(&["stun:10.0.0.2", "stun:10.0.0.1:3478", "stun:name", "stuns:10.0.0.4", "stun:", "nonsense"]);
        let found: Vec<String> = stun_servers(&[turn, stun]).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.2:3478", "10.0.0.1:3478", "[fd00::1]:99"]);
    }

    #[test]
    fn udp_goes_before_tcp_and_tcp_before_tls() {
        let urls = ["turns:c", "turn:b?transport=tcp", "turn:10.0.0.1"].map(str::to_owned).to_vec();
        let given = IceServer { urls, username: Some(String::new()), credential: Some(String::new()) };
        let ways: Vec<_> = turn_servers(&[given]).iter().map(|server| server.address.way()).collect();
        assert!(ways.is_sorted() && ways.len() == 3, "{ways:?}");
    }
}
