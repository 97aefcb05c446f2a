//! YUV4MPEG2: raw frames in a file, one behind the other, as ffmpeg and the codecs' own tools write them.
//!
//! ```text
//! YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n
//! FRAME\n  640 * 360 bytes of Y, a quarter of that of U, and of V
//! FRAME\n  ...
//! ```
//! Read is what a [`Picture`](hearth_base::Picture) is: progressive 4:2:0 of 8 bits in limited range. The letters are
//! those of yuv4mpeg(5) of the mjpegtools. Owner of: the file, and one frame of it.
//!
//! The crate `y4m` (0.8.0) multiplies the sides before it bounds them, does not say that a file is interlaced, and
//! passes over no frame without reading it.

use std::io::{BufRead, Read, Seek, SeekFrom, Write};

use hearth_base::{FrameRate, Resolution};

use super::FileFault;

/// Longest line of a header, bytes. Cap 1024: ffmpeg's have 100, and comments are of no use here.
const LINE: u64 = 1024;
/// Most words of a header. There are seven letters.
const WORDS: usize = 32;
/// Most frames a second, and most seconds a frame: what is beyond is a mistake.
const RATES: (u32, u32) = (1000, 3600);

/// What is before each frame.
const FRAME: &[u8] = b"FRAME";

/// Frames a second of a file, as a fraction: 30000/1001 for 29.97.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRate {
    frames: u32,
    seconds: u32,
}

impl FileRate {
    /// So many frames in so many seconds; `None` when that is no rate of a video.
    pub fn new(frames: u32, seconds: u32) -> Option<Self> {
        let (most, slowest) = RATES;
        let is_video = frames > 0
            && seconds > 0
            && u64::from(frames) <= u64::from(seconds) * u64::from(most)
            && u64::from(seconds) <= u64::from(frames) * u64::from(slowest);
        is_video.then_some(Self { frames, seconds })
    }

    /// Which frame is on when the `n`th picture is taken at `rate`, both from 0.
    ///
    /// By the number and not by the clock: so what a picture's stamp says names the frame that it was made of.
    pub fn frame_at(self, n: u64, rate: FrameRate) -> u64 {
        let frames = u128::from(n) * u128::from(self.frames) / (u128::from(self.seconds) * u128::from(rate.fps()));
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// What the first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Y4mHeader {
    /// Of every frame.
    pub resolution: Resolution,
    /// Frames a second.
    pub rate: FileRate,
}

impl Y4mHeader {
    /// Reads the first line, without its end.
    ///
    /// # Errors
    /// [`FileFault`] where it is none, or that of a file which cannot be shown.
    pub fn parse(line: &[u8]) -> Result<Self, FileFault> {
        let line = str::from_utf8(line).map_err(|_| FileFault::NotY4m)?;
        let words = line.strip_prefix("YUV4MPEG2").filter(|rest| rest.starts_with(' ')).ok_or(FileFault::NotY4m)?;
        let (mut width, mut height, mut rate) = (0, 0, None);
        for (count, word) in words.split(' ').filter(|word| !word.is_empty()).enumerate() {
            if count == WORDS {
                return Err(FileFault::Header);
            }
            let mut letters = word.chars();
            match (letters.next(), letters.as_str()) {
                (Some('W'), value) => width = side(value)?,
                (Some('H'), value) => height = side(value)?,
                (Some('F'), value) => rate = Some(fraction(value)?),
                // `?` is unknown: a file that does not say is taken at its word.
                (Some('I'), "p" | "?") => {}
                (Some('I'), _) => return Err(FileFault::Interlaced),
                // They differ in where the samples of colour lie, by half a pixel.
                (Some('C'), "420" | "420jpeg" | "420mpeg2" | "420paldv") => {}
                (Some('C'), other) => return Err(FileFault::ColourSpace(other.chars().take(16).collect())),
                (Some('X'), "COLORRANGE=FULL") => return Err(FileFault::FullRange),
                // Aspect of a pixel, comments, and what may be added yet.
                _ => {}
            }
        }
        let resolution = Resolution::new(width, height).ok_or(FileFault::Size(width, height))?;
        Ok(Self { resolution, rate: rate.ok_or(FileFault::Rate)? })
    }

    /// Bytes of a frame.
    pub fn frame_len(&self) -> usize {
        self.resolution.area() * 3 / 2
    }

    /// Writes the first line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let (Resolution { width, height }, FileRate { frames, seconds }) = (self.resolution, self.rate);
        writeln!(to, "YUV4MPEG2 W{width} H{height} F{frames}:{seconds} Ip A1:1 C420jpeg XCOLORRANGE=LIMITED")
    }
}

