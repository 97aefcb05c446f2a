//! From a camera's buffer to planes: NV12, YUYV and MJPEG.
//!
//! Owner of: the buffers that are used again. What is too short or no picture is `None`, never a panic: drivers hand out
//! what the cable gave them.

use std::sync::Arc;
use std::time::Instant;

use hearth_base::Picture;
use nokhwa::utils::FrameFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::formats::Form;
use super::jpeg;

/// Makes pictures of one camera's buffers.
pub(super) struct Planes {
    form: Form,
    /// A decoded MJPEG: luma and both differences of each pixel, full range (JFIF).
    decoded: Vec<u8>,
}

impl Planes {
    pub(super) fn new(form: Form) -> Self {
        let decoded = if form.pixels == FrameFormat::MJPEG { form.resolution.area() * 3 } else { 0 };
        Self { form, decoded: vec![0; decoded] }
    }

    /// The picture in a buffer, which may be longer than it.
    pub(super) fn picture(&mut self, bytes: &[u8], captured: Instant) -> Option<Picture> {
        let area = self.form.resolution.area();
        let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
        let target = Arc::get_mut(&mut planes)?;
        match self.form.pixels {
            FrameFormat::NV12 => self.read_nv12(bytes.get(..area * 3 / 2)?, target)?,
            FrameFormat::YUYV => self.read_yuyv(bytes.get(..area * 2)?, target)?,
            FrameFormat::MJPEG => self.read_mjpeg(bytes, target)?,
            // Never chosen: see `formats`.
            FrameFormat::GRAY | FrameFormat::RAWRGB | FrameFormat::RAWBGR => return None,
        }
        Picture::new(self.form.resolution, planes, captured).ok()
    }

    fn read_nv12(&self, bytes: &[u8], target: &mut [u8]) -> Option<()> {
        let area = self.form.resolution.area();
        let (luma, pairs) = bytes.split_at_checked(area)?;
        let (y, chroma) = target.split_at_mut_checked(area)?;
        let (u, v) = chroma.split_at_mut_checked(area / 4)?;
        y.copy_from_slice(luma);
        for (pair, (u, v)) in pairs.as_chunks::<2>().0.iter().zip(u.iter_mut().zip(v)) {
            [*u, *v] = *pair;
        }
        Some(())
    }

    fn read_yuyv(&self, bytes: &[u8], target: &mut [u8]) -> Option<()> {
        let width = self.form.resolution.width as usize;
        let (y, chroma) = target.split_at_mut_checked(self.form.resolution.area())?;
        for (pixels, quad) in y.as_chunks_mut::<2>().0.iter_mut().zip(bytes.as_chunks::<4>().0) {
            let [first, _, second, _] = *quad;
            *pixels = [first, second];
        }
        let (u, v) = chroma.split_at_mut_checked(chroma.len() / 2)?;
        let (u, v) = (u.chunks_exact_mut(width / 2), v.chunks_exact_mut(width / 2));
        for ((u, v), rows) in u.zip(v).zip(bytes.chunks_exact(4 * width)) {
            let (upper, lower) = rows.split_at_checked(2 * width)?;
            let quads = upper.as_chunks::<4>().0.iter().zip(lower.as_chunks::<4>().0);
            for ((u, v), ([_, u0, _, v0], [_, u1, _, v1])) in u.iter_mut().zip(v).zip(quads) {
                (*u, *v) = (u0.midpoint(*u1), v0.midpoint(*v1));
            }
        }
        Some(())
    }

    fn read_mjpeg(&mut self, bytes: &[u8], target: &mut [u8]) -> Option<()> {
        let (width, height) = (self.form.resolution.width, self.form.resolution.height);
        // Strict, so that what is damaged is left out rather than shown grey.
        let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg::trim(bytes)?), options);
        decoder.decode_headers().ok()?;
        let info = decoder.info()?;
        if (u32::from(info.width), u32::from(info.height)) != (width, height) {
            return None;
        }
        decoder.decode_into(&mut self.decoded).ok()?;
        self.pack(target)
    }

    /// From full range and a colour for each pixel to limited range and a colour for four.
    fn pack(&self, target: &mut [u8]) -> Option<()> {
        let width = self.form.resolution.width as usize;
        let (y, chroma) = target.split_at_mut_checked(self.form.resolution.area())?;
        for (y, [luma, ..]) in y.iter_mut().zip(self.decoded.as_chunks::<3>().0) {
            *y = LUMA.get(usize::from(*luma)).copied().unwrap_or_default();
        }
        let (u, v) = chroma.split_at_mut_checked(chroma.len() / 2)?;
        let (u, v) = (u.chunks_exact_mut(width / 2), v.chunks_exact_mut(width / 2));
        for ((u, v), rows) in u.zip(v).zip(self.decoded.chunks_exact(6 * width)) {
            let (upper, lower) = rows.split_at_checked(3 * width)?;
            let pairs = upper.as_chunks::<6>().0.iter().zip(lower.as_chunks::<6>().0);
            for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pairs) {
                let ([_, u0, v0, _, u1, v1], [_, u2, v2, _, u3, v3]) = (*upper, *lower);
                *u = mean([u0, u1, u2, u3]);
                *v = mean([v0, v1, v2, v3]);
            }
        }
        Some(())
    }
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
mod tests {
    use hearth_base::Resolution;

    use super::*;
    use crate::Now;

    fn picture(pixels: FrameFormat, bytes: &[u8]) -> Option<Picture> {
        let form = Form { pixels, resolution: Resolution::new(4, 2).unwrap() };
        Planes::new(form).picture(bytes, Now::read().monotonic)
    }

    #[test]
    fn pixels_come_to_their_places_and_what_is_behind_them_does_not() {
        let nv12 = [1, 2, 3, 4, 5, 6, 7, 8, 100, 200, 101, 201, 9, 9, 9];
        let yuyv = [1, 90, 2, 190, 3, 100, 4, 200, 5, 110, 6, 210, 7, 102, 8, 202, 9, 9];
        for (pixels, bytes) in [(FrameFormat::NV12, &nv12[..]), (FrameFormat::YUYV, &yuyv[..])] {
            let picture = picture(pixels, bytes).unwrap();
            assert_eq!(picture.y(), [1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!((picture.u(), picture.v()), ([100, 101].as_slice(), [200, 201].as_slice()));
        }
    }

    #[test]
    fn what_is_short_or_no_picture_is_none() {
        for (pixels, needs) in [(FrameFormat::NV12, 12), (FrameFormat::YUYV, 16)] {
            assert!(picture(pixels, &vec![0; needs]).is_some());
            assert!(picture(pixels, &vec![0; needs - 1]).is_none());
        }
        for bytes in [&[][..], &[0xff, 0xd8, 0xff, 0xd9], &[0; 64], &[0xff; 64]] {
            assert!(picture(FrameFormat::MJPEG, bytes).is_none());
        }
    }

    #[test]
    fn the_range_becomes_limited() {
        assert_eq!([LUMA[0], LUMA[128], LUMA[255]], [16, 126, 235]);
        assert_eq!([CHROMA[0], CHROMA[128], CHROMA[255]], [16, 128, 240]);
    }
}
