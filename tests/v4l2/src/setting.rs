//! What the camera is, from the environment, and what it does now, from the control file.
//!
//! Owns nothing: it is read again each time. What is written wrongly counts as not written.

use std::path::PathBuf;

/// What the camera does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    On,
    Unplugged,
    Stalled,
    Busy,
    Denied,
    Broken,
}

/// How pixels lie in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pixels {
    Mjpeg,
    Yuyv,
    Uyvy,
    Nv12,
    Yu12,
    Rgb3,
    Bgr3,
    /// Of infrared cameras.
    Grey,
}

/// In what it is odd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    /// Bytes behind each line.
    pub(super) padding: u32,
    /// It lists no intervals.
    pub(super) no_intervals: bool,
    /// Its sizes are a range in steps.
    pub(super) steps: bool,
    /// Its JPEGs name no Huffman tables.
    pub(super) no_tables: bool,
    /// They have no end.
    pub(super) no_end: bool,
    /// There are bytes between their segments.
    pub(super) stray: bool,
    /// They have luma alone.
    pub(super) one_component: bool,
    /// `video0` is an infrared camera, and this one is `video2`.
    pub(super) infrared: bool,
}

impl Oddities {
    fn read(text: &str) -> Self {
        let mut odd = Self::default();
        for word in text.split(',') {
            match word.trim() {
                "no-intervals" => odd.no_intervals = true,
                "steps" => odd.steps = true,
                "no-tables" => odd.no_tables = true,
                "no-end" => odd.no_end = true,
                "stray" => odd.stray = true,
                "one-component" => odd.one_component = true,
                "infrared" => odd.infrared = true,
                word => odd.padding = word.strip_prefix("padding=").and_then(|n| n.parse().ok()).unwrap_or(odd.padding),
            }
        }
        odd
    }
}

impl Pixels {
    /// Its four characters, as V4L2 counts them.
    pub(super) fn fourcc(self) -> u32 {
        u32::from_le_bytes(match self {
            Self::Mjpeg => *b"MJPG",
            Self::Yuyv => *b"YUYV",
            Self::Uyvy => *b"UYVY",
            Self::Nv12 => *b"NV12",
            Self::Yu12 => *b"YU12",
            Self::Rgb3 => *b"RGB3",
            Self::Bgr3 => *b"BGR3",
            Self::Grey => *b"GREY",
        })
    }

    /// Bytes of a line of the first plane, without padding.
    pub(super) fn line(self, width: u32) -> u32 {
        match self {
            Self::Mjpeg => 0,
            Self::Yuyv | Self::Uyvy => 2 * width,
            Self::Rgb3 | Self::Bgr3 => 3 * width,
            Self::Nv12 | Self::Yu12 | Self::Grey => width,
        }
    }
}

/// A size, a rate and a form of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) pixels: Pixels,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rate: u32,
}

/// What the camera is.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) source: u8,
    /// Never empty.
    pub(super) formats: Vec<Format>,
    /// The interval that it has before anybody sets one, in seconds, as a fraction.
    pub(super) interval: Option<(u32, u32)>,
    pub(super) odd: Oddities,
    control: Option<PathBuf>,
}

/// What an infrared camera has.
pub(super) const INFRARED: Format = Format { pixels: Pixels::Grey, width: 640, height: 360, rate: 30 };
const FORMATS: &str = "MJPG:1280x720@30,YUYV:640x480@30,NV12:640x480@30";

impl Setting {
    pub(super) fn read() -> Self {
        let variable = |name| std::env::var(name).ok();
        let formats = |text: &str| text.split(',').filter_map(format).collect::<Vec<_>>();
        let given = variable("HEARTH_V4L2_FORMATS").map(|text| formats(&text)).filter(|formats| !formats.is_empty());
        Self {
            name: variable("HEARTH_V4L2_NAME").unwrap_or_else(|| "Stand-in camera".into()),
            source: variable("HEARTH_V4L2_SOURCE").and_then(|text| text.parse().ok()).unwrap_or(77),
            formats: given.unwrap_or_else(|| formats(FORMATS)),
            interval: variable("HEARTH_V4L2_INTERVAL").and_then(|text| {
                let (numerator, denominator) = text.split_once('/')?;
                Some((numerator.parse().ok()?, denominator.parse().ok()?))
            }),
            odd: Oddities::read(&variable("HEARTH_V4L2_ODD").unwrap_or_default()),
            control: std::env::var_os("HEARTH_V4L2_CONTROL").map(PathBuf::from),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        let text = self.control.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        match text.as_deref().map(str::trim) {
            Some("unplugged") => Mode::Unplugged,
            Some("stalled") => Mode::Stalled,
            Some("busy") => Mode::Busy,
            Some("denied") => Mode::Denied,
            Some("broken") => Mode::Broken,
            _ => Mode::On,
        }
    }
}

/// One of `MJPG:1280x720@30`.
fn format(text: &str) -> Option<Format> {
    let (pixels, rest) = text.trim().split_once(':')?;
    let (size, rate) = rest.split_once('@')?;
    let (width, height) = size.split_once('x')?;
    let pixels = match pixels {
        "MJPG" => Pixels::Mjpeg,
        "YUYV" => Pixels::Yuyv,
        "UYVY" => Pixels::Uyvy,
        "NV12" => Pixels::Nv12,
        "YU12" => Pixels::Yu12,
        "RGB3" => Pixels::Rgb3,
        "BGR3" => Pixels::Bgr3,
        _ => return None,
    };
    Some(Format { pixels, width: width.parse().ok()?, height: height.parse().ok()?, rate: rate.parse().ok()? })
}
