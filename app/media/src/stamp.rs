//! The stamp on a test picture: when it was taken, by which source, and which one it is.
//!
//! Two rows of 24 cells are in the upper left corner. A cell is a square of 1/40 of the picture's width (32 pixels at
//! 1280, 16 at 640): cell `c` of row `r` reaches from `c * width / 40` to `(c + 1) * width / 40` across and from
//! `r * width / 40` to `(r + 1) * width / 40` down, each rounded down. White is 1, black is 0; the most significant bit
//! is the leftmost; the last cell of a row is set so that the row has an even number of white cells.
//!
//! | row | cells 0.. | 23 |
//! |---|---|---|
//! | 0 | 23 bits: quarters of a millisecond since 1970, modulo 2^23 (about 35 minutes) | parity |
//! | 1 | 8 bits: source, 1 to 255 (0, a black picture, is none); 15 bits: frame number, modulo 2^15 | parity |
//!
//! A reader takes the mean luma of each cell's inner half. Scaling does not matter as long as a cell keeps
//! [`SMALLEST_CELL`] pixels. Owns nothing; knows nothing of what is under the stamp.

use std::time::Duration;

use hearth_base::{Picture, Resolution};

/// Cells in a row.
pub const CELLS: usize = 24;
/// Narrowest cell that a reader trusts, pixels.
pub const SMALLEST_CELL: usize = 4;

const ROWS: usize = 2;
const CELLS_ACROSS: usize = 40;
const TIME_BITS: u32 = 23;
const NUMBER_BITS: u32 = 15;
const QUARTERS_PER_SECOND: u64 = 4000;

/// Limited range (BT.601).
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Nearer to the middle than this, a cell is neither black nor white.
const DOUBT: u32 = 24;

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Quarters of a millisecond since 1970, modulo 2^23.
    pub time: u32,
    /// Who drew it, 1 to 255.
    pub source: u8,
    /// Which of its pictures, modulo 2^15.
    pub number: u16,
}

/// Why there is no stamp to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStamp {
    /// Cells would be narrower than [`SMALLEST_CELL`].
    #[error("the picture is too small for a stamp")]
    TooSmall,
    /// A cell is neither black nor white.
    #[error("a cell of the stamp is grey")]
    Grey,
    /// A row's parity is wrong.
    #[error("the stamp's parity is wrong")]
    Parity,
    /// Source 0: a black picture.
    #[error("there is no stamp")]
    Absent,
}

impl Stamp {
    /// The stamp of a picture that was taken at `realtime` (since 1970).
    pub fn new(realtime: Duration, source: u8, number: u64) -> Self {
        Self { time: quarters(realtime), source, number: (number % (1 << NUMBER_BITS)) as u16 }
    }

    /// How old it is at `realtime`; zero when it seems to come from the future (clocks that differ a little).
    pub fn age(&self, realtime: Duration) -> Duration {
        let modulus = 1_u32 << TIME_BITS;
        let age = quarters(realtime).wrapping_sub(self.time) % modulus;
        if age >= modulus / 2 { Duration::ZERO } else { Duration::from_micros(u64::from(age) * 250) }
    }

    /// How many pictures after `earlier` this one was drawn: 1 for the next, 0 for the same or an earlier one.
    pub fn after(&self, earlier: &Self) -> u16 {
        let modulus = 1_u16 << NUMBER_BITS;
        let ahead = self.number.wrapping_sub(earlier.number) % modulus;
        if ahead >= modulus / 2 { 0 } else { ahead }
    }

    fn rows(&self) -> [u32; ROWS] {
        let second = u32::from(self.source) << NUMBER_BITS | u32::from(self.number);
        [self.time, second].map(|bits| bits << 1 | bits.count_ones() & 1)
    }
}

/// Draws a stamp into the luma plane of a picture of this size. A picture too small for it stays as it is.
pub fn draw(stamp: &Stamp, resolution: Resolution, luma: &mut [u8]) {
    let width = resolution.width as usize;
    for (row, bits) in stamp.rows().into_iter().enumerate() {
        let lines = luma.chunks_exact_mut(width).take(edge(width, row + 1)).skip(edge(width, row));
        for line in lines {
            for cell in 0..CELLS {
                let shade = if bits >> (CELLS - 1 - cell) & 1 == 1 { WHITE } else { BLACK };
                if let Some(pixels) = line.get_mut(edge(width, cell)..edge(width, cell + 1)) {
                    pixels.fill(shade);
                }
            }
        }
    }
}

/// Reads the stamp of a picture.
///
/// # Errors
/// [`BadStamp`] when there is none, or when it did not survive.
pub fn read(picture: &Picture) -> Result<Stamp, BadStamp> {
    let width = picture.resolution().width as usize;
    if width / CELLS_ACROSS < SMALLEST_CELL || (picture.resolution().height as usize) < edge(width, ROWS) {
        return Err(BadStamp::TooSmall);
    }
    let first = read_row(picture, 0)?;
    let second = read_row(picture, 1)?;
    let stamp = Stamp {
        time: first,
        source: (second >> NUMBER_BITS) as u8,
        number: (second & ((1 << NUMBER_BITS) - 1)) as u16,
    };
    if stamp.source == 0 { Err(BadStamp::Absent) } else { Ok(stamp) }
}

