//! How many answers to unauthenticated requests one source address gets.
//!
//! Their sender may be forged, so they may hit somebody who never asked. A source gets [`RATE`] a second: too few to hurt,
//! and enough that a real client behind a flooded address comes through within its retransmissions. Memory is fixed.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::crypto::hmac_sha256;

/// Answers a second and source: 100 of at most 56 bytes are 45 kbit/s.
const RATE: u32 = 100;
/// Answers at once: a company behind one address comes to work.
const BURST: u32 = 200;
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
        let interval = Duration::from_secs(1) / RATE;
        let bucket = self.bucket(source);
        let Some(quiet_at) = self.quiet_at.get_mut(bucket) else { return true };
        let busy_until = quiet_at.unwrap_or(now).max(now);
        if busy_until - now >= interval * BURST {
            return false;
        }
        *quiet_at = Some(busy_until + interval);
        true
    }

    /// An IPv6 source is a /64: whoever has one address of it has them all.
    fn bucket(&self, source: IpAddr) -> usize {
        let bits = match source {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        let [a, b, ..] = hmac_sha256(&self.key, &[&bits.to_be_bytes()]);
        usize::from(u16::from_be_bytes([a, b])) % BUCKETS
    }
}
