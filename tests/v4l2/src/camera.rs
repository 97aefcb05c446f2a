//! The camera behind a descriptor: formats, buffers, and pictures at its own pace.
//!
//! Requests come as V4L2 lays them out (`linux/videodev2.h`), in words of four bytes. Owner of: which buffers wait for
//! pictures. A camera that was unplugged once answers ENODEV until it is opened again.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::drawing::Drawing;
use crate::jpeg;
use crate::setting::{Format, Mode, Pixels, Setting};

/// Buffers at most, whatever is asked for.
const BUFFERS: u32 = 8;
/// Until the control file is read again by a camera that stalls, milliseconds.
const LOOK_AGAIN: i32 = 20;

/// Bytes; of the largest pages that any of our platforms has.
const PAGE: u32 = 65_536;

/// V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_STREAMING, V4L2_CAP_DEVICE_CAPS.
const CAPABILITIES: u32 = 0x1 | 0x0400_0000 | 0x8000_0000;
/// V4L2_FIELD_NONE.
const FIELD_NONE: u32 = 1;
/// V4L2_CAP_TIMEPERFRAME.
const CAP_TIMEPERFRAME: u32 = 0x1000;

/// Whether anybody has set an interval: a camera keeps it when it is closed.
static INTERVAL_SET: AtomicBool = AtomicBool::new(false);

/// What anyone who waits for a picture is to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Ready,
    Gone,
    Millis(i32),
}

pub(super) struct Camera {
    fd: c_int,
    setting: Setting,
    format: Format,
    buffers: u32,
    queued: VecDeque<u32>,
    streaming: Option<Instant>,
    number: u64,
    gone: bool,
}

impl Camera {
    pub(super) fn new(fd: c_int, setting: Setting) -> Self {
        let format = setting.formats.first().copied().unwrap_or(FALLBACK);
        Self { fd, setting, format, buffers: 0, queued: VecDeque::new(), streaming: None, number: 0, gone: false }
    }

    /// Whether a picture is due.
    pub(super) fn wait(&mut self) -> Wait {
        let mode = self.mode();
        match (mode, self.streaming) {
            (Mode::Unplugged, _) => Wait::Gone,
            (Mode::Stalled, _) | (_, None) => Wait::Millis(LOOK_AGAIN),
            (Mode::On | Mode::Busy | Mode::Denied | Mode::Broken, Some(next)) => {
                let left = next.saturating_duration_since(now());
                if left.is_zero() { Wait::Ready } else { Wait::Millis(left.as_millis() as i32 + 1) }
            }
        }
    }

    fn mode(&mut self) -> Mode {
        let mode = self.setting.mode();
        self.gone |= mode == Mode::Unplugged;
        if self.gone { Mode::Unplugged } else { mode }
    }

    /// The request with this number.
    pub(super) fn handle_request(&mut self, number: u32, words: &mut [u32]) -> Result<(), c_int> {
        let mode = self.mode();
        if mode == Mode::Unplugged {
            return Err(libc::ENODEV);
        }
        match number {
            5 | 8 | 18 if mode == Mode::Busy => Err(libc::EBUSY),
            0 => self.describe(words),
            2 => self.enumerate_formats(words),
            4 => self.get_format(words),
            5 => self.set_format(words),
            8 => self.request_buffers(words),
            9 => self.query_buffer(words),
            15 => self.queue(words),
            17 => self.dequeue(words),
            18 => {
                self.streaming = Some(now());
                Ok(())
            }
            19 => {
                self.streaming = None;
                self.queued.clear();
                Ok(())
            }
            21 => self.get_interval(words),
            22 => {
                INTERVAL_SET.store(true, Ordering::Relaxed);
                self.get_interval(words)
            }
            74 => self.enumerate_sizes(words),
            75 => self.enumerate_intervals(words),
            _ => Err(libc::ENOTTY),
        }
    }

