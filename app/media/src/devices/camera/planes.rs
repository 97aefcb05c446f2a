//! From a camera's buffer to planes, whatever form its pixels have.
//!
//! Owner of: the buffers that are used again. What is too short or no picture is `None`, never a panic: drivers hand
//! out what the cable gave them.

use std::sync::Arc;
use std::time::Instant;

use hearth_base::Picture;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::formats::{BufferLayout, Pixels};
use super::jpeg;

/// No colour: the middle of a difference.
const GREY: u8 = 128;

/// Makes pictures of one camera's buffers.
pub(super) struct BufferPlanes {
    form: BufferLayout,
    /// The JPEG of a buffer, made whole.
    whole: Vec<u8>,
    /// A decoded MJPEG: luma and both differences of each pixel, full range (JFIF); or luma alone.
    decoded: Vec<u8>,
}

/// The planes of a picture that is being made.
struct Target<'a> {
    width: usize,
    y: &'a mut [u8],
    u: &'a mut [u8],
    v: &'a mut [u8],
}

impl BufferPlanes {
    pub(super) fn new(form: BufferLayout) -> Self {
        let decoded = if form.pixels == Pixels::Mjpeg { form.resolution.area() * 3 } else { 0 };
        Self { form, whole: Vec::new(), decoded: vec![0; decoded] }
    }

    /// The picture in a buffer, which may be longer than it.
    pub(super) fn picture(&mut self, bytes: &[u8], captured: Instant) -> Option<Picture> {
        let area = self.form.resolution.area();
        let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
        let mut target = Target::new(self.form, Arc::get_mut(&mut planes)?)?;
        let BufferLayout { stride, .. } = self.form;
        match self.form.pixels {
            Pixels::Nv12 => target.take_pairs(bytes, stride, [0, 1])?,
            Pixels::Nv21 => target.take_pairs(bytes, stride, [1, 0])?,
            Pixels::I420 => target.take_planes(bytes, stride, false)?,
            Pixels::Yv12 => target.take_planes(bytes, stride, true)?,
            Pixels::Yuyv => target.take_quads(bytes, stride, |[y0, u, y1, v]| [y0, y1, u, v])?,
            Pixels::Yvyu => target.take_quads(bytes, stride, |[y0, v, y1, u]| [y0, y1, u, v])?,
            Pixels::Uyvy => target.take_quads(bytes, stride, |[u, y0, v, y1]| [y0, y1, u, v])?,
            Pixels::Rgb => target.take_colours(bytes, stride, |[r, g, b]| [r, g, b])?,
            Pixels::Bgr => target.take_colours(bytes, stride, |[b, g, r]| [r, g, b])?,
            Pixels::Mjpeg => self.take_mjpeg(bytes, &mut target)?,
        }
        Picture::new(self.form.resolution, planes, captured).ok()
    }

    fn take_mjpeg(&mut self, bytes: &[u8], target: &mut Target<'_>) -> Option<()> {
        jpeg::complete(bytes, &mut self.whole)?;
        // Strict, so that what is damaged is left out rather than shown grey.
        let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&self.whole), options);
        decoder.decode_headers().ok()?;
        let (info, resolution) = (decoder.info()?, self.form.resolution);
        if (u32::from(info.width), u32::from(info.height)) != (resolution.width, resolution.height) {
            return None;
        }
        if info.components == 1 {
            // The decoder makes no colours of none.
            let options = options.jpeg_set_out_colorspace(ColorSpace::Luma);
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&self.whole), options);
            decoder.decode_into(self.decoded.get_mut(..resolution.area())?).ok()?;
            target.take_grey(&self.decoded);
            return Some(());
        }
        decoder.decode_into(&mut self.decoded).ok()?;
        target.take_full_range(&self.decoded);
        Some(())
    }
}

impl<'a> Target<'a> {
    fn new(form: BufferLayout, planes: &'a mut [u8]) -> Option<Self> {
        let area = form.resolution.area();
        let (y, chroma) = planes.split_at_mut_checked(area)?;
        let (u, v) = chroma.split_at_mut_checked(area / 4)?;
        Some(Self { width: form.resolution.width as usize, y, u, v })
    }

    fn height(&self) -> usize {
        self.y.len() / self.width
    }

    /// Luma, `stride` bytes from line to line.
    fn take_luma(&mut self, bytes: &[u8], stride: usize) -> Option<()> {
        for (n, line) in self.y.chunks_exact_mut(self.width).enumerate() {
            line.copy_from_slice(line_of(bytes, n * stride, self.width)?);
        }
        Some(())
    }

    /// Luma, then lines of both differences in turn, which are at these places of a pair.
    fn take_pairs(&mut self, bytes: &[u8], stride: usize, [first, second]: [usize; 2]) -> Option<()> {
        self.take_luma(bytes, stride)?;
        let (begin, half) = (stride * self.height(), self.width / 2);
        let lines = self.u.chunks_exact_mut(half).zip(self.v.chunks_exact_mut(half));
        for (n, (u, v)) in lines.enumerate() {
            let pairs = line_of(bytes, begin + n * stride, 2 * half)?.as_chunks::<2>().0;
            for (pair, (u, v)) in pairs.iter().zip(u.iter_mut().zip(v)) {
                (*u, *v) = (*pair.get(first)?, *pair.get(second)?);
            }
        }
        Some(())
    }

