//! What is recorded of things that come at known times, without a clock; and the threads with files.

use std::io::Cursor;

use hound::WavReader;

use super::super::y4m::Y4mReader;
use super::*;
use crate::pattern::Pattern;
use crate::stamp;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn video(bytes: Vec<u8>) -> Y4mReader<Cursor<Vec<u8>>> {
    Y4mReader::open(Cursor::new(bytes)).unwrap()
}

/// The numbers in the stamps of a video file's frames.
fn numbers(bytes: Vec<u8>, frames: u64) -> Vec<u16> {
    let mut video = video(bytes);
    let size = video.header().resolution;
    let mut number = |n: u64| {
        let picture = Picture::new(size, video.read(n).unwrap().into(), Now::read().monotonic).unwrap();
        stamp::read(&picture).unwrap().number
    };
    (0..frames).map(&mut number).collect()
}

#[test]
fn each_frame_is_what_was_newest_at_its_tick_and_of_one_size() {
    let (mut disk, rate) = (Vec::new(), FrameRate::new(10));
    let mut recording = VideoRecording::begin(&mut disk, Resolution::SMALL, rate).unwrap();
    let start = Now::read().monotonic;
    let mut large = Pattern::new(1, Resolution::HD, rate);
    let mut small = Pattern::new(1, Resolution::new(320, 180).unwrap(), rate);
    // Ticks are at 0, 100, 200 ms and so on: the pictures 1 and 3 are gone before any, 4 stays for five.
    for (at, is_large) in [(0, true), (110, true), (150, true), (210, false), (290, true), (800, false)] {
        let pattern = if is_large { &mut large } else { &mut small };
        let other = pattern.draw(Now::read()).unwrap();
        recording.handle(other, start + ms(at)).unwrap();
    }
    recording.advance(start + ms(950)).unwrap();
    assert_eq!(recording.counts(), (10, 6));
    recording.finish().unwrap();
    // Large pictures are numbered by themselves, and so are small ones.
    assert_eq!(numbers(disk, 10), [0, 0, 2, 3, 3, 3, 3, 3, 1, 1]);
}

#[test]
fn a_video_ends_after_ten_minutes_however_long_it_goes_on() {
    /// A disk that only counts.
    struct Count(Arc<AtomicU64>);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (size, rate, count) = (Resolution::new(2, 2).unwrap(), FrameRate::new(10), Arc::<AtomicU64>::default());
    let mut recording = VideoRecording::begin(Count(count.clone()), size, rate).unwrap();
    let start = Now::read().monotonic;
    let picture = Pattern::new(1, size, rate).draw(Now::read()).unwrap();
    recording.handle(picture.clone(), start).unwrap();
    recording.handle(picture, start + LONGEST + ms(5000)).unwrap();
    recording.advance(start + LONGEST * 2).unwrap();
    assert_eq!(recording.counts(), (6000, 5999));
    let header = count.load(Ordering::Relaxed) - 6000 * 12;
    assert!((50..100).contains(&header), "a header of {header} bytes");
}

#[test]
fn sound_is_at_its_time_and_silence_is_where_there_was_none() {
    let mut disk = Cursor::new(Vec::new());
    let mut recording = AudioRecording::begin(&mut disk).unwrap();
    let start = Now::read().monotonic;
    for (at, loud) in [(0, 0.1), (10, 0.2), (20, 0.3), (50, 0.4), (61, 2.0)] {
        recording.handle([loud; AudioBlock::LEN], start + ms(at)).unwrap();
    }
    recording.handle([0.5; AudioBlock::LEN], start + LONGEST).unwrap();
    assert_eq!(recording.counts(), (7, 2));
    recording.finish().unwrap();
    let mut reader = WavReader::new(Cursor::new(disk.into_inner())).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels, reader.len()), (SAMPLE_RATE, 1, 7 * 480));
    let heard: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).step_by(AudioBlock::LEN).collect();
    assert_eq!(heard, [3277, 6553, 9830, 0, 0, 13107, i16::MAX]);
}

#[test]
fn what_finds_the_queue_full_is_counted_and_the_rest_is_in_the_file() {
    /// A disk that says when it has something, and waits until it may write that.
    struct Held(Sender<()>, Receiver<()>, Sender<u8>);
    impl RecordingWriter<u8> for Held {
        fn handle(&mut self, number: u8, _at: Instant) -> io::Result<()> {
            self.0.send(()).map_err(io::Error::other)?;
            self.1.recv().map_err(io::Error::other)?;
            self.2.send(number).map_err(io::Error::other)
        }
        fn advance(&mut self, _until: Instant) -> io::Result<()> {
            Ok(())
        }
        fn finish(self) -> io::Result<()> {
            Ok(())
        }
        fn counts(&self) -> (u64, u64) {
            (self.2.len() as u64, 0)
        }
    }
    let ((has, had), (release, held), (write, written)) = (bounded(100), bounded(100), bounded(100));
    let recorder = Recorder::spawn("held", 4, Held(has, held, write)).unwrap();
    let (input, now) = (recorder.input(), Now::read().monotonic);
    input.put(0, now);
    had.recv().unwrap();
    // Four wait behind the one that the disk has.
    (1..20).for_each(|number| input.put(number, now));
    assert_eq!(recorder.report().dropped, 15);
    (0..20).for_each(|_| release.send(()).unwrap());
    drop(recorder);
    assert_eq!(written.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_disk_that_fails_ends_the_recording_and_not_the_one_who_records() {
    struct Full;
    impl RecordingWriter<()> for Full {
        fn handle(&mut self, (): (), _at: Instant) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn advance(&mut self, _until: Instant) -> io::Result<()> {
            Ok(())
        }
        fn finish(self) -> io::Result<()> {
            Ok(())
        }
        fn counts(&self) -> (u64, u64) {
            (0, 0)
        }
    }
    let recorder = Recorder::spawn("full", 1, Full).unwrap();
    let (input, counters) = (recorder.input(), recorder.input.counters.clone());
    input.put((), Now::read().monotonic);
    drop(recorder);
    assert_eq!(counters.failures.load(Ordering::Relaxed), 1);
    input.put((), Now::read().monotonic);
    assert_eq!(counters.dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn files_are_whole_when_the_recorders_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, heard) = (folder.path().join("seen.y4m"), folder.path().join("heard.wav"));
    let rate = FrameRate::new(30);
    let (video, sound) = (Recorder::video(&seen, Resolution::SMALL, rate).unwrap(), Recorder::audio(&heard).unwrap());
    let picture = Pattern::new(1, Resolution::HD, rate).draw(Now::read()).unwrap();
    // Seen a second ago: by now it was for thirty ticks.
    video.input().put(picture, before(Now::read().monotonic, ms(1000)));
    sound.input().hear(&[0.5; AudioBlock::LEN], Now::read());
    drop((video, sound));
    let frames = numbers(std::fs::read(&seen).unwrap(), 30);
    assert_eq!(frames, [0; 30]);
    assert_eq!(WavReader::open(&heard).unwrap().len() as usize, AudioBlock::LEN);
    assert!(Recorder::video(folder.path(), Resolution::SMALL, rate).is_err(), "a folder is no file");
}
