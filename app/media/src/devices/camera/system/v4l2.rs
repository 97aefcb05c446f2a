//! A camera by V4L2, through the crate `v4l`: the calls of the kernel, and mapped buffers.
//!
//! nokhwa, which is used elsewhere, is on the same crate, and keeps three things from anyone who uses it: how far the
//! lines of a buffer are apart, formats other than six, and cameras that list no intervals. Owner of: the open node.

use std::{fs, io};

use hearth_base::DeviceFault;
use v4l::buffer::{Flags, Type};
use v4l::format::Description;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::prelude::MmapStream;
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::super::formats::{BufferLayout, Offer, Pixels, nearest, nearest_rate, ranked};
use super::super::{OpenCamera, fault};

/// How the system knows a camera: by the number of its node.
pub(in super::super) type Index = u32;

/// How the kernel names what can be read.
const READABLE: [(&[u8; 4], Pixels); 11] = [
    (b"YU12", Pixels::I420),
    (b"YV12", Pixels::Yv12),
    (b"NV12", Pixels::Nv12),
    (b"NV21", Pixels::Nv21),
    (b"YUYV", Pixels::Yuyv),
    (b"YVYU", Pixels::Yvyu),
    (b"UYVY", Pixels::Uyvy),
    (b"MJPG", Pixels::Mjpeg),
    (b"JPEG", Pixels::Mjpeg),
    (b"RGB3", Pixels::Rgb),
    (b"BGR3", Pixels::Bgr),
];
/// Formats tried until one is not refused.
const TRIES: usize = 6;
/// Buffers asked for: one is read, one is filled, and two make up for a late reader.
const BUFFERS: u32 = 4;
/// The most that a driver gives instead.
const MOST_BUFFERS: usize = 32;
/// How long one waits for a picture before it is asked whether any is wanted, milliseconds.
const PATIENCE: i32 = 500;
/// `poll`'s word for "there is something to read".
const POLLIN: i16 = 1;
/// What the kernel says of a list that there is not.
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;

/// An open camera.
struct Node {
    /// Before the device, whose buffers it maps.
    stream: MmapStream<'static>,
    device: Device,
    form: BufferLayout,
}

impl OpenCamera for Node {
    fn form(&self) -> BufferLayout {
        self.form
    }

    fn next(&mut self) -> Result<Option<&[u8]>, DeviceFault> {
        match self.device.handle().poll(POLLIN, PATIENCE) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(fault(&error)),
            Ok(_) => {}
        }
        let (bytes, about) = CaptureStream::next(&mut self.stream).map_err(|error| fault(&error))?;
        if about.flags.contains(Flags::ERROR) {
            return Ok(Some(&[])); // the driver says that it is damaged
        }
        // Some drivers do not say how much of the buffer is used.
        let used = Some(about.bytesused as usize).filter(|used| *used > 0);
        Ok(Some(used.and_then(|used| bytes.get(..used)).unwrap_or(bytes)))
    }
}

/// Opens a camera in the best format that it does not refuse, and starts it.
///
/// # Errors
/// The last refusal; [`DeviceFault::Unreadable`] where no format of its can be read, as of infrared cameras.
pub(in super::super) fn open(number: &Index) -> Result<Box<dyn OpenCamera>, DeviceFault> {
    let device = Device::new(*number as usize).map_err(|error| fault(&error))?;
    let offers = ranked(offers(&device).map_err(|error| fault(&error))?);
    let mut refused = DeviceFault::Unreadable;
    for offer in offers.into_iter().take(TRIES) {
        match start(&device, &offer) {
            Ok((stream, form)) => return Ok(Box::new(Node { stream, device, form })),
            Err(error) => {
                tracing::debug!(%error, ?offer, "the camera refused a format");
                refused = fault(&error);
            }
        }
        // Another format would be refused as well.
        if refused == DeviceFault::InUse {
            break;
        }
    }
    Err(refused)
}

