//! Whether media should go by another pair, and by which.
//!
//! Reads what is known of pairs, and makes one of them the active one. Owner of nothing.

use std::time::{Duration, Instant};

use super::pairs::{Pair, PairState, Rank};
use super::{Nomination, Renomination, Running, SILENCE};
use crate::peer_connection::IceRole;

/// How much longer the active pair may take to answer than another: after a silence of both they come back together.
const HESITATION: Duration = Duration::from_millis(100);
/// They send by another pair, and nothing comes by the active one for so long: a router gave them another port.
const REBOUND: Duration = Duration::from_millis(300);
/// Between two nominations of ours that nothing forces: paths that work by turns are not followed at every turn.
const PACE: Duration = Duration::from_secs(1);

impl Renomination {
    /// When a pair that answered may take the place of one that does not.
    pub(super) fn decision_due(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        let others = running.pairs.iter().filter(|(pair, _)| **pair != running.active);
        let answered = others.filter_map(|(_, state)| state.answered()).filter(|at| *at > running.heard);
        let silent = answered.map(|at| (at + HESITATION).max(running.heard + SILENCE)).min();
        let hinted = running.hinted.filter(|pair| running.pairs.contains_key(pair)).map(|_| running.heard + REBOUND);
        let rank = |pair: &Pair| {
            let local = self.locals.get(&pair.0).map(|local| local.priority);
            Rank::new(local, self.remotes.priority(pair.1))
        };
        let is_better = |(pair, state): (&Pair, &PairState)| {
            rank(pair) < rank(&running.active) && state.answered() > Some(running.switched)
        };
        let better = running.pairs.iter().any(is_better).then_some(running.not_before);
        // What is past and came to nothing waits for what comes next.
        [silent, hinted, better]
            .into_iter()
            .flatten()
            .map(|at| at.max(running.not_before))
            .filter(|at| *at > running.looked)
            .min()
    }

    /// Makes another pair the active one, where there is a reason; whether it did.
    pub(super) fn decide(&mut self, now: Instant) -> bool {
        let Some(running) = &mut self.running else { return false };
        let mut has_switched = false;
        running.looked = now;
        let is_usable = |pair: &Pair| self.locals.get(&pair.0).is_some_and(|local| !local.is_gone);
        let is_proven = |running: &Running, pair: &Pair| {
            is_usable(pair) && running.pairs.get(pair).is_some_and(|state| state.is_proven(now))
        };
        if let Some((pair, nomination)) = running.wanted.filter(|(pair, _)| is_proven(running, pair)) {
            running.wanted = None;
            if nomination > running.nominated {
                running.nominated = nomination;
                running.unanswered = None;
                has_switched |= running.switch(pair, now);
            }
        }
        let rank = |pair: &Pair| {
            let local = self.locals.get(&pair.0).map(|local| local.priority);
            Rank::new(local, self.remotes.priority(pair.1))
        };
        let answered = |pair: &Pair| running.pairs.get(pair).and_then(PairState::answered);
        let silent_for = now.saturating_duration_since(running.heard);
        let proven = running.pairs.keys().filter(|pair| **pair != running.active && is_proven(running, pair));
        let best = |pairs: &mut dyn Iterator<Item = &Pair>| pairs.min_by_key(|pair| rank(pair)).copied();
        let chosen = if !is_usable(&running.active) {
            best(&mut proven.into_iter())
        } else if now < running.not_before {
            None
        } else if silent_for >= SILENCE {
            let has_waited = |pair: &&Pair| {
                answered(pair).is_some_and(|at| at > running.heard && now.saturating_duration_since(at) >= HESITATION)
            };
            best(&mut proven.filter(has_waited))
        } else if let Some(pair) = running.hinted.filter(|pair| silent_for >= REBOUND && is_proven(running, pair)) {
            Some(pair)
        } else if running.credentials.role == IceRole::Controlling {
            let of_active = rank(&running.active);
            // A pair that they left may have ended for them alone: it has to answer again.
            best(&mut proven.filter(|pair| rank(pair) < of_active && answered(pair) > Some(running.switched)))
        } else {
            None
        };
        if let Some(pair) = chosen {
            running.nominated =
                Nomination { value: running.nominated.value.saturating_add(1), by: running.credentials.role };
            running.unanswered = Some((0, now));
            running.not_before = now + PACE;
            has_switched |= running.switch(pair, now);
        }
        has_switched
    }
}
