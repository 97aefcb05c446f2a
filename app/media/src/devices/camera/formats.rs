//! Which of a camera's formats is taken, and the camera opened in it.
//!
//! 1280x720 at 30 where any format reaches it; else what comes nearest, as long as it moves. Owns nothing.

use hearth_base::Resolution;
use nokhwa::utils::CameraIndex;
use nokhwa::utils::{CameraFormat, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};

use super::reset::reset;

/// What we can read, the cheapest first.
const READABLE: [FrameFormat; 3] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG];
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const RATE: u32 = 30;
/// Below that, a smaller picture that moves is worth more.
const MOVES: u32 = 20;
/// Formats tried until one is not refused.
const TRIES: usize = 6;

/// How the buffers of an open camera are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) pixels: FrameFormat,
    pub(super) resolution: Resolution,
}

/// Opens a camera in the best format that it does not refuse, and starts it.
///
/// # Errors
/// The last refusal.
pub(super) fn open(index: CameraIndex) -> Result<(Camera, Form), NokhwaError> {
    let mut camera = open_any(&index)?;
    let formats = ranked(camera.compatible_camera_formats().unwrap_or_default());
    for format in formats.into_iter().take(TRIES) {
        if camera.camera_format() == format {
            break;
        }
        let wanted = [format.format()];
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(format), &wanted);
        match camera.set_camera_requset(exact) {
            Ok(_) => break,
            Err(error) => tracing::debug!(%error, %format, "the camera refused a format"),
        }
    }
    let taken = camera.camera_format();
    let form = form(taken).ok_or_else(|| NokhwaError::GeneralError(format!("no picture can be read of {taken}")))?;
    camera.open_stream()?;
    Ok((camera, form))
}

/// Opens it in any format that we can read.
fn open_any(index: &CameraIndex) -> Result<Camera, NokhwaError> {
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &READABLE);
    let number = match (Camera::new(index.clone(), any), index) {
        (Err(NokhwaError::GetPropertyError { .. }), CameraIndex::Index(number)) => *number,
        (opened, _) => return opened,
    };
    let refused = |error: std::io::Error| NokhwaError::OpenDeviceError(number.to_string(), error.to_string());
    reset(number).map_err(refused)?;
    Camera::new(index.clone(), any)
}

fn form(format: CameraFormat) -> Option<Form> {
    let resolution = Resolution::new(format.width(), format.height())?;
    READABLE.contains(&format.format()).then_some(Form { pixels: format.format(), resolution })
}

/// What we can read, the best first.
fn ranked(formats: Vec<CameraFormat>) -> Vec<CameraFormat> {
    let mut formats: Vec<_> = formats.into_iter().filter(|format| form(*format).is_some()).collect();
    formats.sort_by_key(|format| {
        let far = format.width().abs_diff(WIDTH) + format.height().abs_diff(HEIGHT);
        let dear = READABLE.iter().position(|readable| *readable == format.format());
        (format.frame_rate() < MOVES, far, format.frame_rate().abs_diff(RATE), dear)
    });
    formats.dedup();
    formats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_size_is_taken_in_whichever_format_reaches_it() {
        let of = |list: &[(u32, u32, FrameFormat, u32)]| {
            let formats = list.iter().map(|(w, h, pixels, rate)| CameraFormat::new_from(*w, *h, *pixels, *rate));
            ranked(formats.collect()).first().map(|f| (f.width(), f.height(), f.format(), f.frame_rate()))
        };
        let (yuyv, mjpeg, nv12) = (FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::NV12);
        for (list, expected) in [
            (vec![(1280, 720, yuyv, 10), (640, 480, yuyv, 30), (1280, 720, mjpeg, 30)], Some((1280, 720, mjpeg, 30))),
            (vec![(1280, 720, yuyv, 10), (640, 480, yuyv, 30)], Some((640, 480, yuyv, 30))),
            (vec![(1280, 720, mjpeg, 30), (1280, 720, nv12, 30)], Some((1280, 720, nv12, 30))),
            (vec![(1280, 720, mjpeg, 60), (1280, 720, mjpeg, 30)], Some((1280, 720, mjpeg, 30))),
            (vec![(1920, 1080, mjpeg, 30), (320, 240, yuyv, 30)], Some((1920, 1080, mjpeg, 30))),
            (vec![(640, 480, FrameFormat::GRAY, 30), (161, 121, yuyv, 30)], None),
            (vec![(160, 120, yuyv, 5)], Some((160, 120, yuyv, 5))),
        ] {
            assert_eq!(of(&list), expected);
        }
    }
}
