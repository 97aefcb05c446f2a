//! Our raised hand: said to each on their own channel, at each change and whenever a channel opens.

use std::time::Instant;

use super::Call;
use crate::io::Hand;
use crate::snapshot::CallPhase;

impl Call {
    /// The person raises a hand or takes it down. Nobody sees one outside of a room.
    pub(super) fn on_hand(&mut self, hand: Hand, now: Instant) {
        if !matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) || self.shared.hand == hand {
            return;
        }
        self.shared.hand = hand;
        self.participants.handle_our_hand(&mut self.shared, now);
        self.shared.outputs.changed();
    }
}
