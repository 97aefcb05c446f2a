//! Reverse proxies: behind one, every connection comes from its address, and who is behind it is in a header.
//!
//! Headers are believed of named proxies alone: anybody else could give themselves an address of their choice with each
//! request. `Forwarded` (RFC 7239) goes before `X-Forwarded-For`. Each proxy appends what it saw, so the list is read
//! from its end: the first address that is no proxy's is the caller's. Holds what was set, and no state.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// Addresses that are looked at, from the end of the list. Ten proxies in a row are a loop.
const HOPS: usize = 10;

/// A proxy, or a network of proxies, as it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = String;

    /// An address, a network such as `10.0.0.0/8`, or the word `loopback`.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("`{text}` is no address, no network and not the word `loopback`"))
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(IpNet::to_string);
        let all: Vec<String> = self.loopback.then(|| "loopback".to_owned()).into_iter().chain(networks).collect();
        f.write_str(&all.join(", "))
    }
}

/// The proxies whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    loopback: bool,
}

impl TrustedProxies {
    /// Those that are named: addresses, networks, or `loopback`.
    ///
    /// # Errors
    /// A sentence about the first that is none of these.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut proxies = Self::default();
        for word in words {
            match word.trim() {
                "loopback" => proxies.loopback = true,
                word => proxies.networks.push(word.parse::<TrustedProxy>()?.0),
            }
        }
        Ok(proxies)
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.loopback
    }

    /// Whether it is one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        (self.loopback && address.is_loopback()) || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who is behind a request that came from `peer`.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let by_forwarded = self.walk(peer, hops(headers.get_all(FORWARDED).iter(), forwarded_for));
        let by_x_forwarded_for = self.walk(peer, hops(headers.get_all("x-forwarded-for").iter(), address_of));
        match (by_forwarded, by_x_forwarded_for) {
            (Some(one), Some(other)) if one == other => one,
            // A proxy writes one of them and passes the other on as the caller wrote it: which one, nobody can tell.
            (Some(_), Some(_)) => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        }
    }

    /// Who is behind `peer` by these hops; none where there are none.
    fn walk(&self, peer: IpAddr, hops: Vec<Option<IpAddr>>) -> Option<IpAddr> {
        if hops.is_empty() {
            return None;
        }
        let mut caller = peer;
        for hop in hops.into_iter().rev().take(HOPS) {
            // A hop that hides its address, or is nonsense: what is before it was said by nobody we know.
            let Some(hop) = hop else { break };
            caller = hop;
            if !self.contains(hop) {
                break;
            }
        }
        Some(caller)
    }
}

/// What a header's values list, in order. A value that is no text hides what is in it, as an empty hop does.
fn hops<'a>(
    values: impl Iterator<Item = &'a HeaderValue>,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let texts = values.map(|value| value.to_str().unwrap_or_default());
    texts.flat_map(|text| text.split(',')).map(read).collect()
}

/// The address in an element such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pair = |pair: &'_ str| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"').to_owned())
    };
    address_of(&element.split(';').find_map(pair)?)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(words: &[&str]) -> TrustedProxies {
        TrustedProxies::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn caller(trusted: &[&str], peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        proxies(trusted).caller(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn a_header_is_believed_of_a_named_proxy_alone() {
        let claim = [("x-forwarded-for", "203.0.113.7")];
        for (trusted, peer, expected) in [
            (&["loopback"][..], "127.0.0.1", "203.0.113.7"),
            (&["loopback"], "::1", "203.0.113.7"),
            (&["loopback"], "10.0.0.1", "10.0.0.1"),
            (&["10.0.0.0/8"], "10.0.0.1", "203.0.113.7"),
            (&["10.0.0.1"], "::ffff:10.0.0.1", "203.0.113.7"),
            (&["fd00::/8"], "fd00::5", "203.0.113.7"),
            (&[], "127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(caller(trusted, peer, &claim), expected, "{trusted:?} {peer}");
        }
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_callers() {
        for (headers, expected) in [
            (&[("x-forwarded-for", "1.1.1.1, 203.0.113.7")][..], "203.0.113.7"),
            (&[("x-forwarded-for", "203.0.113.7, 127.0.0.9")], "203.0.113.7"),
            (&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            (&[("x-forwarded-for", "203.0.113.7:4711")], "203.0.113.7"),
            (&[("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (&[("x-forwarded-for", "[2001:db8::1]:80")], "2001:db8::1"),
            (&[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
            (&[("forwarded", "for=1.1.1.1, FOR=\"[2001:db8::1]:4711\";proto=https")], "2001:db8::1"),
            (&[("forwarded", "proto=https;for=203.0.113.7"), ("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            // One of them is the caller's own word.
            (&[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.7")], "127.0.0.1"),
            (&[("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "1.1.1.1")], "127.0.0.1"),
            (&[("forwarded", "for=1.1.1.1, for=_hidden")], "127.0.0.1"),
            (&[("forwarded", "for=1.1.1.1, for=unknown")], "127.0.0.1"),
            (&[("x-forwarded-for", "1.1.1.1, nonsense")], "127.0.0.1"),
            (&[("x-forwarded-for", "")], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(caller(&["loopback"], "127.0.0.1", headers), expected, "{headers:?}");
        }
        let long = vec!["127.0.0.1"; 1000].join(",");
        assert_eq!(caller(&["loopback"], "127.0.0.1", &[("x-forwarded-for", &format!("1.1.1.1,{long}"))]), "127.0.0.1");
    }

    #[test]
    fn what_is_no_proxy_is_a_sentence() {
        assert!(TrustedProxies::parse(&["10.0.0.0/33".to_owned()]).unwrap_err().contains("10.0.0.0/33"));
        assert!(proxies(&[]).is_empty() && !proxies(&["loopback"]).is_empty());
    }
}
