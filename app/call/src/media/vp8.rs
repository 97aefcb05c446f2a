//! VP8 in RTP payloads and out of them (RFC 7741): a payload descriptor in front of each piece of a frame.
//!
//! What comes in is from outside: each length is checked, what does not fit is refused whole. The state of a frame in
//! the making is its caller's; whether the pieces make a frame that can be decoded, the decoder finds out.

use bytes::{BufMut, Bytes, BytesMut};
use hearth_base::FrameKind;

use super::{BadPayload, MAX_PAYLOAD, MAX_UNIT};

/// Bytes of the descriptor that we write.
const DESCRIPTOR: usize = 4;

// RFC 7741 section 4.2: the descriptor's first byte ...
const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START: u8 = 0x10;
const PARTITION: u8 = 0x07;
// ... the byte of extensions ...
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0PICIDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEYIDX: u8 = 0x10;
// ... and the picture's number, which is of 15 bits where this is set.
const LONG: u8 = 0x80;

/// The payloads of one frame, in order; the last one takes the marker. Pieces are even: a last one of a few bytes would
/// be a packet for nothing. The picture's number is 0: see [`renumber`].
pub(super) fn packetize(frame: &Bytes, is_discardable: bool) -> Vec<Bytes> {
    let flags = EXTENDED | if is_discardable { NON_REFERENCE } else { 0 };
    let count = frame.len().div_ceil(MAX_PAYLOAD - DESCRIPTOR);
    let size = frame.len().div_ceil(count.max(1)).max(1);
    let piece = |(index, part): (usize, &[u8])| {
        let mut payload = BytesMut::with_capacity(part.len() + DESCRIPTOR);
        // Pieces are cut without regard to partitions, so only the frame's beginning is known to begin one: number 0.
        payload.put_u8(if index == 0 { flags | START } else { flags });
        payload.put_u8(HAS_PICTURE_ID);
        payload.put_u16(u16::from(LONG) << 8);
        payload.put_slice(part);
        payload.freeze()
    };
    frame.chunks(size).enumerate().map(piece).collect()
}

/// The payload with another number of its picture; one that [`packetize`] did not make stays as it is.
pub(super) fn renumber(payload: &Bytes, number: u16) -> Bytes {
    let has_number = payload.first().is_some_and(|first| first & EXTENDED != 0)
        && payload.get(1) == Some(&HAS_PICTURE_ID)
        && payload.get(2).is_some_and(|id| id & LONG != 0);
    let mut renumbered = BytesMut::from(&payload[..]);
    if let Some(place) = renumbered.get_mut(2..DESCRIPTOR).filter(|_| has_number) {
        place.copy_from_slice(&(u16::from(LONG) << 8 | number).to_be_bytes());
    }
    renumbered.freeze()
}

/// Whether a key frame begins with this payload: the first piece of the first partition, whose first byte says so (RFC
/// 6386 section 9.1: the lowest bit is 0).
pub(super) fn begins_key_frame(payload: &[u8]) -> bool {
    split(payload).is_some_and(|(begins, piece)| begins && kind_of(piece) == Some(FrameKind::Key))
}

/// The frame in these payloads, which are whole and in order.
pub(super) fn depacketize<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Result<(FrameKind, Bytes), BadPayload> {
    let mut whole = BytesMut::new();
    for payload in payloads {
        let (begins, piece) = split(payload).ok_or(BadPayload)?;
        if begins != whole.is_empty() || whole.len() + piece.len() > MAX_UNIT {
            return Err(BadPayload);
        }
        whole.extend_from_slice(piece);
    }
    let kind = kind_of(&whole).ok_or(BadPayload)?;
    Ok((kind, whole.freeze()))
}

/// Whether a payload begins a frame, and the piece of it that is behind the descriptor; `None` when none does.
fn split(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&first, mut rest) = payload.split_first()?;
    if first & EXTENDED != 0 {
        let (&extensions, tail) = rest.split_first()?;
        let is_long = tail.first().is_some_and(|id| id & LONG != 0);
        let id = if extensions & HAS_PICTURE_ID == 0 { 0 } else { 1 + usize::from(is_long) };
        let layer = usize::from(extensions & HAS_TL0PICIDX != 0);
        // One byte holds both.
        let key = usize::from(extensions & (HAS_TID | HAS_KEYIDX) != 0);
        (_, rest) = tail.split_at_checked(id + layer + key)?;
    }
    (!rest.is_empty()).then_some((first & START != 0 && first & PARTITION == 0, rest))
}

