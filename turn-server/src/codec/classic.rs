//! Binding as RFC 3489 had it, before there was a magic cookie: sixteen bytes tie the answer to its request, and
//! addresses stand as they are.

use std::net::SocketAddr;

use super::{COOKIE, attribute, encode_plain_address};

/// SOURCE-ADDRESS: where the answer comes from (RFC 3489 section 11.2.5).
const SOURCE_ADDRESS: u16 = 0x0004;
/// CHANGED-ADDRESS: where it would come from, were another address and port asked for (section 11.2.3).
const CHANGED_ADDRESS: u16 = 0x0005;
/// The message types (section 11.1).
const REQUEST: [u8; 2] = [0x00, 0x01];
const RESPONSE: [u8; 2] = [0x01, 0x01];
/// Bytes of the header.
const HEADER: usize = 20;

/// A Binding request of RFC 3489.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassicBinding {
    transaction: [u8; 16],
    /// The flags of CHANGE-REQUEST (section 11.2.4).
    pub(crate) change: u32,
    /// Its bytes.
    pub(crate) length: usize,
}

/// Where an answer comes from, and could come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) source: SocketAddr,
    pub(crate) changed: SocketAddr,
}

impl ClassicBinding {
    /// Reads a datagram; `None` for anything else, messages with the cookie among it.
    pub(crate) fn decode(raw: &[u8]) -> Option<Self> {
        let (header, body) = raw.split_first_chunk::<HEADER>()?;
        let [t0, t1, l0, l1, transaction @ ..] = *header;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let is_sound = [t0, t1] == REQUEST && length == body.len() && length.is_multiple_of(4);
        if !is_sound || transaction.starts_with(&COOKIE) {
            return None;
        }
        let mut change = 0;
        let mut rest = body;
        while !rest.is_empty() {
            let ([k0, k1, l0, l1], after) = rest.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let value = after.get(..length)?;
            if u16::from_be_bytes([*k0, *k1]) == attribute::CHANGE_REQUEST {
                change = u32::from_be_bytes(value.try_into().ok()?);
            }
            rest = after.get(length.next_multiple_of(4)..)?;
        }
        Some(Self { transaction, change, length: raw.len() })
    }

    /// The answer: how `client` is seen, and where there is room for it, from where.
    pub(crate) fn answer(&self, client: SocketAddr, origin: Option<Origin>) -> Vec<u8> {
        let mut body = Vec::new();
        let addresses = origin.map(|origin| [(SOURCE_ADDRESS, origin.source), (CHANGED_ADDRESS, origin.changed)]);
        for (kind, address) in [(attribute::MAPPED_ADDRESS, client)].into_iter().chain(addresses.into_iter().flatten())
        {
            let value = encode_plain_address(address);
            body.extend_from_slice(&kind.to_be_bytes());
            body.extend_from_slice(&(value.len() as u16).to_be_bytes()); // 8 or 20
            body.extend_from_slice(&value);
        }
        [&RESPONSE[..], &(body.len() as u16).to_be_bytes(), &self.transaction, &body].concat() // at most 72
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_binding_request_without_the_cookie_is_one() {
        let plain = [&[0, 1, 0, 0][..], &[7; 16]].concat();
        assert_eq!(
            ClassicBinding::decode(&plain),
            Some(ClassicBinding { transaction: [7; 16], change: 0, length: 20 })
        );
        let changed = [&[0, 1, 0, 8][..], &[7; 16], &[0, 3, 0, 4, 0, 0, 0, 6]].concat();
        assert_eq!(ClassicBinding::decode(&changed).map(|binding| binding.change), Some(6));
        let cookie = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        let cases: [&[u8]; 7] = [
            &cookie,
            &plain[..19],
            &[&plain[..], &[0]].concat(),
            &[&[0, 3, 0, 0][..], &[7; 16]].concat(),
            &[&[1, 1, 0, 0][..], &[7; 16]].concat(),
            &[&[0, 1, 0, 4][..], &[7; 16], &[0, 3, 0, 4]].concat(),
            &[&[0, 1, 0, 8][..], &[7; 16], &[0, 3, 0, 2, 0, 0, 0, 0]].concat(),
        ];
        for bad in cases {
            assert_eq!(ClassicBinding::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_answer_carries_the_transaction_and_plain_addresses() {
        let binding = ClassicBinding { transaction: [7; 16], change: 0, length: 20 };
        let answer = binding.answer(([192, 0, 2, 1], 0x1234).into(), None);
        let expected = [&[1, 1, 0, 12][..], &[7; 16], &[0, 1, 0, 8, 0, 1, 0x12, 0x34, 192, 0, 2, 1]].concat();
        assert_eq!(answer, expected);
    }
}
