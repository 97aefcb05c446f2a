//! H.264 in RTP payloads and out of them (RFC 6184, packetization mode 1): single NAL units, FU-A, and STAP-A on the
//! way in.
//!
//! What comes in is from outside: each length is checked, what does not fit is refused whole.

use bytes::{BufMut, Bytes, BytesMut};
use hearth_base::FrameKind;

use super::{BadPayload, MAX_PAYLOAD, MAX_UNIT};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
/// Type of the message that begins at a recovery point (H.264, annex D.2.8).
const RECOVERY_POINT: u8 = 6;
const TYPE: u8 = 0b0001_1111;
const REFERENCE: u8 = 0b0110_0000;
const FIRST: u8 = 0b1000_0000;
const LAST: u8 = 0b0100_0000;

/// The payloads of one access unit with start codes (Annex B), in order.
pub(super) fn packetize(unit: &Bytes) -> Vec<Bytes> {
    let mut payloads = Vec::new();
    for nal in nal_units(unit) {
        match nal.first() {
            None => {}
            Some(_) if nal.len() <= MAX_PAYLOAD => payloads.push(nal),
            Some(&header) => fragment(header, nal.slice(1..), &mut payloads),
        }
    }
    payloads
}

/// RFC 6184 section 5.8: the header's type goes into each fragment's second byte, with marks for first and last.
fn fragment(header: u8, body: Bytes, payloads: &mut Vec<Bytes>) {
    let count = body.len().div_ceil(MAX_PAYLOAD - 2);
    // Even fragments: a last one of a few bytes would be a packet for nothing.
    let size = body.len().div_ceil(count.max(1)).max(1);
    for (index, part) in body.chunks(size).enumerate() {
        let mut payload = BytesMut::with_capacity(part.len() + 2);
        let first = if index == 0 { FIRST } else { 0 };
        let last = if index + 1 == count { LAST } else { 0 };
        payload.put_u8(header & REFERENCE | FU_A);
        payload.put_u8(header & TYPE | first | last);
        payload.put_slice(part);
        payloads.push(payload.freeze());
    }
}

/// The NAL units between start codes of three or four bytes.
fn nal_units(unit: &Bytes) -> Vec<Bytes> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(rest) = unit.get(at..) {
        let Some(found) = rest.windows(3).position(|window| window == [0, 0, 1]) else { break };
        starts.push(at + found);
        at += found + 3;
    }
    let ends = starts.iter().skip(1).copied().chain([unit.len()]);
    let units = starts.iter().zip(ends).map(|(start, end)| unit.slice(start + 3..end));
    // The fourth byte of the next start code, and trailing_zero_8bits, belong to no unit.
    units.map(|nal| nal.slice(..nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1))).collect()
}

/// Whether decoding may begin with the frame in these payloads. A parameter set alone is no such promise: senders that
/// refresh by parts, and open groups of pictures, repeat theirs without an IDR.
pub(super) fn is_key_frame<'a>(mut payloads: impl Iterator<Item = &'a Bytes>) -> bool {
    payloads.any(|payload| holds(payload, is_start))
}

/// An IDR slice, or the message that decoding may begin here though there is none.
fn is_start(nal: &[u8]) -> bool {
    match nal {
        [header, ..] if header & TYPE == IDR => true,
        [header, message, ..] => header & TYPE == SEI && *message == RECOVERY_POINT,
        [_] | [] => false,
    }
}

/// A parameter set, a recovery point or an IDR slice from its first byte on, alone or in an aggregate.
pub(super) fn begins_key_frame(payload: &[u8]) -> bool {
    holds(payload, |nal| is_start(nal) || nal.first().is_some_and(|header| header & TYPE == SPS))
}

/// Whether a payload holds the beginning of a unit that is asked for. An aggregate may begin with a delimiter.
fn holds(payload: &[u8], is_it: impl Fn(&[u8]) -> bool) -> bool {
    let Some((&header, mut rest)) = payload.split_first() else { return false };
    match header & TYPE {
        STAP_A => {
            while let Some((length, tail)) = rest.split_first_chunk() {
                let Some((nal, tail)) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
                if is_it(nal) {
                    return true;
                }
                rest = tail;
            }
            false
        }
        FU_A => rest.first().is_some_and(|fu| fu & FIRST != 0 && is_it(&[fu & TYPE])),
        _ => is_it(payload),
    }
}

