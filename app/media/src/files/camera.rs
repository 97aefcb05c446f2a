//! A video file in a camera's place, stamped as the test pattern is.
//!
//! Which frame is shown follows from the picture's number alone: the `n`th picture at `rate` is the frame that is on at
//! that time of the video. So what is lost on the way can be compared with the very frame that was sent. Memory: one
//! frame of the file, one of the size that is sent, and the picture that is handed over. Owner of: the file.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;
use std::sync::Arc;

use hearth_base::{FrameRate, Picture, Resolution};

use super::FileFault;
use super::y4m::Y4mReader;
use crate::Now;
use crate::scale::Scaler;
use crate::source::{Pace, SourceLost, VideoSource};
use crate::stamp::{self, Stamp};

/// A camera that feeds a video file.
#[derive(Debug)]
pub struct FileCamera<R> {
    video: Y4mReader<R>,
    scaler: Scaler,
    /// The file's frame as it is sent, and which it is.
    scaled: Vec<u8>,
    shown: Option<u64>,
    source: u8,
    rate: FrameRate,
    number: u64,
}

impl FileCamera<BufReader<File>> {
    /// The video file of this name, at `resolution` (stretched where its sides have another ratio) and `rate`; it says
    /// that it comes from `source` (1 to 255).
    ///
    /// # Errors
    /// [`FileFault`] where it is none that can be shown.
    pub fn open(path: &Path, source: u8, resolution: Resolution, rate: FrameRate) -> Result<Self, FileFault> {
        Self::new(BufReader::new(File::open(path)?), source, resolution, rate)
    }
}

impl<R: BufRead + Seek> FileCamera<R> {
    fn new(video: R, source: u8, resolution: Resolution, rate: FrameRate) -> Result<Self, FileFault> {
        let video = Y4mReader::open(video)?;
        let mut camera = Self {
            video,
            scaler: Scaler::new(resolution),
            scaled: vec![0; resolution.area() * 3 / 2],
            shown: None,
            source,
            rate,
            number: 0,
        };
        // At once, so that a file without a whole frame is told of when it is opened.
        camera.show(0)?;
        Ok(camera)
    }

    /// Draws the next picture; `None` where it has no size.
    fn draw(&mut self, now: Now) -> Result<Option<Picture>, FileFault> {
        let rate = self.video.header().rate;
        self.show(rate.frame_at(self.number, self.rate))?;
        let (size, stamp) = (self.scaler.size(), Stamp::new(now.realtime, self.source, self.number));
        self.number += 1;
        let mut planes: Arc<[u8]> = self.scaled.as_slice().into();
        if let Some(luma) = Arc::get_mut(&mut planes).and_then(|planes| planes.get_mut(..size.area())) {
            stamp::draw(&stamp, size, luma);
        }
        Ok(Picture::new(size, planes, now.monotonic).ok())
    }

    /// Has this frame of the file in `scaled`.
    fn show(&mut self, frame: u64) -> Result<(), FileFault> {
        if self.shown != Some(frame) {
            let from = self.video.header().resolution;
            self.scaler.scale(from, self.video.read(frame)?, &mut self.scaled).ok_or(FileFault::NoPicture)?;
            self.shown = Some(frame);
        }
        Ok(())
    }
}

impl<R: BufRead + Seek + Send> VideoSource for FileCamera<R> {
    fn pace(&self) -> Pace {
        Pace::Clock(self.rate)
    }

    fn capture(&mut self, now: Now) -> Result<Option<Picture>, SourceLost> {
        self.draw(now).map_err(|fault| SourceLost(fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::y4m::{FileRate, Y4mHeader, write_frame};
    use super::*;

    /// A video file at 30 frames a second whose frames are grey, each ten brighter than the one before.
    fn video(size: Resolution, frames: u8) -> Cursor<Vec<u8>> {
        let (mut bytes, header) = (Vec::new(), Y4mHeader { resolution: size, rate: FileRate::new(30, 1).unwrap() });
        header.write(&mut bytes).unwrap();
        for n in 0..frames {
            let mut planes = vec![128; header.frame_len()];
            planes[..size.area()].fill(20 + 10 * n);
            write_frame(&mut bytes, &planes).unwrap();
        }
        Cursor::new(bytes)
    }

    fn size(width: u32, height: u32) -> Resolution {
        Resolution::new(width, height).unwrap()
    }

    #[test]
    fn frames_are_picked_by_time_scaled_stamped_and_begin_again() {
        for (from, fps, expected) in [
            (size(320, 180), 30, [0, 1, 2, 3, 4, 0, 1, 2]),
            (size(640, 360), 15, [0, 2, 4, 1, 3, 0, 2, 4]),
            (size(1280, 720), 60, [0, 0, 1, 1, 2, 2, 3, 3]),
        ] {
            let rate = FrameRate::new(fps);
            let mut camera = FileCamera::new(video(from, 5), 7, Resolution::SMALL, rate).unwrap();
            assert_eq!(camera.pace(), Pace::Clock(rate));
            let start = Now::read();
            for (n, frame) in expected.into_iter().enumerate() {
                let now = start.at(start.monotonic + rate.time_of(n as u64));
                let picture = camera.capture(now).unwrap().unwrap();
                assert_eq!(picture.resolution(), Resolution::SMALL);
                assert_eq!(stamp::read(&picture).unwrap(), Stamp::new(now.realtime, 7, n as u64));
                let grey = picture.y().last().copied().unwrap();
                assert_eq!(grey, 20 + 10 * frame, "picture {n} at {fps}, of {from}");
                assert!(picture.u().iter().chain(picture.v()).all(|chroma| *chroma == 128));
            }
        }
    }

    #[test]
    fn a_video_whose_frame_cannot_be_read_is_refused_when_it_is_opened() {
        let bytes = [b"YUV4MPEG2 W2 H2 F25:1\n".as_slice(), &[b'x'; 40], b"\n"].concat();
        let refused = FileCamera::new(Cursor::new(bytes), 1, Resolution::SMALL, FrameRate::new(30));
        assert!(matches!(refused, Err(FileFault::Header)));
    }
}