fn kind_of(frame: &[u8]) -> Option<FrameKind> {
    frame.first().map(|tag| if tag & 1 == 0 { FrameKind::Key } else { FrameKind::Delta })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(payloads: &[&[u8]]) -> Result<(FrameKind, Bytes), BadPayload> {
        let payloads: Vec<_> = payloads.iter().map(|payload| Bytes::copy_from_slice(payload)).collect();
        depacketize(payloads.iter())
    }

    #[test]
    fn what_was_packetised_comes_back_whole() {
        for (tag, kind) in [(0x10, FrameKind::Key), (0x11, FrameKind::Delta)] {
            for length in [0, 1, MAX_PAYLOAD - DESCRIPTOR - 1, MAX_PAYLOAD - DESCRIPTOR, 5000] {
                let mut original = vec![tag];
                original.extend((0..length).map(|n| n as u8));
                let payloads = packetize(&original.clone().into(), false);
                assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
                assert_eq!(payloads.len(), original.len().div_ceil(MAX_PAYLOAD - DESCRIPTOR));
                assert_eq!(begins_key_frame(&payloads[0]), kind == FrameKind::Key);
                assert!(payloads[1..].iter().all(|payload| !begins_key_frame(payload)));
                assert_eq!(depacketize(payloads.iter()), Ok((kind, original.into())));
            }
        }
        assert_eq!(packetize(&Bytes::new(), false), Vec::<Bytes>::new());
    }

    #[test]
    fn a_descriptor_is_written_as_the_rfc_draws_it() {
        for (is_discardable, first, second) in [(false, 0x90, 0x80), (true, 0xb0, 0xa0)] {
            let payloads = packetize(&vec![0; 2000].into(), is_discardable);
            let payloads: Vec<_> = payloads.iter().map(|payload| renumber(payload, 0x1234)).collect();
            assert_eq!(payloads[0][..DESCRIPTOR], [first, 0x80, 0x92, 0x34]);
            assert_eq!(payloads[1][..DESCRIPTOR], [second, 0x80, 0x92, 0x34]);
            assert_eq!(payloads[0].len(), payloads[1].len());
        }
    }

    #[test]
    fn every_optional_field_is_skipped() {
        for descriptor in [
            &[0x10][..],
            &[0x30],                      // no other frame refers to it
            &[0x90, 0x00],                // extensions, but none of them
            &[0x90, 0x80, 0x7f],          // PictureID of 7 bits
            &[0x90, 0x80, 0xff, 0xff],    // of 15
            &[0x90, 0x40, 9],             // TL0PICIDX
            &[0x90, 0x20, 9],             // TID
            &[0x90, 0x10, 9],             // KEYIDX
            &[0x90, 0x30, 9],             // both, in one byte
            &[0x90, 0xf0, 0x80, 1, 9, 9], // all
        ] {
            let payload = [descriptor, &[0x10, 5]].concat();
            assert!(begins_key_frame(&payload), "{descriptor:?}");
            assert_eq!(unit(&[&payload]), Ok((FrameKind::Key, Bytes::from_static(&[0x10, 5]))), "{descriptor:?}");
            assert_eq!(unit(&[descriptor]), Err(BadPayload), "{descriptor:?} and nothing behind it");
        }
    }

    #[test]
    fn a_later_partition_may_begin_within_a_frame_and_a_second_frame_may_not() {
        let (first, rest, partition) = ([0x10, 0x11, 1], [0x00, 2], [0x11, 3]);
        assert_eq!(unit(&[&first, &rest, &partition]), Ok((FrameKind::Delta, Bytes::from_static(&[0x11, 1, 2, 3]))));
        assert_eq!(unit(&[&first, &first]), Err(BadPayload));
        assert_eq!(unit(&[&rest]), Err(BadPayload));
        assert_eq!(unit(&[&partition]), Err(BadPayload));
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: [&[&[u8]]; 9] = [
            &[],
            &[&[]],
            &[&[0x10]],
            &[&[0x90]],
            &[&[0x90, 0x80]],
            &[&[0x90, 0x80, 0x80]],
            &[&[0x90, 0xf0, 0x80, 1, 9]],
            &[&[0x90, 0x40]],
            &[&[0x10, 0x10], &[]],
        ];
        for case in cases {
            assert_eq!(unit(case), Err(BadPayload), "{case:?}");
        }
        let long = [&[0x10][..], &vec![0; MAX_UNIT + 1]].concat();
        assert_eq!(unit(&[&long]), Err(BadPayload));
    }
}
