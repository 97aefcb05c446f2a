//! How soon the window draws itself again: as often as an eye sees, and no more.
//!
//! Every frame is the whole window, and where the processor draws it costs 10 ms of it: requests of many threads become
//! few frames. Owner of: when the last frame was drawn. A person's own mouse and keys do not come this way, they are
//! drawn at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{ShowingEvent, clock};

/// Between frames for pictures of others: 30 a second, which is what cameras send.
const PICTURE: Duration = Duration::from_millis(33);
/// Between frames for our own picture alone: 15 a second are enough for a mirror.
const OWN_PICTURE: Duration = Duration::from_millis(66);
/// Between frames for a meter or a mark. Longer than between pictures: while there are any, news come with them.
const VIEW: Duration = Duration::from_millis(80);
/// Between frames for what a person has just asked for, and for how long it counts as just asked for.
const ANSWER: Duration = Duration::from_millis(16);
const JUST: Duration = Duration::from_millis(250);
/// The toolkit draws two frames for a request without a delay, and one for any other.
const SOON: Duration = Duration::from_millis(1);

/// When the last frame was drawn, and the last action made. Cheap to clone; all clones share it.
#[derive(Clone, Debug)]
pub(super) struct RepaintPace {
    begun: Instant,
    /// In microseconds since then.
    drawn: Arc<AtomicU64>,
    wished: Arc<AtomicU64>,
}

impl RepaintPace {
    pub(super) fn new() -> Self {
        Self { begun: clock::now(), drawn: Arc::default(), wished: Arc::default() }
    }

    /// A frame is drawn now.
    pub(super) fn drawn(&self) {
        self.drawn.store(self.now(), Ordering::Relaxed);
    }

    /// The person wants something now.
    pub(super) fn wished(&self) {
        self.wished.store(self.now(), Ordering::Relaxed);
    }

    /// How long a frame for these news may wait from now on.
    pub(super) fn delay(&self, news: ShowingEvent) -> Duration {
        let now = self.now();
        let since = |mark: &AtomicU64| Duration::from_micros(now.saturating_sub(mark.load(Ordering::Relaxed)));
        delay(news, since(&self.drawn), since(&self.wished))
    }

    fn now(&self) -> u64 {
        clock::now().saturating_duration_since(self.begun).as_micros() as u64
    }
}

/// How long a frame may wait, so long after the last frame and after the last action.
fn delay(news: ShowingEvent, drawn: Duration, wished: Duration) -> Duration {
    let between = match news {
        ShowingEvent::Picture => PICTURE,
        ShowingEvent::OwnPicture => OWN_PICTURE,
        ShowingEvent::View if wished < JUST => ANSWER,
        ShowingEvent::View => VIEW,
    };
    between.saturating_sub(drawn).max(SOON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_the_distance_that_their_news_ask_for() {
        let ms = Duration::from_millis;
        for (news, drawn, wished, expected) in [
            (ShowingEvent::Picture, ms(0), ms(9999), ms(33)),
            (ShowingEvent::Picture, ms(20), ms(9999), ms(13)),
            (ShowingEvent::Picture, ms(40), ms(9999), SOON),
            (ShowingEvent::OwnPicture, ms(40), ms(9999), ms(26)),
            (ShowingEvent::View, ms(40), ms(9999), ms(40)),
            (ShowingEvent::View, ms(1000), ms(9999), SOON),
            (ShowingEvent::View, ms(10), ms(100), ms(6)),
        ] {
            assert_eq!(delay(news, drawn, wished), expected, "{news:?} {drawn:?} after a frame");
        }
    }
}
