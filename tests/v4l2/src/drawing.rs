//! The picture: squares of eight pixels that move, under the stamp of the test pattern.
//!
//! Everything in it is flat within its square, so that a JPEG of it needs no more than the squares' means. The stamp is
//! that of `app/media/src/stamp.rs`, written here once more, so that what reads it cannot agree with itself by mistake.
//! Owns nothing.

use std::time::Duration;

use crate::setting::{Format, Oddities, Pixels};

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

    /// As the buffer of a format has it.
    pub(super) fn raw(&self, format: Format, odd: &Oddities) -> Vec<u8> {
        let (width, height) = (format.width as usize, format.height as usize);
        let padding = odd.padding as usize;
        // Lines of so many bytes, each with its padding.
        let lines = |count: usize, length: usize, padding: usize, at: &dyn Fn(usize, usize) -> u8| -> Vec<u8> {
            let line = |y| (0..length).map(move |n| at(n, y)).chain(std::iter::repeat_n(0x5a, padding));
            (0..count).flat_map(line).collect()
        };
        let luma = || lines(height, width, padding, &|x, y| self.at(x, y));
        let [blue, red] = self.chroma;
        match format.pixels {
            Pixels::Mjpeg => Vec::new(), // not raw
            Pixels::Grey => luma(),
            Pixels::Yuyv => lines(height, 2 * width, padding, &|n, y| {
                if n.is_multiple_of(2) { self.at(n / 2, y) } else { self.tint(n / 2) }
            }),
            Pixels::Uyvy => lines(height, 2 * width, padding, &|n, y| {
                if n.is_multiple_of(2) { self.tint(n / 2) } else { self.at(n / 2, y) }
            }),
            Pixels::Nv12 => [luma(), lines(height / 2, width, padding, &|n, _| self.tint(n))].concat(),
            Pixels::Yu12 => {
                let plane = |value| lines(height / 2, width / 2, padding / 2, &|_, _| value);
                [luma(), plane(blue), plane(red)].concat()
            }
            Pixels::Rgb3 => lines(height, 3 * width, padding, &|n, y| self.colour(n / 3, y, n % 3)),
            Pixels::Bgr3 => lines(height, 3 * width, padding, &|n, y| self.colour(n / 3, y, 2 - n % 3)),
        }
    }

    /// Red, green or blue of a pixel (BT.601, limited range).
    fn colour(&self, x: usize, y: usize, which: usize) -> u8 {
        let [blue, red] = self.chroma.map(|difference| f32::from(difference) - 128.0);
        let luma = 1.164 * (f32::from(self.at(x, y)) - 16.0);
        let of = [luma + 1.596 * red, luma - 0.392 * blue - 0.813 * red, luma + 2.017 * blue];
        of.get(which).map_or(0, |value| value.round().clamp(0.0, 255.0) as u8)
    }

    /// Blue difference at even places, red difference at odd ones.
    fn tint(&self, n: usize) -> u8 {
        let [blue, red] = self.chroma;
        if n.is_multiple_of(2) { blue } else { red }
    }
}