fn read_row(picture: &Picture, row: usize) -> Result<u32, BadStamp> {
    let mut bits = 0_u32;
    for cell in 0..CELLS {
        let mean = mean_luma(picture, row, cell);
        let middle = u32::from(BLACK.midpoint(WHITE));
        if mean.abs_diff(middle) < DOUBT {
            return Err(BadStamp::Grey);
        }
        bits = bits << 1 | u32::from(mean > middle);
    }
    if bits.count_ones() % 2 == 1 { Err(BadStamp::Parity) } else { Ok(bits >> 1) }
}

/// Mean over the inner half of a cell: blur and rounding reach its rim first.
fn mean_luma(picture: &Picture, row: usize, cell: usize) -> u32 {
    let width = picture.resolution().width as usize;
    let inner = |n: usize| {
        let (from, to) = (edge(width, n), edge(width, n + 1));
        let quarter = (to - from) / 4;
        from + quarter..to - quarter
    };
    let (mut sum, mut count) = (0_u32, 0_u32);
    for line in picture.y().chunks_exact(width).take(inner(row).end).skip(inner(row).start) {
        for &pixel in line.get(inner(cell)).unwrap_or_default() {
            sum += u32::from(pixel);
            count += 1;
        }
    }
    sum.checked_div(count).unwrap_or_default()
}

fn edge(width: usize, cell: usize) -> usize {
    cell * width / CELLS_ACROSS
}

fn quarters(realtime: Duration) -> u32 {
    let whole = realtime.as_secs().wrapping_mul(QUARTERS_PER_SECOND);
    let part = u64::from(realtime.subsec_micros()) / 250;
    (whole.wrapping_add(part) % (1 << TIME_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    fn picture(width: u32, height: u32, paint: impl FnOnce(Resolution, &mut [u8])) -> Picture {
        let resolution = Resolution::new(width, height).unwrap();
        let mut planes = vec![100_u8; resolution.area() * 3 / 2];
        paint(resolution, &mut planes[..resolution.area()]);
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        Picture::new(resolution, Arc::from(planes), Instant::now()).unwrap()
    }

    fn stamped(stamp: &Stamp, width: u32, height: u32) -> Picture {
        picture(width, height, |resolution, luma| draw(stamp, resolution, luma))
    }

    #[test]
    fn a_stamp_reads_back_at_every_size() {
        let stamp = Stamp::new(Duration::from_micros(1_700_000_000_123_456), 0xa5, 70_001);
        for (width, height) in [(1280, 720), (640, 360), (320, 180), (160, 90), (854, 480), (426, 240), (1920, 1080)] {
            assert_eq!(read(&stamped(&stamp, width, height)), Ok(stamp), "{width}x{height}");
        }
    }

    #[test]
    fn the_cells_are_where_the_other_side_draws_them() {
        // Time 1 (only the lowest of 23 bits), parity 1; source 0x81, number 1.
        let drawn = stamped(&Stamp { time: 1, source: 0x81, number: 1 }, 1280, 720);
        let cell = |row: usize, cell: usize| drawn.y()[(row * 32 + 16) * 1280 + cell * 32 + 16] == WHITE;
        let white = |row: usize| (0..CELLS).filter(|n| cell(row, *n)).collect::<Vec<_>>();
        assert_eq!(white(0), [22, 23]);
        assert_eq!(white(1), [0, 7, 22, 23]);
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        let stamp = Stamp { time: 0x2a_aaaa, source: 7, number: 9 };
        assert_eq!(read(&stamped(&stamp, 158, 90)), Err(BadStamp::TooSmall));
        assert_eq!(read(&picture(640, 360, |_, luma| luma.fill(126))), Err(BadStamp::Grey));
        assert_eq!(read(&picture(640, 360, |_, luma| luma.fill(BLACK))), Err(BadStamp::Absent));
        let flipped = picture(640, 360, |resolution, luma| {
            draw(&stamp, resolution, luma);
            for line in luma.chunks_exact_mut(640).take(16) {
                let other = 251 - line[8];
                line[..16].fill(other);
            }
        });
        assert_eq!(read(&flipped), Err(BadStamp::Parity));
    }

    #[test]
    fn age_and_order_survive_the_wrap() {
        let wrap = Duration::from_micros((1 << TIME_BITS) * 250);
        let stamp = Stamp::new(wrap - Duration::from_millis(10), 1, 32_767);
        assert_eq!(stamp.age(wrap + Duration::from_millis(5)), Duration::from_millis(15));
        assert_eq!(stamp.age(wrap - Duration::from_millis(11)), Duration::ZERO);
        let next = Stamp::new(wrap, 1, 32_768);
        assert_eq!((next.after(&stamp), stamp.after(&next), stamp.after(&stamp)), (1, 0, 0));
    }
}
