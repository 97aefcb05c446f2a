//! The calendar beside the monotonic clock. It is set while a server runs: by the network on a machine without a clock
//! of its own, by hand, or because the machine slept or was paused, when the monotonic clock stands still.
//!
//! Owner of: nothing; [`Run`] is the rooms'.

use std::time::{Duration, Instant};

use hearth_protocol::{PeerId, PeerKind};

use super::session::Session;
use super::{Epoch, Rooms, RunId};

/// Steps of the calendar that are no jump: clocks are kept by steps of a second at most, and anyone who waits for a
/// credential or shows a ticket has more time than that.
const STEP: Duration = Duration::from_secs(30);

/// One life of the server, from its start to its end.
#[derive(Debug)]
pub(super) struct Run {
    /// Tells its tickets from those of earlier ones.
    pub(super) id: RunId,
    /// When it began.
    pub(super) started: Instant,
    /// Both clocks as they were when they were last looked at together.
    pub(super) epoch: Epoch,
}

impl Rooms {
    /// Takes both clocks once more. After a jump, what was signed by the old calendar is over, or will not be for long:
    /// every member gets TURN credentials and a ticket by the new one.
    pub fn handle_clock(&mut self, epoch: Epoch) {
        let is_jump = self.run.epoch.off_by(&epoch) > STEP;
        self.run.epoch = epoch;
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
