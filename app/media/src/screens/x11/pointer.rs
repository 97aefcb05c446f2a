//! The pointer, which is in no picture of the display: it is drawn in.
//!
//! Owns nothing. Its pixels are of premultiplied colour with alpha.

use x11rb::protocol::xfixes::{self, GetCursorImageReply};

use super::grabber::{Area, PIXEL};
use super::{Display, OrFault as _};
use hearth_base::ScreenFault;

/// The pointer as it is now.
pub(super) struct Pointer(GetCursorImageReply);

impl Pointer {
    pub(super) fn look(display: &Display) -> Result<Self, ScreenFault> {
        Ok(Self(xfixes::get_cursor_image(&display.connection).or_fault()?.reply().or_fault()?))
    }

    /// What tells one look from the next: where it is, and which.
    pub(super) fn mark(&self) -> (i16, i16, u32) {
        (self.0.x, self.0.y, self.0.cursor_serial)
    }

    /// Draws it into the pixels of a part of the root window that begins at `(left, top)` of it.
    pub(super) fn draw(&self, area: Area, (left, top): (i16, i16), pixels: &mut [u8]) {
        let Self(image) = self;
        let corner_x = i32::from(image.x) - i32::from(image.xhot) - i32::from(left);
        let corner_y = i32::from(image.y) - i32::from(image.yhot) - i32::from(top);
        let lines = image.cursor_image.chunks_exact(usize::from(image.width).max(1));
        for (line, y) in lines.take(usize::from(image.height)).zip(corner_y..) {
            for (colour, x) in line.iter().zip(corner_x..) {
                let is_inside = (0..i32::from(area.width)).contains(&x) && (0..i32::from(area.height)).contains(&y);
                let at = (y.unsigned_abs() as usize * usize::from(area.width) + x.unsigned_abs() as usize) * PIXEL;
                if let Some(pixel) = pixels.get_mut(at..at + PIXEL).filter(|_| is_inside) {
                    blend(pixel, *colour);
                }
            }
        }
    }
}

/// Puts a colour (alpha, red, green, blue, from the highest byte on) over a pixel.
fn blend(pixel: &mut [u8], colour: u32) {
    let [blue, green, red, alpha] = colour.to_le_bytes();
    for (under, over) in pixel.iter_mut().zip([blue, green, red]) {
        let rest = u32::from(*under) * (255 - u32::from(alpha)) / 255;
        *under = u8::try_from(u32::from(over) + rest).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_drawn_where_it_is_and_cut_at_the_edges() {
        let image = GetCursorImageReply {
            x: 101,
            y: 51,
            width: 2,
            height: 2,
            xhot: 1,
            yhot: 1,
            cursor_image: vec![0xff00_00ff, 0, 0x8000_8000, 0xffff_ffff],
            ..GetCursorImageReply::default()
        };
        let area = Area { drawable: 0, x: 100, y: 50, width: 4, height: 2 };
        let mut pixels = vec![100; area.bytes()];
        Pointer(image.clone()).draw(area, (100, 50), &mut pixels);
        assert_eq!(pixels[..8], [255, 0, 0, 100, 100, 100, 100, 100], "blue, and nothing");
        assert_eq!(pixels[16..24], [49, 177, 49, 100, 255, 255, 255, 100], "half green, and white");
        for ((left, top), bytes) in [((101, 51), 3), ((97, 50), 6), ((100, 49), 3), ((102, 52), 0), ((-3000, 9), 0)] {
            let mut pixels = vec![100; area.bytes()];
            Pointer(image.clone()).draw(area, (left, top), &mut pixels);
            assert_eq!(pixels.iter().filter(|byte| **byte != 100).count(), bytes, "from {left}, {top} on");
        }
    }
}
