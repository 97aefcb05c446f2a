//! A JPEG of flat squares: baseline, 4:2:2, means only (ITU-T T.81).
//!
//! Owns nothing. No picture of the world could be written so.

use crate::drawing::{Drawing, SIDE};
use crate::setting::{Format, Oddities};

/// Codes of each length from 1 to 16, and what they stand for: table K.3, for differences of means.
const DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_SYMBOLS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// One code of two bits: nothing but means follows.
const AC_COUNTS: [u8; 16] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const END_OF_BLOCK: (u32, u32) = (0b00, 2);
/// The same in the usual table K.5, which anyone who names none means.
const USUAL_END_OF_BLOCK: (u32, u32) = (0b1010, 4);
/// A mean is eight times a pixel's value; this takes the eight back.
const STEP: u8 = 8;

pub(super) fn encode(drawing: &Drawing, format: Format, odd: &Oddities) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    let mut put = |marker, body: &[u8]| {
        if odd.stray {
            out.extend([0; 7]);
        }
        segment(&mut out, marker, body);
    };
    put(0xdb, &[[0].as_slice(), &[STEP; 64]].concat());
    let [height, width] = [format.height, format.width].map(|side| (side as u16).to_be_bytes());
    let components: &[u8] = if odd.one_component { &[1, 1, 0x11, 0] } else { &[3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0] };
    put(0xc0, &[[8].as_slice(), &height, &width, components].concat());
    if !odd.no_tables {
        put(0xc4, &[[0x00].as_slice(), &DC_COUNTS, &DC_SYMBOLS].concat());
        put(0xc4, &[[0x10].as_slice(), &AC_COUNTS, &[0]].concat());
    }
    put(0xda, if odd.one_component { &[1, 1, 0, 0, 63, 0] } else { &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0] });
    out.extend(scan(drawing, odd));
    if !odd.no_end {
        out.extend([0xff, 0xd9]);
    }
    out
}

fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    out.extend([0xff, marker]);
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend(body);
}

fn scan(drawing: &Drawing, odd: &Oddities) -> Vec<u8> {
    let end_of_block = if odd.no_tables { USUAL_END_OF_BLOCK } else { END_OF_BLOCK };
    let mut bits = Bits::default();
    let mut last = [0_i32; 3];
    for row in drawing.luma.chunks(drawing.across) {
        for pair in row.chunks(2) {
            let first = pair.first().copied().unwrap_or_default();
            let second = pair.get(1).copied().unwrap_or(first);
            let [blue, red] = drawing.chroma;
            let means = [(0, first), (0, second), (1, blue), (2, red)];
            for (component, mean) in means.into_iter().take(if odd.one_component { 2 } else { 4 }) {
                let mean = i32::from(mean) - 128;
                if let Some(last) = last.get_mut(component) {
                    bits.difference(mean - *last, end_of_block);
                    *last = mean;
                }
            }
        }
    }
    bits.end()
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    /// The difference to the mean before, and the end of the block.
    fn difference(&mut self, difference: i32, end_of_block: (u32, u32)) {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, length) = match size {
            0 => (0b00, 2),
            1..=5 => (size + 1, 3),
            // One more bit each: 1110, 11110, 111110, ..
            _ => ((1 << (size - 2)) - 2, size - 2),
        };
        self.put(code, length);
        let value = if difference < 0 { difference - 1 } else { difference };
        self.put(value as u32 & ((1 << size) - 1), size);
        self.put(end_of_block.0, end_of_block.1);
    }

    fn put(&mut self, value: u32, length: u32) {
        self.pending = self.pending << length | value;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0); // else it would begin a marker (B.1.1.5)
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.put(0x7f, 7);
        self.bytes
    }
}

const _: () = assert!(SIDE == 8);
