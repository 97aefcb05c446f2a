//! The calendar beside the monotonic clock. It is set while a server runs: by the network on a machine without a clock
//! of its own, by hand, or because the machine slept or was paused, when the monotonic clock stands still.
//!
//! Holds no state; [`Epoch`] is the rooms'.

use std::time::Duration;

use hearth_protocol::{PeerId, PeerKind};

use super::session::Session;
use super::{Epoch, Rooms};

/// Steps of the calendar that are no jump: clocks are kept by steps of a second at most, and anyone who waits for a
/// credential or shows a ticket has more time than that.
const STEP: Duration = Duration::from_secs(30);

impl Rooms {
    /// Takes both clocks once more. After a jump, what was signed by the old calendar is over, or will not be for long:
    /// every member gets TURN credentials and a ticket by the new one.
    pub fn handle_clock(&mut self, epoch: Epoch) {
        let is_jump = self.epoch.off_by(&epoch) > STEP;
        self.epoch = epoch;
        if !is_jump {
            return;
        }
        // A page of the old protocol asks for its servers itself, and has no ticket.
        let is_told = |session: &Session| session.member().is_some() && session.kind != PeerKind::Legacy;
        let members: Vec<PeerId> =
            self.sessions.iter().filter(|(_, session)| is_told(session)).map(|(peer, _)| *peer).collect();
        for peer in members {
            if self.config.ice.turn.is_some() {
                self.refresh_ice(peer, epoch.at);
            }
            self.tell_ticket(peer, epoch.at);
        }
        self.end_doomed(epoch.at);
    }
}
