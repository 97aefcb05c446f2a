//! Files that stand for devices, as the command line names them: whether each can, and the sentence where it cannot.
//!
//! Looked at before anything else starts, so that a wrong name is told of at once. Owns nothing.

use std::path::{Path, PathBuf};

use hearth_media::files::{FileFault, check_audio, check_video};
use rust_i18n::t;

/// How one makes a video file and an audio file that can be played, of nearly anything.
const MAKE_VIDEO: &str =
    "ffmpeg -i VIDEO -vf yadif=deint=interlaced,scale=1280:720:out_range=tv,format=yuv420p OUT.y4m";
const MAKE_SOUND: &str = "ffmpeg -i SOUND -ac 1 -ar 48000 -c:a pcm_s16le OUT.wav";

/// Why a file cannot stand for a device: a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// The system does not give it.
    #[error("{}", t!("file.unreadable", file = .file.display(), why = .error))]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// In the system's words.
        error: std::io::Error,
    },
    /// It is no video, or one that cannot be shown.
    #[error("{}", t!("file.camera", file = .file.display(), why = why(.fault), how = MAKE_VIDEO))]
    Camera {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// It is no recording, or one that cannot be played.
    #[error("{}", t!("file.microphone", file = .file.display(), why = why(.fault), how = MAKE_SOUND))]
    Microphone {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
}

/// Whether the files can stand for a camera and a microphone.
///
/// # Errors
/// [`BadFile`] of the first that cannot.
pub fn check(camera: Option<&Path>, microphone: Option<&Path>) -> Result<(), BadFile> {
    if let Some(file) = camera {
        check_video(file).map_err(|fault| bad(file, fault, |file, fault| BadFile::Camera { file, fault }))?;
    }
    if let Some(file) = microphone {
        check_audio(file).map_err(|fault| bad(file, fault, |file, fault| BadFile::Microphone { file, fault }))?;
    }
    Ok(())
}

fn bad(file: &Path, fault: FileFault, of: impl FnOnce(PathBuf, FileFault) -> BadFile) -> BadFile {
    let file = file.to_owned();
    if let FileFault::Io(error) = fault { BadFile::Unreadable { file, error } } else { of(file, fault) }
}

/// What is wrong with it, as a part of a sentence.
fn why(fault: &FileFault) -> String {
    let words = match fault {
        FileFault::Io(error) => return error.to_string(),
        FileFault::NotY4m => t!("file.no_video"),
        FileFault::Header => t!("file.header"),
        FileFault::Interlaced => t!("file.interlaced"),
        FileFault::ColourSpace(space) => t!("file.colours", space = space),
        FileFault::FullRange => t!("file.full_range"),
        FileFault::Size(width, height) => t!("file.size", width = width, height = height),
        FileFault::Rate => t!("file.rate"),
        FileFault::NoPicture => t!("file.no_picture"),
        FileFault::NotWav(why) => t!("file.no_wav", why = why),
        FileFault::SoundFormat { channels, rate } => t!("file.channels", channels = channels, rate = rate),
        FileFault::NoSound => t!("file.no_sound"),
    };
    words.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_played_is_told_in_one_sentence_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let frame = [b"FRAME\n".as_slice(), &[128; 6]].concat();
        let video = file("good.y4m", &[b"YUV4MPEG2 W2 H2 F25:1 Ip C420jpeg\n".as_slice(), &frame].concat());
        let wide = file("wide.y4m", &[b"YUV4MPEG2 W2 H2 F25:1 Ip C422\n".as_slice(), &frame].concat());
        check(Some(&video), None).unwrap();
        let told =
            |camera: Option<&Path>, microphone: Option<&Path>| check(camera, microphone).unwrap_err().to_string();
        for (told, parts) in [
            (told(Some(&wide), None), ["wide.y4m", "422", "ffmpeg"]),
            (told(Some(&video), Some(&video)), ["good.y4m", "WAV", "ffmpeg"]),
            (told(Some(&folder.path().join("none.y4m")), None), ["none.y4m", "No such file", "cannot be read"]),
        ] {
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
    }
}
