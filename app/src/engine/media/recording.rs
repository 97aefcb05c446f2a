//! What is received, on its way to files: the pictures of one track, and the mix.
//!
//! Owner of: the recorders, and which track is recorded.

use hearth_base::{AudioBlock, Picture, TrackId};
use hearth_media::Now;
use hearth_media::files::{RecordError, Recorder, RecorderInput};
use hearth_media::threads::PictureSink;
use hearth_media::tick::AudioTick;

use super::stats::RecordingStats;
use super::{EngineConfig, EngineError, start_fault};

/// The recordings that were asked for.
pub(super) struct Recorders {
    video: Option<Recorder<Picture>>,
    audio: Option<Recorder<[f32; AudioBlock::LEN]>>,
    /// The track whose pictures are recorded.
    track: Option<TrackId>,
}

impl Recorders {
    pub(super) fn start(config: &EngineConfig) -> Result<Self, EngineError> {
        let files = &config.recordings;
        let video = files.video.as_ref().map(|path| {
            Recorder::video(path, config.resolution, config.frame_rate).map_err(|error| fault(path, error))
        });
        let audio = files.audio.as_ref().map(|path| Recorder::audio(path).map_err(|error| fault(path, error)));
        Ok(Self { video: video.transpose()?, audio: audio.transpose()?, track: None })
    }

    /// Has the mix heard where it is recorded.
    pub(super) fn listen(&self, turn: AudioTick) -> AudioTick {
        match &self.audio {
            Some(recorder) => turn.with_mix_listener(Box::new(recorder.input())),
            None => turn,
        }
    }

    /// The way of a track's pictures to `shown`, past the recorder if it is the one that is recorded.
    pub(super) fn track(&mut self, track: TrackId, shown: Box<dyn PictureSink>) -> Box<dyn PictureSink> {
        match &self.video {
            Some(recorder) if self.track.is_none() => {
                self.track = Some(track);
                Box::new(Recorded { input: recorder.input(), shown })
            }
            Some(_) | None => shown,
        }
    }

    /// A track is over; the next that begins is recorded, and until then its last picture stands.
    pub(super) fn end(&mut self, track: TrackId) {
        self.track.take_if(|recorded| *recorded == track);
    }

    pub(super) fn report(&self) -> RecordingStats {
        RecordingStats {
            video: self.video.as_ref().map(Recorder::report),
            audio: self.audio.as_ref().map(Recorder::report),
        }
    }
}

fn fault(path: &std::path::Path, error: RecordError) -> EngineError {
    match error {
        RecordError::Io(error) => EngineError::Recording(path.to_owned(), error),
        RecordError::Start(error) => start_fault(error),
    }
}

/// A track that is recorded as it is shown.
struct Recorded {
    input: RecorderInput<Picture>,
    shown: Box<dyn PictureSink>,
}

impl PictureSink for Recorded {
    fn picture(&mut self, track: TrackId, picture: Picture, now: Now) {
        self.input.put(picture.clone(), now.monotonic);
        self.shown.picture(track, picture, now);
    }
}
