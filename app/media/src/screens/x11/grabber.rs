//! Pixels of a drawable, by memory that the server writes into.
//!
//! Owner of: the memory file, which is as large as the largest picture so far.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use x11rb::connection::Connection as _;
use x11rb::protocol::shm;
use x11rb::protocol::xproto::ImageFormat;

use super::{Display, OrFault as _, unable};
use hearth_base::ScreenFault;

/// Bytes of a pixel: blue, green, red, and one that says nothing.
pub(super) const PIXEL: usize = 4;

/// Takes pixels.
#[derive(Default)]
pub(super) struct Grabber {
    shared: Option<Shared>,
}

struct Shared {
    file: File,
    segment: u32,
    bytes: u64,
}

/// A part of a drawable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) drawable: u32,
    pub(super) x: i16,
    pub(super) y: i16,
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Area {
    pub(super) fn bytes(&self) -> usize {
        usize::from(self.width) * usize::from(self.height) * PIXEL
    }
}

impl Grabber {
    /// The pixels of `area` into `pixels`, line by line without gaps.
    pub(super) fn grab(&mut self, display: &Display, area: Area, pixels: &mut Vec<u8>) -> Result<(), ScreenFault> {
        let segment = self.fit(display, area.bytes() as u64)?;
        let Area { drawable, x, y, width, height } = area;
        let planes = u32::MAX;
        let format = ImageFormat::Z_PIXMAP.into();
        let reply = shm::get_image(&display.connection, drawable, x, y, width, height, planes, format, segment, 0)
            .or_fault()?
            .reply()
            .or_fault()?;
        // Both depths have pixels of four bytes; others are of displays from another age.
        if !matches!(reply.depth, 24 | 32) {
            return Err(unable("colours of eight bits"));
        }
        pixels.resize(area.bytes(), 0);
        let shared = self.shared.as_ref().ok_or(ScreenFault::Gone)?;
        shared.file.read_exact_at(pixels, 0).map_err(|error| ScreenFault::Refused(error.to_string()))
    }

    /// A segment of so many bytes at least.
    fn fit(&mut self, display: &Display, bytes: u64) -> Result<u32, ScreenFault> {
        if let Some(shared) = self.shared.as_ref().filter(|shared| shared.bytes >= bytes) {
            return Ok(shared.segment);
        }
        let refused = |error: rustix::io::Errno| ScreenFault::Refused(error.to_string());
        let memory = memfd_create("hearth-screen", MemfdFlags::CLOEXEC).map_err(refused)?;
        ftruncate(&memory, bytes).map_err(refused)?;
        let file = File::from(memory);
        let theirs: OwnedFd = file.try_clone().map_err(|error| ScreenFault::Refused(error.to_string()))?.into();
        let segment = display.connection.generate_id().or_fault()?;
        shm::attach_fd(&display.connection, segment, theirs, false).or_fault()?.check().or_fault()?;
        if let Some(old) = self.shared.replace(Shared { file, segment, bytes }) {
            shm::detach(&display.connection, old.segment).or_fault()?;
        }
        display.connection.flush().or_fault()?;
        Ok(segment)
    }
}
