//! A V4L2 camera that another program left in a state which the library does not read, put back into a usual one.
//!
//! The library asks for the current format before it sets its own, and gives up at intervals such as 2/15 and at formats
//! such as H.264. Owns nothing. Elsewhere than on Linux there is nothing to do.

/// Asks for an ordinary format and interval. The driver takes what comes nearest.
#[cfg(target_os = "linux")]
pub(super) fn reset(index: u32) -> std::io::Result<()> {
    use v4l::video::Capture;
    use v4l::video::capture::Parameters;
    use v4l::{Device, Format, FourCC};

    let device = Device::new(index as usize)?;
    device.set_format(&Format::new(640, 480, FourCC::new(b"YUYV")))?;
    device.set_params(&Parameters::with_fps(30))?;
    Ok(())
}

/// Nothing to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn reset(_index: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
