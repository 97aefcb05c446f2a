//! Pictures at half their size: layers below the camera's own.
//!
//! Owns nothing. Only halves: other ratios come with a scaler that is worth its dependency.

use std::sync::Arc;

use hearth_base::{Picture, Resolution};

/// The picture at half its width and height, each pixel the mean of four. `None` when a side would be odd.
pub(crate) fn half(picture: &Picture) -> Option<Picture> {
    let from = picture.resolution();
    let to = Resolution::new(from.width / 2, from.height / 2)?;
    let area = to.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
    let (u, v) = chroma.split_at_mut_checked(area / 4)?;
    let width = from.width as usize;
    half_plane(picture.y(), width, y);
    half_plane(picture.u(), width / 2, u);
    half_plane(picture.v(), width / 2, v);
    Picture::new(to, planes, picture.captured).ok()
}

fn half_plane(from: &[u8], width: usize, to: &mut [u8]) {
    let pairs = from.chunks_exact(width * 2);
    for (to, pair) in to.chunks_exact_mut(width / 2).zip(pairs) {
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
    fn a_size_that_has_no_even_half_is_left_alone() {
        let mut pattern = Pattern::new(4, Resolution::new(1280, 90).unwrap(), FrameRate::new(30));
        assert!(half(&pattern.draw(Now::read()).unwrap()).is_none());
    }
}
