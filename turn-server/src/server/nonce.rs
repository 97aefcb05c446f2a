//! Nonces without memory: the time of issue and a keyed digest of it with the client's address.
//!
//! They are as short as 401 must be: 3 bytes of time and 6 of digest, 12 characters. Guessing one is 2^48 tries through
//! the network and wins nothing but what asking for one gives. Servers that share a seed honour each other's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::{hmac_sha256, same};

/// How long a nonce is honoured. RFC 8656 section 5 wants it to end "at least once every hour".
pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

/// Bits of the time that a nonce spells out: 194 days until they repeat. The digest covers all of it.
const TIME: u64 = 1 << 24;

/// Issues and recognises nonces.
pub(super) struct Nonces {
    key: [u8; 32],
}

impl Nonces {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A nonce for `client` at `unix`, time since 1970.
    pub(super) fn issue(&self, client: SocketAddr, unix: Duration) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(client, unix.as_secs()))
    }

    /// Whether it was issued to `client` within the last hour.
    pub(super) fn is_fresh(&self, nonce: &[u8], client: SocketAddr, unix: Duration) -> bool {
        let mut bytes = [0; 9];
        if nonce.len() != 12 || URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) != Ok(9) {
            return false;
        }
        let [t0, t1, t2, ..] = bytes;
        let time = u64::from(u32::from_be_bytes([0, t0, t1, t2]));
        let age = unix.as_secs().wrapping_sub(time) % TIME;
        let Some(issued) = unix.as_secs().checked_sub(age) else { return false };
        age <= LIFETIME.as_secs() && same(&bytes, &self.bytes(client, issued))
    }

    fn bytes(&self, client: SocketAddr, issued: u64) -> [u8; 9] {
        let ip = match client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let digest = hmac_sha256(&self.key, &[&issued.to_be_bytes(), &ip.octets(), &client.port().to_be_bytes()]);
        let [.., t0, t1, t2] = issued.to_be_bytes();
        let [d0, d1, d2, d3, d4, d5, ..] = digest;
        [t0, t1, t2, d0, d1, d2, d3, d4, d5]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_fresh_for_its_client_and_its_hour_only() {
        let nonces = Nonces::new([1; 32]);
        let (ann, bob) = ("1.2.3.4:5".parse().unwrap(), "1.2.3.4:6".parse().unwrap());
        // The moment at which the spelled-out bits wrap around lies within the hour.
        let start = Duration::from_secs(100 * TIME - 1800);
        let nonce = nonces.issue(ann, start);
        assert_eq!(nonce.len(), 12);
        let fresh = |client, after| nonces.is_fresh(nonce.as_bytes(), client, start + Duration::from_secs(after));
        assert!(fresh(ann, 0) && fresh(ann, 1900) && fresh(ann, 3600));
        assert!(!fresh(ann, 3601), "too old");
        assert!(!fresh(ann, TIME), "its bits came round again");
        assert!(!fresh(bob, 0), "somebody else's");
        assert!(!nonces.is_fresh(nonce.as_bytes(), ann, start - Duration::from_secs(1)), "from the future");
        assert!(!Nonces::new([2; 32]).is_fresh(nonce.as_bytes(), ann, start), "of another key");
        for bad in ["", "AAAAAAAAAAAA", "AAAAAAAAAAAAAAAA", "!!!!!!!!!!!!"] {
            assert!(!nonces.is_fresh(bad.as_bytes(), ann, start), "{bad}");
        }
    }
}
