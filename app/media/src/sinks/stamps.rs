//! Reads the stamps of one track's pictures: which came, how late, with what gaps.
//!
//! [`Stamps`] counts, [`StampSink`] puts it behind a decoder. Owner of: the counts, in bounded memory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::{Picture, Resolution, TrackId};

use crate::Now;
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::stamp::{self, Stamp};
use crate::threads::PictureSink;

/// What a window is: the last ten seconds.
const WINDOW: Duration = Duration::from_secs(10);
/// Pictures of a window: 120 a second. Full: the oldest goes, and the window is shorter.
const WINDOW_PICTURES: usize = 1200;
/// Latencies are counted in steps of a quarter millisecond, up to one second; what is longer counts as that.
const STEPS: usize = 4000;
const STEPS_A_MILLISECOND: f64 = 4.0;
/// Pictures that are told of one by one: three seconds of 30 a second, and reports are read each second. Full: the
/// oldest goes.
const RECENT: usize = 90;

/// What was read of one track.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StampReport {
    /// Pictures with a stamp.
    pub pictures: u64,
    /// Pictures without a stamp that can be read.
    pub unreadable: u64,
    /// Whose stamps: that of the newest picture, 1 to 255.
    pub source: Option<u8>,
    /// Pictures of another source than the first one's.
    pub foreign: u64,
    /// Pictures whose number was that of the one before: browsers send a picture again when they have no new one.
    pub repeated: u64,
    /// Pictures whose number was below the one before.
    pub fallen: u64,
    /// Number of the newest, modulo 2^15.
    pub last: Option<u16>,
    /// Longest time from one picture to the next; seconds where it is written down.
    #[serde(serialize_with = "seconds")]
    pub longest_gap: Duration,
    /// From drawn to decoded, milliseconds, half of the pictures. Clocks must agree.
    pub latency_median_ms: f64,
    /// The same for 95 of 100.
    pub latency_p95_ms: f64,
    /// The last ten seconds.
    pub window: StampWindow,
    /// The newest pictures, in the order in which they came; without those that are counted apart.
    pub recent: VecDeque<SeenPicture>,
}

/// One picture: an array of five numbers where it is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeenPicture {
    /// Its number, modulo 2^15.
    pub number: u16,
    /// When it was decoded, milliseconds since 1970.
    pub at_ms: u64,
    /// How old it was then, milliseconds.
    pub age_ms: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl serde::Serialize for SeenPicture {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.number, self.at_ms, self.age_ms, self.width, self.height).serialize(serializer)
    }
}

/// The last ten seconds of one track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StampWindow {
    /// From its first to its last picture.
    #[serde(serialize_with = "seconds")]
    pub length: Duration,
    /// Different numbers that came.
    pub pictures: u64,
    /// Numbers from the first to the last, that came or did not.
    pub numbers: u64,
    /// Longest time from one picture to the next.
    #[serde(serialize_with = "seconds")]
    pub longest_gap: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Counts the stamps of one track.
#[derive(Clone, Debug)]
pub struct Stamps {
    report: StampReport,
    first_source: Option<u8>,
    last: Option<(Instant, Stamp)>,
    /// When each of the last pictures came, and how many numbers after the one before.
    window: VecDeque<(Instant, u16)>,
    latencies: Box<[u32]>,
}

impl Stamps {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            report: StampReport::default(),
            first_source: None,
            last: None,
            window: VecDeque::new(),
            latencies: vec![0; STEPS].into_boxed_slice(),
        }
    }

    /// A picture was decoded at `now`.
    pub fn handle_picture(&mut self, picture: &Picture, now: Now) {
        match stamp::read(picture) {
            Ok(stamp) => self.handle_stamp(stamp, picture.resolution(), now),
            Err(_) => self.report.unreadable += 1,
        }
    }

    /// What was read so far.
    pub fn report(&self) -> StampReport {
        let mut report = self.report.clone();
        report.latency_median_ms = self.percentile(0.5);
        report.latency_p95_ms = self.percentile(0.95);
        report.window = self.window();
        report
    }

    fn handle_stamp(&mut self, stamp: Stamp, resolution: Resolution, now: Now) {
        self.report.pictures += 1;
        self.report.source = Some(stamp.source);
        if *self.first_source.get_or_insert(stamp.source) != stamp.source {
            self.report.foreign += 1;
            return;
        }
        let age_ms = stamp.age(now.realtime).as_secs_f64() * 1000.0;
        let step = (age_ms * STEPS_A_MILLISECOND) as usize;
        if let Some(count) = self.latencies.get_mut(step.min(STEPS - 1)) {
            *count = count.saturating_add(1);
        }
        let step = self.last.map_or(1, |(_, before)| stamp.after(&before));
        if step == 0 {
            let is_same = self.last.is_some_and(|(_, before)| before.number == stamp.number);
            if is_same {
                self.report.repeated += 1
            } else {
                self.report.fallen += 1
            }
            return;
        }
        if let Some((before, _)) = self.last {
            self.report.longest_gap = self.report.longest_gap.max(now.monotonic.saturating_duration_since(before));
        }
        self.report.last = Some(stamp.number);
        if self.report.recent.len() == RECENT {
            self.report.recent.pop_front();
        }
        let at_ms = now.realtime.as_millis() as u64;
        let Resolution { width, height } = resolution;
        self.report.recent.push_back(SeenPicture { number: stamp.number, at_ms, age_ms, width, height });
        self.last = Some((now.monotonic, stamp));
        self.window.push_back((now.monotonic, step));
        let old = |at: Instant| now.monotonic.saturating_duration_since(at) > WINDOW;
        while self.window.len() > WINDOW_PICTURES || self.window.front().is_some_and(|(at, _)| old(*at)) {
            self.window.pop_front();
        }
    }

    fn window(&self) -> StampWindow {
        let (Some((first, _)), Some((last, _))) = (self.window.front(), self.window.back()) else {
            return StampWindow::default();
        };
        let steps = self.window.iter().skip(1);
        let gaps = self.window.iter().zip(steps.clone()).map(|((before, _), (at, _))| at.duration_since(*before));
        StampWindow {
            length: last.duration_since(*first),
            pictures: self.window.len() as u64,
            numbers: 1 + steps.map(|(_, step)| u64::from(*step)).sum::<u64>(),
            longest_gap: gaps.max().unwrap_or_default(),
        }
    }

    fn percentile(&self, share: f64) -> f64 {
        let all: u64 = self.latencies.iter().map(|count| u64::from(*count)).sum();
        let mut left = (all as f64 * share) as u64;
        for (step, count) in self.latencies.iter().enumerate() {
            match left.checked_sub(u64::from(*count)) {
                Some(rest) if all > 0 => left = rest,
                _ => return step as f64 / STEPS_A_MILLISECOND,
            }
        }
        STEPS as f64 / STEPS_A_MILLISECOND
    }
}

