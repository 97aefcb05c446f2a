//! What is looked at of the other side's pictures: what we tell one participant, and what they told us.

use std::time::{Duration, Instant};

use super::Participant;
use crate::shared::Shared;
use crate::transport::Transport;
use crate::transport::table::Transports;
use crate::watching::Watching;

/// Between two changes of what they look at. It is looked at again with each input, of which a call has many a second.
const PACE: Duration = Duration::from_millis(300);

/// What they look at of ours.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// What they said and is not taken yet.
    said: Option<Watching>,
    /// When something was taken last.
    taken: Option<Instant>,
}

impl Participant {
    /// We look at something else of theirs from now on. Where no channel is open, they are told when it opens.
    pub(crate) fn watch(&mut self, watching: Watching, transports: &mut Transports, shared: &mut Shared, now: Instant) {
        if std::mem::replace(&mut self.watching, watching) == watching {
            return;
        }
        transports.each([self.main], |main| {
            if main.is_connected() {
                tell_watching(main, watching, now);
            }
            main.drain(shared, now);
        });
    }

    /// They look at something else of ours. Encoders come and go by it, so that only the newest of what is said in
    /// [`PACE`] counts.
    pub(super) fn on_watching(&mut self, watching: Watching) {
        self.watched.said = Some(watching);
    }

    /// Takes what they said last, once it is time.
    pub(super) fn settle_watching(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
        let is_early = self.watched.taken.is_some_and(|at| now.saturating_duration_since(at) < PACE);
        if let Some(watching) = self.watched.said.take_if(|_| !is_early) {
            self.watched.taken = Some(now);
            main.set_watched(watching, shared, now);
            main.drain(shared, now);
        }
    }

    /// A channel is open: who says nothing of it looks at everything, in both directions.
    pub(super) fn on_open_watching(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
        self.watched.said = None;
        main.set_watched(Watching::default(), shared, now);
        if self.watching != Watching::default() {
            tell_watching(main, self.watching, now);
        }
    }
}

fn tell_watching(main: &mut Transport, watching: Watching, now: Instant) {
    if let Err(error) = main.send(&watching.to_message(), now) {
        tracing::debug!(%error, "what is looked at is not told");
    }
}
