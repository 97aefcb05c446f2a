//! RTP payloads into frames. Here H.264: NAL units with start codes (RFC 6184). Everything here comes from outside: each
//! length is checked, what does not fit is refused whole. The state of a frame in the making is its caller's.

use bytes::{Bytes, BytesMut};
use hearth_base::{FrameKind, VideoCodec};

use super::vp8;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
/// Type of the message that begins at a recovery point (H.264, annex D.2.8).
const RECOVERY_POINT: u8 = 6;
const TYPE: u8 = 0b0001_1111;

/// Longest frame, bytes: an unlimited key frame at 4K is below 1 MB. Longer ones are refused.
pub(crate) const MAX_UNIT: usize = 4 << 20;

/// The payload is none that its codec allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPayload;

/// Whether a key frame may begin with this payload.
pub(crate) fn begins_key_frame(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => begins_idr(payload),
        VideoCodec::Vp8 => vp8::begins_key_frame(payload),
    }
}

/// The frame in these payloads, which are whole and in order.
pub(crate) fn frame<'a>(
    codec: VideoCodec,
    payloads: impl Iterator<Item = &'a Bytes>,
) -> Result<(FrameKind, Bytes), BadPayload> {
    match codec {
        VideoCodec::H264 => access_unit(payloads),
        VideoCodec::Vp8 => vp8::frame(payloads),
    }
}

/// Whether decoding may begin with the frame in these payloads. A parameter set alone is no such promise: senders that
/// refresh by parts, and open groups of pictures, repeat theirs without an IDR.
pub(crate) fn is_key_frame<'a>(codec: VideoCodec, mut payloads: impl Iterator<Item = &'a Bytes>) -> bool {
    match codec {
        VideoCodec::H264 => payloads.any(|payload| holds(payload, is_start)),
        VideoCodec::Vp8 => payloads.next().is_some_and(|payload| vp8::begins_key_frame(payload)),
    }
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
fn begins_idr(payload: &[u8]) -> bool {
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
        FU_A => rest.first().is_some_and(|fu| fu & 0x80 != 0 && is_it(&[fu & TYPE])),
        _ => is_it(payload),
    }
}

fn access_unit<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Result<(FrameKind, Bytes), BadPayload> {
    let mut unit = BytesMut::new();
    let mut kind = FrameKind::Delta;
    let mut fragment_open = false;
    for payload in payloads {
        let (&header, rest) = payload.split_first().ok_or(BadPayload)?;
        let starts_fragment = header & TYPE == FU_A && rest.first().is_some_and(|fu| fu & 0x80 != 0);
        let continues_fragment = header & TYPE == FU_A && !starts_fragment;
        if fragment_open != continues_fragment {
            return Err(BadPayload);
        }
        match header & TYPE {
            1..=23 => append(&mut unit, &mut kind, payload),
            STAP_A => aggregate(&mut unit, &mut kind, rest)?,
            FU_A => fragment_open = fragment(&mut unit, &mut kind, header, rest)?,
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
fn fragment(unit: &mut BytesMut, kind: &mut FrameKind, indicator: u8, rest: &[u8]) -> Result<bool, BadPayload> {
    let (&header, body) = rest.split_first().ok_or(BadPayload)?;
    let (first, last) = (header & 0x80 != 0, header & 0x40 != 0);
    if first {
        append(unit, kind, &[indicator & !TYPE | header & TYPE]);
    }
    unit.extend_from_slice(body);
    Ok(!last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::packetize;

    fn unit(payloads: &[&[u8]]) -> Result<(FrameKind, Bytes), BadPayload> {
        let payloads: Vec<_> = payloads.iter().map(|p| Bytes::copy_from_slice(p)).collect();
        access_unit(payloads.iter())
    }

    #[test]
    fn what_was_packetised_comes_back_whole() {
        let mut original = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65];
        original.extend((0..5000).map(|n| (n % 250 + 1) as u8));
        let payloads = packetize::frame(VideoCodec::H264, &Bytes::from(original.clone()), 0);
        assert!(begins_idr(&payloads[0]));
        assert_eq!(access_unit(payloads.iter()), Ok((FrameKind::Key, original.into())));
    }

    #[test]
    fn an_aggregate_is_taken_apart() {
        let payload = [0x78, 0, 2, 0x67, 9, 0, 1, 0x68];
        assert!(begins_idr(&payload));
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
