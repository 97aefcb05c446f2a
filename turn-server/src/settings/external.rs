//! What the world sees of this machine's addresses, where a NAT is in between: an address, or a name that leads to it.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use crate::RelayAddress;

/// Longest name of a host (RFC 1035 section 2.3.4).
const NAME: usize = 253;

/// What the world sees of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// What it sees.
    pub public: IpAddr,
    /// Of which one; `None` for all of that family.
    pub private: Option<IpAddr>,
}

/// The same by a name, which may lead elsewhere tomorrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalName {
    /// The name.
    pub name: String,
    /// Of which address; `None` for all.
    pub private: Option<IpAddr>,
}

impl From<IpAddr> for External {
    fn from(public: IpAddr) -> Self {
        Self { public, private: None }
    }
}

impl External {
    /// What the world sees of `bound`: what is said of that very address, else what is said of its family, else the
    /// address.
    pub(crate) fn of(bound: IpAddr, all: &[Self]) -> RelayAddress {
        let of_family = |external: &&Self| external.public.is_ipv4() == bound.is_ipv4();
        let named = all.iter().filter(of_family).find(|external| external.private == Some(bound));
        let any = all.iter().filter(of_family).find(|external| external.private.is_none());
        RelayAddress { bound, advertised: named.or(any).map_or(bound, |external| external.public) }
    }
}

impl ExternalName {
    /// Takes a name, if it can be one.
    pub fn new(name: &str, private: Option<IpAddr>) -> Option<Self> {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let is_name =
            name.len() <= NAME && name.chars().all(is_letter) && name.contains(|c: char| c.is_ascii_alphabetic());
        is_name.then(|| Self { name: name.to_owned(), private })
    }

    /// Where it leads now, an address of each family at most: of several, the one that was `known`. It asks the system,
    /// which may take its time; nothing where there is no answer.
    pub fn resolve(&self, known: &[External]) -> Vec<External> {
        let found: Vec<IpAddr> = (self.name.as_str(), 0)
            .to_socket_addrs()
            .map(|all| all.map(|a: SocketAddr| a.ip()).collect())
            .unwrap_or_default();
        self.choose(&found, known)
    }

    /// A name with several addresses has them in another order each time: that moves nobody.
    fn choose(&self, found: &[IpAddr], known: &[External]) -> Vec<External> {
        let external = |ip: &IpAddr| External { public: *ip, private: self.private };
        let of_family = |is_ipv4: bool| {
            let mut all = found.iter().filter(move |ip| ip.is_ipv4() == is_ipv4).map(external);
            let first = all.clone().next();
            all.find(|external| known.contains(external)).or(first)
        };
        [of_family(true), of_family(false)].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_from_what_is_none() {
        for name in ["relay.example.org", "localhost", "a_b-c", "xn--bcher-kva.example"] {
            assert!(ExternalName::new(name, None).is_some(), "{name}");
        }
        for name in ["", "1.2.3", "a b", "a/b", "\u{fc}", "a\n", "192.0.2.256"] {
            assert_eq!(ExternalName::new(name, None), None, "{name}");
        }
    }

    #[test]
    fn a_name_with_several_addresses_stays_at_the_one_that_it_has() {
        let name = ExternalName::new("relay.example.org", None).unwrap();
        let ips: Vec<IpAddr> = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|ip| ip.parse().unwrap()).to_vec();
        let [a, b, c] = [ips[0], ips[1], ips[2]].map(External::from);
        assert_eq!(name.choose(&ips, &[]), [a, c]);
        assert_eq!(name.choose(&ips, &[b]), [b, c], "in another order");
        assert_eq!(name.choose(&ips[..1], &[b]), [a], "it has moved");
        assert_eq!(name.choose(&[], &[b]), []);
    }

    #[test]
    fn a_name_leads_where_the_system_says() {
        let found = ExternalName::new("localhost", None).unwrap().resolve(&[]);
        assert!(!found.is_empty() && found.iter().all(|external| external.public.is_loopback()), "{found:?}");
        assert!(ExternalName::new("nowhere.invalid", None).unwrap().resolve(&[]).is_empty());
    }
}
