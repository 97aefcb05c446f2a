//! How many answers to unauthenticated requests one source address gets.
//!
//! Their sender may be forged, so they may hit somebody who never asked. A source gets what [`PACE`] says: too few to
//! hurt, and enough that a real client behind a flooded address comes through within its retransmissions. Memory is
//! fixed.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::limit::RateLimit;
use crate::crypto::hmac_sha256;

/// Answers of a source: 100 a second of at most 56 bytes are 45 kbit/s; 200 at once, for a company behind one address
/// comes to work.
const PACE: RateLimit = RateLimit { interval: Duration::from_millis(10), burst: 200 };
/// Counters. Sources that share one by chance share its rate.
const BUCKETS: usize = 4096;

/// The counters, by keyed digest of the source.
pub(super) struct Challenges {
    key: [u8; 32],
    /// When each source would have been quiet long enough to be forgotten.
    quiet_at: Vec<Option<Instant>>,
}

impl Challenges {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, quiet_at: vec![None; BUCKETS] }
    }

    /// Whether `source` gets one more answer.
    pub(super) fn admit(&mut self, source: IpAddr, now: Instant) -> bool {
        let bucket = self.bucket(source);
        self.quiet_at.get_mut(bucket).is_none_or(|quiet_at| PACE.admit(quiet_at, now))
    }

    /// An IPv6 source is a /64: anyone who has one address of it has them all.
    fn bucket(&self, source: IpAddr) -> usize {
        let bits = match source {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        let [a, b, ..] = hmac_sha256(&self.key, &[&bits.to_be_bytes()]);
        usize::from(u16::from_be_bytes([a, b])) % BUCKETS
    }
}
