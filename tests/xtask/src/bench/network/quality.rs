//! How good pictures are: VMAF of what was shown against what was filmed, by the ffmpeg that the clip is made with.
//!
//! Every picture that was sent counts: one that did not come as the one that was still shown. Pictures that came and
//! are not among the stored ones are left out: a recording has so many frames a second, and a picture that comes early
//! after another takes its place. Computed after the call, from files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::stored::{SIZE, STAMPED, Stored};
use crate::Outcome;
use crate::bench::field;
use crate::steps::quietly;

/// A picture's number, modulo 2^15, beside one that is less than half of that away.
const NUMBERS: i64 = 1 << 15;

/// Says which picture is compared with which frame of the clip: `None` to leave it out.
///
/// Those sent from the first number that came to the last one, in order; each with what was shown at its time.
struct Shown<I: Iterator<Item = Stored>> {
    stored: std::iter::Peekable<I>,
    came: BTreeSet<i64>,
    next: i64,
    first: i64,
    last: i64,
    now: Option<(i64, Stored)>,
}

impl<I: Iterator<Item = Stored>> Shown<I> {
    fn new(numbers: &[u16], stored: I) -> Option<Self> {
        let first = i64::from(*numbers.first()?);
        let came: BTreeSet<i64> = numbers.iter().map(|number| beside(first, *number)).collect();
        let last = *came.last()?;
        Some(Self { stored: stored.peekable(), came, next: first, first, last, now: None })
    }

    /// The picture that was shown when the next one was to be, and the frame of the clip that was filmed for it.
    fn advance(&mut self) -> Option<(&Stored, usize)> {
        while self.next <= self.last {
            let (number, first) = (self.next, self.first);
            self.next += 1;
            while let Some(one) = self.stored.next_if(|one| beside(first, one.number) <= number) {
                self.now = Some((beside(first, one.number), one));
            }
            // What was stored ends here, or begins later.
            let is_over = self.stored.peek().is_none();
            let Some((of, _)) = &self.now else { continue };
            let behind = number - of;
            if behind > 0 && (is_over || self.came.contains(&number)) {
                continue;
            }
            return self.now.as_ref().map(|(_, picture)| (picture, picture.frame + behind.unsigned_abs() as usize));
        }
        None
    }
}

/// The number that it is, near the first one.
fn beside(first: i64, number: u16) -> i64 {
    let ahead = (i64::from(number) - first).rem_euclid(NUMBERS);
    first + if ahead < NUMBERS / 2 { ahead } else { ahead - NUMBERS }
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Likeness {
    /// The mean of all pictures, 0 to 100.
    pub(super) vmaf: f64,
    /// Pictures that were compared, and how many of them had not come.
    pub(super) pictures: usize,
    pub(super) missing: usize,
}

/// Compares the pictures with these numbers, which came, among those stored; none where nothing can be compared. Files
/// are made in `folder`.
pub(super) fn compare(
    ffmpeg: &str,
    clip: &Path,
    folder: &Path,
    numbers: &[u16],
    stored: impl Iterator<Item = Stored>,
) -> Outcome<Option<Likeness>> {
    let failed = |error: std::io::Error| format!("{}: pictures cannot be compared ({error}).", folder.display());
    let Some(mut shown) = Shown::new(numbers, stored) else { return Ok(None) };
    let mut filmed = ClipFrames::open(clip).map_err(failed)?;
    let reference = folder.join("filmed.yuv");
    let mut references = BufWriter::new(File::create(&reference).map_err(failed)?);
    let mut parts: Vec<Part> = Vec::new();
    let (mut pictures, mut missing) = (0, 0);
    while let Some((picture, frame)) = shown.advance() {
        pictures += 1;
        missing += usize::from(picture.frame != frame);
        if parts.last().is_none_or(|part| !part.fits(picture)) {
            let path = folder.join(format!("shown-{}.yuv", parts.len()));
            parts.push(Part::create(path, picture).map_err(failed)?);
        }
        let part = parts.last_mut().ok_or("there is a part")?;
        part.file.write_all(&picture.planes).map_err(failed)?;
        references.write_all(filmed.frame(frame).map_err(failed)?).map_err(failed)?;
    }
    if parts.is_empty() {
        return Ok(None);
    }
    references.flush().map_err(failed)?;
    parts.iter_mut().try_for_each(|part| part.file.flush()).map_err(failed)?;
    let log = folder.join("vmaf.json");
    quietly(&mut comparison(ffmpeg, &parts, &reference, &log))?;
    let text = std::fs::read_to_string(&log).map_err(failed)?;
    let vmaf = pooled(&text).ok_or("What libvmaf wrote is not understood. Is it another version?")?;
    Ok(Some(Likeness { vmaf, pictures, missing }))
}

/// Pictures of one size and range, one after the other.
struct Part {
    path: PathBuf,
    size: (usize, usize),
    is_full_range: bool,
    file: BufWriter<File>,
}

impl Part {
    /// Empty, for pictures like this one.
    fn create(path: PathBuf, like: &Stored) -> std::io::Result<Self> {
        let file = BufWriter::new(File::create(&path)?);
        Ok(Self { file, path, size: like.size, is_full_range: like.is_full_range })
    }

    fn fits(&self, picture: &Stored) -> bool {
        (self.size, self.is_full_range) == (picture.size, picture.is_full_range)
    }
}

/// Frames of the clip, by number, again and again.
struct ClipFrames {
    file: File,
    header: u64,
    frames: usize,
    planes: Vec<u8>,
}

/// `FRAME` and a line's end before each.
const MARK: usize = 6;

impl ClipFrames {
    fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let mut start = [0; 256];
        let length = file.read(&mut start)?;
        let header = start.iter().take(length).take_while(|byte| **byte != b'\n').count() + 1;
        let planes = vec![0; SIZE.0 * SIZE.1 * 3 / 2];
        let frames = (file.metadata()?.len() as usize - header) / (planes.len() + MARK);
        Ok(Self { file, header: header as u64, frames, planes })
    }

    fn frame(&mut self, number: usize) -> std::io::Result<&[u8]> {
        let at = (number % self.frames.max(1)) * (self.planes.len() + MARK) + MARK;
        self.file.seek(SeekFrom::Start(self.header + at as u64))?;
        self.file.read_exact(&mut self.planes)?;
        Ok(&self.planes)
    }
}

