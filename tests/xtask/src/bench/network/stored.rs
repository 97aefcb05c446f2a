//! Pictures that were kept of a call, and the stamps in them. Parsing is pure.
//!
//! Two rows of 24 cells are the sender's (`app/media/src/stamp.rs` says how they look); a third one below them is of
//! the clip and tells which of its frames this is, so that nobody has to know how somebody's camera plays a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::Outcome;

/// Cells of a row, and how many would fit into a picture's width.
const CELLS: usize = 24;
const ACROSS: usize = 40;
/// The sender's number: what is left of its row without source and parity.
const NUMBER: u32 = (1 << 15) - 1;
/// Luma of cells, where it has the usual range.
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Rows of cells: when it was taken, by whom and its number, and the number in the clip.
const ROWS: usize = 3;
/// Sides of what is compared, and of the clip.
pub(super) const SIZE: (usize, usize) = (1280, 720);
/// Lines at the top of such a picture that are stamps.
pub(super) const STAMPED: usize = ROWS * SIZE.0 / ACROSS;

/// A picture of 4:2:0 in three planes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Its number at the sender, modulo 2^15.
    pub(super) number: u16,
    /// Which frame of the clip it shows.
    pub(super) frame: usize,
    pub(super) size: (usize, usize),
    /// Whether black is 0 and white 255, as a browser has it that sends a canvas; else they are 16 and 235.
    pub(super) is_full_range: bool,
    pub(super) planes: Vec<u8>,
}

impl Stored {
    /// What these planes are; `None` where a stamp cannot be read.
    fn read(size: (usize, usize), planes: Vec<u8>) -> Option<Self> {
        // Below that a cell is no more than a pixel.
        let number = row(&planes, Some(size.0).filter(|width| *width >= 2 * ACROSS)?, 1)? & NUMBER;
        let frame = row(&planes, size.0, 2)?;
        let darkest = cells(&planes, size.0, 1).chain(cells(&planes, size.0, 0)).flatten().min()?;
        let is_full_range = darkest < BLACK / 2;
        Some(Self { number: number as u16, frame: frame as usize, size, is_full_range, planes })
    }
}

/// Stamps each frame of a clip (YUV4MPEG2, of [`SIZE`]) with its number.
pub(super) fn number_frames(path: &Path) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{} cannot be stamped ({error}).", path.display());
    let mut file = File::options().read(true).write(true).open(path).map_err(failed)?;
    let mut header = String::new();
    BufReader::new(&file).read_line(&mut header).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let frame = FRAME.len() as u64 + length_of(SIZE) as u64;
    for number in 0..(length - header.len() as u64) / frame {
        let band = band(number as u32);
        let line = (SIZE.0 * SIZE.0 / ACROSS * (ROWS - 1)) as u64;
        let at = header.len() as u64 + number * frame + FRAME.len() as u64 + line;
        for y in 0..(SIZE.0 / ACROSS) as u64 {
            file.seek(SeekFrom::Start(at + y * SIZE.0 as u64)).map_err(failed)?;
            file.write_all(&band).map_err(failed)?;
        }
    }
    Ok(())
}

