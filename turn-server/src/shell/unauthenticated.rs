//! How many a source has here that no allocation is behind: connections, and sessions of DTLS.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::quality::RandomState;

/// Of one source at once, of each kind and with each worker. Full: its next one is refused. Enough for an office behind
/// one address, too few to use up what everybody shares.
pub(super) const STRANGERS: usize = 256;

/// The counts, by source; who has none takes no memory.
pub(super) struct UnauthenticatedLimits {
    counts: HashMap<IpAddr, usize, RandomState>,
    /// What a source may have.
    cap: usize,
}

impl UnauthenticatedLimits {
    pub(super) fn new(cap: usize) -> Self {
        Self { counts: HashMap::default(), cap }
    }

    /// Whether there is room for one more.
    pub(super) fn admits(&self, source: IpAddr) -> bool {
        self.counts.get(&network(source)).copied().unwrap_or(0) < self.cap
    }

    pub(super) fn enter(&mut self, source: IpAddr) {
        *self.counts.entry(network(source)).or_default() += 1;
    }

    pub(super) fn leave(&mut self, source: IpAddr) {
        let source = network(source);
        let Some(count) = self.counts.get_mut(&source) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.counts.remove(&source);
        }
    }
}

/// What counts as one source: of IPv6 a /64, for anyone who has one address of it has them all.
pub(super) fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_share_and_a_network_of_ipv6_is_one() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut strangers = UnauthenticatedLimits::new(2);
        for source in ["2001:db8::1", "2001:db8::2", "10.0.0.1"] {
            strangers.enter(ip(source));
        }
        assert!(!strangers.admits(ip("2001:db8::3")) && strangers.admits(ip("2001:db8:0:1::3")));
        assert!(strangers.admits(ip("10.0.0.1")));
        strangers.leave(ip("2001:db8::9"));
        assert!(strangers.admits(ip("2001:db8::3")));
        for source in ["2001:db8::1", "10.0.0.1", "10.0.0.1", "10.0.0.2"] {
            strangers.leave(ip(source));
        }
        assert!(strangers.counts.is_empty());
    }
}
