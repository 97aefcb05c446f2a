//! The three digests of STUN and TURN, and the key that long-term credentials make of them.
//!
//! It holds no state and chooses no keys: those come from the configuration.

use std::fmt;

use hmac::{Hmac, Mac};
use md5::Md5;
use md5::digest::{self, Digest};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How a message is signed, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integrity {
    /// MESSAGE-INTEGRITY (RFC 8489 section 14.5).
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 (section 14.6).
    Sha256,
}

impl Integrity {
    /// Bytes of the attribute's value.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// How a password becomes a key (RFC 8489 section 18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordAlgorithm {
    /// What every client has.
    Md5,
    /// What a client takes that was offered it.
    Sha256,
}

/// The key of long-term credentials: `MD5(username ":" realm ":" password)`, or the SHA-256 of that (RFC 8489 section
/// 9.2.2). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// A digest of 16 bytes has 16 zeros behind it, which HMAC puts there anyway (RFC 2104 section 2).
    bytes: [u8; 32],
    integrity: Integrity,
}

impl Key {
    #[cfg(test)]
    pub(crate) fn long_term(username: &[u8], realm: &[u8], password: &[u8]) -> Self {
        Self::derived(PasswordAlgorithm::Md5, username, realm, password)
    }

    pub(crate) fn derived(algorithm: PasswordAlgorithm, username: &[u8], realm: &[u8], password: &[u8]) -> Self {
        let parts = [username, b":", realm, b":", password];
        let mut bytes = [0; 32];
        match algorithm {
            PasswordAlgorithm::Md5 => {
                if let Some(half) = bytes.first_chunk_mut::<16>() {
                    *half = digest::<Md5>(&parts).into();
                }
            }
            PasswordAlgorithm::Sha256 => bytes = digest::<Sha256>(&parts).into(),
        }
        Self { bytes, integrity: Integrity::Sha1 }
    }

    /// A key that was derived by MD5 elsewhere.
    pub(crate) fn of_md5(digest: [u8; 16]) -> Self {
        let mut bytes = [0; 32];
        if let Some(half) = bytes.first_chunk_mut::<16>() {
            *half = digest;
        }
        Self { bytes, integrity: Integrity::Sha1 }
    }

    /// The same key, for messages that are signed this way.
    pub(crate) fn signing(self, integrity: Integrity) -> Self {
        Self { integrity, ..self }
    }

    pub(crate) fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// The value of MESSAGE-INTEGRITY over `parts`.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 20] {
        hmac_sha1(&self.bytes, parts)
    }

    /// The value of MESSAGE-INTEGRITY-SHA256 over `parts`.
    pub(crate) fn sign_sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(&self.bytes, parts)
    }
}

/// The value of USERHASH (RFC 8489 section 14.4).
pub(crate) fn userhash(username: &[u8], realm: &[u8]) -> [u8; 32] {
    digest::<Sha256>(&[username, b":", realm]).into()
}

fn digest<D: Digest>(parts: &[&[u8]]) -> digest::Output<D> {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// HMAC-SHA1 over the parts, one behind the other.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(crate) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 over the parts, one behind the other.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Equality that takes the same time wherever two texts of one length differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