impl Default for Stamps {
    fn default() -> Self {
        Self::new()
    }
}

/// Stands behind a decoder and reads what it decodes; the newest report leaves by a slot.
#[derive(Debug)]
pub struct StampSink {
    stamps: Stamps,
    reports: SlotSender<StampReport>,
}

impl StampSink {
    /// A sink for one track, and where its newest report is taken from.
    pub fn new() -> (Self, SlotReceiver<StampReport>) {
        let (reports, receiver) = slot();
        (Self { stamps: Stamps::new(), reports }, receiver)
    }
}

impl PictureSink for StampSink {
    fn picture(&mut self, _track: TrackId, picture: Picture, now: Now) {
        self.stamps.handle_picture(&picture, now);
        self.reports.put(self.stamps.report());
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::FrameRate;

    use super::*;
    use crate::pattern::Pattern;

    /// Thirty seconds at 15 a second, 40 ms late, without the pictures that `lost` names.
    fn report(lost: impl Fn(u64) -> bool) -> StampReport {
        let rate = FrameRate::new(15);
        let mut pattern = Pattern::new(5, Resolution::new(160, 90).unwrap(), rate);
        let mut stamps = Stamps::new();
        let start = Now::read();
        for n in 0..450 {
            let now = start.at(start.monotonic + rate.time_of(n));
            let picture = pattern.draw(now).unwrap();
            if !lost(n) {
                stamps.handle_picture(&picture, now.at(now.monotonic + Duration::from_millis(40)));
            }
        }
        stamps.report()
    }

    #[test]
    fn everything_that_came_is_counted() {
        let report = report(|_| false);
        assert_eq!((report.pictures, report.source, report.last), (450, Some(5), Some(449)));
        assert_eq!((report.unreadable, report.foreign, report.repeated, report.fallen), (0, 0, 0, 0));
        assert!((39.5..=40.5).contains(&report.latency_median_ms), "{report:?}");
        assert!((150..=151).contains(&report.window.pictures), "{report:?}");
        assert_eq!(report.window.pictures, report.window.numbers);
        assert!(report.longest_gap < Duration::from_millis(68));
    }

    #[test]
    fn the_newest_pictures_are_told_one_by_one() {
        let mut recent = report(|n| n == 448).recent;
        assert_eq!((recent.len(), recent[0].number), (RECENT, 359));
        let [.., before, last] = recent.make_contiguous() else { panic!("two at least") };
        assert_eq!((before.number, last.number, last.width, last.height), (447, 449, 160, 90));
        assert!((133..=134).contains(&(last.at_ms - before.at_ms)), "{before:?} {last:?}");
        let text = serde_json::to_string(last).unwrap();
        assert!(text.starts_with("[449,") && text.ends_with(",160,90]"), "{text}");
    }

    #[test]
    fn a_gap_is_seen_and_leaves_the_window_again() {
        let late = report(|n| (400..415).contains(&n));
        assert!(late.window.longest_gap > Duration::from_millis(1050), "{late:?}");
        assert_eq!(late.window.numbers - late.window.pictures, 15);
        let early = report(|n| (100..115).contains(&n));
        assert!(early.window.longest_gap < Duration::from_millis(68) && early.longest_gap > Duration::from_secs(1));
    }

    #[test]
    fn what_does_not_rise_or_belong_is_counted_apart() {
        let resolution = Resolution::new(160, 90).unwrap();
        let (mut ours, mut other) =
            (Pattern::new(1, resolution, FrameRate::new(15)), Pattern::new(2, resolution, FrameRate::new(15)));
        let (mut stamps, now) = (Stamps::new(), Now::read());
        let [first, second] = [ours.draw(now).unwrap(), ours.draw(now).unwrap()];
        for picture in [&first, &second, &second, &first, &other.draw(now).unwrap()] {
            stamps.handle_picture(picture, now);
        }
        let report = stamps.report();
        assert_eq!((report.pictures, report.repeated, report.fallen), (5, 1, 1));
        assert_eq!((report.foreign, report.source), (1, Some(2)));
    }
}
