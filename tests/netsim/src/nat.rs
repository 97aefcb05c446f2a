//! A router that hides one machine: network address and port translation (RFC 4787).
//!
//! To how many a mapping is the same, whom it lets in and which port it gets can be chosen, each by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Who may answer through a mapping (RFC 4787, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Anybody.
    EndpointIndependent,
    /// Whom something was sent to, from whichever port.
    AddressDependent,
    /// Whom something was sent to, at that very port.
    AddressAndPortDependent,
}

/// To how many a mapping is the same (RFC 4787, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// To all.
    EndpointIndependent,
    /// To one address and port: each other gets a mapping of its own ("symmetric").
    AddressAndPortDependent,
}

/// Which port a mapping gets (RFC 4787, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// One that nobody else has, in no order that a peer could guess.
    Random,
    /// That of the machine inside: mappings to different endpoints share it.
    Preserved,
}

/// What a router is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// To how many a mapping is the same.
    pub mapping: Mapping,
    /// Who may answer through one.
    pub filtering: Filtering,
    /// Which port it gets.
    pub ports: Ports,
    /// One that nothing goes out through for so long is forgotten (section 4.3).
    pub lifetime: Duration,
}

impl NatConfig {
    /// One whose mappings are the same to all, at ports of their own.
    pub const fn endpoint_independent(filtering: Filtering, lifetime: Duration) -> Self {
        Self { mapping: Mapping::EndpointIndependent, filtering, ports: Ports::Random, lifetime }
    }
}

/// A router.
#[derive(Debug)]
pub(crate) struct Nat {
    outside: IpAddr,
    config: NatConfig,
    /// By the socket inside, and to whom, where that matters.
    mappings: BTreeMap<(SocketAddr, Option<SocketAddr>), Mapped>,
    /// Of mappings so far.
    count: u32,
}

#[derive(Debug)]
struct Mapped {
    port: u16,
    used: Instant,
    asked: BTreeSet<SocketAddr>,
}

impl Nat {
    pub(crate) fn new(outside: IpAddr, config: NatConfig) -> Self {
        Self { outside, config, mappings: BTreeMap::new(), count: 0 }
    }

    /// What a datagram from `inside` comes from, seen from outside.
    pub(crate) fn outward(&mut self, inside: SocketAddr, to: SocketAddr, now: Instant) -> SocketAddr {
        self.expire(now);
        let of = match self.config.mapping {
            Mapping::EndpointIndependent => None,
            Mapping::AddressAndPortDependent => Some(to),
        };
        let count = &mut self.count;
        let ports = self.config.ports;
        let mapping = self.mappings.entry((inside, of)).or_insert_with(|| {
            *count += 1;
            let port = match ports {
                Ports::Preserved => inside.port(),
                // A step that meets each of them once.
                Ports::Random => 20_000 + (count.wrapping_mul(7_919) % 40_000) as u16,
            };
            Mapped { port, used: now, asked: BTreeSet::new() }
        });
        mapping.used = now;
        mapping.asked.insert(to);
        SocketAddr::new(self.outside, mapping.port)
    }

    /// Whom a datagram that has come to `port` is for; nobody, where it was not asked for.
    pub(crate) fn inward(&mut self, port: u16, from: SocketAddr, now: Instant) -> Option<SocketAddr> {
        self.expire(now);
        let filtering = self.config.filtering;
        let passes = |mapping: &Mapped| match filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => mapping.asked.iter().any(|asked| asked.ip() == from.ip()),
            Filtering::AddressAndPortDependent => mapping.asked.contains(&from),
        };
        let at_port = self.mappings.iter().filter(|(_, mapping)| mapping.port == port);
        at_port.into_iter().find(|(_, mapping)| passes(mapping)).map(|((inside, _), _)| *inside)
    }

    /// Forgets everything, as one does that loses its power.
    pub(crate) fn restart(&mut self) {
        self.mappings.clear();
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.config.lifetime;
        self.mappings.retain(|_, mapping| now.saturating_duration_since(mapping.used) < lifetime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_mapping_is_the_same_for_all_and_ends_when_it_is_not_used() {
        let now = Instant::now();
        let (inside, peer, other) = (address("192.168.1.2:5000"), address("10.0.0.1:1"), address("10.0.0.2:2"));
        for (filtering, other_passes) in [
            (Filtering::EndpointIndependent, true),
            (Filtering::AddressDependent, false),
            (Filtering::AddressAndPortDependent, false),
        ] {
            let config = NatConfig::endpoint_independent(filtering, Duration::from_secs(30));
            let mut nat = Nat::new(address("10.9.9.9:0").ip(), config);
            let seen = nat.outward(inside, peer, now);
            assert_eq!(nat.inward(seen.port(), peer, now), Some(inside));
            assert_eq!(nat.inward(seen.port(), other, now).is_some(), other_passes);
            assert_eq!(nat.outward(inside, other, now), seen);
            assert_eq!(nat.inward(seen.port(), other, now), Some(inside));
            assert_eq!(nat.inward(1, peer, now), None);
            let late = now + Duration::from_secs(30);
            assert_eq!(nat.inward(seen.port(), peer, late), None);
            assert_ne!(nat.outward(inside, peer, late), seen, "a new mapping has a port of its own");
        }
    }
    #[test]
    fn filtering_looks_at_what_it_says() {
        let now = Instant::now();
        let (inside, peer, same_host) = (address("192.168.1.2:5000"), address("10.0.0.1:1"), address("10.0.0.1:2"));
        for (filtering, passes) in [
            (Filtering::EndpointIndependent, true),
            (Filtering::AddressDependent, true),
            (Filtering::AddressAndPortDependent, false),
        ] {
            let config = NatConfig::endpoint_independent(filtering, Duration::from_secs(30));
            let mut nat = Nat::new(address("10.9.9.9:0").ip(), config);
            let seen = nat.outward(inside, peer, now);
            assert_eq!(nat.inward(seen.port(), same_host, now).is_some(), passes, "{filtering:?}");
        }
    }

    #[test]
    fn a_symmetric_router_has_another_mapping_for_each_peer() {
        let now = Instant::now();
        let (inside, peer, other) = (address("192.168.1.2:5000"), address("10.0.0.1:1"), address("10.0.0.2:2"));
        for (ports, is_shared) in [(Ports::Random, false), (Ports::Preserved, true)] {
            let config = NatConfig {
                mapping: Mapping::AddressAndPortDependent,
                filtering: Filtering::AddressAndPortDependent,
                ports,
                lifetime: Duration::from_secs(30),
            };
            let mut nat = Nat::new(address("10.9.9.9:0").ip(), config);
            let (first, second) = (nat.outward(inside, peer, now), nat.outward(inside, other, now));
            assert_eq!(first == second, is_shared, "{ports:?}");
            assert_eq!(nat.inward(second.port(), other, now), Some(inside));
            assert_eq!(nat.inward(first.port(), other, now).is_some(), is_shared, "{ports:?}");
        }
    }
}
