//! How a generation follows the network under it: between gathering, which makes and gives up paths, and the pairs of
//! [`Renomination`], which decide where media goes.

use std::net::SocketAddr;
use std::time::Instant;

use super::gather::IceConfig;
use super::gather::moves::RelayRenewal;
use super::generation::Generation;
use super::renomination::{Renomination, Verdict};
use crate::outputs::Outputs;
use crate::path::Sink;
use crate::snapshot::PairSnapshot;

/// Whether a connection needs help to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// Media follows by itself, and is on an address that is there.
    Kept,
    /// Media follows by itself as soon as another pair answers.
    Following,
    /// It does not: ICE has to restart.
    Broken,
}

impl Generation {
    /// The addresses of this machine are others now.
    pub(crate) fn handle_interfaces(&mut self, config: &IceConfig, outputs: &mut Outputs, now: Instant) -> Continuity {
        let is_running = self.renomination.is_running();
        let relays = if is_running { RelayRenewal::AtOnce } else { RelayRenewal::ByRestart };
        let mut sink = Sink { outputs, events: &mut self.gathered };
        // Where ICE looks for a pair yet, what is new is told to it: nothing else would, before it has failed.
        self.gathering.handle_interfaces(&config.interfaces, relays, &mut sink, now);
        self.drain(outputs, now);
        if !is_running {
            return Continuity::Broken;
        }
        if self.renomination.is_cut_off() { Continuity::Following } else { Continuity::Kept }
    }

    /// Looks at once whether the path is still there, and which others are.
    pub(crate) fn look_at_paths(&mut self, outputs: &mut Outputs, now: Instant) {
        self.renomination.search(now);
        self.renomination.handle_timeout(now);
        self.drain(outputs, now);
    }

    /// Whether media goes by another path since the last look.
    pub(crate) fn take_switched(&mut self) -> bool {
        std::mem::take(&mut self.has_switched)
    }

    pub(super) fn on_received(&mut self, local: SocketAddr, from: SocketAddr, payload: bytes::Bytes, now: Instant) {
        self.checks.handle_incoming(from, &payload);
        match self.renomination.handle_datagram(local, from, &payload, now) {
            Verdict::Pass(local, from) => self.link.handle_datagram(local, from, payload, now),
            Verdict::Consumed => {}
        }
    }

    /// Takes over from the crate once it has selected a pair, tells it by which path media goes, and gives up what
    /// nothing goes by. Whether something came of it.
    pub(super) fn tend_paths(&mut self, outputs: &mut Outputs, now: Instant) -> bool {
        if self.renominates && !self.renomination.is_running() && self.link.is_connected() {
            self.take_over(now);
        }
        if self.renomination.take_switched() {
            self.link.set_moved_to(self.described_pair());
            self.has_switched = true;
        }
        if self.gathering.has_stale() {
            let active = self.renomination.active().map(|(local, _)| local);
            let kept = active.or_else(|| Some(self.link.selected_addresses()?.0));
            self.gathering.retire(kept, &mut Sink { outputs, events: &mut self.gathered }, now);
        }
        !self.gathered.is_empty()
    }

    fn take_over(&mut self, now: Instant) {
        let Some((local, remote, priority)) = self.link.selected_addresses() else { return };
        let Some(credentials) = self.link.ice_credentials() else { return };
        self.renomination.start(credentials, (local, remote), priority, now);
    }

    /// The crate looks for a pair of its own again.
    pub(super) fn stop_following(&mut self) {
        self.renomination.stop();
        self.link.set_moved_to(None);
    }

    fn described_pair(&self) -> Option<PairSnapshot> {
        let (local, remote) = self.renomination.active()?;
        let ours = self.candidates.iter().find(|candidate| candidate.address == local);
        let ours = ours.map_or("prflx", |candidate| candidate.kind.name());
        let theirs = match self.renomination.priority_of(remote) {
            Some(priority) if Renomination::is_relay(priority) => "relay",
            Some(priority) if priority >> 24 == 126 => "host",
            Some(_) | None => "prflx",
        };
        let end = |kind: &str, address: SocketAddr| (kind.to_owned(), format!("{} {}", address.ip(), address.port()));
        Some(PairSnapshot { local: end(ours, local), remote: end(theirs, remote) })
    }
}
