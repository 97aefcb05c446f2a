//! Reading STUN messages.

use super::{COOKIE, Class, FINGERPRINT_XOR, Method, TransactionId, attribute, split_type};
use crate::crypto::{Integrity, Key, same};

/// Why a datagram is no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A STUN message whose structure is sound: lengths fit, FINGERPRINT (where there is one) is right and last.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) class: Class,
    pub(crate) method: Method,
    pub(crate) transaction: TransactionId,
    /// Whether it carried FINGERPRINT: then its answer does too.
    pub(crate) fingerprinted: bool,
    raw: &'a [u8],
    /// The attributes in front of the first MESSAGE-INTEGRITY of either kind: what follows it, but the other kind and
    /// FINGERPRINT, "MUST be ignored" (RFC 8489 sections 14.5 and 14.6).
    attributes: &'a [u8],
    sha1: Option<Signature<'a>>,
    sha256: Option<Signature<'a>>,
}

/// A MESSAGE-INTEGRITY: where it is behind the header, and what it says.
#[derive(Clone, Copy)]
struct Signature<'a> {
    at: usize,
    value: &'a [u8],
}

/// Bytes of the header.
const HEADER: usize = 20;

impl<'a> Message<'a> {
    /// Reads a datagram (RFC 8489 section 6.3).
    pub(crate) fn decode(raw: &'a [u8]) -> Result<Self, Malformed> {
        let (header, body) = raw.split_first_chunk::<HEADER>().ok_or(Malformed)?;
        let [t0, t1, l0, l1, c0, c1, c2, c3, transaction @ ..] = *header;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if t0 & 0xc0 != 0 || [c0, c1, c2, c3] != COOKIE || length != body.len() || !length.is_multiple_of(4) {
            return Err(Malformed);
        }
        let (class, method) = split_type(u16::from_be_bytes([t0, t1]));
        let mut message =
            Self { class, method, transaction, fingerprinted: false, raw, attributes: body, sha1: None, sha256: None };
        message.walk(body)?;
        Ok(message)
    }

    /// Walks all attributes once: lengths, MESSAGE-INTEGRITY, FINGERPRINT.
    fn walk(&mut self, body: &'a [u8]) -> Result<(), Malformed> {
        let mut rest = body;
        while !rest.is_empty() {
            let before = body.len() - rest.len();
            let (kind, value, after) = split_attribute(rest).ok_or(Malformed)?;
            if kind == attribute::MESSAGE_INTEGRITY && !self.is_signed() {
                self.sha1 = Some(Signature::of(before, value, Integrity::Sha1)?);
                self.attributes = body.get(..before).ok_or(Malformed)?;
            }
            if kind == attribute::MESSAGE_INTEGRITY_SHA256 && self.sha256.is_none() {
                if !self.is_signed() {
                    self.attributes = body.get(..before).ok_or(Malformed)?;
                }
                self.sha256 = Some(Signature::of(before, value, Integrity::Sha256)?);
            }
            if kind == attribute::FINGERPRINT {
                self.check_fingerprint(HEADER + before, value, after)?;
                if !self.is_signed() {
                    self.attributes = body.get(..before).ok_or(Malformed)?;
                }
            }
            rest = after;
        }
        Ok(())
    }

    /// FINGERPRINT is the last attribute and the CRC of all before it (RFC 8489 section 14.7).
    fn check_fingerprint(&mut self, at: usize, value: &[u8], after: &[u8]) -> Result<(), Malformed> {
        let covered = self.raw.get(..at).ok_or(Malformed)?;
        let expected = crc32fast::hash(covered) ^ FINGERPRINT_XOR;
        if !after.is_empty() || value != expected.to_be_bytes() {
            return Err(Malformed);
        }
        self.fingerprinted = true;
        Ok(())
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> usize {
        self.raw.len()
    }

    /// Whether there is a MESSAGE-INTEGRITY, right or wrong.
    pub(crate) fn is_signed(&self) -> bool {
        self.sha1.is_some() || self.sha256.is_some()
    }

    /// The kind by which it is judged and answered: the stronger one that is there (RFC 8489 section 9.2.4).
    pub(crate) fn integrity(&self) -> Integrity {
        if self.sha256.is_some() { Integrity::Sha256 } else { Integrity::Sha1 }
    }

    /// Whether `key` made its MESSAGE-INTEGRITY, compared in constant time.
    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        let integrity = self.integrity();
        let Some(Signature { at, value }) = self.sha256.or(self.sha1) else { return false };
        // The length in the header is that of the message as if it ended with this attribute (RFC 8489 section 14.5).
        let Ok(length) = u16::try_from(at + 4 + integrity.length()) else { return false };
        let (Some(kind), Some(identity)) = (self.raw.get(..2), self.raw.get(4..HEADER)) else { return false };
        let Some(covered) = self.raw.get(HEADER..HEADER + at) else { return false };
        let parts = [kind, &length.to_be_bytes(), identity, covered];
        match integrity {
            Integrity::Sha1 => same(value, &key.sign(&parts)),
            Integrity::Sha256 => same(value, &key.sign_sha256(&parts)),
        }
    }

    /// The value of the first attribute of a type; later ones are ignored (RFC 8489 section 14).
    pub(crate) fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes(kind).next()
    }

    /// The values of all attributes of a type.
    pub(crate) fn attributes(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all().filter(move |(k, _)| *k == kind).map(|(_, value)| value)
    }

    /// Types that must be understood and are not, each once; `also` are understood beside those that always are.
    pub(crate) fn not_understood(&self, also: &[u16]) -> Vec<u16> {
        let is_strange = |kind: &u16| !attribute::is_understood(*kind) && !also.contains(kind);
        let mut kinds: Vec<u16> = self.all().map(|(kind, _)| kind).filter(is_strange).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    fn all(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let (kind, value, after) = split_attribute(rest)?;
            rest = after;
            Some((kind, value))
        })
    }
}

impl<'a> Signature<'a> {
    /// A signature whose length is right; TURN allows no truncated ones.
    fn of(at: usize, value: &'a [u8], integrity: Integrity) -> Result<Self, Malformed> {
        if value.len() == integrity.length() { Ok(Self { at, value }) } else { Err(Malformed) }
    }
}

/// The first attribute: its type, its value, and what follows behind its padding.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([k0, k1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    let value = rest.get(..length)?;
    let after = rest.get(length.next_multiple_of(4)..)?;
    Some((u16::from_be_bytes([*k0, *k1]), value, after))
}
