//! Pictures at half their size, for layers below the camera's own, and at any size, for files.
//!
//! A half is the mean of four pixels and is made in one go; [`Scaler`] filters each plane by itself. Owner of: the
//! scaler's buffers.

use std::sync::Arc;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use hearth_base::{Picture, Resolution};

/// Brings frames of any size to one.
#[derive(Debug)]
pub(crate) struct Scaler {
    resizer: Resizer,
    options: ResizeOptions,
    to: Resolution,
}

impl Scaler {
    /// Frames become of this size.
    pub(crate) fn new(to: Resolution) -> Self {
        // A cubic: sharp, as cameras' own scalers are, and what ffmpeg takes unless told otherwise.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        Self { resizer: Resizer::new(), options, to }
    }

    /// The size that frames become of.
    pub(crate) fn size(&self) -> Resolution {
        self.to
    }

    /// Scales the planes of an I420 frame of size `from`, stretching them where the ratio of their sides differs.
    /// `None` when one of the two is shorter than its size asks for.
    pub(crate) fn scale(&mut self, from: Resolution, planes: &[u8], scaled: &mut [u8]) -> Option<()> {
        let to = self.to;
        let (y, chroma) = planes.split_at_checked(from.area())?;
        let (u, v) = chroma.split_at_checked(from.area() / 4)?;
        let (to_y, to_chroma) = scaled.split_at_mut_checked(to.area())?;
        let (to_u, to_v) = to_chroma.split_at_mut_checked(to.area() / 4)?;
        self.plane((from.width, from.height), y, (to.width, to.height), to_y)?;
        let halves = ((from.width / 2, from.height / 2), (to.width / 2, to.height / 2));
        self.plane(halves.0, u, halves.1, to_u)?;
        self.plane(halves.0, v, halves.1, to_v)
    }

    fn plane(&mut self, from: (u32, u32), plane: &[u8], to: (u32, u32), scaled: &mut [u8]) -> Option<()> {
        let plane = TypedImageRef::<U8>::from_buffer(from.0, from.1, plane).ok()?;
        let mut scaled = TypedImage::<U8>::from_buffer(to.0, to.1, scaled).ok()?;
        self.resizer.resize_typed(&plane, &mut scaled, &self.options).ok()
    }
}

/// The picture at half its width and height, each pixel the mean of four. `None` when a side would be odd.
pub(crate) fn half(picture: &Picture) -> Option<Picture> {
    let from = picture.resolution();
    let to = Resolution::new((from.width / 2) & !1, (from.height / 2) & !1)?;
    let area = to.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
    let (u, v) = chroma.split_at_mut_checked(area / 4)?;
    let width = from.width as usize;
    let to_width = to.width as usize;
    half_plane(picture.y(), width, y, to_width);
    half_plane(picture.u(), width / 2, u, to_width / 2);
    half_plane(picture.v(), width / 2, v, to_width / 2);
    Picture::new(to, planes, picture.captured).ok()
}

/// What is beyond the last whole square of the smaller plane is left out.
fn half_plane(from: &[u8], width: usize, to: &mut [u8], to_width: usize) {
    let pairs = from.chunks_exact(width * 2);
    for (to, pair) in to.chunks_exact_mut(to_width).zip(pairs) {
        let (upper, lower) = pair.split_at(width);
        let squares = upper.chunks_exact(2).zip(lower.chunks_exact(2));
        for (to, (upper, lower)) in to.iter_mut().zip(squares) {
            let sum: u16 = upper.iter().chain(lower).map(|&pixel| u16::from(pixel)).sum();
            *to = ((sum + 2) / 4) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::FrameRate;

    use super::*;
    use crate::Now;
    use crate::pattern::Pattern;
    use crate::stamp;

    #[test]
    fn a_stamp_survives_being_halved() {
        let mut pattern = Pattern::new(4, Resolution::new(1280, 720).unwrap(), FrameRate::new(30));
        let picture = pattern.draw(Now::read()).unwrap();
        let small = half(&half(&picture).unwrap()).unwrap();
        assert_eq!(small.resolution(), Resolution::new(320, 180).unwrap());
        assert_eq!(stamp::read(&small), stamp::read(&picture));
    }

    #[test]
    fn a_stamp_survives_being_scaled_and_each_plane_stays_where_it_is() {
        let from = Resolution::new(1280, 720).unwrap();
        let picture = Pattern::new(4, from, FrameRate::new(30)).draw(Now::read()).unwrap();
        let mut planes = picture.planes().to_vec();
        planes[from.area()..from.area() * 5 / 4].fill(90);
        planes[from.area() * 5 / 4..].fill(160);
        for to in [Resolution::SMALL, from, Resolution::new(1920, 1080).unwrap(), Resolution::new(352, 288).unwrap()] {
            let mut scaled = vec![0; to.area() * 3 / 2];
            Scaler::new(to).scale(from, &planes, &mut scaled).unwrap();
            let scaled = Picture::new(to, scaled.into(), picture.captured).unwrap();
            // A picture that is stretched has its stamp where nobody looks for it.
            let is_stretched = to.width * from.height != to.height * from.width;
            assert!(is_stretched || stamp::read(&scaled) == stamp::read(&picture), "{to}");
            assert!(scaled.u().iter().all(|u| *u == 90) && scaled.v().iter().all(|v| *v == 160), "{to}");
        }
    }

    #[test]
    fn planes_that_are_too_short_are_not_scaled() {
        let (from, mut scaler) = (Resolution::SMALL, Scaler::new(Resolution::SMALL));
        let mut scaled = vec![0; from.area() * 3 / 2];
        assert!(scaler.scale(from, &vec![0; from.area() * 3 / 2 - 1], &mut scaled).is_none());
        scaled.pop();
        assert!(scaler.scale(from, &vec![0; from.area() * 3 / 2], &mut scaled).is_none());
    }

    #[test]
    fn a_half_that_would_be_odd_is_cut_and_nothing_has_none() {
        for (width, height, expected) in [
            (1366, 768, Some((682, 384))),
            (1920, 1080, Some((960, 540))),
            (960, 540, Some((480, 270))),
            (480, 270, Some((240, 134))),
            (2, 2, None),
        ] {
            let mut pattern = Pattern::new(4, Resolution::new(width, height).unwrap(), FrameRate::new(30));
            let smaller = half(&pattern.draw(Now::read()).unwrap()).map(|picture| picture.resolution());
            assert_eq!(smaller.map(|size| (size.width, size.height)), expected, "{width}x{height}");
        }
    }
}
