//! A router that hides one machine: network address and port translation (RFC 4787).
//!
//! Its mapping does not look at whom a datagram is for (section 4.1, endpoint-independent); whom it lets in can be
//! chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Who may answer through a mapping (RFC 4787, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Anybody.
    EndpointIndependent,
    /// Whom something was sent to, at that very port.
    AddressAndPortDependent,
}

/// A router.
#[derive(Debug)]
pub(crate) struct Nat {
    outside: IpAddr,
    filtering: Filtering,
    /// A mapping that nothing goes out through for so long is forgotten (section 4.3).
    lifetime: Duration,
    mappings: BTreeMap<SocketAddr, Mapping>,
    next_port: u16,
}

#[derive(Debug)]
struct Mapping {
    port: u16,
    used: Instant,
    asked: BTreeSet<SocketAddr>,
}

impl Nat {
    pub(crate) fn new(outside: IpAddr, filtering: Filtering, lifetime: Duration) -> Self {
        Self { outside, filtering, lifetime, mappings: BTreeMap::new(), next_port: 20_000 }
    }

    /// What a datagram from `inside` comes from, seen from outside.
    pub(crate) fn outward(&mut self, inside: SocketAddr, to: SocketAddr, now: Instant) -> SocketAddr {
        self.expire(now);
        let next_port = &mut self.next_port;
        let mapping = self.mappings.entry(inside).or_insert_with(|| {
            *next_port += 1;
            Mapping { port: *next_port, used: now, asked: BTreeSet::new() }
        });
        mapping.used = now;
        mapping.asked.insert(to);
        SocketAddr::new(self.outside, mapping.port)
    }

    /// Whom a datagram that has come to `port` is for; nobody, where it was not asked for.
    pub(crate) fn inward(&mut self, port: u16, from: SocketAddr, now: Instant) -> Option<SocketAddr> {
        self.expire(now);
        let (inside, mapping) = self.mappings.iter().find(|(_, mapping)| mapping.port == port)?;
        let passes = match self.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressAndPortDependent => mapping.asked.contains(&from),
        };
        passes.then_some(*inside)
    }

    /// Forgets everything, as one does that loses its power.
    pub(crate) fn restart(&mut self) {
        self.mappings.clear();
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.lifetime;
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
        for (filtering, other_passes) in
            [(Filtering::EndpointIndependent, true), (Filtering::AddressAndPortDependent, false)]
        {
            let mut nat = Nat::new(address("10.9.9.9:0").ip(), filtering, Duration::from_secs(30));
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
}
