//! The names of STUN servers and relays, looked up: the call takes those that are reached by UDP by address alone.
//!
//! A name may have several addresses, of which some may be dead, or of a family that this network does not carry. All
//! of them are told, each as a URL of its own, the families by turns (RFC 8305, section 4): which of them answers is
//! for the call to see. Owner of nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_protocol::{IceServer, ServerMessage};
use tokio::task::JoinSet;

/// How long the look-up of names may hold back what the server says, all of them together.
const RESOLVING: Duration = Duration::from_secs(2);
/// Addresses that one name is taken for: two of a family. More are not tried.
const ADDRESSES: usize = 4;
/// URLs that are looked at in one message, of all servers: a server that names more is not looked up for the rest.
const URLS: usize = 32;

/// Puts addresses in the place of names, where a message names servers.
pub(super) async fn resolve_servers(message: &mut ServerMessage) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "two messages carry servers; whatever comes later is not these")]
    let servers = match message {
        ServerMessage::Joined(joined) => &mut joined.ice_servers,
        ServerMessage::IceRefresh { ice_servers, .. } => ice_servers,
        _ => return,
    };
    resolve(servers).await;
}

/// All names are looked up at once; what is not known in time stays a name, which nobody dials.
async fn resolve(servers: &mut [IceServer]) {
    let mut found: Vec<(String, Vec<SocketAddr>)> = Vec::new();
    let mut lookups = JoinSet::new();
    for url in servers.iter().flat_map(|server| &server.urls).take(URLS) {
        let Some((host, port)) = named(url) else { continue };
        let (url, host) = (url.clone(), host.to_owned());
        lookups.spawn(async move {
            let addresses = tokio::net::lookup_host((host.as_str(), port)).await;
            (url, addresses.map(|all| chosen(all.collect())).unwrap_or_default())
        });
    }
    let all = async {
        while let Some(looked_up) = lookups.join_next().await {
            found.extend(looked_up.ok());
        }
    };
    if tokio::time::timeout(RESOLVING, all).await.is_err() {
        tracing::info!("the name of a relay was not found in time");
    }
    for server in servers {
        let expanded =
            |url: &String| match found.iter().find(|(known, addresses)| known == url && !addresses.is_empty()) {
                Some((_, addresses)) => addresses.iter().map(|address| addressed(url, *address)).collect(),
                None => vec![url.clone()],
            };
        server.urls = server.urls.iter().flat_map(expanded).collect();
    }
}

/// The name and the port in a URL that leads over UDP; `None` where there is no name in it, or a stream behind it: that
/// is dialled by its name, and a certificate is for that.
fn named(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once(':')?;
    if !matches!(scheme, "turn" | "stun") || rest.ends_with("?transport=tcp") {
        return None;
    }
    let authority = rest.split_once('?').map_or(rest, |(authority, _)| authority);
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "3478"));
    if host.is_empty() || host.starts_with('[') || host.parse::<IpAddr>().is_ok() || host.contains(':') {
        return None;
    }
    Some((host, port.parse().ok()?))
}

/// The same URL with an address in place of its name.
fn addressed(url: &str, address: SocketAddr) -> String {
    let scheme = url.split_once(':').map_or("turn", |(scheme, _)| scheme);
    let query = url.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    format!("{scheme}:{address}{query}")
}

/// Each address once, the families by turns, beginning with that of the first.
pub(super) fn chosen(all: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut each: Vec<SocketAddr> = Vec::new();
    for address in all {
        if !each.contains(&address) {
            each.push(address);
        }
    }
    let is_first = each.first().is_some_and(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) = each.into_iter().partition(|address| address.is_ipv4() == is_first);
    let longer = one.len().max(other.len());
    let turns = (0..longer).flat_map(|n| [one.get(n), other.get(n)]).flatten();
    turns.copied().take(ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_where_udp_leads_and_nowhere_else() {
        for (url, expected) in [
            ("turn:relay.example", Some(("relay.example", 3478))),
            ("turn:relay.example:99?transport=udp", Some(("relay.example", 99))),
            ("stun:stun.example:19302", Some(("stun.example", 19302))),
            ("turn:relay.example?transport=tcp", None),
            ("turns:relay.example", None),
            ("stuns:stun.example", None),
            ("turn:10.0.0.1", None),
            ("turn:[fd00::1]:5", None),
            ("turn:fd00::1", None),
            ("turn:", None),
            ("nonsense", None),
        ] {
            assert_eq!(named(url), expected, "{url}");
        }
    }

    #[test]
    fn all_addresses_of_a_name_are_told_the_families_by_turns() {
        let all = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:1", "10.0.0.3:1", "[fd00::1]:1", "[fd00::2]:1", "[fd00::3]:1"];
        let chosen = |all: &[&str]| chosen(all.iter().map(|one| one.parse().unwrap()).collect());
        let told: Vec<String> =
            chosen(&all).into_iter().map(|address| addressed("turn:a:1?transport=udp", address)).collect();
        assert_eq!(
            told,
            ["10.0.0.1:1", "[fd00::1]:1", "10.0.0.2:1", "[fd00::2]:1"].map(|one| format!("turn:{one}?transport=udp"))
        );
        assert_eq!(chosen(&all[4..]).len(), 3);
        assert_eq!(chosen(&[]), Vec::<SocketAddr>::new());
    }

    #[tokio::test]
    async fn a_name_becomes_its_addresses_and_what_is_none_stays() {
        let urls =
            ["turn:localhost:99", "turn:localhost:99?transport=tcp", "stun:localhost", "turns:a", "turn:10.0.0.1"];
        let urls = urls.map(str::to_owned).to_vec();
        let mut servers = [IceServer { urls, username: None, credential: None }];
        resolve(&mut servers).await;
        let [server] = servers;
        assert!(
            server.urls.iter().any(|url| url == "turn:127.0.0.1:99" || url == "turn:[::1]:99"),
            "{:?}",
            server.urls
        );
        assert!(
            server.urls.iter().any(|url| url == "stun:127.0.0.1:3478" || url == "stun:[::1]:3478"),
            "{:?}",
            server.urls
        );
        for kept in ["turn:localhost:99?transport=tcp", "turns:a", "turn:10.0.0.1"] {
            assert!(server.urls.iter().any(|url| url == kept), "{:?}", server.urls);
        }
    }
}
