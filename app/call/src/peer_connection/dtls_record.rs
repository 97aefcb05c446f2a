//! The records of a DTLS datagram (RFC 6347 section 4.1), as far as they can be read without keys.

/// Whether a datagram is DTLS (RFC 7983 section 7).
pub(crate) fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// Type 1, version 2, epoch 2, sequence number 6, length 2 (RFC 6347 section 4.1).
pub(super) const RECORD_HEADER: usize = 13;

/// A record of DTLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) content: u8,
    pub(super) epoch: u16,
    pub(super) body: &'a [u8],
    /// With its header.
    pub(super) whole: &'a [u8],
}

impl Record<'_> {
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const HANDSHAKE: u8 = 22;
}

/// The records of a datagram, and what is behind them that is none.
pub(super) fn records(mut datagram: &[u8]) -> (Vec<Record<'_>>, &[u8]) {
    let mut records = Vec::new();
    while let Some((header, rest)) = datagram.split_first_chunk::<RECORD_HEADER>() {
        let &[content, _, _, epoch_high, epoch_low, .., length_high, length_low] = header;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let Some((whole, next)) = datagram.split_at_checked(RECORD_HEADER + length) else { break };
        let body = rest.get(..length).unwrap_or_default();
        records.push(Record { content, epoch: u16::from_be_bytes([epoch_high, epoch_low]), body, whole });
        datagram = next;
    }
    (records, datagram)
}