/// All parts, made as large as the clip, beside it; without the lines of the stamps.
fn comparison(ffmpeg: &str, parts: &[Part], reference: &Path, log: &Path) -> Command {
    let (width, height) = SIZE;
    let mut command = Command::new(ffmpeg);
    command.args(["-loglevel", "error"]);
    let files = parts.iter().map(|part| (part.size, &*part.path));
    for ((width, height), path) in files.chain(std::iter::once((SIZE, reference))) {
        let size = format!("{width}x{height}");
        let raw = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-framerate", "30", "-video_size", &size];
        command.args(raw).arg("-i").arg(path);
    }
    let count = parts.len();
    let scaled = |(number, part): (usize, &Part)| {
        // More contrast than was filmed would be taken for better pictures.
        let range = if part.is_full_range { "full" } else { "limited" };
        let scale = format!("scale={width}:{height}:flags=bicubic:in_range={range}:out_range=limited");
        format!("[{number}]{scale},setsar=1[part{number}];")
    };
    let scaled: String = parts.iter().enumerate().map(scaled).collect();
    let all: String = (0..count).map(|part| format!("[part{part}]")).collect();
    let crop = format!("crop={width}:{}:0:{STAMPED}", height - STAMPED);
    let compare = format!("libvmaf=n_threads=2:log_fmt=json:log_path={}", log.display());
    let graph =
        format!("{scaled}{all}concat=n={count}:v=1,{crop}[shown];[{count}]{crop}[filmed];[shown][filmed]{compare}");
    command.args(["-lavfi", &graph, "-f", "null", "-"]);
    command
}

/// The mean that libvmaf writes at the end.
fn pooled(log: &str) -> Option<f64> {
    let (_, pooled) = log.split_once("\"pooled_metrics\"")?;
    let (_, vmaf) = pooled.split_once("\"vmaf\"")?;
    field(vmaf, "mean")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(number: u16, frame: usize) -> Stored {
        Stored { number, frame, size: (2, 2), is_full_range: false, planes: Vec::new() }
    }

    #[test]
    fn what_did_not_come_counts_as_what_was_still_shown() {
        // 5 did not come; 6 came, and the recording has no frame with it.
        let numbers = [3, 4, 6, 7, 8];
        let recording = [stored(2, 12), stored(3, 13), stored(3, 13), stored(4, 14), stored(4, 14), stored(7, 17)];
        let mut shown = Shown::new(&numbers, recording.into_iter()).unwrap();
        let pairs = std::iter::from_fn(|| shown.advance().map(|(picture, frame)| (picture.number, frame)));
        // The recording ends before 8.
        assert_eq!(pairs.collect::<Vec<_>>(), [(3, 13), (4, 14), (4, 15), (7, 17)]);
        assert!(Shown::new(&[], std::iter::empty()).is_none());
    }

    #[test]
    fn numbers_begin_again() {
        let numbers = [32766, 32767, 0, 1];
        let recording = [stored(32766, 5), stored(0, 7), stored(1, 8)];
        let mut shown = Shown::new(&numbers, recording.into_iter()).unwrap();
        let pairs = std::iter::from_fn(|| shown.advance().map(|(picture, frame)| (picture.number, frame)));
        assert_eq!(pairs.collect::<Vec<_>>(), [(32766, 5), (0, 7), (1, 8)]);
    }

    #[test]
    fn the_mean_is_found() {
        let log = r#"{"frames":[{"metrics":{"vmaf": 9}}],"pooled_metrics": {"x": {"mean": 1},
                     "vmaf": {"min": 3.0, "max": 98.5, "mean": 87.25, "harmonic_mean": 80}}}"#;
        assert_eq!(pooled(log), Some(87.25));
        assert_eq!(pooled("{}"), None);
    }
}
