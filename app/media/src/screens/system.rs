//! The desktop of this system.

#[cfg(target_os = "linux")]
#[path = "x11/mod.rs"]
mod x11;

use hearth_base::{ScreenEntry, ScreenFault, ScreenId};

use super::ScreenPictures;

#[cfg(target_os = "linux")]
pub(super) fn list() -> Result<Vec<ScreenEntry>, ScreenFault> {
    x11::list(None, std::env::var_os("WAYLAND_DISPLAY").is_some())
}

#[cfg(target_os = "linux")]
pub(super) fn open(id: ScreenId) -> Result<Box<dyn ScreenPictures>, ScreenFault> {
    Ok(Box::new(x11::Screen::open(None, id)?))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn list() -> Result<Vec<ScreenEntry>, ScreenFault> {
    Err(ScreenFault::NoDisplay("not on this system".to_owned()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open(_id: ScreenId) -> Result<Box<dyn ScreenPictures>, ScreenFault> {
    Err(ScreenFault::NoDisplay("not on this system".to_owned()))
}