    /// VIDIOC_QUERYCAP: driver 16, card 32, bus 32 bytes, version, capabilities, those of this node.
    fn describe(&self, words: &mut [u32]) -> Result<(), c_int> {
        let text = |text: &str, length: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(length, 0);
            bytes
        };
        let texts = [text("hearth", 16), text(&self.setting.name, 32), text("platform:hearth", 32)].concat();
        let texts = texts.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        set(words, 0, texts.chain([0x0006_0000, CAPABILITIES, CAPABILITIES & 0x7fff_ffff]))
    }

    /// VIDIOC_ENUM_FMT: index, type, flags, 32 bytes of words, the pixels.
    fn enumerate_formats(&self, words: &mut [u32]) -> Result<(), c_int> {
        let mut kinds: Vec<Pixels> = Vec::new();
        for format in &self.setting.formats {
            if !kinds.contains(&format.pixels) {
                kinds.push(format.pixels);
            }
        }
        let kind = kinds.get(get(words, 0)? as usize).ok_or(libc::EINVAL)?;
        set(words, 11, [kind.fourcc()])
    }

    /// VIDIOC_ENUM_FRAMESIZES: index, pixels, type, width, height.
    fn enumerate_sizes(&self, words: &mut [u32]) -> Result<(), c_int> {
        let pixels = get(words, 1)?;
        if self.setting.odd.steps {
            // V4L2_FRMSIZE_TYPE_STEPWISE: widths and heights from, to, in steps of.
            return if get(words, 0)? == 0 { set(words, 2, [3, 32, 2592, 2, 32, 1944, 2]) } else { Err(libc::EINVAL) };
        }
        let mut sizes: Vec<[u32; 2]> = Vec::new();
        for format in self.setting.formats.iter().filter(|format| format.pixels.fourcc() == pixels) {
            if !sizes.contains(&[format.width, format.height]) {
                sizes.push([format.width, format.height]);
            }
        }
        let [width, height] = *sizes.get(get(words, 0)? as usize).ok_or(libc::EINVAL)?;
        set(words, 2, [1, width, height])
    }

    /// VIDIOC_ENUM_FRAMEINTERVALS: index, pixels, width, height, type, numerator, denominator.
    fn enumerate_intervals(&self, words: &mut [u32]) -> Result<(), c_int> {
        if self.setting.odd.no_intervals {
            return Err(libc::ENOTTY);
        }
        let (pixels, width, height) = (get(words, 1)?, get(words, 2)?, get(words, 3)?);
        if self.setting.odd.steps {
            // V4L2_FRMIVAL_TYPE_STEPWISE: the shortest, the longest, the step.
            return if get(words, 0)? == 0 { set(words, 4, [3, 1, 60, 1, 1, 1, 60]) } else { Err(libc::EINVAL) };
        }
        let same = |format: &&Format| (format.pixels.fourcc(), format.width, format.height) == (pixels, width, height);
        let mut rates = self.setting.formats.iter().filter(same).map(|format| format.rate);
        let rate = rates.nth(get(words, 0)? as usize).ok_or(libc::EINVAL)?;
        set(words, 4, [1, 1, rate])
    }

    /// VIDIOC_G_FMT: type, a gap, width, height, pixels, field, bytes a line, bytes of all.
    fn get_format(&self, words: &mut [u32]) -> Result<(), c_int> {
        let Format { pixels, width, height, .. } = self.format;
        set(words, 2, [width, height, pixels.fourcc(), FIELD_NONE, self.stride(), self.buffer_size()])
    }

    /// VIDIOC_S_FMT: the nearest that there is, as a driver does it.
    fn set_format(&mut self, words: &mut [u32]) -> Result<(), c_int> {
        if self.streaming.is_some() {
            return Err(libc::EBUSY);
        }
        let (width, height, pixels) = (get(words, 2)?, get(words, 3)?, get(words, 4)?);
        let far = |format: &&Format| {
            let pixels = u32::from(format.pixels.fourcc() != pixels);
            (pixels, format.width.abs_diff(width) + format.height.abs_diff(height))
        };
        self.format = self.setting.formats.iter().min_by_key(far).copied().unwrap_or(self.format);
        if self.setting.odd.steps {
            (self.format.width, self.format.height) = (width.clamp(32, 2592) & !1, height.clamp(32, 1944) & !1);
        }
        self.get_format(words)
    }

    /// VIDIOC_G_PARM and VIDIOC_S_PARM: type, capability, mode, numerator, denominator.
    fn get_interval(&self, words: &mut [u32]) -> Result<(), c_int> {
        let before = self.setting.interval.filter(|_| !INTERVAL_SET.load(Ordering::Relaxed));
        let (numerator, denominator) = before.unwrap_or((1, self.format.rate));
        set(words, 1, [CAP_TIMEPERFRAME, 0, numerator, denominator])
    }

    /// VIDIOC_REQBUFS: how many.
    fn request_buffers(&mut self, words: &mut [u32]) -> Result<(), c_int> {
        self.buffers = get(words, 0)?.min(BUFFERS);
        self.queued.clear();
        let bytes = i64::from(self.buffer_size()) * i64::from(self.buffers);
        // SAFETY: a descriptor of ours. What is mapped of it stays: it only grows, or nobody maps it any more.
        if bytes > 0 && unsafe { libc::ftruncate(self.fd, bytes) } != 0 {
            return Err(libc::ENOMEM);
        }
        set(words, 0, [self.buffers])
    }

    /// VIDIOC_QUERYBUF: where the buffer lies in the descriptor, and its length.
    fn query_buffer(&self, words: &mut [u32]) -> Result<(), c_int> {
        let offset = get(words, 0)? * self.buffer_size();
        set(words, 16, [offset, 0, self.buffer_size()])
    }

    fn queue(&mut self, words: &mut [u32]) -> Result<(), c_int> {
        let index = get(words, 0)?;
        if index >= self.buffers {
            return Err(libc::EINVAL);
        }
        self.queued.push_back(index);
        Ok(())
    }

    /// VIDIOC_DQBUF: index, type, bytes used, flags, field, a gap, seconds, microseconds (two words each), sequence at
    /// 14.
    fn dequeue(&mut self, words: &mut [u32]) -> Result<(), c_int> {
        let next = self.streaming.ok_or(libc::EINVAL)?;
        if next > now() {
            return Err(libc::EAGAIN);
        }
        let index = self.queued.pop_front().ok_or(libc::EAGAIN)?;
        let interval = Duration::from_secs(1) / self.format.rate.max(1);
        // Pictures that nobody took in time are gone.
        self.streaming = Some((next + interval).max(now()));
        let used = self.draw(index)?;
        let mut clock = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a place for the time.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut clock) };
        set(words, 0, [index])?;
        set(words, 2, [used, 0, FIELD_NONE])?;
        set(words, 6, [clock.tv_sec as u32, 0, (clock.tv_nsec / 1000) as u32, 0])?;
        set(words, 14, [self.number as u32])?;
        self.number += 1;
        Ok(())
    }

    fn draw(&mut self, index: u32) -> Result<u32, c_int> {
        let broken = self.mode() == Mode::Broken && !self.number.is_multiple_of(2);
        let realtime = realtime();
        let drawing = Drawing::new(self.format, self.setting.source, self.number, realtime);
        let mut bytes = if self.format.pixels == Pixels::Mjpeg {
            jpeg::encode(&drawing, self.format, &self.setting.odd)
        } else {
            drawing.raw(self.format, &self.setting.odd)
        };
        let used = bytes.len() as u32;
        // What lies behind the picture in the buffer is of some picture before it.
        bytes.resize(self.buffer_size() as usize, 0xa5);
        if broken {
            let middle = bytes.len() / 3;
            bytes.iter_mut().take(middle).skip(2).step_by(3).for_each(|byte| *byte ^= 0x5a);
        }
        let offset = i64::from(index) * i64::from(self.buffer_size());
        // SAFETY: bytes that are there, into a descriptor of ours.
        let written = unsafe { libc::pwrite(self.fd, bytes.as_ptr().cast(), bytes.len(), offset) };
        if written == bytes.len() as isize { Ok(used) } else { Err(libc::EIO) }
    }

    /// Bytes from line to line.
    fn stride(&self) -> u32 {
        let line = self.format.pixels.line(self.format.width);
        if line == 0 { 0 } else { line + self.setting.odd.padding }
    }

    fn buffer_size(&self) -> u32 {
        let bytes = match self.format.pixels {
            Pixels::Mjpeg => self.format.width * self.format.height * 2,
            Pixels::Yuyv | Pixels::Uyvy | Pixels::Rgb3 | Pixels::Bgr3 | Pixels::Grey => {
                self.stride() * self.format.height
            }
            Pixels::Nv12 | Pixels::Yu12 => self.stride() * self.format.height * 3 / 2,
        };
        // Each buffer is mapped by itself, and a mapping begins with a page.
        bytes.next_multiple_of(PAGE)
    }
}

const FALLBACK: Format = Format { pixels: Pixels::Yuyv, width: 640, height: 480, rate: 30 };

#[expect(clippy::disallowed_methods, reason = "a camera has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a camera has a clock of its own")]
fn realtime() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn get(words: &[u32], at: usize) -> Result<u32, c_int> {
    words.get(at).copied().ok_or(libc::EINVAL)
}

fn set(words: &mut [u32], at: usize, values: impl IntoIterator<Item = u32>) -> Result<(), c_int> {
    for (n, value) in values.into_iter().enumerate() {
        *words.get_mut(at + n).ok_or(libc::EINVAL)? = value;
    }
    Ok(())
}
