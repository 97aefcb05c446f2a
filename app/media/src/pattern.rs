//! The test pattern: a moving picture with a stamp, for people who want to try things and for tests that measure.
//!
//! A diagonal wave wanders under a bouncing square, so that an encoder has motion to find and edges to code. Drawing
//! costs three copies of memory a picture. Owner of: the number of the next picture.

use std::sync::Arc;

use hearth_base::{FrameRate, Picture, Resolution};

use crate::Now;
use crate::source::{Pace, SourceLost, VideoSource};
use crate::stamp::{self, Stamp};

/// Pixels that the wave moves with each picture.
const SPEED: usize = 3;

/// A camera that feeds a test pattern.
#[derive(Debug)]
pub struct Pattern {
    source: u8,
    resolution: Resolution,
    rate: FrameRate,
    number: u64,
    /// One line of the wave, long enough to start anywhere in its first period.
    wave: Vec<u8>,
}

impl Pattern {
    /// A pattern that says it comes from `source` (1 to 255; 0 reads as no stamp).
    pub fn new(source: u8, resolution: Resolution, rate: FrameRate) -> Self {
        let period = PERIOD;
        let length = period + resolution.width as usize;
        let wave = (0..length).map(|x| {
            let turn = (x % period) as f32 / period as f32 * std::f32::consts::TAU;
            (118.0 + 60.0 * turn.sin() + 14.0 * (turn * 9.0).sin()) as u8
        });
        Self { source, resolution, rate, number: 0, wave: wave.collect() }
    }

    /// The number of the next picture: how many were drawn.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Draws the next picture.
    pub fn draw(&mut self, now: Now) -> Option<Picture> {
        let stamp = Stamp::new(now.realtime, self.source, self.number);
        let area = self.resolution.area();
        let mut planes: Arc<[u8]> = std::iter::repeat_n(128, area * 3 / 2).collect();
        let (luma, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
        self.draw_luma(luma);
        self.draw_chroma(chroma);
        stamp::draw(&stamp, self.resolution, luma);
        self.number += 1;
        Picture::new(self.resolution, planes, now.monotonic).ok()
    }

    fn draw_luma(&self, luma: &mut [u8]) {
        let (width, height) = (self.resolution.width as usize, self.resolution.height as usize);
        let shift = self.number as usize % PERIOD * SPEED;
        for (row, line) in luma.chunks_exact_mut(width).enumerate() {
            let from = (shift + row / 2) % PERIOD;
            if let Some(wave) = self.wave.get(from..from + width) {
                line.copy_from_slice(wave);
            }
        }
        let side = height / 5;
        let left = bounce(self.number as usize * 4, width - side);
        let top = bounce(self.number as usize * 3, height - side);
        for line in luma.chunks_exact_mut(width).skip(top).take(side) {
            if let Some(square) = line.get_mut(left..left + side) {
                square.fill(200);
            }
        }
    }

    fn draw_chroma(&self, chroma: &mut [u8]) {
        let width = self.resolution.width as usize / 2;
        let tint = bounce(self.number as usize / 2, 60) as u8;
        for (row, line) in chroma.chunks_exact_mut(width).enumerate() {
            line.fill(98 + tint.wrapping_add((row / 16) as u8) % 60);
        }
    }
}

impl VideoSource for Pattern {
    fn pace(&self) -> Pace {
        Pace::Clock(self.rate)
    }

    fn capture(&mut self, now: Now) -> Result<Option<Picture>, SourceLost> {
        Ok(self.draw(now))
    }
}

/// Pixels after which the wave repeats.
const PERIOD: usize = 192;

/// There and back between 0 and `end`.
fn bounce(steps: usize, end: usize) -> usize {
    let end = end.max(1);
    let at = steps % (2 * end);
    at.min(2 * end - at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pictures_are_stamped_in_order_and_move() {
        let resolution = Resolution::new(640, 360).unwrap();
        let mut pattern = Pattern::new(9, resolution, FrameRate::new(15));
        let start = Now::read();
        let mut last: Option<Picture> = None;
        for n in 0..20_u64 {
            let now = start.at(start.monotonic + FrameRate::new(15).time_of(n));
            let picture = pattern.draw(now).unwrap();
            let stamp = stamp::read(&picture).unwrap();
            assert_eq!(stamp, Stamp::new(now.realtime, 9, n));
            assert!(
                stamp.age(now.realtime + Duration::from_millis(40)).abs_diff(Duration::from_millis(40))
                    < Duration::from_millis(1)
            );
            if let Some(last) = last.replace(picture.clone()) {
                let moved = last.y().iter().zip(picture.y()).filter(|(a, b)| a != b).count();
                assert!(moved > resolution.area() / 4, "{moved} pixels moved");
            }
        }
    }

    #[test]
    fn the_smallest_picture_is_drawn_too() {
        let mut pattern = Pattern::new(1, Resolution::new(2, 2).unwrap(), FrameRate::new(1));
        assert!(pattern.draw(Now::read()).is_some());
    }
}
