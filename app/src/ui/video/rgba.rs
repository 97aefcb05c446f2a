//! Pictures turned into colours by arithmetic: for tests, whose pictures must be the same on every machine, and for
//! machines whose shaders do not compile. It costs twice what the graphics card's way costs.

use std::collections::BTreeMap;

use eframe::egui::epaint::{RectShape, StrokeKind};
use eframe::egui::{ColorImage, Painter, Rect, Shape, Stroke, TextureHandle, TextureOptions};
use eframe::glow;
use hearth_base::{Picture, TrackId};

use super::{Placement, TilePainter, cut};
use crate::ui::style::corner;
use crate::ui::tokens;
use crate::view::VideoFeed;

/// Draws feeds as textures of the toolkit's own.
#[derive(Default)]
pub struct RgbaPainter {
    tiles: BTreeMap<TrackId, Tile>,
    /// Red, green, blue of the picture in hand; kept for the next one.
    bytes: Vec<u8>,
    frame: u64,
}

struct Tile {
    texture: TextureHandle,
    picture: Picture,
    drawn_in: u64,
}

impl TilePainter for RgbaPainter {
    fn paint(&mut self, painter: &Painter, feed: &VideoFeed, place: Placement) -> bool {
        if let Some(picture) = feed.take() {
            self.show(painter, feed.track, picture);
        }
        let Some(tile) = self.tiles.get_mut(&feed.track) else { return false };
        tile.drawn_in = self.frame;
        let cut = cut(&place, tile.picture.resolution());
        let uv = Rect::from_two_pos(cut.offset.to_pos2(), (cut.offset + cut.scale).to_pos2());
        // A rectangle whose sides are swapped is what mirrors.
        let uv = if place.is_mirrored {
            Rect { min: eframe::egui::pos2(uv.max.x, uv.min.y), max: eframe::egui::pos2(uv.min.x, uv.max.y) }
        } else {
            uv
        };
        let shape = RectShape::new(cut.rect, corner(place.radius), tokens::UNTINTED, Stroke::NONE, StrokeKind::Inside);
        painter.add(Shape::Rect(shape.with_texture(tile.texture.id(), uv)));
        true
    }

    fn settle(&mut self, _painter: &Painter) {
        let frame = self.frame;
        self.tiles.retain(|_, tile| tile.drawn_in == frame);
        self.frame += 1;
    }

    fn free(&mut self, _gl: &glow::Context) {
        self.tiles.clear();
    }
}

impl RgbaPainter {
    fn show(&mut self, painter: &Painter, track: TrackId, picture: Picture) {
        convert(&picture, &mut self.bytes);
        let resolution = picture.resolution();
        let size = [resolution.width as usize, resolution.height as usize];
        if self.bytes.len() != size.iter().product::<usize>() * 3 {
            return; // a picture that is not as large as it says
        }
        let image = ColorImage::from_rgb(size, &self.bytes);
        let drawn_in = self.frame;
        match self.tiles.get_mut(&track) {
            Some(tile) => {
                tile.texture.set(image, TextureOptions::LINEAR);
                tile.picture = picture;
            }
            None => {
                let texture = painter.ctx().load_texture("film", image, TextureOptions::LINEAR);
                self.tiles.insert(track, Tile { texture, picture, drawn_in });
            }
        }
    }
}

/// I420 in BT.601's limited range to red, green and blue, in 16.16 fixed point.
fn convert(picture: &Picture, bytes: &mut Vec<u8>) {
    bytes.clear();
    let width = picture.resolution().width as usize;
    let half = width / 2;
    if half == 0 {
        return;
    }
    let rows = picture.y().chunks_exact(width).enumerate();
    for (at, row) in rows {
        let chroma = at / 2 * half..at / 2 * half + half;
        let (Some(u), Some(v)) = (picture.u().get(chroma.clone()), picture.v().get(chroma)) else { return };
        for (pair, (u, v)) in row.chunks_exact(2).zip(u.iter().zip(v)) {
            let (u, v) = (i32::from(*u) - 128, i32::from(*v) - 128);
            let (red, green, blue) = (104_597 * v, -25_675 * u - 53_279 * v, 132_201 * u);
            for luma in pair {
                let y = (i32::from(*luma) - 16) * 76_309 + 32_768;
                bytes.extend([red, green, blue].map(|part| ((y + part) >> 16).clamp(0, 255) as u8));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::Resolution;

    use super::*;

    #[test]
    fn colours_are_those_of_bt601() {
        for ((y, u, v), expected) in [
            ((16, 128, 128), [0, 0, 0]),
            ((235, 128, 128), [255, 255, 255]),
            ((81, 90, 240), [254, 0, 0]),
            ((145, 54, 34), [0, 255, 1]),
            ((41, 240, 110), [0, 0, 255]),
        ] {
            let size = Resolution::new(2, 2).expect("a size");
            let planes = [[y; 4].as_slice(), &[u], &[v]].concat();
            let picture = Picture::new(size, planes.into(), now()).expect("the planes are as long as they should be");
            let mut bytes = Vec::new();
            convert(&picture, &mut bytes);
            assert_eq!(bytes.len(), 12);
            for (found, expected) in bytes.iter().zip(expected) {
                assert!(found.abs_diff(expected) <= 1, "{y} {u} {v}: {bytes:?}");
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a picture has a time, and any will do")]
    fn now() -> std::time::Instant {
        std::time::Instant::now()
    }
}
