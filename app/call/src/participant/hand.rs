//! Raised hands: what we tell one participant of ours, and what they told us of theirs.

use std::time::Instant;

use super::Participant;
use crate::channel::ChannelMessage;
use crate::io::Hand;
use crate::shared::Shared;
use crate::transport::Transport;

impl Participant {
    /// A channel is open: only a hand that is up is spoken of on it, in both directions.
    pub(super) fn on_open_hand(&mut self, main: &mut Transport, shared: &mut Shared, now: Instant) {
        self.on_hand(Hand::Down, shared);
        if shared.hand == Hand::Up {
            tell_hand(main, Hand::Up, now);
        }
    }

    /// They raised their hand or took it down.
    pub(super) fn on_hand(&mut self, hand: Hand, shared: &mut Shared) {
        if std::mem::replace(&mut self.hand, hand) != hand {
            shared.outputs.changed();
        }
    }
}

/// Our hand was raised or lowered. A participant without an open channel is told when it opens.
pub(crate) fn handle_our_hand(main: &mut Transport, shared: &mut Shared, now: Instant) {
    if main.is_connected() {
        tell_hand(main, shared.hand, now);
    }
    main.drain(shared, now);
}

fn tell_hand(main: &mut Transport, hand: Hand, now: Instant) {
    if let Err(error) = main.send(&ChannelMessage::Hand { up: hand == Hand::Up }, now) {
        tracing::debug!(%error, "hand not told");
    }
}
