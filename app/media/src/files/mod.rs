//! Files in a device's place: pictures and sound that are the same each time, so that what others get can be measured.
//!
//! A [`FileCamera`] shows a video file (YUV4MPEG2), a `FileMicrophone` plays an audio file (WAV), both without end.
//! Neither holds its file in memory: of video there is one frame and what is made of it, of audio half a second. A
//! [`Recorder`] writes what is received. Owns nothing itself; the threads of devices do.

mod camera;
mod microphone;
mod recording;
pub mod y4m;

use std::path::Path;

use hearth_base::{FrameRate, Resolution};

pub use self::camera::FileCamera;
pub(crate) use self::microphone::{AudioFileReader, REFILL};
pub use self::recording::{LONGEST, RecordError, Recorder, RecorderInput, RecordingReport};

/// Says whether the file could be a camera.
///
/// # Errors
/// [`FileFault`], where not.
pub fn check_video(path: &Path) -> Result<(), FileFault> {
    FileCamera::open(path, 1, Resolution::SMALL, FrameRate::new(1)).map(drop)
}

/// Says whether the file could be a microphone.
///
/// # Errors
/// [`FileFault`], where not.
pub fn check_audio(path: &Path) -> Result<(), FileFault> {
    AudioFileReader::open(path).map(drop)
}

/// Why a file cannot stand for a device.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system does not give it.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Another kind of file.
    #[error("it is no YUV4MPEG2 file")]
    NotY4m,
    /// A header that says too much, or nothing that can be understood.
    #[error("its header makes no sense")]
    Header,
    /// Half pictures, one behind the other.
    #[error("it is interlaced")]
    Interlaced,
    /// Neither 8 bits nor 4:2:0: what it calls itself.
    #[error("its pictures are {0}, not 4:2:0 of 8 bits")]
    ColourSpace(String),
    /// Luma from 0 to 255: everywhere here it is 16 to 235.
    #[error("its colours have the full range")]
    FullRange,
    /// A picture of a size that is odd, none, or beyond [`Resolution::MAX_SIDE`].
    #[error("its pictures are {0}x{1}")]
    Size(u32, u32),
    /// More frames a second than any video has, fewer, or none.
    #[error("it has no frame rate of a video")]
    Rate,
    /// Not one whole frame.
    #[error("there is no whole picture in it")]
    NoPicture,
    /// No WAV, or a kind of it that is not read; in the reader's words.
    #[error("it is no WAV file that can be read: {0}")]
    NotWav(String),
    /// More than two channels, or a rate that no sound card has.
    #[error("it has {channels} channels at {rate} Hz")]
    SoundFormat {
        /// Its channels.
        channels: u16,
        /// Its samples a second.
        rate: u32,
    },
    /// Not one sample.
    #[error("there is no sound in it")]
    NoSound,
}
