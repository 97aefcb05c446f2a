//! Raised hands: what we tell one peer of ours, and what they told us of theirs.

use std::time::Instant;

use super::Peer;
use crate::channel::ChannelMessage;
use crate::context::{Context, PeerOutput};
use crate::io::Hand;

impl Peer {
    /// Our hand was raised or lowered. A peer without an open channel is told when it opens.
    pub(crate) fn handle_our_hand(&mut self, context: &mut Context<'_>, now: Instant) {
        if self.main.is_connected() {
            self.tell_hand(context.hand, now);
        }
        self.main.drain(context, now);
        self.listen(context, now);
    }

    /// A channel is open: only a hand that is up is spoken of on it, in both directions.
    pub(super) fn on_open_hand(&mut self, context: &mut Context<'_>, now: Instant) {
        self.on_hand(Hand::Down, context);
        if context.hand == Hand::Up {
            self.tell_hand(Hand::Up, now);
        }
    }

    /// They raised their hand or took it down.
    pub(super) fn on_hand(&mut self, hand: Hand, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.hand, hand) != hand {
            context.outputs.push_back(PeerOutput::Changed);
        }
    }

    fn tell_hand(&mut self, hand: Hand, now: Instant) {
        if let Err(error) = self.main.send(&ChannelMessage::Hand { up: hand == Hand::Up }, now) {
            tracing::debug!(%error, "hand not told");
        }
    }
}