/// The nodes that have pictures, with their names. A camera's other nodes (metadata) come behind its first. Read here:
/// the crate's list holds nodes without pictures, and nokhwa's panics on a node whose name has no number.
pub(in super::super) fn cameras() -> Vec<(Index, String)> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    let attribute = |number: u32, name: &str| {
        let read = fs::read_to_string(format!("/sys/class/video4linux/video{number}/{name}"));
        read.ok().map(|text| text.trim().to_owned())
    };
    let first = |number: &u32| attribute(*number, "index").is_none_or(|index| index == "0");
    let named = |number: u32| {
        let name = attribute(number, "name").filter(|name| !name.is_empty());
        (number, name.unwrap_or_else(|| format!("video{number}")))
    };
    numbers.into_iter().filter(first).map(named).collect()
}

/// Starts the camera in a format, or in what the driver makes of it.
fn start(device: &Device, offer: &Offer<FourCC>) -> io::Result<(MmapStream<'static>, BufferLayout)> {
    let taken = device.set_format(&Format::new(offer.width, offer.height, offer.form))?;
    let form =
        pixels(taken.fourcc).and_then(|pixels| BufferLayout::new(pixels, [taken.width, taken.height], taken.stride));
    let form = form.ok_or_else(|| io::Error::other("it takes a format that cannot be read"))?;
    if let Some(rate) = offer.rate
        && let Err(error) = device.set_params(&Parameters::with_fps(rate))
    {
        tracing::debug!(%error, rate, "the camera keeps its own rate");
    }
    let mut stream = MmapStream::with_buffers(device, Type::VideoCapture, BUFFERS)?;
    // Begun here, so that a camera which cannot is known before it is shown as open. The first buffer is queued when it
    // is asked for.
    for index in 1..MOST_BUFFERS {
        if CaptureStream::queue(&mut stream, index).is_err() {
            break;
        }
    }
    stream.start()?;
    Ok((stream, form))
}

/// What the camera has that can be read. What it does not say is asked for all the same: it takes what comes nearest.
fn offers(device: &Device) -> io::Result<Vec<Offer<FourCC>>> {
    let mut offers = Vec::new();
    for format in formats(device)? {
        let Some(pixels) = pixels(format.fourcc) else { continue };
        let sizes = device.enum_framesizes(format.fourcc).unwrap_or_default();
        let mut sizes: Vec<[u32; 2]> = sizes.into_iter().map(|size| size_of(&size.size)).collect();
        if sizes.is_empty() {
            sizes.push(nearest([2, 2], [u32::MAX; 2], [2, 2]));
        }
        for [width, height] in sizes {
            let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
            let rates: Vec<u32> = intervals.iter().map(|interval| rate_of(&interval.interval)).collect();
            let rates = if rates.is_empty() { vec![None] } else { rates.into_iter().map(Some).collect() };
            let offer = |rate| Offer { pixels, width, height, rate, form: format.fourcc };
            offers.extend(rates.into_iter().map(offer));
        }
    }
    Ok(offers)
}

/// Its formats; a node that takes no pictures has none.
fn formats(device: &Device) -> io::Result<Vec<Description>> {
    let is_none = |error: &io::Error| matches!(error.raw_os_error(), Some(EINVAL | ENOTTY));
    device.enum_formats().or_else(|error| if is_none(&error) { Ok(Vec::new()) } else { Err(error) })
}

fn pixels(fourcc: FourCC) -> Option<Pixels> {
    READABLE.iter().find(|(name, _)| **name == fourcc.repr).map(|(_, pixels)| *pixels)
}

fn size_of(size: &FrameSizeEnum) -> [u32; 2] {
    match size {
        FrameSizeEnum::Discrete(size) => [size.width, size.height],
        FrameSizeEnum::Stepwise(sizes) => nearest(
            [sizes.min_width, sizes.min_height],
            [sizes.max_width, sizes.max_height],
            [sizes.step_width, sizes.step_height],
        ),
    }
}

/// Pictures a second. An interval is a fraction of a second: the longest is the lowest rate.
fn rate_of(interval: &FrameIntervalEnum) -> u32 {
    let rate = |numerator: u32, denominator: u32| denominator.saturating_add(numerator / 2) / numerator.max(1);
    match interval {
        FrameIntervalEnum::Discrete(one) => rate(one.numerator, one.denominator),
        FrameIntervalEnum::Stepwise(all) => {
            nearest_rate(rate(all.max.numerator, all.max.denominator), rate(all.min.numerator, all.min.denominator))
        }
    }
}
