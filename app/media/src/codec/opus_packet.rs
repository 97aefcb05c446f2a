//! What an Opus packet says about itself (RFC 6716), read without a decoder.
//!
//! The jitter buffer has to know a packet's length before it is played, and whether it carries the one before it.
//! Owns nothing; reads only what it checked to be there.

use super::MAX_PACKET_SAMPLES;

/// The parts of a packet that the jitter buffer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Samples of one frame, at 48 kHz.
    pub(super) frame: usize,
    /// Frames.
    pub(super) count: usize,
    /// Whether the frame before this packet is in it too (low bit-rate redundancy).
    pub(super) redundant: bool,
}

/// Reads a packet's table of contents. `None` when no decoder would take it.
pub(super) fn shape(packet: &[u8]) -> Option<Shape> {
    // RFC 6716 section 3.1: five bits of configuration, one of stereo, two of the number of frames.
    let (&toc, rest) = packet.split_first()?;
    let configuration = toc >> 3;
    let frame = frame_samples(configuration);
    let (count, first) = match toc & 0b11 {
        // Section 3.2: code 0 is one frame, 1 two of one length, 2 two of two lengths, 3 a count in a byte of its own.
        0 => (1, rest),
        1 => (2, rest),
        2 => (2, skip_length(rest)?),
        _ => {
            let (&header, after) = rest.split_first()?;
            (usize::from(header & 0b0011_1111), first_of_many(header, after)?)
        }
    };
    let fits = count > 0 && count * frame <= MAX_PACKET_SAMPLES;
    fits.then(|| Shape { frame, count, redundant: configuration < CELT_ONLY && is_redundant(first, frame, toc) })
}

/// Configurations from here on are CELT only, and carry no redundancy.
const CELT_ONLY: u8 = 16;

/// RFC 6716 section 3.1, table 2.
fn frame_samples(configuration: u8) -> usize {
    match configuration {
        0..=11 => [480, 960, 1920, 2880].get(usize::from(configuration & 0b11)).copied().unwrap_or(480),
        12..=15 => [480, 960].get(usize::from(configuration & 0b1)).copied().unwrap_or(480),
        _ => [120, 240, 480, 960].get(usize::from(configuration & 0b11)).copied().unwrap_or(480),
    }
}

/// RFC 6716 section 4.2.3: a SILK frame begins with a voice activity bit for each of its 20 ms (one if it is shorter)
/// and then the flag for redundancy. These bits are coded at even odds, so they are in the first byte as they are.
/// Stereo has the same again for the side channel; the mid channel's flag is the one that counts.
fn is_redundant(frame: &[u8], samples: usize, toc: u8) -> bool {
    let Some(&first) = frame.first() else { return false };
    let parts = (samples / 960).clamp(1, 3);
    let mid = first >> (7 - parts) & 1 == 1;
    let stereo = toc >> 2 & 1 == 1;
    // At most 2 * (3 + 1) = 8 bits: the side's flag is in the first byte too.
    let side = stereo && first >> (6 - 2 * parts) & 1 == 1;
    mid || side
}

/// RFC 6716 section 3.2.1: a length takes one byte below 252, else two.
fn skip_length(bytes: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 { Some(rest) } else { rest.get(1..) }
}

/// RFC 6716 section 3.2.5: padding lengths and, at a variable rate, the lengths of all frames but the last.
fn first_of_many(header: u8, mut bytes: &[u8]) -> Option<&[u8]> {
    if header & 0b0100_0000 != 0 {
        while let Some((&length, rest)) = bytes.split_first() {
            bytes = rest;
            if length != 255 {
                break;
            }
        }
    }
    if header & 0b1000_0000 != 0 {
        for _ in 1..header & 0b0011_1111 {
            bytes = skip_length(bytes)?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_table() {
        // (configuration, code byte(s), samples of a frame, frames)
        for (packet, frame, count) in [
            (vec![0b0000_0000, 0], 480, 1),
            (vec![0b0000_1001, 0], 960, 2),
            (vec![0b0001_0000, 0], 1920, 1),
            (vec![0b0001_1000, 0], 2880, 1),
            (vec![0b0110_0000, 0], 480, 1),
            (vec![0b0111_1000, 0], 960, 1),
            (vec![0b1000_0000, 0], 120, 1),
            (vec![0b1111_1011, 6, 0], 960, 6),
        ] {
            let shape = shape(&packet).unwrap();
            assert_eq!((shape.frame, shape.count), (frame, count), "{packet:?}");
        }
    }

    #[test]
    fn what_no_decoder_takes_has_no_shape() {
        for packet in [&[][..], &[3], &[0b0000_0011, 0], &[0b1111_1011, 7], &[0b0000_0011, 0b1011_1111, 252]] {
            assert_eq!(shape(packet), None, "{packet:?}");
        }
    }
}
