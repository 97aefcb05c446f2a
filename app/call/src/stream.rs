//! STUN and ChannelData on a stream (RFC 8656, section 12.5), and how one reaches a relay by it.
//!
//! Pure: bytes in, messages out. It opens nothing, and it keeps no more than one message that has not come whole.

use bytes::{Buf as _, Bytes, BytesMut};

/// Before what a STUN message's length counts (RFC 8489, section 5).
const STUN_HEADER: usize = 20;
/// Before what a ChannelData message's length counts.
const CHANNEL_HEADER: usize = 4;
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
/// A Send indication, the one STUN message that carries media (RFC 8656, section 18).
const SEND_INDICATION: [u8; 2] = [0x00, 0x16];

/// Where a stream leads. Anyone who opens it looks up the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayStream {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What lies between the stream and TCP.
    pub security: StreamSecurity,
}

/// What lies between a stream and TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamSecurity {
    /// Nothing.
    Plain,
    /// TLS, with a certificate for the host.
    Tls,
}

/// Whether a message may be left out when a stream does not keep up: media is late then anyway, and is repaired or
/// concealed; a request is not repeated on a stream, so it has to go.
#[must_use]
pub fn is_media(message: &[u8]) -> bool {
    matches!(message.first(), Some(0x40..=0x4F)) || message.starts_with(&SEND_INDICATION)
}

/// What came on the stream is no STUN: where the next message begins cannot be known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfStep;

/// The messages in a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// At most a chunk and one message, which its own length bounds at 64 KiB.
    rest: BytesMut,
}

impl Frames {
    /// More bytes came.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.rest.extend_from_slice(chunk);
    }

    /// The next whole message, without its padding.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, OutOfStep> {
        let Some((kind, length)) = self.rest.first_chunk::<4>().map(|[a, b, c, d]| ([*a, *b], [*c, *d])) else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(length));
        let whole = match kind {
            [0x40..=0x4F, _] => CHANNEL_HEADER + length,
            [0x00..=0x3F, _] if length.is_multiple_of(4) => STUN_HEADER + length,
            _ => return Err(OutOfStep),
        };
        let is_stun = kind < [0x40, 0x00];
        if is_stun && self.rest.get(4..8).is_some_and(|cookie| cookie != MAGIC_COOKIE) {
            return Err(OutOfStep);
        }
        let padded = whole.next_multiple_of(4);
        if self.rest.len() < padded {
            return Ok(None);
        }
        let message = self.rest.split_to(whole).freeze();
        self.rest.advance(padded - whole);
        Ok(Some(message))
    }
}

/// The message as it is on a stream: ChannelData there is padded, and its length does not say so.
pub(crate) fn framed(message: Bytes) -> Bytes {
    if message.len().is_multiple_of(4) {
        return message;
    }
    let mut padded = BytesMut::from(message);
    padded.resize(padded.len().next_multiple_of(4), 0);
    padded.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(length: u8) -> Vec<u8> {
        let mut message = vec![0x01, 0x01, 0, length];
        message.extend(MAGIC_COOKIE);
        message.resize(STUN_HEADER + usize::from(length), 7);
        message
    }

    fn channel(data: &[u8]) -> Vec<u8> {
        [&[0x40, 0x01, 0, data.len() as u8][..], data].concat()
    }

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let messages = [stun(0), channel(b"12345"), channel(b""), stun(8), channel(b"1234"), channel(b"1")];
        let wire: Vec<u8> = messages.iter().flat_map(|one| framed(Bytes::from(one.clone()))).collect();
        for size in 1..=wire.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for chunk in wire.chunks(size) {
                frames.push(chunk);
                while let Some(message) = frames.next().unwrap() {
                    found.push(message.to_vec());
                }
            }
            assert_eq!(found, messages, "in chunks of {size}");
            assert!(frames.rest.is_empty());
        }
    }

    #[test]
    fn what_is_neither_stun_nor_channel_data_ends_the_stream() {
        let mut foreign = stun(0);
        foreign[4] = 0;
        for (wire, expected) in [
            (b"SSH-2.0-".to_vec(), Err(OutOfStep)),
            (vec![0x80, 0, 0, 0], Err(OutOfStep)),
            (vec![0x50, 0, 0, 0], Err(OutOfStep)),
            (vec![0x00, 1, 0, 3], Err(OutOfStep)),
            (foreign, Err(OutOfStep)),
            (vec![0x40, 1, 0xFF, 0xFF], Ok(None)),
            (vec![0x40], Ok(None)),
        ] {
            let mut frames = Frames::default();
            frames.push(&wire);
            assert_eq!(frames.next(), expected, "{wire:?}");
        }
    }

    #[test]
    fn requests_are_not_media() {
        for (message, media) in [(channel(b"x"), true), (vec![0x00, 0x16, 0, 0], true), (stun(0), false)] {
            assert_eq!(is_media(&message), media, "{message:?}");
        }
        assert!(!is_media(&[]));
    }
}
