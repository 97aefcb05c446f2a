//! Writing STUN messages.

use std::net::SocketAddr;

use super::{
    COOKIE, Class, DATAGRAM, FINGERPRINT_XOR, Message, Method, TransactionId, attribute, encode_address,
    encode_plain_address, join_type,
};
use crate::crypto::{Integrity, Key};

/// A message in the making.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    transaction: TransactionId,
}

impl Writer {
    pub(crate) fn new(class: Class, method: Method, transaction: TransactionId) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&join_type(class, method).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]); // the length, set as attributes come
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(&transaction);
        Self { bytes, transaction }
    }

    /// A success response to `request`.
    pub(crate) fn success(request: &Message<'_>) -> Self {
        Self::new(Class::Success, request.method, request.transaction)
    }

    /// An error response to `request`. It carries no reason in words: nobody reads them, and they make it longer.
    pub(crate) fn error(request: &Message<'_>, code: u16) -> Self {
        let code = [0, 0, (code / 100) as u8, (code % 100) as u8];
        Self::new(Class::Error, request.method, request.transaction).attribute(attribute::ERROR_CODE, &code)
    }

    /// Appends an attribute. One that makes the message too long for a datagram makes [`Writer::seal`] refuse it.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.append(kind, value);
        self
    }

    /// Appends an XOR address attribute.
    pub(crate) fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mut value = Vec::with_capacity(20);
        encode_address(address, &self.transaction, &mut value);
        self.attribute(kind, &value)
    }

    /// Appends an address attribute that is not XORed (RFC 5780 has those).
    pub(crate) fn plain_address(self, kind: u16, address: SocketAddr) -> Self {
        let value = encode_plain_address(address);
        self.attribute(kind, &value)
    }

    /// The finished message: signed where there is a key, fingerprinted where asked; `None` when too long for a
    /// datagram.
    pub(crate) fn seal(mut self, key: Option<&Key>, fingerprint: bool) -> Option<Vec<u8>> {
        if let Some(key) = key {
            // The length counts the attribute already while it is computed (RFC 8489 sections 14.5 and 14.6).
            self.set_length(4 + key.integrity().length());
            match key.integrity() {
                Integrity::Sha1 => self.append(attribute::MESSAGE_INTEGRITY, &key.sign(&[&self.bytes])),
                Integrity::Sha256 => self.append(attribute::MESSAGE_INTEGRITY_SHA256, &key.sign_sha256(&[&self.bytes])),
            }
        }
        if fingerprint {
            self.set_length(8);
            let value = crc32fast::hash(&self.bytes) ^ FINGERPRINT_XOR;
            self.append(attribute::FINGERPRINT, &value.to_be_bytes());
        }
        (self.bytes.len() <= DATAGRAM).then_some(self.bytes)
    }

    fn append(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0);
    }

    /// Writes the length field: of what is behind the header, and of what will.
    fn set_length(&mut self, coming: usize) {
        let length = u16::try_from(self.bytes.len() + coming - 20).unwrap_or(u16::MAX);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}
