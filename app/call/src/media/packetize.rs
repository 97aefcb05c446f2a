//! Encoded frames into RTP payloads. Here H.264 (RFC 6184, packetization mode 1): single NAL units and FU-A.

use bytes::{BufMut, Bytes, BytesMut};
use hearth_base::VideoCodec;

use super::vp8;

/// Longest payload, bytes. With RTP, SRTP, TURN and IPv6 round it a datagram stays below 1280, which every path carries.
pub(crate) const MAX_PAYLOAD: usize = 1160;

const FU_A: u8 = 28;
const TYPE: u8 = 0b0001_1111;
const REFERENCE: u8 = 0b0110_0000;
const START: u8 = 0b1000_0000;
const END: u8 = 0b0100_0000;

/// The payloads of one frame, in order; the last one takes the marker. `number` counts the frames of this track in this codec.
pub(crate) fn frame(codec: VideoCodec, payload: &Bytes, number: u16) -> Vec<Bytes> {
    match codec {
        VideoCodec::H264 => h264(payload),
        VideoCodec::Vp8 => vp8::packetize(payload, number),
    }
}

/// Of one access unit with start codes (Annex B).
fn h264(unit: &Bytes) -> Vec<Bytes> {
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
        let first = if index == 0 { START } else { 0 };
        let last = if index + 1 == count { END } else { 0 };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_split_at_both_start_codes_and_long_ones_in_fragments() {
        let mut unit = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65];
        unit.extend((0..3000).map(|n| (n % 250 + 1) as u8));
        let payloads = h264(&unit.into());
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
            assert_eq!(h264(&Bytes::copy_from_slice(nothing)), Vec::<Bytes>::new(), "{nothing:?}");
        }
    }
}
