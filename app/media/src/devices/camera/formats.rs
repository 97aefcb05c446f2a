//! How a camera's pixels can lie in a buffer, and which of its formats is taken.
//!
//! 1280x720 at 30 where any format reaches it; else what comes nearest, as long as it moves. Values only.

use hearth_base::Resolution;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const RATE: u32 = 30;
/// Below that, a smaller picture that moves is worth more.
const MOVES: u32 = 20;

/// What can be read, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pixels {
    I420,
    Yv12,
    Nv12,
    Nv21,
    Yuyv,
    Yvyu,
    Uyvy,
    Mjpeg,
    Rgb,
    Bgr,
}

/// How the buffers of an open camera should be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferLayout {
    pub(super) pixels: Pixels,
    pub(super) resolution: Resolution,
    /// Bytes from one line to the next, of the first plane; none of compressed pictures.
    pub(super) stride: usize,
}

/// What a camera offers. `form` is how its own library names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer<F> {
    pub(super) pixels: Pixels,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pictures a second; not every camera says.
    pub(super) rate: Option<u32>,
    pub(super) form: F,
}

impl Pixels {
    /// Bytes of a line of the first plane without padding; none of compressed pictures.
    pub(super) fn line(self, width: usize) -> usize {
        match self {
            Self::I420 | Self::Yv12 | Self::Nv12 | Self::Nv21 => width,
            Self::Yuyv | Self::Yvyu | Self::Uyvy => 2 * width,
            Self::Rgb | Self::Bgr => 3 * width,
            Self::Mjpeg => 0,
        }
    }
}

impl BufferLayout {
    /// A form whose lines are `stride` bytes apart, or as long as they are where nothing is said. `None` for sizes that
    /// are no picture of ours.
    pub(super) fn new(pixels: Pixels, [width, height]: [u32; 2], stride: u32) -> Option<Self> {
        let resolution = Resolution::new(width, height)?;
        Some(Self { pixels, resolution, stride: (stride as usize).max(pixels.line(width as usize)) })
    }
}

/// The offers, the best first.
pub(super) fn ranked<F: Copy>(offers: Vec<Offer<F>>) -> Vec<Offer<F>> {
    let is_readable = |offer: &Offer<F>| Resolution::new(offer.width, offer.height).is_some();
    let mut offers: Vec<_> = offers.into_iter().filter(is_readable).collect();
    offers.sort_by_key(|offer| {
        let far = offer.width.abs_diff(WIDTH) + offer.height.abs_diff(HEIGHT);
        let rate = offer.rate.unwrap_or(RATE);
        (rate < MOVES, far, rate.abs_diff(RATE), offer.pixels)
    });
    offers
}

/// The size nearest to the wanted one among those from `least` to `most` in these steps.
pub(super) fn nearest(least: [u32; 2], most: [u32; 2], step: [u32; 2]) -> [u32; 2] {
    let side = |wanted: u32, least: u32, most: u32, step: u32| {
        let over = wanted.clamp(least.min(most), most) - least.min(most);
        least.min(most) + over / step.max(1) * step.max(1)
    };
    let ([w0, h0], [w1, h1], [ws, hs]) = (least, most, step);
    [side(WIDTH, w0, w1, ws) & !1, side(HEIGHT, h0, h1, hs) & !1]
}

/// The rate nearest to the wanted one among those from `least` to `most`.
pub(super) fn nearest_rate(least: u32, most: u32) -> u32 {
    RATE.clamp(least.min(most), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_size_is_taken_in_whichever_format_reaches_it() {
        let of = |list: &[(u32, u32, Pixels, u32)]| {
            let offer = |(width, height, pixels, rate): &(u32, u32, Pixels, u32)| Offer {
                pixels: *pixels,
                width: *width,
                height: *height,
                rate: (*rate > 0).then_some(*rate),
                form: (),
            };
            let first = ranked(list.iter().map(offer).collect()).first().copied();
            first.map(|f| (f.width, f.height, f.pixels, f.rate.unwrap_or_default()))
        };
        let (yuyv, mjpeg, nv12) = (Pixels::Yuyv, Pixels::Mjpeg, Pixels::Nv12);
        for (list, expected) in [
            (vec![(1280, 720, yuyv, 10), (640, 480, yuyv, 30), (1280, 720, mjpeg, 30)], Some((1280, 720, mjpeg, 30))),
            (vec![(1280, 720, yuyv, 10), (640, 480, yuyv, 30)], Some((640, 480, yuyv, 30))),
            (vec![(1280, 720, mjpeg, 30), (1280, 720, nv12, 30)], Some((1280, 720, nv12, 30))),
            (vec![(1280, 720, Pixels::Rgb, 30), (1280, 720, mjpeg, 30)], Some((1280, 720, mjpeg, 30))),
            (vec![(1280, 720, mjpeg, 60), (1280, 720, mjpeg, 30)], Some((1280, 720, mjpeg, 30))),
            (vec![(640, 480, yuyv, 0), (640, 480, yuyv, 10)], Some((640, 480, yuyv, 0))),
            (vec![(1920, 1080, mjpeg, 30), (320, 240, yuyv, 30)], Some((1920, 1080, mjpeg, 30))),
            (vec![(161, 121, yuyv, 30)], None),
            (vec![(160, 120, yuyv, 5)], Some((160, 120, yuyv, 5))),
        ] {
            assert_eq!(of(&list), expected);
        }
    }

    #[test]
    fn of_sizes_in_steps_the_nearest_is_taken() {
        for (least, most, step, expected) in [
            ([32, 32], [2592, 1944], [2, 2], [1280, 720]),
            ([32, 32], [2592, 1944], [1, 1], [1280, 720]),
            ([16, 16], [640, 480], [16, 16], [640, 480]),
            ([1920, 1080], [3840, 2160], [8, 8], [1920, 1080]),
            ([33, 33], [1000, 1000], [100, 100], [932, 632]),
            // What no driver should say.
            ([640, 480], [320, 240], [0, 0], [320, 240]),
        ] {
            assert_eq!(nearest(least, most, step), expected);
        }
        assert_eq!((nearest_rate(1, 1000), nearest_rate(1, 15), nearest_rate(50, 60)), (30, 15, 50));
    }

    #[test]
    fn a_line_is_never_shorter_than_its_pixels() {
        let stride = |pixels, stride| BufferLayout::new(pixels, [640, 480], stride).unwrap().stride;
        assert_eq!((stride(Pixels::Yuyv, 0), stride(Pixels::Yuyv, 1344), stride(Pixels::Rgb, 640)), (1280, 1344, 1920));
        assert_eq!(BufferLayout::new(Pixels::Nv12, [641, 480], 0), None);
    }
}
