//! Where connections come from, as far as they are counted together.
//!
//! Values only. Anyone who knows better than the socket (a proxy that is trusted) says so before an address comes here.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Where a connection comes from: an IPv4 address or an IPv6 /64, which is the least that a customer of a provider has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source(u64);

/// A network that a source lies in, and that is counted as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    width: Width,
    prefix: u64,
}

/// How wide a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    /// An IPv4 address or an IPv6 /64.
    One,
    /// An IPv6 /56: a household, with most providers.
    Household,
    /// An IPv6 /48: a site (RFC 6177); anyone who rents one has 65,536 sources for nothing.
    Site,
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}

impl Source {
    /// The source itself, and for IPv6 the /56 and the /48 around it.
    pub(super) fn blocks(self) -> impl Iterator<Item = Block> {
        // ::/32 is given to nobody: what fits into 32 bits is an IPv4 address, or nobody knows.
        let is_v6 = self.0 > u64::from(u32::MAX);
        let wider = [(Width::Household, !0xff), (Width::Site, !0xffff)].into_iter().filter(move |_| is_v6);
        [(Width::One, !0)].into_iter().chain(wider).map(move |(width, mask)| Block { width, prefix: self.0 & mask })
    }
}

impl Block {
    /// How much more than one source it may do.
    pub(super) fn shares(self) -> u32 {
        match self.width {
            Width::One => 1,
            Width::Household => 2,
            // A mobile network puts many strangers into one /48: more for them, and still little for one who rents it.
            Width::Site => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_source_is_counted_with_its_household_and_its_site() {
        let blocks = |text: &str| Source::from(text.parse::<IpAddr>().unwrap()).blocks().collect::<Vec<_>>();
        let [one, other, far] = ["2001:db8:1:2201::1", "2001:db8:1:22ff::9", "2001:db8:1:3300::9"].map(blocks);
        assert_eq!((one.len(), one[1], one[2]), (3, other[1], other[2]));
        assert_ne!((one[0], one[1]), (other[0], far[1]));
        assert_eq!(one[2], far[2]);
        assert_eq!(blocks("192.0.2.7"), blocks("::ffff:192.0.2.7"));
        assert_eq!((blocks("192.0.2.7").len(), blocks("::1").len()), (1, 1));
    }
}
