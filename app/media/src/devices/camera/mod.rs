//! A camera: which there are, and one of them opened and read until it is not wanted any more.
//!
//! On Linux by V4L2 itself, elsewhere by nokhwa ([`system`]); both behind [`OpenCamera`]. Everything here may block on
//! a driver for ever, so it runs on a thread that can be given up. Owner of: the open camera; it is released when
//! [`feed`] returns. Raw buffers only: what they hold becomes planes in [`planes`].

mod formats;
mod jpeg;
mod nodes;
mod planes;
mod system;

use std::io;

use hearth_base::{DeviceChoice, DeviceFault, DeviceId, Picture};

use self::formats::BufferLayout;
use self::planes::BufferPlanes;
use super::lease::Lease;
use crate::{Now, panics};

pub(super) use self::nodes::list;

/// What becomes of a filming camera.
pub(super) trait CaptureSink {
    /// It is open.
    fn opened(&mut self, name: String, id: DeviceId);
    /// It took a picture.
    fn picture(&mut self, picture: Picture);
    /// It gave something that is no picture.
    fn broken(&mut self);
    /// Whether more are wanted.
    fn is_wanted(&self) -> bool;
}

/// Films until no more is wanted.
///
/// # Errors
/// [`DeviceFault`] when it could not be opened, or was lost.
pub(super) fn capture(choice: &DeviceChoice, film: &mut dyn CaptureSink) -> Result<(), DeviceFault> {
    // The library panics where a driver answers what it did not expect, even when it closes a device.
    panics::catch(|| try_film(choice, film))
        .unwrap_or_else(|| Err(DeviceFault::Other("the camera's driver answered nonsense".into())))
}

/// A camera that was opened and started. Dropped, it is released.
trait OpenCamera {
    /// How its buffers should be read.
    fn form(&self) -> BufferLayout;

    /// The next buffer; nothing when none came for a while.
    ///
    /// # Errors
    /// [`DeviceFault`]: no more will come.
    fn next(&mut self) -> Result<Option<&[u8]>, DeviceFault>;
}

fn try_film(choice: &DeviceChoice, film: &mut dyn CaptureSink) -> Result<(), DeviceFault> {
    let mut refused = DeviceFault::NoDevice;
    for (index, entry) in nodes::meant(choice) {
        let Some(_lease) = Lease::take(entry.id.0.clone()) else { return Err(DeviceFault::Stalled) };
        match system::open(&index) {
            Ok(camera) => {
                film.opened(entry.name, entry.id);
                return read(camera, film);
            }
            // An infrared camera comes first on many laptops; anyone who chose none means one that shows them.
            Err(DeviceFault::Unreadable) => {
                tracing::info!(camera = entry.name, "it gives no picture that can be read");
                refused = DeviceFault::Unreadable;
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(refused)
}

/// Reads an open camera until no more is wanted.
fn read(mut camera: Box<dyn OpenCamera>, film: &mut dyn CaptureSink) -> Result<(), DeviceFault> {
    let mut planes = BufferPlanes::new(camera.form());
    while film.is_wanted() {
        let Some(bytes) = camera.next().map_err(lost)? else { continue };
        match planes.picture(bytes, Now::read().monotonic) {
            Some(picture) => film.picture(picture),
            None => film.broken(),
        }
    }
    Ok(())
}

/// Why a camera was not opened.
fn fault(error: &io::Error) -> DeviceFault {
    match error.raw_os_error() {
        Some(EBUSY) => DeviceFault::InUse,
        Some(EACCES | EPERM) => DeviceFault::NoPermission,
        Some(ENOENT | ENXIO | ENODEV) => DeviceFault::NoDevice,
        _ => DeviceFault::Other(error.to_string()),
    }
}

/// Why a camera gives no more pictures.
fn lost(fault: DeviceFault) -> DeviceFault {
    if fault == DeviceFault::NoDevice { DeviceFault::Unplugged } else { fault }
}

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENXIO: i32 = 6;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_number_says_what_is_wrong() {
        let open = |number: i32| fault(&io::Error::from_raw_os_error(number));
        assert_eq!(open(EBUSY), DeviceFault::InUse);
        assert_eq!(open(EACCES), DeviceFault::NoPermission);
        assert_eq!(open(ENOENT), DeviceFault::NoDevice);
        assert!(matches!(open(5), DeviceFault::Other(text) if text.contains("os error 5")));
        assert_eq!(lost(open(ENODEV)), DeviceFault::Unplugged);
    }
}