/// The frames of a YUV4MPEG2 file of [`SIZE`], one after the other.
pub(super) fn frames(path: &Path) -> Outcome<impl Iterator<Item = Vec<u8>>> {
    let file = File::open(path).map_err(|error| format!("{} cannot be read ({error}).", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut header = String::new();
    reader.read_line(&mut header).map_err(|error| format!("{} is no video file ({error}).", path.display()))?;
    Ok(std::iter::from_fn(move || {
        let mut word = [0; FRAME.len()];
        reader.read_exact(&mut word).ok()?;
        (word == *FRAME).then(|| planes(&mut reader, SIZE)).flatten()
    }))
}

/// The pictures that our client recorded.
pub(super) fn recorded(path: &Path) -> Outcome<impl Iterator<Item = Stored>> {
    Ok(frames(path)?.filter_map(|planes| Stored::read(SIZE, planes)))
}

/// The pictures that a page left: each with width and height before it, in 32 bits each, the lowest first.
pub(super) fn left(path: &Path) -> Outcome<impl Iterator<Item = Stored>> {
    let file = File::open(path).map_err(|error| format!("{} cannot be read ({error}).", path.display()))?;
    let mut reader = BufReader::new(file);
    let all = std::iter::from_fn(move || {
        let mut side = || {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes).ok()?;
            Some(u32::from_le_bytes(bytes) as usize).filter(|side| (2..=4096).contains(side))
        };
        let size = (side()?, side()?);
        Some((size, planes(&mut reader, size)?))
    });
    Ok(all.filter_map(|(size, planes)| Stored::read(size, planes)))
}

/// What comes before each frame of a video file.
const FRAME: &[u8; 6] = b"FRAME\n";

fn length_of((width, height): (usize, usize)) -> usize {
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

fn planes(reader: &mut impl Read, size: (usize, usize)) -> Option<Vec<u8>> {
    let mut planes = vec![0; length_of(size)];
    reader.read_exact(&mut planes).ok()?;
    Some(planes)
}

/// One line of the cells of a number: its bits, the highest first, and one that makes the count of ones even.
fn band(number: u32) -> Vec<u8> {
    let bits = (0..CELLS - 1).rev().map(|bit| number >> bit & 1);
    let cells = bits.chain(std::iter::once(number.count_ones() & 1));
    cells.flat_map(|bit| std::iter::repeat_n(if bit == 1 { WHITE } else { BLACK }, SIZE.0 / ACROSS)).collect()
}

/// The number in a row of cells.
fn row(luma: &[u8], width: usize, row: usize) -> Option<u32> {
    let all = cells(luma, width, row).try_fold(0, |all, light| Some(all << 1 | u32::from(light? > 127)))?;
    (all.count_ones() % 2 == 0).then_some(all >> 1)
}

/// How light the middle of each cell of a row is.
fn cells(luma: &[u8], width: usize, row: usize) -> impl Iterator<Item = Option<u8>> {
    let middle = move |n: usize| (2 * n + 1) * width / ACROSS / 2;
    (0..CELLS).map(move |cell| luma.get(middle(row) * width + middle(cell)).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey picture with these two numbers.
    fn picture(number: u32, frame: u32) -> Vec<u8> {
        let mut planes = vec![100; length_of(SIZE)];
        for (row, number) in [(1, number), (2, frame)] {
            for y in 0..32 {
                let at = (row * 32 + y) * SIZE.0;
                planes[at..at + CELLS * 32].copy_from_slice(&band(number));
            }
        }
        planes
    }

    #[test]
    fn stamps_are_read_and_doubtful_ones_are_not() {
        let read = Stored::read(SIZE, picture(2 << 15 | 700, 130)).unwrap();
        assert_eq!((read.number, read.frame), (700, 130));
        assert!(!read.is_full_range);
        let mut full = picture(700, 130);
        full.iter_mut().for_each(|light| *light = if *light == BLACK { 1 } else { *light });
        assert!(Stored::read(SIZE, full).unwrap().is_full_range);
        let mut damaged = picture(700, 130);
        for y in 64..96 {
            damaged[y * SIZE.0..y * SIZE.0 + 32].fill(255);
        }
        assert!(Stored::read(SIZE, damaged).is_none());
        assert!(Stored::read((4, 4), vec![0; 8]).is_none(), "too small for its size");
    }

    #[test]
    fn a_clip_is_numbered_and_read_again() {
        let folder = std::env::temp_dir().join(format!("hearth-stored-{}", std::process::id()));
        crate::state::private_folder(&folder).unwrap();
        let path = folder.join("clip.y4m");
        let grey = vec![100; length_of(SIZE)];
        let file = [b"YUV4MPEG2 W1280 H720 F30:1\n".as_slice(), FRAME, &grey, FRAME, &grey].concat();
        std::fs::write(&path, file).unwrap();
        number_frames(&path).unwrap();
        let numbers: Vec<_> = frames(&path).unwrap().map(|planes| row(&planes, SIZE.0, 2)).collect();
        assert_eq!(numbers, [Some(0), Some(1)]);
        // What a page leaves; the last one is not whole.
        let sides = [SIZE.0, SIZE.1].map(|side| (side as u32).to_le_bytes()).concat();
        let whole = [sides.as_slice(), &picture(7, 3)].concat();
        std::fs::write(&path, [whole.as_slice(), &sides, &[0; 9]].concat()).unwrap();
        let left: Vec<_> = left(&path).unwrap().map(|one| (one.number, one.frame, one.size)).collect();
        assert_eq!(left, [(7, 3, SIZE)]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