/// The access unit in these payloads, with start codes.
pub(super) fn depacketize<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Result<(FrameKind, Bytes), BadPayload> {
    let mut unit = BytesMut::new();
    let mut kind = FrameKind::Delta;
    let mut fragment_open = false;
    for payload in payloads {
        let (&header, rest) = payload.split_first().ok_or(BadPayload)?;
        let starts_fragment = header & TYPE == FU_A && rest.first().is_some_and(|fu| fu & FIRST != 0);
        let continues_fragment = header & TYPE == FU_A && !starts_fragment;
        if fragment_open != continues_fragment {
            return Err(BadPayload);
        }
        match header & TYPE {
            1..=23 => append(&mut unit, &mut kind, payload),
            STAP_A => aggregate(&mut unit, &mut kind, rest)?,
            FU_A => fragment_open = join_fragment(&mut unit, &mut kind, header, rest)?,
            _ => return Err(BadPayload),
        }
        if unit.len() > MAX_UNIT {
            return Err(BadPayload);
        }
    }
    if fragment_open || unit.is_empty() {
        return Err(BadPayload);
    }
    Ok((kind, unit.freeze()))
}

fn append(unit: &mut BytesMut, kind: &mut FrameKind, nal: &[u8]) {
    if is_start(nal) {
        *kind = FrameKind::Key;
    }
    unit.extend_from_slice(&START_CODE);
    unit.extend_from_slice(nal);
}

/// RFC 6184 section 5.7.1: each unit behind its length of two bytes.
fn aggregate(unit: &mut BytesMut, kind: &mut FrameKind, mut rest: &[u8]) -> Result<(), BadPayload> {
    while !rest.is_empty() {
        let (length, tail) = rest.split_at_checked(2).ok_or(BadPayload)?;
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (nal, tail) = tail.split_at_checked(length).ok_or(BadPayload)?;
        if nal.is_empty() {
            return Err(BadPayload);
        }
        append(unit, kind, nal);
        rest = tail;
    }
    Ok(())
}

/// RFC 6184 section 5.8; whether further fragments follow.
fn join_fragment(unit: &mut BytesMut, kind: &mut FrameKind, indicator: u8, rest: &[u8]) -> Result<bool, BadPayload> {
    let (&header, body) = rest.split_first().ok_or(BadPayload)?;
    let (first, last) = (header & FIRST != 0, header & LAST != 0);
    if first {
        append(unit, kind, &[indicator & !TYPE | header & TYPE]);
    }
    unit.extend_from_slice(body);
    Ok(!last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_split_at_both_start_codes_and_long_ones_in_fragments() {
        let mut unit = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65];
        unit.extend((0..3000).map(|n| (n % 250 + 1) as u8));
        let payloads = packetize(&unit.into());
        assert_eq!(&payloads[0][..], &[0x67, 1, 2]);
        assert_eq!(&payloads[1][..], &[0x68, 3]);
        assert_eq!(payloads.len(), 5);
        assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
        assert_eq!([payloads[2][0], payloads[2][1]], [0x7c, 0x85]);
        assert_eq!([payloads[3][0], payloads[3][1]], [0x7c, 0x05]);
        assert_eq!([payloads[4][0], payloads[4][1]], [0x7c, 0x45]);
    }

    #[test]
    fn what_is_no_access_unit_gives_no_payload() {
        for nothing in [&[][..], &[0, 0, 1], &[1, 2, 3], &[0, 0, 0, 1], &[0, 0, 1, 0, 0, 1]] {
            assert_eq!(packetize(&Bytes::copy_from_slice(nothing)), Vec::<Bytes>::new(), "{nothing:?}");
        }
    }

    fn unit(payloads: &[&[u8]]) -> Result<(FrameKind, Bytes), BadPayload> {
        let payloads: Vec<_> = payloads.iter().map(|p| Bytes::copy_from_slice(p)).collect();
        depacketize(payloads.iter())
    }

    #[test]
    fn what_was_packetised_comes_back_whole() {
        let mut original = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65];
        original.extend((0..5000).map(|n| (n % 250 + 1) as u8));
        let payloads = packetize(&Bytes::from(original.clone()));
        assert!(begins_key_frame(&payloads[0]));
        assert_eq!(depacketize(payloads.iter()), Ok((FrameKind::Key, original.into())));
    }

    #[test]
    fn an_aggregate_is_taken_apart() {
        let payload = [0x78, 0, 2, 0x67, 9, 0, 1, 0x68];
        assert!(begins_key_frame(&payload));
        assert_eq!(unit(&[&payload]).unwrap().1[..], [0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x68]);
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: [&[&[u8]]; 12] = [
            &[],
            &[&[]],
            &[&[0]],
            &[&[0x1e, 1]],
            &[&[0x78, 0]],
            &[&[0x78, 0, 5, 1]],
            &[&[0x78, 0, 0]],
            &[&[0x78]],
            &[&[0x7c]],
            &[&[0x7c, 0x85, 1]],
            &[&[0x7c, 0x05, 1]],
            &[&[0x7c, 0x85, 1], &[0x41, 1]],
        ];
        for case in cases {
            assert_eq!(unit(case), Err(BadPayload), "{case:?}");
        }
    }
}
