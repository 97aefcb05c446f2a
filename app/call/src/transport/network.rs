//! What a change of the network means to a transport: media follows, ICE restarts, or a connection is built again.
//!
//! Decides by the phase; how media follows is the business of [`super::mobility`]. Owner of nothing.

use std::time::Instant;

use super::connection_state::Transition;
use super::generation::Generation;
use super::mobility::Continuity;
use super::pair_counts::Look;
use super::{AddressChange, SocketReuse, Transport};
use crate::shared::Shared;
use crate::snapshot::PeerPhase;

impl Transport {
    /// The addresses of this machine are others now. Media follows where both can do that; else ICE restarts, if media
    /// was on an address that is gone. What waits to be tried again is tried at once, where that is not too often.
    pub(crate) fn handle_interfaces(&mut self, change: AddressChange, shared: &mut Shared, now: Instant) {
        if let Some(connection) = &mut self.connection {
            let continuity = connection.handle_interfaces(&shared.ice.config, &mut shared.outputs, now);
            if continuity == Continuity::Following {
                self.cut_off_at = Some(now);
            }
            if continuity != Continuity::Broken {
                return self.drain(shared, now);
            }
        }
        match change {
            AddressChange::Lost => self.move_by_restart(shared, now),
            AddressChange::Gained if self.phase() == PeerPhase::Failed => self.begin_again(shared, now),
            AddressChange::Gained => self.life.hurry(now),
        }
        self.drain(shared, now);
    }

    /// What there is was for the network that was. An address that comes and goes all the time is no reason to begin
    /// again all the time: then it ends by its own time, and what is new was told to it.
    fn begin_again(&mut self, shared: &mut Shared, now: Instant) {
        if !self.descriptions.own_renewals.take(now) {
            return;
        }
        match self.life.handle_moved(now) {
            Transition::Restart => self.restart(SocketReuse::New, shared, now),
            transition @ (Transition::Wait | Transition::Rebuild) => self.act(transition, shared, now),
        }
    }

    fn move_by_restart(&mut self, shared: &mut Shared, now: Instant) {
        let is_ours = |address| shared.ice.config.interfaces.iter().any(|one| one.address == address);
        let local = self.connection.as_ref().and_then(|connection| connection.link.direct_local_address());
        // Where nothing of ours is out yet, they will find us where we are now.
        let is_out = self.connection.is_some() || self.phase() == PeerPhase::Failed;
        if is_out && !local.is_some_and(is_ours) {
            self.begin_again(shared, now);
        }
    }

    /// This machine has slept: the path may be gone, and what was measured of it holds no more.
    pub(crate) fn handle_woken(&mut self, shared: &mut Shared, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.look_at_paths(&mut shared.outputs, now);
            connection.link.forget_round_trip();
            self.outbound.handle_woken(now);
            self.life.hurry(now);
        }
        if self.is_alive()
            && let Some(connection) = self.connection.take()
        {
            self.begin_on_path(&connection, shared, now);
            self.connection = Some(connection);
        }
        if self.phase() == PeerPhase::Failed {
            self.begin_again(shared, now);
        }
        self.drain(shared, now);
    }

    /// Media goes by another path, without a stop.
    pub(super) fn on_switched(&mut self, connection: &mut Generation, shared: &mut Shared, now: Instant) {
        self.cut_off_at = None;
        tracing::info!(peer = %self.to, pair = ?connection.link.selected_pair(), "another path");
        if matches!(self.phase(), PeerPhase::Connected(_)) {
            self.life.handle_connected(connection.link.route());
        }
        let counted = connection.link.stats(now).pair;
        counted.into_iter().for_each(|pair| connection.pair_counts.look(Look::Switched, pair));
        self.look_at_route(connection, shared, now);
        self.tell_rate(connection, shared, now);
        shared.outputs.changed();
    }
}
