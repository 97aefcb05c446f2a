//! Moving pictures on the screen: where they go, and the two ways in which they get there.
//!
//! [`gl`] hands the three planes to the graphics card, which turns them into colours; [`rgba`] does that by arithmetic,
//! for tests and for machines whose shaders do not compile. Both take the newest picture of a feed when they draw it,
//! and leave it alone else.

mod gl;
mod rgba;
mod shaders;

use std::sync::Arc;

use eframe::egui::{Painter, Rect, Vec2, vec2};
use eframe::glow;
use hearth_base::Resolution;

use crate::view::VideoFeed;

pub use rgba::RgbaPainter;

/// Draws feeds.
pub trait TilePainter {
    /// Draws the newest picture of a feed; false when there has been none yet.
    fn paint(&mut self, painter: &Painter, feed: &VideoFeed, place: Placement) -> bool;

    /// The end of a frame: what was not drawn in it is forgotten.
    fn settle(&mut self, painter: &Painter);

    /// The end of the window.
    fn free(&mut self, gl: &glow::Context);
}

/// Where a picture goes, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Into this.
    pub rect: Rect,
    /// With corners so round, in points.
    pub radius: f32,
    /// What happens where the shapes differ.
    pub fit: Fit,
    /// Whether left is right.
    pub is_mirrored: bool,
}

/// What happens where a picture has another shape than its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The place is filled, and what is over is cut off.
    Fill,
    /// All of it is seen, and some of the place stays empty.
    Whole,
}

/// The way that works on this machine.
pub fn tile_painter(gl: Option<&Arc<glow::Context>>) -> Box<dyn TilePainter> {
    match gl.map(gl::GlPainter::new) {
        Some(Ok(painter)) => Box::new(painter),
        Some(Err(error)) => {
            tracing::warn!(error, "shaders do not compile: pictures are converted by the processor");
            Box::new(RgbaPainter::default())
        }
        None => Box::new(RgbaPainter::default()),
    }
}

/// What of a picture goes where.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    /// The part of the screen that is drawn on.
    rect: Rect,
    /// From a point of `rect`, 0 to 1 each way, to one of the picture: `scale * point + offset`.
    scale: Vec2,
    offset: Vec2,
}

fn cut(place: &Placement, resolution: Resolution) -> Cut {
    let picture = vec2(resolution.width as f32, resolution.height as f32);
    let whole = place.rect.size();
    let larger = (whole / picture).max_elem();
    let smaller = (whole / picture).min_elem();
    let (rect, mut scale) = match place.fit {
        Fit::Fill => (place.rect, whole / (picture * larger)),
        Fit::Whole => (Rect::from_center_size(place.rect.center(), picture * smaller), Vec2::splat(1.0)),
    };
    let mut offset = (Vec2::splat(1.0) - scale) / 2.0;
    if place.is_mirrored {
        offset.x += scale.x;
        scale.x = -scale.x;
    }
    Cut { rect, scale, offset }
}

#[cfg(test)]
mod tests {
    use eframe::egui::pos2;

    use super::*;

    fn of(fit: Fit, is_mirrored: bool) -> Cut {
        let rect = Rect::from_min_size(pos2(10.0, 10.0), vec2(90.0, 90.0));
        cut(&Placement { rect, radius: 4.0, fit, is_mirrored }, Resolution::HD)
    }

    #[test]
    fn a_wide_picture_loses_its_sides_in_a_square() {
        let cut = of(Fit::Fill, false);
        assert_eq!(cut.rect.size(), vec2(90.0, 90.0));
        assert!((cut.scale - vec2(0.5625, 1.0)).length() < 1e-5, "{cut:?}");
        assert!((cut.offset - vec2(0.218_75, 0.0)).length() < 1e-5, "{cut:?}");
    }

    #[test]
    fn a_wide_picture_leaves_a_square_empty_above_and_below() {
        let cut = of(Fit::Whole, false);
        assert!((cut.rect.size() - vec2(90.0, 50.625)).length() < 1e-4, "{cut:?}");
        assert_eq!((cut.scale, cut.offset), (vec2(1.0, 1.0), vec2(0.0, 0.0)));
    }

    #[test]
    fn a_mirror_turns_left_into_right() {
        let cut = of(Fit::Whole, true);
        assert_eq!((cut.scale, cut.offset), (vec2(-1.0, 1.0), vec2(1.0, 0.0)));
    }
}
