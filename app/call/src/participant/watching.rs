//! What is looked at of the other side's pictures: what we tell one participant, and what they told us.

use std::time::Instant;

use super::Participant;
use crate::shared::Shared;
use crate::transport::Transport;
use crate::transport::table::Transports;
use crate::watching::Watching;

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

    /// A channel is open: who says nothing of it looks at everything, in both directions.
    pub(super) fn on_open_watching(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
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
