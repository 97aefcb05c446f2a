//! Which pairs are checked, and when; and which are forgotten.
//!
//! Owner of nothing.

use std::net::SocketAddr;
use std::time::Instant;

use rand::RngExt;

use super::pairs::{self, Pair, repeat_after};
use super::{PENDING, Renomination, Running};
use crate::transport::checks::Check;

impl Renomination {
    /// Tries every pair now: the network may have changed.
    pub(in crate::transport) fn search(&mut self, now: Instant) {
        let remotes = self.likely_remotes();
        let pairs = remotes.iter().flat_map(|remote| self.locals.keys().map(|local| (*local, *remote)));
        let pairs: Vec<_> = pairs.collect();
        pairs.into_iter().for_each(|pair| self.begin(pair, now));
        if let Some(running) = &mut self.running {
            running.searched = Some((running.searched.map_or(0, |(count, _)| count + 1), now));
        }
    }

    pub(super) fn begin(&mut self, pair: Pair, now: Instant) {
        let is_gone = self.locals.get(&pair.0).is_none_or(|local| local.is_gone);
        if let Some(running) = self.running.as_mut().filter(|_| !is_gone && pairs::is_possible(pair)) {
            let kept = running.in_use();
            pairs::begin(&mut running.pairs, pair, |pair| kept.contains(&Some(pair)), now);
        }
    }

    pub(super) fn take_remote(&mut self, remote: SocketAddr, priority: u32, now: Instant) -> bool {
        let Self { remotes, running, .. } = self;
        let is_taken = remotes.take(remote, priority, |of| Running::worth(running.as_ref(), of), now);
        self.prune();
        is_taken
    }

    pub(super) fn likely_remotes(&self) -> Vec<SocketAddr> {
        self.remotes.by_likelihood(|of| Running::worth(self.running.as_ref(), of))
    }

    /// Forgets the pairs of which an end is gone, but for those that media goes by or may in a moment.
    pub(super) fn prune(&mut self) {
        let Self { locals, remotes, running, .. } = self;
        let Some(running) = running else { return };
        let kept = running.in_use();
        let is_known = |pair: &Pair| locals.contains_key(&pair.0) && remotes.contains(pair.1);
        running.pairs.retain(|pair, _| kept.contains(&Some(*pair)) || is_known(pair));
    }

    pub(super) fn send_due(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let mut due: Vec<(Pair, Option<u32>)> = Vec::new();
        if let Some((sent, at)) = running.unanswered.filter(|(_, at)| *at <= now) {
            due.push((running.active, Some(running.nominated.value)));
            running.unanswered = repeat_after(sent).map(|wait| (sent + 1, at.max(now) + wait));
        }
        let active = running.active;
        let mut pairs: Vec<_> = running.pairs.iter_mut().filter(|(_, state)| state.is_due(now)).collect();
        // Where they are now is the best guess of where they can be reached.
        pairs.sort_by_key(|(pair, _)| (pair.1 != active.1, pair.1 != running.base.1));
        for (pair, state) in pairs {
            state.handle_sent(now);
            due.push((*pair, None));
        }
        for (pair, nomination) in due {
            let Some(local) = self.locals.get(&pair.0) else { continue };
            let id = self.rng.random();
            match running.credentials.request(id, local.priority, nomination.unwrap_or_default()) {
                Ok(payload) => self.out.push_back(Check { local: pair.0, remote: pair.1, payload }),
                Err(error) => tracing::debug!(%error, "no check"),
            }
            if running.pending.len() == PENDING {
                running.pending.pop_front();
            }
            running.pending.push_back((id, pair, nomination));
        }
    }
}
