//! Raw pictures and sound.

use std::sync::Arc;
use std::time::Instant;

use crate::Resolution;

/// Samples a second, everywhere in Hearth: what Opus works at.
pub const SAMPLE_RATE: u32 = 48_000;

/// One raw picture in I420: luma at full size, both chroma planes at half size in both directions, BT.601 limited
/// range, no padding between rows. Cheap to clone: the planes are shared.
#[derive(Clone, Debug)]
pub struct Picture {
    resolution: Resolution,
    planes: Arc<[u8]>,
    /// When the camera took it (a decoded one: when it was decoded).
    pub captured: Instant,
}

/// The planes are not as long as the size asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPicture;

impl Picture {
    /// A picture of the three planes one behind the other.
    ///
    /// # Errors
    /// [`BadPicture`] when there are not `width * height * 3 / 2` bytes.
    pub fn new(resolution: Resolution, planes: Arc<[u8]>, captured: Instant) -> Result<Self, BadPicture> {
        if planes.len() != resolution.area() * 3 / 2 {
            return Err(BadPicture);
        }
        Ok(Self { resolution, planes, captured })
    }

    /// Its size.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// All three planes, one behind the other: `width * height * 3 / 2` bytes.
    pub fn planes(&self) -> &[u8] {
        &self.planes
    }

    /// Luma, `width` bytes a row.
    pub fn y(&self) -> &[u8] {
        self.planes.get(..self.resolution.area()).unwrap_or_default()
    }

    /// Blue difference, `width / 2` bytes a row.
    pub fn u(&self) -> &[u8] {
        let area = self.resolution.area();
        self.planes.get(area..area + area / 4).unwrap_or_default()
    }

    /// Red difference, `width / 2` bytes a row.
    pub fn v(&self) -> &[u8] {
        let area = self.resolution.area();
        self.planes.get(area + area / 4..).unwrap_or_default()
    }
}

/// 10 ms of sound, one channel, 48 kHz.
#[derive(Clone, Debug)]
pub struct AudioBlock {
    /// Samples between -1 and 1.
    pub samples: [f32; Self::LEN],
    /// When the first sample was taken.
    pub captured: Instant,
}

impl AudioBlock {
    /// Samples of a block.
    pub const LEN: usize = (SAMPLE_RATE / 100) as usize;
}