/// Writes a frame.
///
/// # Errors
/// What the writer says.
pub fn write_frame(to: &mut impl Write, planes: &[u8]) -> std::io::Result<()> {
    to.write_all(FRAME)?;
    to.write_all(b"\n")?;
    to.write_all(planes)
}

fn side(text: &str) -> Result<u32, FileFault> {
    text.parse().map_err(|_| FileFault::Header)
}

fn fraction(text: &str) -> Result<FileRate, FileFault> {
    let (frames, seconds) = text.split_once(':').ok_or(FileFault::Header)?;
    FileRate::new(side(frames)?, side(seconds)?).ok_or(FileFault::Rate)
}

/// A video file that begins again where it ends.
#[derive(Debug)]
pub struct Y4mReader<R> {
    source: R,
    header: Y4mHeader,
    /// Where the first frame begins.
    first: u64,
    /// Frames passed, of all rounds.
    passed: u64,
    frame: Vec<u8>,
}

impl<R: BufRead + Seek> Y4mReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`FileFault`] where it is that of no file which can be shown, or the file is too short for a frame.
    pub fn open(mut source: R) -> Result<Self, FileFault> {
        let line = line(&mut source)?.ok_or(FileFault::NotY4m)?;
        let header = Y4mHeader::parse(&line)?;
        let first = source.stream_position()?;
        // Before memory is taken for it: a header can promise more than there is.
        let least = first + FRAME.len() as u64 + 1 + header.frame_len() as u64;
        if source.seek(SeekFrom::End(0))? < least {
            return Err(FileFault::NoPicture);
        }
        source.seek(SeekFrom::Start(first))?;
        Ok(Self { source, header, first, passed: 0, frame: vec![0; header.frame_len()] })
    }

    /// What the first line said.
    pub fn header(&self) -> Y4mHeader {
        self.header
    }

    /// The planes of the frame of this number, which counts on through all rounds. All that lie before are passed over,
    /// and none is read again: of a lower number than before, it is the one of before.
    ///
    /// # Errors
    /// [`FileFault`] where the file was replaced, or cannot be read any more.
    pub fn read(&mut self, number: u64) -> Result<&[u8], FileFault> {
        while self.passed <= number {
            let step = if self.passed == number { Self::take } else { Self::pass };
            if !step(self)? {
                self.source.seek(SeekFrom::Start(self.first))?;
                if !step(self)? {
                    return Err(FileFault::NoPicture);
                }
            }
            self.passed += 1;
        }
        Ok(&self.frame)
    }

    /// Goes over one frame; false at the end.
    fn pass(&mut self) -> Result<bool, FileFault> {
        if !self.frame_begins()? {
            return Ok(false);
        }
        self.source.seek(SeekFrom::Current(self.frame.len() as i64))?;
        Ok(true)
    }

    /// Reads one frame; false where there is no whole one any more.
    fn take(&mut self) -> Result<bool, FileFault> {
        if !self.frame_begins()? {
            return Ok(false);
        }
        match self.source.read_exact(&mut self.frame) {
            Ok(()) => Ok(true),
            // Cut off in the middle of a frame: that is the end.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the line before a frame; its words (of interlaced video) do not matter. False at the end.
    fn frame_begins(&mut self) -> Result<bool, FileFault> {
        let Some(line) = line(&mut self.source)? else { return Ok(false) };
        let rest = line.strip_prefix(FRAME).ok_or(FileFault::Header)?;
        if rest.is_empty() || rest.starts_with(b" ") { Ok(true) } else { Err(FileFault::Header) }
    }
}

/// A line without its end. `None` at the end of the file, or where the line is too long or breaks off.
fn line(source: &mut impl BufRead) -> Result<Option<Vec<u8>>, FileFault> {
    let mut line = Vec::new();
    source.take(LINE).read_until(b'\n', &mut line)?;
    Ok(if line.pop() == Some(b'\n') { Some(line) } else { None })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A video file of 2x2 pixels whose frames are full of their numbers.
    fn video(frames: u8, cut: usize) -> Cursor<Vec<u8>> {
        let mut bytes = Vec::new();
        let header = Y4mHeader { resolution: Resolution::new(2, 2).unwrap(), rate: FileRate::new(30, 1).unwrap() };
        header.write(&mut bytes).unwrap();
        (0..frames).for_each(|n| write_frame(&mut bytes, &[n; 6]).unwrap());
        bytes.truncate(bytes.len() - cut);
        Cursor::new(bytes)
    }

    #[test]
    fn a_header_is_read_or_refused_with_a_reason() {
        let good = "YUV4MPEG2 W640 H360 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED";
        let header = Y4mHeader::parse(good.as_bytes()).unwrap();
        assert_eq!((header.resolution, header.rate.frames, header.rate.seconds), (Resolution::SMALL, 30000, 1001));
        assert!(Y4mHeader::parse(b"YUV4MPEG2 W2 H2 F25:1").is_ok(), "no colour space is 4:2:0");
        for (line, reason) in [
            ("RIFF", "no YUV4MPEG2"),
            ("YUV4MPEG2", "no YUV4MPEG2"),
            ("YUV4MPEG2X W2 H2 F25:1", "no YUV4MPEG2"),
            ("YUV4MPEG2 W2 H2 F25:1 It", "interlaced"),
            ("YUV4MPEG2 W2 H2 F25:1 C422", "are 422,"),
            ("YUV4MPEG2 W2 H2 F25:1 C420p10", "are 420p10,"),
            ("YUV4MPEG2 W2 H2 F25:1 C420jpeg XCOLORRANGE=FULL", "full range"),
            ("YUV4MPEG2 W3 H2 F25:1", "are 3x2"),
            ("YUV4MPEG2 W99999 H2 F25:1", "are 99999x2"),
            ("YUV4MPEG2 W4294967296 H2 F25:1", "makes no sense"),
            ("YUV4MPEG2 H2 F25:1", "are 0x2"),
            ("YUV4MPEG2 W2 H2", "frame rate"),
            ("YUV4MPEG2 W2 H2 F0:0", "frame rate"),
            ("YUV4MPEG2 W2 H2 F1001:1", "frame rate"),
            ("YUV4MPEG2 W2 H2 F25", "makes no sense"),
        ] {
            let refused = Y4mHeader::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(reason), "{line}: {refused}");
        }
        let long = format!("YUV4MPEG2 W2 H2 F25:1{}", " Xa".repeat(WORDS));
        assert!(matches!(Y4mHeader::parse(long.as_bytes()), Err(FileFault::Header)));
    }

    #[test]
    fn a_video_begins_again_where_it_ends_or_is_cut_off() {
        for (cut, round) in [(0, 5), (1, 4), (11, 4)] {
            let mut video = Y4mReader::open(video(5, cut)).unwrap();
            for number in 0..23_u64 {
                let expected = [(number % round) as u8; 6];
                assert_eq!(video.read(number).unwrap(), expected, "frame {number}, cut by {cut}");
            }
        }
    }

    #[test]
    fn frames_in_between_are_passed_over_and_none_is_read_twice() {
        let mut video = Y4mReader::open(video(10, 0)).unwrap();
        for (number, expected) in [(0, 0), (3, 3), (3, 3), (9, 9), (12, 2), (34, 4), (5, 4)] {
            assert_eq!(video.read(number).unwrap(), [expected; 6], "{number}");
        }
    }

    #[test]
    fn a_video_without_a_frame_or_with_a_broken_one_is_refused() {
        for cut in [0, 3] {
            assert!(matches!(Y4mReader::open(video(u8::from(cut > 0), cut)), Err(FileFault::NoPicture)));
        }
        let mut bytes = video(1, 0).into_inner();
        bytes.extend(b"FRAMES\n");
        let mut broken = Y4mReader::open(Cursor::new(bytes)).unwrap();
        broken.read(0).unwrap();
        assert!(matches!(broken.read(1), Err(FileFault::Header)));
        let promise = Cursor::new(b"YUV4MPEG2 W8192 H8192 F25:1\nFRAME\nabc".to_vec());
        assert!(matches!(Y4mReader::open(promise), Err(FileFault::NoPicture)));
        let endless = Cursor::new(vec![b'Y'; 100_000]);
        assert!(matches!(Y4mReader::open(endless), Err(FileFault::NotY4m)));
    }

    #[test]
    fn the_number_of_a_picture_names_the_frame_that_is_on() {
        for (frames, seconds, fps, expected) in [
            (30, 1, 30, [0, 1, 2, 3, 4, 5]),
            (30, 1, 15, [0, 2, 4, 6, 8, 10]),
            (15, 1, 30, [0, 0, 1, 1, 2, 2]),
            (25, 1, 30, [0, 0, 1, 2, 3, 4]),
            (60, 1, 25, [0, 2, 4, 7, 9, 12]),
        ] {
            let rate = FileRate::new(frames, seconds).unwrap();
            let found: [u64; 6] = std::array::from_fn(|n| rate.frame_at(n as u64, FrameRate::new(fps)));
            assert_eq!(found, expected, "{frames}:{seconds} at {fps}");
        }
        let ntsc = FileRate::new(30000, 1001).unwrap();
        assert_eq!(ntsc.frame_at(30 * 1001, FrameRate::new(30)), 30000);
    }
}
