//! A camera by nokhwa: everywhere but on Linux, where it knows neither padded lines nor most of the formats (`v4l2`).
//!
//! Raw buffers only. On Linux it is compiled with the tests, so that it does not rot.

use hearth_base::DeviceFault;
use nokhwa::utils::{CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, Camera, NokhwaError};

use super::super::OpenCamera;
use super::super::formats::{BufferLayout, Offer, Pixels, ranked};

/// How the library knows a camera.
pub(in super::super) type Index = CameraIndex;

const READABLE: [FrameFormat; 5] =
    [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::RAWRGB, FrameFormat::RAWBGR];
/// Formats tried until one is not refused.
const TRIES: usize = 6;

/// An open camera, and the buffer that was read last.
struct Library {
    camera: Camera,
    form: BufferLayout,
    buffer: Option<Buffer>,
}

impl OpenCamera for Library {
    fn form(&self) -> BufferLayout {
        self.form
    }

    fn next(&mut self) -> Result<Option<&[u8]>, DeviceFault> {
        let buffer = self.camera.frame().map_err(|error| fault(&error))?;
        Ok(Some(self.buffer.insert(buffer).buffer()))
    }
}

/// Opens a camera in the best format that it does not refuse, and starts it.
///
/// # Errors
/// The last refusal.
pub(in super::super) fn open(index: &Index) -> Result<Box<dyn OpenCamera>, DeviceFault> {
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &READABLE);
    let mut camera = Camera::new(index.clone(), any).map_err(|error| fault(&error))?;
    let formats = camera.compatible_camera_formats().unwrap_or_default();
    let offers = ranked(formats.into_iter().filter_map(offer).collect());
    for offer in offers.into_iter().take(TRIES) {
        if camera.camera_format() == offer.form {
            break;
        }
        let wanted = [offer.form.format()];
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(offer.form), &wanted);
        match camera.set_camera_requset(exact) {
            Ok(_) => break,
            Err(error) => tracing::debug!(%error, format = %offer.form, "the camera refused a format"),
        }
    }
    let taken = camera.camera_format();
    let form = pixels(taken.format()).and_then(|pixels| BufferLayout::new(pixels, [taken.width(), taken.height()], 0));
    let form = form.ok_or(DeviceFault::Unreadable)?;
    camera.open_stream().map_err(|error| fault(&error))?;
    Ok(Box::new(Library { camera, form, buffer: None }))
}

/// The cameras, in the system's order, with their names.
pub(in super::super) fn cameras() -> Vec<(Index, String)> {
    let cameras = nokhwa::native_api_backend().and_then(|backend| nokhwa::query(backend).ok());
    cameras.into_iter().flatten().map(|camera| (camera.index().clone(), camera.human_name())).collect()
}

fn offer(form: CameraFormat) -> Option<Offer<CameraFormat>> {
    let (width, height, rate) = (form.width(), form.height(), Some(form.frame_rate()));
    Some(Offer { pixels: pixels(form.format())?, width, height, rate, form })
}

fn pixels(format: FrameFormat) -> Option<Pixels> {
    match format {
        FrameFormat::NV12 => Some(Pixels::Nv12),
        FrameFormat::YUYV => Some(Pixels::Yuyv),
        FrameFormat::MJPEG => Some(Pixels::Mjpeg),
        FrameFormat::RAWRGB => Some(Pixels::Rgb),
        FrameFormat::RAWBGR => Some(Pixels::Bgr),
        FrameFormat::GRAY => None,
    }
}

/// What is wrong. The library hands on the system's words, with its number.
fn fault(error: &NokhwaError) -> DeviceFault {
    let text = error.to_string();
    match number(&text) {
        Some(number) => super::super::fault(&std::io::Error::from_raw_os_error(number)),
        None => DeviceFault::Other(text),
    }
}

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
        assert_eq!(open(16), DeviceFault::InUse);
        assert!(matches!(open(5), DeviceFault::Other(text) if text.contains("os error 5")));
        assert_eq!(fault(&NokhwaError::GeneralError("x".into())), DeviceFault::Other("Error: x".into()));
    }

    #[test]
    fn a_camera_that_is_not_there_is_not_opened() {
        assert!(open(&Index::Index(999)).is_err());
        assert!(cameras().iter().all(|(index, _)| *index != Index::Index(999)));
        let format = CameraFormat::new_from(640, 480, FrameFormat::GRAY, 30);
        assert_eq!(offer(format), None);
        let format = CameraFormat::new_from(640, 480, FrameFormat::RAWRGB, 30);
        assert!(offer(format).is_some_and(|offer| (offer.pixels, offer.rate) == (Pixels::Rgb, Some(30))));
    }
}
