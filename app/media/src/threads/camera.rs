//! The camera thread: drives a source of pictures, by the device's pace or by absolute deadlines.
//!
//! Owner of: the source. Does not hold pictures back: what is not wanted any more, the receiving slot overwrites.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use hearth_base::{FrameRate, Picture};

use super::StartError;
use super::worker::{Stop, Worker};
use crate::Now;
use crate::source::{Pace, SourceLost, VideoSource};

/// How long a device may take to return when it is not wanted any more. A stalled camera never does.
const PATIENCE: Duration = Duration::from_millis(500);

/// A camera that runs until this is dropped.
#[derive(Debug)]
pub struct CameraThread {
    _worker: Worker,
}

impl CameraThread {
    /// Starts it. Each picture goes to `deliver`, which must not block; `lost` is told when there will be none again.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(
        mut source: Box<dyn VideoSource>,
        mut deliver: impl FnMut(Picture) + Send + 'static,
        lost: impl FnOnce(SourceLost) + Send + 'static,
    ) -> Result<Self, StartError> {
        let pace = source.pace();
        let run = move |stop: Stop| {
            let ended = match pace {
                Pace::Clock(rate) => by_clock(source.as_mut(), rate, &stop, &mut deliver),
                Pace::Device => by_device(source.as_mut(), &stop, &mut deliver),
            };
            if let Err(error) = ended {
                lost(error);
            }
        };
        let worker = Worker::spawn("camera", run)?;
        let worker = match pace {
            Pace::Clock(_) => worker,
            Pace::Device => worker.give_up_after(PATIENCE),
        };
        Ok(Self { _worker: worker })
    }
}

/// Takes pictures at this rate until it is told to stop, or there are no more.
pub(crate) fn by_clock(
    source: &mut dyn VideoSource,
    rate: FrameRate,
    stop: &Stop,
    deliver: &mut dyn FnMut(Picture),
) -> Result<(), SourceLost> {
    let begin = Now::read().monotonic;
    let mut n = 0;
    while stop.recv_deadline(begin + rate.time_of(n)) == Err(RecvTimeoutError::Timeout) {
        let now = Now::read();
        if let Some(picture) = source.capture(now)? {
            deliver(picture);
        }
        n = next(n, begin, rate, now.monotonic);
    }
    Ok(())
}

/// The number of the next picture: those whose time is over already are left out, not caught up with.
fn next(n: u64, begin: Instant, rate: FrameRate, now: Instant) -> u64 {
    let passed = now.saturating_duration_since(begin).as_nanos() * u128::from(rate.fps()) / 1_000_000_000;
    (n + 1).max(u64::try_from(passed).unwrap_or(u64::MAX))
}

fn by_device(source: &mut dyn VideoSource, stop: &Stop, deliver: &mut dyn FnMut(Picture)) -> Result<(), SourceLost> {
    while stop.try_recv() == Err(crossbeam_channel::TryRecvError::Empty) {
        if let Some(picture) = source.capture(Now::read())? {
            deliver(picture);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_are_late_are_left_out() {
        let (begin, rate) = (Now::read().monotonic, FrameRate::new(10));
        for (n, after, expected) in [(0, 1, 1), (0, 99, 1), (5, 520, 6), (5, 1234, 12)] {
            assert_eq!(next(n, begin, rate, begin + Duration::from_millis(after)), expected, "{n} after {after} ms");
        }
    }
}
