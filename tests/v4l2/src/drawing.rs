//! The picture: squares of eight pixels that move, under the stamp of the test pattern.
//!
//! Everything in it is flat within its square, so that a JPEG of it needs no more than the squares' means. The stamp is
//! that of `app/media/src/stamp.rs`, written here once more, so that what reads it cannot agree with itself by mistake.
//! Owns nothing.

use std::time::Duration;

use crate::setting::{Format, Pixels};

/// Pixels of a square's side: a JPEG block.
pub(super) const SIDE: usize = 8;

/// A picture in squares.
pub(super) struct Drawing {
    /// Squares in a row.
    pub(super) across: usize,
    /// Rows of squares.
    pub(super) down: usize,
    /// The luma of each.
    pub(super) luma: Vec<u8>,
    /// Blue and red difference of the whole.
    pub(super) chroma: [u8; 2],
}

impl Drawing {
    /// The `number`th picture, taken at `realtime`.
    pub(super) fn new(format: Format, source: u8, number: u64, realtime: Duration) -> Self {
        let (across, down) = ((format.width as usize).div_ceil(SIDE), (format.height as usize).div_ceil(SIDE));
        let wave = |n: usize| {
            let at = (n % across + n / across + number as usize) % 32;
            60 + 6 * at.min(32 - at) as u8
        };
        let mut drawing = Self {
            across,
            down,
            luma: (0..across * down).map(wave).collect(),
            chroma: [112 + (number / 8 % 16) as u8, 140],
        };
        drawing.stamp(format.width as usize, source, number, realtime);
        drawing
    }

    fn stamp(&mut self, width: usize, source: u8, number: u64, realtime: Duration) {
        let quarters = (realtime.as_micros() / 250 % (1 << 23)) as u32;
        let second = u32::from(source) << 15 | (number % (1 << 15)) as u32;
        let rows = [quarters, second].map(|bits| bits << 1 | bits.count_ones() & 1);
        for y in 0..self.down {
            for x in 0..self.across.min(24 * width / 40 / SIDE) {
                let (cell, row) = (x * SIDE * 40 / width, y * SIDE * 40 / width);
                let (Some(bits), Some(luma)) = (rows.get(row), self.luma.get_mut(y * self.across + x)) else {
                    continue;
                };
                *luma = if bits >> (23 - cell.min(23)) & 1 == 1 { 235 } else { 16 };
            }
        }
    }

    fn at(&self, x: usize, y: usize) -> u8 {
        self.luma.get(y / SIDE * self.across + x / SIDE).copied().unwrap_or_default()
    }

    /// As the buffer of an uncompressed format has it.
    pub(super) fn raw(&self, format: Format) -> Vec<u8> {
        let (width, height) = (format.width as usize, format.height as usize);
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        match format.pixels {
            Pixels::Mjpeg => crate::jpeg::encode(self, format),
            Pixels::Yuyv => rows.flat_map(|(x, y)| [self.at(x, y), self.tint(x)]).collect(),
            Pixels::Nv12 => {
                let chroma = (0..width * height / 2).map(|n| self.tint(n));
                rows.map(|(x, y)| self.at(x, y)).chain(chroma).collect()
            }
        }
    }

    /// Blue difference at even places, red difference at odd ones.
    fn tint(&self, n: usize) -> u8 {
        let [blue, red] = self.chroma;
        if n.is_multiple_of(2) { blue } else { red }
    }
}
