//! Nonces without memory: the time of issue and a keyed digest of it with the client's address.
//!
//! They are as short as 401 must be: 3 bytes of time and 6 of digest, 12 characters. Guessing one is 2^48 tries through
//! the network and wins nothing but what asking for one gives. Servers that share a seed honour each other's. Where the
//! server offers more than MD5, a cookie that says so is in front (RFC 8489 section 9.2).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::{hmac_sha256, same};

/// Bits of the time that a nonce spells out: 194 days until they repeat. The digest covers all of it.
const TIME: u64 = 1 << 24;

/// What nonces tell a client of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecurityFeatures {
    /// Nothing: MD5, and names as they are.
    None,
    /// SHA-256, and names as digests.
    Sha256,
}

/// Issues and recognises nonces.
pub(super) struct Nonces {
    key: [u8; 32],
    /// How long one is honoured. RFC 8656 section 5 wants it to end "at least once every hour".
    lifetime: Duration,
    cookie: &'static str,
}

/// "obMatJos2" and the security features: password algorithms and user hashes (RFC 8489 section 18.1), in base64.
const COOKIE: &str = "obMatJos2wAAA";

impl Nonces {
    pub(super) fn new(key: [u8; 32], lifetime: Duration, features: SecurityFeatures) -> Self {
        let cookie = match features {
            SecurityFeatures::None => "",
            SecurityFeatures::Sha256 => COOKIE,
        };
        Self { key, lifetime, cookie }
    }

    /// A nonce for `client` at `unix`, time since 1970.
    pub(super) fn issue(&self, client: SocketAddr, unix: Duration) -> String {
        format!("{}{}", self.cookie, URL_SAFE_NO_PAD.encode(self.bytes(client, unix.as_secs())))
    }

    /// Whether it was issued to `client` within its lifetime.
    pub(super) fn is_fresh(&self, nonce: &[u8], client: SocketAddr, unix: Duration) -> bool {
        let mut bytes = [0; 9];
        let Some(nonce) = nonce.strip_prefix(self.cookie.as_bytes()) else { return false };
        if nonce.len() != 12 || URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) != Ok(9) {
            return false;
        }
        let [t0, t1, t2, ..] = bytes;
        let time = u64::from(u32::from_be_bytes([0, t0, t1, t2]));
        let age = unix.as_secs().wrapping_sub(time) % TIME;
        let Some(issued) = unix.as_secs().checked_sub(age) else { return false };
        age <= self.lifetime.as_secs() && same(&bytes, &self.bytes(client, issued))
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
        let hour = Duration::from_secs(3600);
        let nonces = Nonces::new([1; 32], hour, SecurityFeatures::None);
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
        assert!(
            !Nonces::new([2; 32], hour, SecurityFeatures::None).is_fresh(nonce.as_bytes(), ann, start),
            "of another key"
        );
        for bad in ["", "AAAAAAAAAAAA", "AAAAAAAAAAAAAAAA", "!!!!!!!!!!!!"] {
            assert!(!nonces.is_fresh(bad.as_bytes(), ann, start), "{bad}");
        }
    }
}
