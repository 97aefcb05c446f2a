//! By which names this server may be asked for, and by which pages.
//!
//! A page of somebody else's could give its own name our address (DNS rebinding) and then speak to us from the browser
//! of a person on this network. A browser always says by which name it came, so we answer only to names that are ours.
//! Holds the names; the listener refreshes the addresses when the network changes.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// The names and addresses that are ours, and the pages elsewhere that may speak to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    addresses: BTreeSet<IpAddr>,
    names: BTreeSet<String>,
    /// Ends of names behind one label of anybody's choice, as certificates write them: `example.org` for
    /// `*.example.org`.
    wildcards: BTreeSet<String>,
    /// As browsers write them.
    origins: BTreeSet<String>,
}

impl Hosts {
    pub(crate) fn new<'a>(addresses: BTreeSet<IpAddr>, names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut hosts = Self { addresses, ..Self::default() };
        for name in names {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            match (ip(&name), name.strip_prefix("*.")) {
                (Some(address), _) => drop(hosts.addresses.insert(address)),
                (None, Some(end)) => drop(hosts.wildcards.insert(end.to_owned())),
                (None, None) => drop(hosts.names.insert(name)),
            }
        }
        hosts
    }

    /// With pages of these origins allowed: `https://HOST` or `https://HOST:PORT`, each as a browser writes it.
    pub(crate) fn with_origins(mut self, origins: &[String]) -> Self {
        self.origins = origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        self
    }

    /// Whether `authority` (a `Host` header) is one of ours, on any port: a port may be forwarded.
    pub(crate) fn allows_host(&self, authority: &str) -> bool {
        host_of(authority).is_some_and(|host| self.is_ours(&host))
    }

    /// Whether a page of `origin` may speak to a server that was asked for by `authority`: the same host on any port,
    /// or a name that was configured, or a whole origin that was.
    pub(crate) fn allows_origin(&self, origin: &str, authority: &str) -> bool {
        if self.origins.contains(&origin.to_ascii_lowercase()) {
            return true;
        }
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let (Some(theirs), Some(ours)) = (rest.and_then(host_of), host_of(authority)) else { return false };
        theirs == ours || self.is_named(&theirs)
    }

    fn is_ours(&self, host: &str) -> bool {
        match ip(host) {
            Some(address) => address.is_loopback() || self.addresses.contains(&address.to_canonical()),
            // Names under .local come from multicast DNS, where no server outside has a say.
            None => host == "localhost" || host.ends_with(".local") || self.is_named(host),
        }
    }

    fn is_named(&self, host: &str) -> bool {
        self.names.contains(host) || host.split_once('.').is_some_and(|(_, end)| self.wildcards.contains(end))
    }
}

/// The host of a checked `authority` without its port.
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The host of `host[:port]`, in lower case; none when it is not one.
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let is_host = if bracketed { ip(host).is_some_and(|a| a.is_ipv6()) } else { !host.is_empty() && plain(host) };
    (is_host && port.is_none_or(is_port)).then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let addresses = ["192.168.1.7", "fd00::7"].map(|a| a.parse().unwrap());
        let names = ["Talk.Example.org", "203.0.113.9", "*.wild.example"].map(str::to_owned);
        Hosts::new(BTreeSet::from(addresses), &names).with_origins(&["https://Old.example.org:8800/".to_owned()])
    }

    #[test]
    fn only_our_own_names_and_addresses_are_answered() {
        for host in [
            "localhost:8443",
            "LOCALHOST",
            "127.0.0.1:1",
            "[::1]:8443",
            "192.168.1.7:8443",
            "[fd00::7]:9",
            "talk.example.org",
            "talk.example.org.:443",
            "kitchen.local:8443",
            "203.0.113.9",
            "a.wild.example:8443",
        ] {
            assert!(hosts().allows_host(host), "{host}");
        }
        for host in [
            "",
            ":8443",
            "evil.example",
            "192.168.1.8:8443",
            "[fd00::8]",
            "fd00::7",
            "localhost.evil.example",
            "local",
            "wild.example",
            "a.b.wild.example",
            "old.example.org",
            "a b.local",
            "x;script-src *.local",
            "localhost:",
            "localhost:8443x",
            "user@localhost",
            "[::1",
        ] {
            assert!(!hosts().allows_host(host), "{host}");
        }
    }

    #[test]
    fn a_host_loses_its_port_and_nothing_else() {
        for (authority, host) in
            [("a.example:80", "a.example"), ("a.example", "a.example"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(without_port(authority), host);
        }
    }

    #[test]
    fn a_page_may_speak_to_us_from_the_same_host_or_a_configured_name() {
        for (origin, host, allowed) in [
            ("https://192.168.1.7:8443", "192.168.1.7:8443", true),
            ("https://192.168.1.7", "192.168.1.7:8800", true),
            ("http://localhost:1", "localhost:2", true),
            ("https://talk.example.org", "192.168.1.7:8443", true),
            ("https://kitchen.local", "192.168.1.7:8443", false),
            ("https://old.example.org:8800", "192.168.1.7:8443", true),
            ("https://old.example.org", "192.168.1.7:8443", false),
            ("http://old.example.org:8800", "192.168.1.7:8443", false),
            ("https://b.wild.example", "192.168.1.7:8443", true),
            ("https://evil.example", "192.168.1.7:8443", false),
            ("null", "192.168.1.7:8443", false),
            ("file://", "localhost", false),
            ("https://localhost.evil.example", "localhost", false),
        ] {
            assert_eq!(hosts().allows_origin(origin, host), allowed, "{origin} to {host}");
        }
    }
}