    /// Luma, then a plane of each difference, whose lines are half as far apart: the red one first, where
    /// `is_red_first`.
    fn take_planes(&mut self, bytes: &[u8], stride: usize, is_red_first: bool) -> Option<()> {
        self.take_luma(bytes, stride)?;
        let (begin, half, height) = (stride * self.height(), self.width / 2, self.height() / 2);
        let second = begin + stride / 2 * height;
        let (of_u, of_v) = if is_red_first { (second, begin) } else { (begin, second) };
        for (plane, begin) in [(&mut *self.u, of_u), (&mut *self.v, of_v)] {
            for (n, line) in plane.chunks_exact_mut(half).enumerate() {
                line.copy_from_slice(line_of(bytes, begin + n * (stride / 2), half)?);
            }
        }
        Some(())
    }

    /// Four bytes for two pixels, of which `read` gives both lumas and both differences.
    fn take_quads(&mut self, bytes: &[u8], stride: usize, read: impl Fn([u8; 4]) -> [u8; 4]) -> Option<()> {
        let (width, half) = (self.width, self.width / 2);
        let lines = self.y.chunks_exact_mut(2 * width);
        let lines = lines.zip(self.u.chunks_exact_mut(half).zip(self.v.chunks_exact_mut(half)));
        for (n, (y, (u, v))) in lines.enumerate() {
            let upper = line_of(bytes, 2 * n * stride, 2 * width)?.as_chunks::<4>().0;
            let lower = line_of(bytes, (2 * n + 1) * stride, 2 * width)?.as_chunks::<4>().0;
            let (above, below) = y.split_at_mut_checked(width)?;
            let pixels = above.as_chunks_mut::<2>().0.iter_mut().zip(below.as_chunks_mut::<2>().0);
            let chroma = u.iter_mut().zip(v);
            for (((above, below), (u, v)), (upper, lower)) in pixels.zip(chroma).zip(upper.iter().zip(lower)) {
                let ([a0, a1, u0, v0], [b0, b1, u1, v1]) = (read(*upper), read(*lower));
                (*above, *below) = ([a0, a1], [b0, b1]);
                (*u, *v) = (u0.midpoint(u1), v0.midpoint(v1));
            }
        }
        Some(())
    }

    /// Red, green and blue, as `read` gives them, of each pixel (BT.601, limited range).
    fn take_colours(&mut self, bytes: &[u8], stride: usize, read: impl Fn([u8; 3]) -> [u8; 3]) -> Option<()> {
        let (width, half) = (self.width, self.width / 2);
        let lines = self.y.chunks_exact_mut(2 * width);
        let lines = lines.zip(self.u.chunks_exact_mut(half).zip(self.v.chunks_exact_mut(half)));
        for (n, (y, (u, v))) in lines.enumerate() {
            let upper = line_of(bytes, 2 * n * stride, 3 * width)?.as_chunks::<3>().0;
            let lower = line_of(bytes, (2 * n + 1) * stride, 3 * width)?.as_chunks::<3>().0;
            for (y, pixel) in y.iter_mut().zip(upper.iter().chain(lower)) {
                let [r, g, b] = read(*pixel).map(i32::from);
                *y = (16 + ((66 * r + 129 * g + 25 * b + 128) >> 8)).clamp(0, 255) as u8;
            }
            let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pairs) {
                let four = upper.iter().chain(lower).map(|pixel| read(*pixel).map(i32::from));
                let [r, g, b] = four.fold([0; 3], |[r, g, b], [r1, g1, b1]| [r + r1, g + g1, b + b1]);
                *u = (128 + ((-38 * r - 74 * g + 112 * b + 512) >> 10)).clamp(0, 255) as u8;
                *v = (128 + ((112 * r - 94 * g - 18 * b + 512) >> 10)).clamp(0, 255) as u8;
            }
        }
        Some(())
    }

    /// Luma of full range, without colour.
    fn take_grey(&mut self, decoded: &[u8]) {
        for (y, luma) in self.y.iter_mut().zip(decoded) {
            *y = LUMA.get(usize::from(*luma)).copied().unwrap_or_default();
        }
        self.u.fill(GREY);
        self.v.fill(GREY);
    }

    /// From full range and a colour for each pixel to limited range and a colour for four.
    fn take_full_range(&mut self, decoded: &[u8]) {
        let (width, half) = (self.width, self.width / 2);
        for (y, [luma, ..]) in self.y.iter_mut().zip(decoded.as_chunks::<3>().0) {
            *y = LUMA.get(usize::from(*luma)).copied().unwrap_or_default();
        }
        let lines = self.u.chunks_exact_mut(half).zip(self.v.chunks_exact_mut(half));
        for ((u, v), rows) in lines.zip(decoded.chunks_exact(6 * width)) {
            let (upper, lower) = rows.split_at(3 * width);
            let pairs = upper.as_chunks::<6>().0.iter().zip(lower.as_chunks::<6>().0);
            for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pairs) {
                let ([_, u0, v0, _, u1, v1], [_, u2, v2, _, u3, v3]) = (*upper, *lower);
                *u = mean([u0, u1, u2, u3]);
                *v = mean([v0, v1, v2, v3]);
            }
        }
    }
}

/// A line of so many bytes from `begin` on. The last one may end before its padding does.
fn line_of(bytes: &[u8], begin: usize, length: usize) -> Option<&[u8]> {
    bytes.get(begin..begin + length)
}

/// The mean of four colour differences, in limited range.
fn mean(four: [u8; 4]) -> u8 {
    let mean = (four.into_iter().map(usize::from).sum::<usize>() + 2) / 4;
    CHROMA.get(mean).copied().unwrap_or_default()
}

/// From full to limited range (BT.601): luma to 16..=235, colour differences to 16..=240.
const LUMA: [u8; 256] = limited(219);
const CHROMA: [u8; 256] = limited(224);

const fn limited(span: usize) -> [u8; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler: `n` is below 256")]
        {
            table[n] = (16 + (n * span + 127) / 255) as u8;
        }
        n += 1;
    }
    table
}

#[cfg(test)]
#[path = "planes_tests.rs"]
mod tests;
