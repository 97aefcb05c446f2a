//! A camera by nokhwa: which there are, and one of them opened and read until it is not wanted any more.
//!
//! Everything here may block on a driver for ever, so it runs on a thread that can be given up. Owner of: the open camera;
//! it is released when [`film`] returns. Raw buffers only: what they hold becomes planes in [`planes`].

mod formats;
mod jpeg;
mod nodes;
mod planes;
mod reset;

use hearth_base::{DeviceChoice, DeviceFault, DeviceId, Picture};
use nokhwa::NokhwaError;

use self::planes::Planes;
use super::lease::Lease;
use crate::{Now, panics};

pub(super) use self::nodes::list;

/// What becomes of a filming camera.
pub(super) trait Film {
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
pub(super) fn film(choice: &DeviceChoice, film: &mut dyn Film) -> Result<(), DeviceFault> {
    // The library panics where a driver answers what it did not expect, even when it closes a device.
    panics::catch(|| try_film(choice, film))
        .unwrap_or_else(|| Err(DeviceFault::Other("the camera's driver answered nonsense".into())))
}

fn try_film(choice: &DeviceChoice, film: &mut dyn Film) -> Result<(), DeviceFault> {
    let (index, entry) = nodes::find(choice)?;
    let Some(_lease) = Lease::take(entry.id.0.clone()) else { return Err(DeviceFault::Stalled) };
    let (mut camera, form) = formats::open(index).map_err(|error| fault(&error))?;
    film.opened(entry.name, entry.id);
    let mut planes = Planes::new(form);
    while film.is_wanted() {
        let bytes = camera.frame_raw().map_err(|error| lost(&error))?;
        match planes.picture(&bytes, Now::read().monotonic) {
            Some(picture) => film.picture(picture),
            None => film.broken(),
        }
    }
    Ok(())
}

/// Why a camera was not opened. The library hands on the system's words, with its number.
fn fault(error: &NokhwaError) -> DeviceFault {
    let text = error.to_string();
    match number(&text) {
        Some(EBUSY) => DeviceFault::InUse,
        Some(EACCES | EPERM) => DeviceFault::NoPermission,
        Some(ENOENT | ENXIO | ENODEV) => DeviceFault::NoDevice,
        _ => DeviceFault::Other(text),
    }
}

/// Why a camera gives no more pictures.
fn lost(error: &NokhwaError) -> DeviceFault {
    let fault = fault(error);
    if fault == DeviceFault::NoDevice { DeviceFault::Unplugged } else { fault }
}

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENXIO: i32 = 6;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;

/// As the standard library writes it: `(os error 16)`.
fn number(text: &str) -> Option<i32> {
    text.rsplit_once("(os error ")?.1.split(')').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_number_says_what_is_wrong() {
        let open = |number: i32| {
            let system = std::io::Error::from_raw_os_error(number);
            fault(&NokhwaError::OpenDeviceError("0".into(), format!("V4L2 Error: {system}")))
        };
        assert_eq!(open(EBUSY), DeviceFault::InUse);
        assert_eq!(open(EACCES), DeviceFault::NoPermission);
        assert_eq!(open(ENOENT), DeviceFault::NoDevice);
        assert!(matches!(open(5), DeviceFault::Other(text) if text.contains("os error 5")));
        assert_eq!(lost(&NokhwaError::ReadFrameError("x (os error 19)".into())), DeviceFault::Unplugged);
    }
}
